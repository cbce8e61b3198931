//! Comparison of fields that state the same thing: they must say the same.

use crate::text::shown;

/// Compares two values; `field` and `other_field` name them in the error.
///
/// # Errors
///
/// The values differ; the error shows both.
pub(super) fn require_equal(field: &str, value: &str, other_field: &str, other: &str) -> Result<(), String> {
    if value == other {
        return Ok(());
    }
    Err(format!("{field} is `{}`, {other_field} `{}`", shown(value), shown(other)))
}

/// Returns the value on which two fields agree, or the only value of the two. Each field comes with its name.
///
/// # Errors
///
/// A value is not a valid `noun`, or the two differ.
pub(super) fn consistent_value<'a>(
    fields: [(&str, Option<&'a str>); 2],
    is_valid: fn(&str) -> bool,
    noun: &str,
) -> Result<Option<&'a str>, String> {
    for (field, value) in fields {
        if value.is_some_and(|value| !is_valid(value)) {
            return Err(format!("{field} is not a valid {noun}"));
        }
    }
    let [(first, a), (second, b)] = fields;
    if let (Some(a), Some(b)) = (a, b) {
        require_equal(first, a, second, b)?;
    }
    Ok(a.or(b))
}
