//! The text of an error, as programs print it: in comes any text, out comes the [`Event`] that it tells of.
//!
//! It counts only where its sentence is whole. [`escapes`] undoes what programs put around characters, [`sentences`] finds
//! whole sentences, [`pieces`] compares those that were cut, and [`mentions`] notices what speaks of a denied invoke in any
//! other state.

pub mod escapes;
pub mod mentions;
pub mod pieces;
pub mod sentences;

use crate::incoming::caller::{Caller, Subject, named_caller};
use crate::incoming::claim::{Claim, complete_from_names, ignored, other_action};
use crate::incoming::facts::Facts;
use crate::incoming::message::{Cause, NotOneDenial};
use crate::incoming::source::Source;
use crate::incoming::{Event, Rejection};
use crate::reason::{Reason, Refusal};
use sentences::Told;

/// A text that may tell of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorText<'a> {
    /// The way on which it came in.
    pub source: Source,
    /// The text, with whatever an SDK put around the message.
    pub text: &'a str,
    /// The account that the report was published in, or that the line was logged in.
    pub account: Option<&'a str>,
    /// EventBridge's id of the report, or CloudWatch's of the line.
    pub event_id: Option<&'a str>,
    /// When it was published or logged, RFC 3339.
    pub event_time: Option<&'a str>,
    /// The first field that is there in a form that it never has.
    pub malformed: Option<&'static str>,
}

impl<'a> ErrorText<'a> {
    /// A text that somebody gave by hand.
    pub fn manual(text: &'a str) -> Self {
        Self {
            source: Source::Manual,
            text,
            account: None,
            event_id: None,
            event_time: None,
            malformed: None,
        }
    }

    /// Reads the text.
    pub fn read(&self) -> Event {
        self.conclude(sentences::read(self.text).told)
    }

    /// What came with the text.
    pub(super) fn facts(&self) -> Facts {
        Claim::of_text(self, None).facts()
    }

    /// Concludes what follows from what the text tells.
    pub(super) fn conclude(&self, told: Told) -> Event {
        let claim = |message| Claim::of_text(self, message);
        match told {
            Told::Nothing => ignored(self.facts(), "the text holds no denial".to_owned()),
            Told::OtherAction(None) => other_action(self.facts(), None),
            Told::Denial(message) | Told::OtherAction(Some(message)) => claim(Some(Ok(message))).read(),
            Told::BesideADeny(message) => match claim(Some(Ok(message))).read() {
                Event::Denial(denial) => {
                    let why = "the text speaks of an explicit deny beside the sentence, which no identity-based policy can cure";
                    let facts = Facts { cause: Some(Cause::Unread), ..denial.facts().clone() };
                    Event::Refused(Rejection::new(facts, Refusal::new(Reason::NotIdentityBased, why)))
                }
                event @ (Event::Refused(_) | Event::Ignored(_)) => event,
            },
            Told::Several => claim(Some(Err(NotOneDenial::Ambiguous { names_invoke: true }))).read(),
            Told::NotWhole { .. } if self.malformed.is_some() => claim(None).read(),
            Told::NotWhole { user, words } => {
                let caller = user.as_deref().map(|user| named_caller(Subject::User(user)));
                let principal = caller.as_ref().and_then(Caller::arn);
                let mut facts = Facts { principal, cause: Some(Cause::Unread), ..self.facts() };
                complete_from_names(&mut facts);
                let why = "the text does not hold the whole sentence, from `User:` to the reason behind the function's ARN; \
                           hand in all of it";
                let refusal = Refusal { words, ..Refusal::new(Reason::UntrustedResource, why) };
                Event::Refused(Rejection::new(facts, refusal))
            }
        }
    }
}
