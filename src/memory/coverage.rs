//! A pair of principal and function that the policy covers, as this execution environment last saw it.

use remediator_core::decision::Grant;
use remediator_core::policy::lease::Expiry;
use std::time::{Duration, SystemTime};

/// How long a confirmed grant is trusted without asking IAM. Quadruples with each confirmation, from the first to the last.
/// Only answers that are not published rest on it.
const FRESH_MIN: Duration = Duration::from_secs(2);
pub(super) const FRESH_MAX: Duration = Duration::from_secs(60);

/// How long after a grant IAM may still deny the call, or answer a read that does not find the grant.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.
pub(crate) const PROPAGATION: Duration = Duration::from_secs(60);

/// A pair that the policy covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// The first time that it was seen, as far as this environment knows.
    pub(super) since: SystemTime,
    /// The last time that it was seen.
    seen: SystemTime,
    /// How long the last time counts.
    fresh_for: Duration,
    is_listed: bool,
    expires: Option<Expiry>,
}

impl Coverage {
    /// The pair, seen covered at `now`; `known` is what was seen before.
    pub(super) fn new(
        known: Option<Self>,
        is_listed: bool,
        expires: Option<Expiry>,
        now: SystemTime,
    ) -> Self {
        // What covers it until another time is another grant: between the two it may have been denied, and rightly.
        let known = known.filter(|known| known.expires == expires);
        Self {
            since: known.map_or(now, |known| known.since.min(now)),
            seen: now,
            fresh_for: known.map_or(FRESH_MIN, |known| (known.fresh_for * 4).min(FRESH_MAX)),
            is_listed,
            expires,
        }
    }

    /// Whether statements of ours list the function itself.
    pub fn is_listed(self) -> bool {
        self.is_listed
    }

    /// When the coverage expires, if it does.
    pub fn expires(self) -> Option<Expiry> {
        self.expires
    }

    /// Whether `grant` needs no look at the policy.
    pub(super) fn is_fresh_for(self, grant: &Grant, now: SystemTime) -> bool {
        age(self.seen, now).is_some_and(|age| age <= self.fresh_for) && self.suffices_for(grant, now)
    }

    /// Whether it suffices for `grant`: it has not expired, and is no lease where a grant for good is wanted.
    fn suffices_for(self, grant: &Grant, now: SystemTime) -> bool {
        match self.expires {
            Some(expiry) => !expiry.has_passed(now) && grant.expiry().is_some(),
            None => true,
        }
    }

    /// Whether somebody has taken it away, where IAM says at `now` that it is not there: it sufficed for `grant`, and was first
    /// seen so long ago that no read lags that far behind.
    pub(super) fn was_taken_away(self, grant: &Grant, now: SystemTime) -> bool {
        self.suffices_for(grant, now) && age(self.since, now).is_some_and(|age| age > PROPAGATION)
    }

    /// Whether a denial at `denied_at` came clearly after the grant and before it expired, so that something else denied.
    pub fn is_clearly_before(self, denied_at: Option<SystemTime>) -> bool {
        denied_at.is_some_and(|time| {
            time.duration_since(self.since).is_ok_and(|after| after > PROPAGATION)
                && !self.expires.is_some_and(|expiry| expiry.has_passed(time))
        })
    }
}

/// Returns the time since `then`; `None` where the clock was set back, which says nothing about it.
pub(super) fn age(then: SystemTime, now: SystemTime) -> Option<Duration> {
    now.duration_since(then).ok()
}
