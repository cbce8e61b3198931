//! How long a grant lasts, where a rule limits it.
//!
//! A [`Lease`] is the rule's side: a number of days. An [`Expiry`] is the policy's side: the instant at which a grant by such
//! a rule expires. Neither reads a clock: the caller passes the time.
//!
//! IAM itself ends the grant, by the condition on `aws:CurrentTime` in its statement; nobody has to remove it. See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use crate::rfc3339;
use std::fmt;
use std::time::{Duration, SystemTime};

const SECONDS_OF_A_DAY: i64 = 86_400;
const MAX_DAYS: u16 = 3_650;
/// 9999-12-31T00:00:00Z, the last end of a day that RFC 3339 has a form for.
const LAST_DAY: i64 = 253_402_214_400;

/// For how many days a grant lasts at least: 1 to 3650, and a `d`. It runs out at the end of the UTC day on which they are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
#[cfg_attr(
    test,
    schemars(extend(
        "pattern" = "^([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650)d$"
    ))
)]
pub struct Lease(#[cfg_attr(test, schemars(with = "String"))] u16);

impl TryFrom<String> for Lease {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_suffix('d').unwrap_or_default();
        // `parse` would accept a sign and leading zeros.
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let days = digits.parse().ok().filter(|days| is_plain && (1..=MAX_DAYS).contains(days));
        days.map(Self).ok_or_else(|| format!("`{text}` is not a number of days from `1d` to `{MAX_DAYS}d`"))
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

/// The instant at which a grant expires, in whole seconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expiry(i64);

impl Expiry {
    /// Returns when a grant made `now` expires: at the end of the UTC day on which the days of the lease are over.
    ///
    /// All grants of one day share an expiry, so that they fit into one statement, and none lasts less than the lease.
    pub fn new(lease: Lease, now: SystemTime) -> Self {
        // A clock that is far off must not lead to a text that cannot be read back.
        let today = seconds(now).clamp(0, LAST_DAY).div_euclid(SECONDS_OF_A_DAY);
        Self(((today + i64::from(lease.0) + 1) * SECONDS_OF_A_DAY).min(LAST_DAY))
    }

    /// Reads what [`Display`](fmt::Display) writes, and no other form of the same time: that would be somebody else's.
    pub fn parse(text: &str) -> Option<Self> {
        let expiry = Self(seconds(rfc3339::parse(text)?));
        (expiry.text()? == text).then_some(expiry)
    }

    fn text(self) -> Option<String> {
        rfc3339::format(self.0 * 1_000)
    }

    /// Whether a grant has expired: IAM allows it while the time is less.
    pub fn has_passed(self, now: SystemTime) -> bool {
        seconds(now) >= self.0
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the whole seconds since the epoch; part of a second before it counts as one.
fn seconds(time: SystemTime) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration() + Duration::from_nanos(999_999_999)),
    }
}

#[cfg(test)]
mod tests;
