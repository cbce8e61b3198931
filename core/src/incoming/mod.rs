//! What the function is invoked with: in come any bytes, out comes each [`Event`] in them, a [`Denial`] or why it is none.
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
pub mod cloudtrail;
pub mod consistency;
mod event_sources;
mod json_texts;
mod report;

use crate::reason::Refusal;
use claim::{Claim, contradictory, ignored};
use cloudtrail::ApiCall;
use denial::Denial;
use error_text::ErrorText;
use error_text::mentions::speaks_of_a_denied_invoke;
use error_text::sentences::{self, Told};
use event_sources::is_of_event_source;
use facts::Facts;
use json_texts::texts_of;
use log_batch::LogBatch;
use payload::Payload;
use serde_json::Value;
use source::Source;

/// What an invocation brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// One event.
    Event(Event),
    /// The lines of a log, which [`lines::read`] reads.
    Lines(LogBatch),
}

/// One event, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A denied invoke.
    Denial(Denial),
    /// A denied invoke that cannot be trusted.
    Refused(Rejection),
    /// Something else.
    Ignored(Rejection),
}

/// An event that is not decided on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What is known of the event all the same.
    pub facts: Box<Facts>,
    /// Why it is not decided on.
    pub refusal: Refusal,
}

impl Rejection {
    /// Puts both together.
    pub fn new(facts: Facts, refusal: Refusal) -> Self {
        Self { facts: Box::new(facts), refusal }
    }
}

impl Event {
    /// What is known of it, whatever it is.
    pub fn facts(&self) -> &Facts {
        match self {
            Self::Denial(denial) => denial.facts(),
            Self::Refused(rejection) | Self::Ignored(rejection) => &rejection.facts,
        }
    }
}

impl Incoming {
    /// Reads what there is to read: one event, or each line of a log.
    pub fn into_events(self) -> Vec<Event> {
        match self {
            Self::Event(event) => vec![event],
            Self::Lines(batch) => lines::read(&batch),
        }
    }
}

/// Reads what the function is invoked with. Never fails: what cannot be understood is refused or ignored.
pub fn read(payload: &Payload) -> Incoming {
    let event = match payload {
        Payload::Json(value) => match LogBatch::read(value) {
            Some(batch) => return Incoming::Lines(batch),
            None => read_event(value),
        },
        Payload::Unreadable(why) => {
            contradictory(Facts::default(), format!("the event cannot be read: {why}"))
        }
        Payload::NotJson(why) => ignored(Facts::default(), format!("it is not JSON: {why}")),
    };
    Incoming::Event(event)
}

fn read_event(value: &Value) -> Event {
    let other = match ApiCall::read(value) {
        Ok(call) => return Claim::of_call(&call).read(),
        Err(other) => other,
    };
    if let Value::String(text) = value {
        return ErrorText::manual(text).read();
    }
    if let Some(report) = report::of_report(value) {
        let text = value.get("detail").map(|detail| texts_of(detail, false)).unwrap_or_default();
        return ErrorText { text: &text, ..report }.read();
    }
    if !other.is_of_cloudtrail && !is_of_event_source(value) {
        let text = texts_of(value, false);
        let told = sentences::read(&text).told;
        if told != Told::Nothing {
            return ErrorText::manual(&text).conclude(told);
        }
    }
    let facts = Facts { source: None, ..Claim::of_call(&other.call).facts() };
    if other.is_of_cloudtrail {
        return ignored(Facts { source: Some(Source::Cloudtrail), ..facts }, other.why);
    }
    // Nobody hears of what is ignored, and this may be a denial that went a wrong way.
    if speaks_of_a_denied_invoke(&texts_of(value, true), 0) {
        let why = "it speaks of a denied invoke, and is neither an error nor a record of CloudTrail";
        return contradictory(facts, why.to_owned());
    }
    ignored(facts, other.why)
}
