//! The text of an error, as programs print it: in comes any text, out comes the [`Event`] in it.
//!
//! A sentence counts only if it is complete. [`escapes`] undoes what programs put in the place of characters, [`parsed`] collects
//! the sentences that `layout` finds and `sentence` classifies, `fragment` compares those that were cut, and `fuzzy`
//! recognizes a denied invoke in any other state.

pub mod escapes;
pub(super) mod fuzzy;
pub mod parsed;
pub(super) mod text;

mod fragment;
mod layout;
mod sentence;
#[cfg(test)]
mod tests;
mod words;

pub use text::ErrorText;

use crate::incoming::caller::{Caller, NamedPrincipal, caller_from_message};
use crate::incoming::claim::{Claim, complete_from_arns};
use crate::incoming::facts::Facts;
use crate::incoming::message::{Cause, NotOneDenial};
use crate::incoming::{Event, Rejection};
use crate::reason::{Reason, Refusal};
use parsed::{Finding, ParsedText};

impl ErrorText<'_> {
    /// Reads the text.
    pub fn read(&self) -> Event {
        self.to_event(ParsedText::parse(&self.text).finding)
    }

    /// Returns the facts that came with the text.
    pub(super) fn facts(&self) -> Facts {
        Claim::from_text(self, None).facts()
    }

    /// Returns the event that follows from the finding in the text.
    pub(super) fn to_event(&self, finding: Finding) -> Event {
        let claim = |message| Claim::from_text(self, message).into_event();
        match finding {
            Finding::Nothing => Event::ignored(self.facts(), "the text holds no denial"),
            Finding::OtherAction(None) => Event::other_action(self.facts(), None),
            Finding::Denial(message) | Finding::OtherAction(Some(message)) => claim(Some(Ok(message))),
            Finding::DenialBesideExplicitDeny(message) => match claim(Some(Ok(message))) {
                Event::Denial(denial) => {
                    let why = "the text speaks of an explicit deny beside the sentence, which no identity-based policy can cure";
                    let facts = Facts { cause: Some(Cause::Unread), ..denial.facts().clone() };
                    Event::refused(facts, Reason::NotIdentityBased, why)
                }
                event @ (Event::Refused(_) | Event::Ignored(_)) => event,
            },
            Finding::SeveralDenials => claim(Some(Err(NotOneDenial::Ambiguous { names_invoke: true }))),
            Finding::Incomplete { .. } if self.malformed.is_some() => claim(None),
            Finding::Incomplete { user, words } => {
                let caller = user.as_deref().map(|user| caller_from_message(NamedPrincipal::User(user)));
                let principal = caller.as_ref().and_then(Caller::arn);
                let mut facts = Facts { principal, cause: Some(Cause::Unread), ..self.facts() };
                complete_from_arns(&mut facts);
                let why = "the text does not hold the whole sentence, from `User:` to the reason behind the function's ARN; \
                           hand in all of it";
                let refusal = Refusal { words, ..Refusal::new(Reason::UntrustedResource, why) };
                Event::Refused(Rejection::new(facts, refusal))
            }
        }
    }
}
