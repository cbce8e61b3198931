//! Instants as RFC 3339 writes them, in UTC. Nothing here knows what time it is.

use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Reads an instant such as `2026-09-14T09:15:30Z`. It takes no offset but `Z`, and no year before 1.
pub fn parse(text: &str) -> Option<SystemTime> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    (text.ends_with('Z') && instant.year() > 0).then(|| SystemTime::from(instant))
}

/// Writes an instant, given in milliseconds since the epoch. `None` where RFC 3339 has no form for it.
pub fn format(milliseconds: i64) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    instant.format(&Rfc3339).ok()
}
