//! Text that somebody else wrote, made fit to be shown.
//!
//! Session names, user agents and whole messages are chosen by callers. Shown in a mail, a chat or a log they must stay
//! inside their line, their field and their quotes, so only printable ASCII without the backtick is left as it is.

/// `text` on one line of printable ASCII: anything else as `\u{...}`, and what exceeds `max` characters cut off.
pub fn one_line(text: &str, max: usize) -> String {
    let mut is_fit = text.len() <= max;
    for byte in text.bytes() {
        is_fit &= is_plain(byte);
    }
    if is_fit {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len().min(max));
    for character in text.chars() {
        let escaped = character.escape_unicode();
        let is_plain = u8::try_from(character).is_ok_and(is_plain);
        let width = if is_plain { 1 } else { escaped.len() };
        if line.len() + width > max {
            // The line is ASCII, so that truncating it cannot split a character.
            line.truncate(max.saturating_sub(3));
            line.push_str("...");
            break;
        }
        if is_plain {
            line.push(character);
        } else {
            line.extend(escaped);
        }
    }
    line
}

/// A backtick would end the quotes that such text is shown in.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'_' | b'a'..=b'~')
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
