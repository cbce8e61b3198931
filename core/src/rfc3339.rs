//! Instants in UTC, as RFC 3339 writes them: `2026-09-14T09:15:30Z`.

use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Parses an instant. `None` if the text is not one, has an offset other than `Z`, or a year before 1.
pub fn parse(text: &str) -> Option<SystemTime> {
    let instant = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    (text.ends_with('Z') && instant.year() > 0).then(|| SystemTime::from(instant))
}

/// Formats an instant, given in milliseconds since the epoch. `None` if its year is outside 0 to 9999.
pub fn format(milliseconds: i64) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    instant.format(&Rfc3339).ok()
}
