//! The verdict on one event, with everything that is reported of it.

use crate::incoming::Rejection;
use crate::incoming::facts::Facts;
use crate::outcome::OutcomeKind;
use crate::policy::lease::Expiry;
use crate::policy::quota::Usage;
use crate::reason::Refusal;

/// One event: its facts, and the verdict on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The facts of the event.
    pub facts: Facts,
    /// The verdict.
    pub verdict: Verdict,
    /// The id of the rule that matched, where one did.
    pub rule: Option<String>,
}

impl Report {
    /// Returns the report of an event on which no rule had a say.
    pub fn new(facts: Facts, verdict: Verdict) -> Self {
        Self { facts, verdict, rule: None }
    }

    /// Returns the report of a denial that is refused before any rule had a say.
    pub fn refused(rejection: Rejection) -> Self {
        Self::new(*rejection.facts, Verdict::Refused(rejection.refusal))
    }
}

/// The verdict on one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The policy was written, and seen to stay.
    Granted {
        /// The resources that were added.
        added: Vec<String>,
        /// How full the principal's inline policies were soon after the write, where IAM said it in time.
        usage: Option<Usage>,
        /// When the grant expires, if it does.
        expires: Option<Expiry>,
        /// How often somebody else took the same grant away before, where this has to be reported.
        taken_away: u64,
    },
    /// The policy covers the function already; nothing was written.
    AlreadyGranted {
        /// Whether statements of ours list the function itself.
        is_listed: bool,
        /// When what covers it expires, if it does.
        expires: Option<Expiry>,
    },
    /// The grant was there long enough before, and the call was denied again.
    StillDenied {
        /// Whether statements of ours list the function itself.
        is_listed: bool,
        /// When what covers it expires, if it does.
        expires: Option<Expiry>,
    },
    /// Dry-run: the policy would have been written.
    WouldGrant {
        /// When the grant would expire, if it would.
        expires: Option<Expiry>,
    },
    /// A denied invoke that is not granted.
    Refused(Refusal),
    /// Not a denied invoke.
    Ignored(Refusal),
}

impl Verdict {
    /// Returns the outcome that it is reported as.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Granted { .. } => OutcomeKind::Granted,
            Self::AlreadyGranted { .. } | Self::StillDenied { .. } => OutcomeKind::AlreadyGranted,
            Self::WouldGrant { .. } => OutcomeKind::WouldGrant,
            Self::Refused(_) => OutcomeKind::Refused,
            Self::Ignored(_) => OutcomeKind::Ignored,
        }
    }

    /// Returns why nothing is granted, if nothing is.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::Ignored(refusal) => Some(refusal),
            Self::Granted { .. }
            | Self::AlreadyGranted { .. }
            | Self::StillDenied { .. }
            | Self::WouldGrant { .. } => None,
        }
    }

    /// Returns when the grant expires, if there is one and it does.
    pub fn expires(&self) -> Option<Expiry> {
        match self {
            Self::Granted { expires, .. }
            | Self::AlreadyGranted { expires, .. }
            | Self::StillDenied { expires, .. }
            | Self::WouldGrant { expires } => *expires,
            Self::Refused(_) | Self::Ignored(_) => None,
        }
    }
}
