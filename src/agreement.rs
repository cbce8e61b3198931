//! Fields of one event that speak of the same thing must say the same.

use crate::text::one_line;

/// An error that shows both values, unless they are the same.
pub(crate) fn same(field: &str, value: &str, other_field: &str, other: &str) -> Result<(), String> {
    if value == other {
        return Ok(());
    }
    Err(format!(
        "{field} is `{}`, {other_field} `{}`",
        shown(value),
        shown(other)
    ))
}

/// Text of the event as an error shows it.
pub(crate) fn shown(text: &str) -> String {
    one_line(text, 256)
}
