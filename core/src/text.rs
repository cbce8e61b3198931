//! Untrusted text, made safe to show.
//!
//! Callers choose session names, user agents and whole messages. In a mail, a chat or a log these must not leave their
//! line, their field or their quotes, so they are shown as printable ASCII without the backtick.

/// Returns `text` on one line of printable ASCII, at most `max` characters long and cut with `...` beyond that.
///
/// Every other character, and the backtick, becomes `\u{...}`.
pub fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for character in text.chars() {
        let fitting = line.len();
        if is_safe(character) {
            line.push(character);
        } else {
            line.extend(character.escape_unicode());
        }
        if line.len() > max {
            // The line is ASCII, so no character is split.
            line.truncate(fitting.min(max.saturating_sub(3)));
            line.push_str("...");
            break;
        }
    }
    line
}

/// Returns untrusted `text` as an error shows it between backticks: on one line, at most 256 characters long.
pub(crate) fn shown(text: &str) -> String {
    one_line(text, 256)
}

/// Whether a character is shown as it is: printable ASCII, but no backtick, which would end the quotes around the text.
fn is_safe(character: char) -> bool {
    matches!(character, ' '..='_' | 'a'..='~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_line() {
        for text in
            ["a\nb", "a\r\nb", "a\u{85}b", "a\u{2028}b", "a\u{202e}b", "a\u{1b}[31mb", "a\0b", "\u{e9}"]
        {
            let line = one_line(text, 100);
            assert!(line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{line}");
        }
        assert_eq!(one_line("a\nb", 100), "a\\u{a}b");
        assert_eq!(one_line("a`b", 100), "a\\u{60}b");
        assert_eq!(one_line("as it is: \"x\" {y}", 100), "as it is: \"x\" {y}");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abc...");
        assert_eq!(one_line("abcde\n", 6), "abc...");
    }
}
