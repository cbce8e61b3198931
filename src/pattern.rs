//! Wildcards as IAM has them: `*` for any text, also none, and `?` for one character, anchored at both ends.
//!
//! Not a regular expression and not a shell's glob: nothing else is special, and case counts.

/// Whether `pattern` matches all of `text`.
///
/// A `*` in `text` stands for itself and is matched by a `*` alone. So it may be read as a wildcard, too: whatever
/// `text` as a pattern would match, `pattern` matches then as well.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut in_text) = (0, 0);
    // Where to go on when the text after the last `*` does not fit: that `*` takes one character more.
    let mut retry = None;
    while let Some(&byte) = text.get(in_text) {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, in_text));
            }
            Some(&wanted) if wanted == byte || (wanted == b'?' && byte != b'*') => {
                at += 1;
                in_text += 1;
            }
            Some(_) | None => {
                let Some((after_star, taken)) = retry else {
                    return false;
                };
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
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

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
