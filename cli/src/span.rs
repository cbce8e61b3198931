//! Where a part of a JSON document stands in its text: from a path such as `rules[2].principals[0]` to the bytes.

use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

/// The bytes of the part at `path`, or `None` where there is no such part.
pub(crate) fn of_path(text: &str, path: &str) -> Option<Range<usize>> {
    let mut part: &RawValue = serde_json::from_str(text).ok()?;
    for step in path.split(['.', '[']) {
        part = match step.strip_suffix(']') {
            Some(index) => {
                let parts: Vec<&RawValue> = serde_json::from_str(part.get()).ok()?;
                parts.get(index.parse::<usize>().ok()?).copied()?
            }
            None => {
                let mut parts: BTreeMap<String, &RawValue> = serde_json::from_str(part.get()).ok()?;
                parts.remove(step)?
            }
        };
    }
    // The parts borrow from the text, so that the distance of their addresses is the place.
    let start = (part.get().as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some(start..start + part.get().len())
}

/// The character at `line` and `column`, both from 1 on, as serde_json counts them: columns are bytes. Where a text ends
/// there, all of that text.
pub(crate) fn of_position(text: &str, (line, column): (usize, usize)) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let line = text.get(start..).unwrap_or_default().split('\n').next().unwrap_or_default();
    let mut at = (start + column.saturating_sub(1)).min(start + line.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let width = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    // What is wrong with a text, serde_json says when it stands at its last quote or behind it.
    let line = text.get(start..).unwrap_or_default();
    let text_before = |end: usize| {
        let before = line.get(..end)?.strip_suffix('"')?;
        Some(start + before.rfind('"')?..start + end)
    };
    let at_line = at - start;
    text_before(at_line + width).or_else(|| text_before(at_line)).unwrap_or(at..at + width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_text() {
        let text = r#"{ "rules": [ {"id": "a"}, {"id": "b", "principals": ["x", "yé"]} ] }"#;
        let part = |path| of_path(text, path).and_then(|span| text.get(span));
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
        let at = |position| text.get(of_position(text, position));
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
        text.get(of_position(text, (1, column)))
    }
}
