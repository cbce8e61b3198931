//! Wildcards as IAM has them: `*` for any text, also none, and `?` for one character, anchored at both ends.
//!
//! Not a regular expression and not a shell's glob: nothing else is special, and case counts.

/// What stands for other text.
pub const WILDCARDS: [char; 2] = ['*', '?'];

/// Whether `pattern` matches all of `text`.
///
/// A `*` in `text` stands for itself and is matched by a `*` alone. So it may be read as a wildcard, too: whatever
/// `text` as a pattern would match, `pattern` matches then as well.
pub fn matches(pattern: &str, text: &str) -> bool {
    matches_inside(None, pattern, text)
}

/// Whether both have equally many colon-separated parts and each part of `pattern` matches that of `text`: a wildcard does
/// not reach over a colon.
pub fn matches_parts(pattern: &str, text: &str) -> bool {
    matches_inside(Some(b':'), pattern, text)
}

fn matches_inside(separator: Option<u8>, pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut in_text) = (0, 0);
    // Where to go on when the text after the last `*` does not fit: that `*` takes one character more.
    let mut retry = None;
    while let Some(&byte) = text.get(in_text) {
        let is_separator = separator == Some(byte);
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, in_text));
            }
            Some(&wanted) if wanted == byte || (wanted == b'?' && byte != b'*' && !is_separator) => {
                at += 1;
                in_text += 1;
                if is_separator {
                    // The parts before it are done with.
                    retry = None;
                }
            }
            Some(_) | None => {
                let Some((after_star, taken)) = retry else {
                    return false;
                };
                if separator.is_some() && text.get(taken).copied() == separator {
                    return false;
                }
                at = after_star;
                in_text = taken + 1;
                retry = Some((after_star, in_text));
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

/// Whether `text` holds a wildcard.
pub fn has_wildcard(text: &str) -> bool {
    text.contains(WILDCARDS)
}

/// Whether it stands for other text.
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
