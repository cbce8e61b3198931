//! Locations in the text of a JSON document: from a path such as `rules[2].principals[0]`, or from serde_json's line and
//! column, to a range of bytes.

use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

/// Returns the range of the value at `path`, or `None` where the document has no such value.
pub(crate) fn find_path(text: &str, path: &str) -> Option<Range<usize>> {
    let mut value: &RawValue = serde_json::from_str(text).ok()?;
    for step in path.split(['.', '[']) {
        value = match step.strip_suffix(']') {
            Some(index) => {
                let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                elements.get(index.parse::<usize>().ok()?).copied()?
            }
            None => {
                let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
                fields.remove(step)?
            }
        };
    }
    // The value borrows from the text, so that the distance between their addresses is the offset.
    let start = (value.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some(start..start + value.get().len())
}

/// Returns the range of the character at a line and a column, or of the string that ends there.
///
/// Lines and columns count from 1, as serde_json counts them; columns are bytes. serde_json reports what is wrong with a string
/// at the string's last quote or right behind it.
pub(crate) fn find_position(text: &str, (line, column): (usize, usize)) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let line_length = rest.split('\n').next().unwrap_or_default().len();
    let mut at = (start + column.saturating_sub(1)).min(start + line_length);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let width = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let string_that_ends_at = |end: usize| {
        let before_quote = rest.get(..end)?.strip_suffix('"')?;
        Some(start + before_quote.rfind('"')?..start + end)
    };
    let offset = at - start;
    string_that_ends_at(offset + width).or_else(|| string_that_ends_at(offset)).unwrap_or(at..at + width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_text() {
        let text = r#"{ "rules": [ {"id": "a"}, {"id": "b", "principals": ["x", "yé"]} ] }"#;
        let part = |path| find_path(text, path).and_then(|span| text.get(span));
        assert_eq!(part("rules[1].principals[1]"), Some("\"yé\""));
        assert_eq!(part("rules[0].id"), Some("\"a\""));
        assert_eq!(part("rules[0]"), Some("{\"id\": \"a\"}"));
        for path in ["rules[2]", "rules[x]", "rules.id", "", "the document", "rules[0].id[0]"] {
            assert_eq!(part(path), None, "{path}");
        }
    }

    #[test]
    fn a_position_is_a_character_or_the_end_of_its_line() {
        let text = "ab\né{\n";
        let at = |position| text.get(find_position(text, position));
        assert_eq!(at((1, 2)), Some("b"));
        assert_eq!(at((1, 9)), Some("\n"));
        assert_eq!(at((2, 1)), Some("é"));
        assert_eq!(at((2, 2)), Some("é"));
        assert_eq!(at((2, 3)), Some("{"));
        assert_eq!(at((9, 9)), Some(""));
        assert_eq!(at((0, 0)), Some("a"));
        assert_eq!(text_at("[\"bc\", \"d\"]", 5), Some("\"bc\""));
        assert_eq!(text_at("[\"bc\", \"d\"]", 6), Some("\"bc\""));
        assert_eq!(text_at("[\"bc\", \"d\"]", 7), Some(" "));
    }

    fn text_at(text: &str, column: usize) -> Option<&str> {
        text.get(find_position(text, (1, column)))
    }
}
