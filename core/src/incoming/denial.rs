//! A denied invoke, free of contradictions: who was denied which function, and what is said of the reason.
//!
//! It is not a judgement. Past this type nobody splits a colon or looks for a field.

use crate::arn::FunctionArn;
use crate::arn::principal::Principal;
use crate::incoming::Rejection;
use crate::incoming::caller::Caller;
use crate::incoming::facts::Facts;
use crate::incoming::message::Cause;
use crate::incoming::source::Source;
use crate::reason::{Reason, Refusal};
use crate::text::shown;

/// A denied invoke, free of contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What is told of it. Whatever below is known stands there as well, and [`identified`](Self::identified) keeps both alike.
    pub(super) facts: Box<Facts>,
    pub(super) source: Source,
    pub(super) caller: Caller,
    pub(super) is_identified: bool,
    pub(super) function: FunctionArn,
    pub(super) cause: Cause,
}

impl Denial {
    /// What is known of the event.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The source of the event.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether it is known who the caller is: from CloudTrail's record, or since IAM was asked. A text alone does not say.
    pub fn is_identified(&self) -> bool {
        self.is_identified
    }

    /// Who was denied.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What was called.
    pub fn function(&self) -> &FunctionArn {
        &self.function
    }

    /// What is said of the reason.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Returns the same denial with the user or role that IAM holds under the name that the text gives.
    ///
    /// # Errors
    ///
    /// IAM holds somebody else under that name.
    pub fn identified(self, principal: Principal) -> Result<Self, Rejection> {
        let is_meant = match &self.caller {
            Caller::Principal(named) => *named == principal,
            Caller::Session(role) => role.session().is_of(&principal),
            Caller::Other { .. } => false,
        };
        if !is_meant {
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
