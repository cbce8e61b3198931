//! How the way of one event ended, with all that is told of it.

use crate::policy::lease::Expiry;
use crate::policy::quota::Usage;
use crate::reason::Refusal;

/// How the way of one event ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The policy was written, and seen to stay.
    Granted {
        /// The resources that were added.
        added: Vec<String>,
        /// How full the principal's inline policies are now, where that could be found out.
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
    /// When the grant expires, if there is one and it does.
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
