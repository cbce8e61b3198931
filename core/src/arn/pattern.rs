//! Wildcards as in IAM: `*` matches any text, also none, and `?` one character, anchored at both ends.
//!
//! Neither a regular expression nor a shell's glob: no other character is special, and case counts.

/// The wildcards.
pub const WILDCARDS: [char; 2] = ['*', '?'];

/// Whether `pattern` matches all of `text`.
///
/// A `*` in `text` is matched by `*` alone. So `text` may be a pattern, too: then a match means that `pattern` matches
/// everything that `text` matches.
pub fn matches(pattern: &str, text: &str) -> bool {
    matches_within(None, pattern, text)
}

/// Whether both have equally many colon-separated parts, and each part of `pattern` matches its part of `text`: no
/// wildcard matches a colon.
pub fn matches_parts(pattern: &str, text: &str) -> bool {
    matches_within(Some(b':'), pattern, text)
}

/// Matches all of `text`; no wildcard matches `separator`.
fn matches_within(separator: Option<u8>, pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut in_pattern, mut in_text) = (0, 0);
    // The last `*`: the place after it in the pattern, and the end in the text of what it matches so far.
    let mut last_star = None;
    while let Some(&byte) = text.get(in_text) {
        let is_separator = separator == Some(byte);
        match pattern.get(in_pattern) {
            Some(b'*') => {
                in_pattern += 1;
                last_star = Some((in_pattern, in_text));
            }
            Some(&wanted) if wanted == byte || (wanted == b'?' && byte != b'*' && !is_separator) => {
                in_pattern += 1;
                in_text += 1;
                if is_separator {
                    // The parts before it have matched.
                    last_star = None;
                }
            }
            Some(_) | None => {
                // The last `*` must match one more character.
                let Some((after_star, matched)) = last_star else {
                    return false;
                };
                if separator.is_some() && text.get(matched).copied() == separator {
                    return false;
                }
                in_pattern = after_star;
                in_text = matched + 1;
                last_star = Some((after_star, in_text));
            }
        }
    }
    pattern.get(in_pattern..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

/// Whether `text` holds a wildcard.
pub fn has_wildcard(text: &str) -> bool {
    text.contains(WILDCARDS)
}

/// Whether `byte` is a wildcard.
pub fn is_wildcard(byte: u8) -> bool {
    WILDCARDS.contains(&char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Reading both once is the same as matching part by part.
        #[test]
        fn parts_are_matched_each_by_itself(pattern in "[ab:*?]{0,9}", text in "[ab:*?]{0,9}") {
            let (patterns, parts): (Vec<_>, Vec<_>) = (pattern.split(':').collect(), text.split(':').collect());
            let each = patterns.len() == parts.len() && patterns.iter().zip(&parts).all(|(a, b)| matches(a, b));
            prop_assert_eq!(matches_parts(&pattern, &text), each);
        }
    }

    #[test]
    fn a_wildcard_stays_in_its_part() {
        for (pattern, text) in [("*:b", "a:b"), ("a*:*", "a:"), ("*", ""), ("?:?", "a:b"), ("*b:c", "abb:c")]
        {
            assert!(matches_parts(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("*", "a:b"), ("*b", "a:b"), ("a?b", "a:b"), ("a:*", "a"), ("*:*", "a:b:c"), ("*:c", "a:b:c")]
        {
            assert!(!matches_parts(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "x"),
            ("**", "x"),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("a*b*c", "a-b-b-c"),
            ("?", "x"),
            ("a?c", "abc"),
            ("*.*", "a.b"),
            ("fn:*", "fn:*"),
            ("*", "fn:*"),
            ("f*", "fn:*"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "x"),
            ("a", ""),
            ("a", "ab"),
            ("b", "ab"),
            ("A", "a"),
            ("a*c", "abcd"),
            ("?", ""),
            ("?", "ab"),
            ("a?", "a*"),
            ("fn:live", "fn:*"),
            ("fn:l*", "fn:*"),
            ("fn:*e", "fn:*"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_end_soon() {
        assert!(!matches(&"*a".repeat(1_000), &"a".repeat(999)));
        assert!(!matches(&format!("{}b", "*a".repeat(100)), &"a".repeat(100_000)));
    }
}
