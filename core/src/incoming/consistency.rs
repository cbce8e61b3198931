//! Fields of one event that speak of the same thing must say the same.

use crate::text::shown;

/// An error that shows both values, unless they are the same.
pub(crate) fn same(field: &str, value: &str, other_field: &str, other: &str) -> Result<(), String> {
    if value == other {
        return Ok(());
    }
    Err(format!("{field} is `{}`, {other_field} `{}`", shown(value), shown(other)))
}

/// The value that both fields have, or the only one that is there.
pub(crate) fn agreed<'a>(
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
        same(first, a, second, b)?;
    }
    Ok(a.or(b))
}
