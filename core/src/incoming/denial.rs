//! A denied invoke without contradictions: the caller, the function and the cause.
//!
//! A [`Denial`] is not a decision. Past this type nobody splits a colon or looks for a field.

use crate::arn::FunctionArn;
use crate::arn::principal::Principal;
use crate::incoming::Rejection;
use crate::incoming::caller::Caller;
use crate::incoming::facts::Facts;
use crate::incoming::message::Cause;
use crate::incoming::source::Source;
use crate::reason::{Reason, Refusal};
use crate::text::shown;

/// A denied invoke without contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The facts that a notice shows. They repeat the fields below; [`identified`](Self::identified) keeps both the same.
    pub(super) facts: Box<Facts>,
    pub(super) source: Source,
    pub(super) caller: Caller,
    pub(super) is_identified: bool,
    pub(super) function: FunctionArn,
    pub(super) cause: Cause,
}

impl Denial {
    /// Returns the facts that are known of the event.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns the source of the event.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether CloudTrail's record or IAM identified the caller. A text alone does not.
    pub fn is_identified(&self) -> bool {
        self.is_identified
    }

    /// Returns the identity that was denied.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the function that was called.
    pub fn function(&self) -> &FunctionArn {
        &self.function
    }

    /// Returns the cause of the denial.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Returns the same denial with the user or role that IAM has under the name in the text.
    ///
    /// # Errors
    ///
    /// IAM has another principal under that name.
    pub fn identified(self, principal: Principal) -> Result<Self, Rejection> {
        let is_same = match &self.caller {
            Caller::Principal(named) => *named == principal,
            Caller::Session(role) => role.session().is_of(&principal),
            Caller::Other { .. } => false,
        };
        if !is_same {
            let named = self.caller.arn().unwrap_or_default();
            let why = format!(
                "the message's principal is `{}`, IAM holds `{principal}` under its name",
                shown(&named)
            );
            return Err(Rejection::new(*self.facts, Refusal::new(Reason::ContradictoryEvent, why)));
        }
        let caller = Caller::Principal(principal);
        let facts = Box::new(Facts { principal: caller.arn(), ..*self.facts });
        Ok(Self { facts, caller, is_identified: true, ..self })
    }
}
