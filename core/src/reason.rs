//! Our own verdict on a denial that is not cured: a [`Reason`] with one stable name, and a sentence for a person.
//!
//! A refusal is final and no error: trying again would end the same.

use serde::Serialize;

/// Why an event was refused or ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Reason {
    /// Refused: no rule matches.
    NotAllowlisted,
    /// Refused: the rule that matches says `notify`.
    NotifyOnly,
    /// Refused: something else than a missing identity-based policy denied, or it cannot be told what did.
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
    /// Refused: the policy that is there cannot be understood, or IAM does not accept it.
    UnreadablePolicy,
    /// Refused: the quota for the principal's inline policies is used up.
    PolicyFull,
    /// Refused: IAM does not know the user or the role.
    NoSuchPrincipal,
    /// Refused: what was denied is `lambda:InvokeFunctionUrl`.
    FunctionUrl,
    /// Ignored: not the record of a denied invoke.
    NotADeniedInvoke,
    /// Ignored: another action than `lambda:InvokeFunction` was denied.
    OtherAction,
}

/// The reason and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable name.
    pub reason: Reason,
    /// What was seen, as a clause for a person: lower case, no full stop, texts of others in backticks.
    pub why: String,
    /// Of a text that names nobody in full: the words by which it is told from another one, never shown.
    pub words: Option<String>,
}

impl Refusal {
    /// Puts both together.
    pub fn new(reason: Reason, why: impl Into<String>) -> Self {
        Self { reason, why: why.into(), words: None }
    }
}
