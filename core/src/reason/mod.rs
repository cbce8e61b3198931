//! Why a denial is not cured: each [`Reason`] has one row in one table.
//!
//! In comes a reason. Out go its name, the words of README.md and docs/operations.md on it, and what the reader of
//! a notice can do next. A refusal is final and no error: another try would end the same.

pub(crate) mod table;

#[cfg(test)]
mod tests;

pub use table::{DecidedBy, Row};

use serde::Serialize;

// A new reason takes a variant here, its place in the list below, and a row in `table`; the tests of this room then name what
// else is missing.
/// Why an event was refused or ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Reason {
    /// Refused: no rule matches.
    NotAllowlisted,
    /// Refused: the rule that matches says `notify`.
    NotifyOnly,
    /// Refused: something other than a missing identity-based policy denied, or the message does not say what did.
    NotIdentityBased,
    /// Refused: neither an IAM user nor an IAM role, or one that the event does not name in full.
    UnsupportedPrincipal,
    /// Refused: a service-linked role, or one that IAM Identity Center reserved.
    ProtectedRole,
    /// Refused: the caller or the function belongs to another account or partition.
    OtherAccount,
    /// Refused: the execution role of this very function.
    OwnRole,
    /// Refused: fields of the event contradict each other, or cannot be read.
    ContradictoryEvent,
    /// Refused: the event does not name one exact function, or is a text that is not whole.
    UntrustedResource,
    /// Refused: the existing policy cannot be understood, or IAM does not accept it.
    UnreadablePolicy,
    /// Refused: the quota for the principal's inline policies is used up.
    PolicyFull,
    /// Refused: IAM does not know the user or the role.
    NoSuchPrincipal,
    /// Refused: the grant was taken back after the call was denied.
    TakenBack,
    /// Refused: what was denied is `lambda:InvokeFunctionUrl`.
    FunctionUrl,
    /// Ignored: not the record of a denied invoke.
    NotADeniedInvoke,
    /// Ignored: another action than `lambda:InvokeFunction` was denied.
    OtherAction,
}

// In the order of README.md: first what the event says, then what the list says, then what IAM says.
crate::list_variants!(Reason {
    ContradictoryEvent,
    UntrustedResource,
    OtherAccount,
    UnsupportedPrincipal,
    ProtectedRole,
    OwnRole,
    NotIdentityBased,
    NotAllowlisted,
    NotifyOnly,
    FunctionUrl,
    UnreadablePolicy,
    PolicyFull,
    NoSuchPrincipal,
    TakenBack,
    NotADeniedInvoke,
    OtherAction,
});

/// The reason and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable name.
    pub reason: Reason,
    /// The evidence, as a clause for a person: lower case, no full stop, untrusted text in backticks.
    pub why: String,
    /// Of a text that names nobody in full: the words that tell it from another one, never shown.
    pub words: Option<String>,
}

impl Refusal {
    /// Joins a reason and its evidence.
    pub fn new(reason: Reason, why: impl Into<String>) -> Self {
        Self { reason, why: why.into(), words: None }
    }
}
