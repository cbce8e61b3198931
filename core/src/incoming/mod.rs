//! Reading of invocations: in come any bytes, out comes each [`Event`] in them, a [`Denial`] or the reason why it is none.
//!
//! Four sources have one door, [`read`]: CloudTrail's record, an application's report, the lines of a log, a pasted text.
//! Nothing is guessed and nothing fails: what cannot be understood is refused or ignored, each with its reason.

pub mod caller;
pub mod denial;
pub mod error_text;
pub mod facts;
pub mod lines;
pub mod log_batch;
pub mod message;
pub mod payload;
pub mod source;

mod called_function;
mod claim;
mod cloudtrail;
mod consistency;
mod event_sources;
mod json_texts;
mod report;
#[cfg(test)]
mod tests;

use crate::reason::{Reason, Refusal};
use crate::text::one_line;
use claim::Claim;
use cloudtrail::ApiCall;
use denial::Denial;
use error_text::ErrorText;
use error_text::fuzzy::mentions_denied_invoke;
use error_text::parsed::{Finding, ParsedText};
use event_sources::is_from_event_source;
use facts::Facts;
use json_texts::{texts_and_keys_of, texts_of};
use log_batch::LogBatch;
use payload::Payload;
use serde_json::Value;
use source::Source;

/// The content of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// One event.
    Event(Event),
    /// The lines of a log, which [`lines::read`] reads.
    Lines(LogBatch),
}

/// One event that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A denied invoke.
    Denial(Denial),
    /// A denied invoke that cannot be trusted.
    Refused(Rejection),
    /// Something else.
    Ignored(Rejection),
}

/// An event that needs no decision, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The facts that are known of the event.
    pub facts: Box<Facts>,
    /// Why it needs no decision.
    pub refusal: Refusal,
}

impl Rejection {
    /// Creates a rejection.
    pub fn new(facts: Facts, refusal: Refusal) -> Self {
        Self { facts: Box::new(facts), refusal }
    }
}

impl Event {
    /// Returns the facts that are known of the event.
    pub fn facts(&self) -> &Facts {
        match self {
            Self::Denial(denial) => denial.facts(),
            Self::Refused(rejection) | Self::Ignored(rejection) => &rejection.facts,
        }
    }

    /// Refuses a denied invoke.
    fn refused(facts: Facts, reason: Reason, why: impl Into<String>) -> Self {
        Self::Refused(Rejection::new(facts, Refusal::new(reason, why)))
    }

    /// Refuses a denied invoke whose fields cannot be trusted.
    fn contradictory(facts: Facts, why: impl Into<String>) -> Self {
        Self::refused(facts, Reason::ContradictoryEvent, why)
    }

    /// Ignores the denial of another action, or of several where `action` is `None`.
    fn other_action(facts: Facts, action: Option<&str>) -> Self {
        let why = match action {
            Some(action) => format!("the action that was denied is `{}`", one_line(action, 128)),
            None => "the message names other actions".to_owned(),
        };
        Self::Ignored(Rejection::new(facts, Refusal::new(Reason::OtherAction, why)))
    }

    /// Ignores an event that is not a denied invoke.
    fn ignored(facts: Facts, why: impl Into<String>) -> Self {
        Self::Ignored(Rejection::new(facts, Refusal::new(Reason::NotADeniedInvoke, why)))
    }
}

impl Incoming {
    /// Returns the one event, or the event of each line of a log.
    pub fn into_events(self) -> Vec<Event> {
        match self {
            Self::Event(event) => vec![event],
            Self::Lines(batch) => lines::read(&batch),
        }
    }
}

/// Reads the payload of an invocation. Never fails: what cannot be understood is refused or ignored.
pub fn read(payload: &Payload) -> Incoming {
    let event = match payload {
        Payload::Json(value) => match LogBatch::read(value) {
            Some(batch) => return Incoming::Lines(batch),
            None => read_event(value),
        },
        Payload::Unreadable(why) => {
            Event::contradictory(Facts::default(), format!("the event cannot be read: {why}"))
        }
        Payload::NotJson(why) => Event::ignored(Facts::default(), format!("it is not JSON: {why}")),
    };
    Incoming::Event(event)
}

fn read_event(value: &Value) -> Event {
    let other = match ApiCall::read(value) {
        Ok(call) => return Claim::from_call(&call).into_event(),
        Err(other) => other,
    };
    if let Value::String(text) = value {
        return ErrorText::manual(text).read();
    }
    if let Some(report) = report::read(value) {
        return report.read();
    }
    if !other.is_from_cloudtrail && !is_from_event_source(value) {
        let text = texts_of(value);
        let finding = ParsedText::parse(&text).finding;
        if finding != Finding::Nothing {
            return ErrorText::manual(&text).to_event(finding);
        }
    }
    let facts = Facts { source: None, ..Claim::from_call(&other.call).facts() };
    if other.is_from_cloudtrail {
        return Event::ignored(Facts { source: Some(Source::Cloudtrail), ..facts }, other.why);
    }
    // Nobody is notified of what is ignored, and this may be a denial that was sent in a wrong form.
    if mentions_denied_invoke(&texts_and_keys_of(value), 0) {
        let why = "it speaks of a denied invoke, and is neither an error nor a record of CloudTrail";
        return Event::contradictory(facts, why);
    }
    Event::ignored(facts, other.why)
}
