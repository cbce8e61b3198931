//! Escapes that programs write in the place of characters, undone: the text as AWS sent it.
//!
//! Only exact escapes are undone, so that every reader gets the same text: JSON's and Python's (in each other, however often),
//! those of HTML, of a shell and of Markdown, the colours of a terminal, and a mail's quoted-printable. What could be read in two
//! ways stays unchanged, and the sentence around it is not readable then.

use quoted_printable::ParseMode;
use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// The most layers of escapes that are undone: JSON in HTML in JSON.
const ROUNDS: usize = 3;
/// The escape character, which begins a terminal's control sequences.
const ESCAPE: char = '\u{1b}';

/// Returns the text without escapes, and with straight quotes.
pub fn unescape(text: &str) -> Cow<'_, str> {
    let mut text = decode_quoted_printable(text).map_or(Cow::Borrowed(text), Cow::Owned);
    if text.contains(['\'', '"']) {
        text = Cow::Owned(join_literals(&text).into_owned());
    }
    if !text.contains(['\\', '&', '^', ESCAPE, '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        return text;
    }
    text = Cow::Owned(strip_control_sequences(&text));
    for _ in 0..ROUNDS {
        let next = html_escape::decode_html_entities(&resolve_backslashes(&text)).into_owned();
        if next == text {
            break;
        }
        text = Cow::Owned(next);
    }
    let plain = strip_control_sequences(&text).replace(['\u{201c}', '\u{201d}'], "\"");
    Cow::Owned(plain.replace(['\u{2018}', '\u{2019}'], "'"))
}

/// Joins the parts of a literal that a program wrote on several lines. Python's pprint breaks it after a space, and puts a quote,
/// a line end and the same quote there; JavaScript's inspect puts a plus after the first quote. Without either these are two
/// texts.
fn join_literals(text: &str) -> Cow<'_, str> {
    if !text.contains('\n') {
        return Cow::Borrowed(text);
    }
    let is_space = [' ', '\t', '\r'];
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((place, quote)) = rest.char_indices().find(|(_, next)| matches!(next, '\'' | '"')) {
        let Some((before, after)) = rest.split_at_checked(place) else { break };
        let after = after.strip_prefix(quote).unwrap_or(after);
        let end = after.trim_start_matches(is_space);
        let plus = end.strip_prefix('+').map(|end| end.trim_start_matches(is_space));
        let end = plus.or(before.ends_with(' ').then_some(end));
        let next = end.and_then(|end| end.strip_prefix('\n')).map(|next| next.trim_start_matches(is_space));
        joined.push_str(before);
        rest = match next.and_then(|next| next.strip_prefix(quote)) {
            Some(next) => next,
            None => {
                joined.push(quote);
                after
            }
        };
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

/// Returns the text without the quoted-printable encoding of a mail; `None` if it has none.
///
/// An equals sign at a line's end is a soft line break in such a mail, and elsewhere an equals sign. So either the mail's header
/// states the encoding, or encoders broke the lines: at the 76 characters of RFC 2045, section 6.7, more than once.
fn decode_quoted_printable(text: &str) -> Option<String> {
    let header = "content-transfer-encoding: quoted-printable";
    let is_header = |line: &str| line.trim().eq_ignore_ascii_case(header);
    if text.lines().any(is_header) {
        return decode_parts(text, is_header);
    }
    let broken = text.lines().filter(|line| line.ends_with('='));
    let is_encoded = broken.clone().count() > 1 && broken.clone().all(|line| (73..=76).contains(&line.len()));
    if is_encoded { decode_body(text) } else { None }
}

/// Decodes each part of a mail whose header states the encoding: from the blank line after it to the next boundary.
fn decode_parts(text: &str, is_header: impl Fn(&str) -> bool) -> Option<String> {
    let mut plain = String::new();
    let mut body: Option<String> = None;
    let mut is_encoded = false;
    for line in text.split_inclusive('\n') {
        if body.is_some() && line.starts_with("--") {
            plain.push_str(&decode_body(&body.take()?)?);
            is_encoded = false;
        }
        match &mut body {
            Some(body) => body.push_str(line),
            None => {
                plain.push_str(line);
                is_encoded |= is_header(line);
                if is_encoded && line.trim().is_empty() {
                    body = Some(String::new());
                }
            }
        }
    }
    if let Some(body) = body {
        plain.push_str(&decode_body(&body)?);
    }
    Some(plain)
}

/// Decodes one body strictly, with a mail's line ends.
fn decode_body(body: &str) -> Option<String> {
    let body = body.replace("\r\n", "\n").replace('\n', "\r\n");
    let decoded = quoted_printable::decode(body, ParseMode::Strict).ok()?;
    Some(String::from_utf8(decoded).ok()?.replace("\r\n", "\n"))
}

/// Replaces each escape by its character. In a text within a text an escape has several backslashes.
fn resolve_backslashes(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        let mut count = 1;
        while rest.next_if_eq(&'\\').is_some() {
            count += 1;
        }
        match read_escape(&mut rest) {
            Some(character) => plain.push(character),
            None => plain.extend(std::iter::repeat_n('\\', count)),
        }
    }
    Cow::Owned(plain)
}

/// Reads the escape after a backslash; `None` if it is none, and then nothing is consumed.
fn read_escape(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let mut ahead = rest.clone();
    let character = match ahead.next()? {
        'n' | 'r' => '\n',
        't' => '\t',
        'e' => Some(ESCAPE).filter(|_| ahead.peek() == Some(&'['))?,
        '0' => read_code_point(&mut ahead, 8, 2..=2).filter(|character| *character == ESCAPE)?,
        'u' => match read_code_point(&mut ahead, 16, 4..=4) {
            Some(character) => character,
            None => read_braced(&mut ahead)?,
        },
        'U' => read_code_point(&mut ahead, 16, 8..=8)?,
        'x' => read_code_point(&mut ahead, 16, 2..=2)?,
        // Quotes, JSON's slash, and the marks of shells and Markdown.
        mark if mark == ' ' || mark.is_ascii_punctuation() => mark,
        _ => return None,
    };
    *rest = ahead;
    Some(character)
}

/// Reads `{3a}`, as JavaScript and Rust write a code point.
fn read_braced(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    rest.next_if_eq(&'{')?;
    let character = read_code_point(rest, 16, 1..=6)?;
    rest.next_if_eq(&'}').map(|_| character)
}

/// Reads a code point of so many digits.
fn read_code_point(
    rest: &mut Peekable<Chars<'_>>,
    radix: u32,
    digits: std::ops::RangeInclusive<usize>,
) -> Option<char> {
    let mut ahead = rest.clone();
    let mut text = String::new();
    while text.len() < *digits.end()
        && let Some(digit) = ahead.next_if(|next| next.is_digit(radix))
    {
        text.push(digit);
    }
    let code = u32::from_str_radix(&text, radix).ok().filter(|_| digits.contains(&text.len()))?;
    let character = char::from_u32(code)?;
    *rest = ahead;
    Some(character)
}

/// Returns the text without a terminal's colours. Other control sequences move the cursor, and so separate the texts around them.
///
/// See ECMA-48, section 5.4, for the form of a control sequence.
fn strip_control_sequences(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let is_escape = character == ESCAPE
            // `cat -v` and pagers show it like this.
            || (character == '^' && {
                let mut ahead = rest.clone();
                ahead.next() == Some('[') && ahead.next() == Some('[') && rest.next().is_some()
            });
        if !is_escape {
            plain.push(character);
        } else if rest.next_if_eq(&'[').is_some() {
            let mut parameters = String::new();
            while let Some(next) = rest.next_if(|next| (' '..='?').contains(next)) {
                parameters.push(next);
            }
            match (rest.next_if(|next| ('@'..='~').contains(next)), parameters.as_str()) {
                // A colour, or an erased rest of the line, which is still to come.
                (Some('m'), _) | (Some('K'), "" | "0") => {}
                (Some(_) | None, _) => plain.push(' '),
            }
        } else if rest.next_if_eq(&']').is_some() {
            // A link or a title: up to a bell, or an escape and a backslash.
            while let Some(next) = rest.next_if(|next| *next != '\n') {
                if next == '\u{7}' {
                    break;
                }
                if next == ESCAPE {
                    rest.next_if_eq(&'\\');
                    break;
                }
            }
        } else if rest.next_if_eq(&'(').is_some() {
            // A character set, which often follows a colour.
            rest.next();
        } else {
            plain.push(' ');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_escapes_are_undone() {
        let text = "User: a/b_c \"q\" 'r': x";
        for escaped in [
            r#"User: a\/b_c \"q\" \'r\': x"#,
            r#"User\u003a a\\/b\\u005Fc \\\"q\\\" \\\'r\\\': x"#,
            r"User\x3a a/b_c \x22q\x22 \U00000027r': x",
            r"User\u{3a} a/b_c \u{22}q\u{22} 'r': x",
            r"User:\ a/b\_c\ \'q\'\ 'r':\ x",
            "User&#58; a&#x2F;b&lowbar;c &quot;q&quot; &#39;r&apos;: x",
            "User: a/b_c &amp;quot;q&amp;#34; &amp;#x27;r&#x27;: x",
            r"User: a/b_c \u0026quot;q\u0026quot; \u0026#39;r\u0026#39;: x",
            "\u{1b}[1;31mUser\u{1b}[0m: a/b\u{1b}[m\u{1b}[K_c \"q\" 'r': x",
            r"\u001b[31mUser: a\u001b[0m/b_c \x1b[1m\x22q\x22\x1b[0m \033[33m'r'\033[0m:\e[0m x",
            "^[[31mUser: a/b_c^[[0m \"q\" 'r': x",
            "\u{1b}]8;;https://x\u{7}User: a/b_c\u{1b}]8;;\u{7} \"q\" 'r'\u{1b}(B\u{1b}[m: x",
            "\u{1b}]8;;https://x\u{1b}\\User: a/b_c\u{1b}]8;;\u{1b}\\ \"q\" 'r': x",
            "User: a/b_c \u{201c}q\u{201d} \u{2018}r\u{2019}: x",
        ] {
            assert_eq!(unescape(escaped).replace("'q'", "\"q\""), text, "{escaped}");
        }
    }

    #[test]
    fn a_literal_on_several_lines_is_one() {
        for seam in ["'\n  '", "' +\n      '", "'  \r\n'", "'+\n'"] {
            assert_eq!(
                unescape(&format!("('one two {seam}three',\n 'four')")),
                "('one two three',\n 'four')"
            );
        }
        for other in [
            "'one'\n'two'",
            "\"one\"\n\"two\"",
            "'one '\n\"two\"",
            "'one',\n'two'",
            "one'\ntwo",
            "'one' 'two'",
        ] {
            assert_eq!(unescape(other), other);
        }
    }

    #[test]
    fn what_could_be_something_else_stays() {
        for text in [
            "a",
            r"C:\path",
            r"\q \ud800 \u12 \x4 \U0011ffff \u{110000} \u{} \u{12",
            "a & b &unknown; &#xd800",
            "a = b",
            "clip-=\ncutter",
            "2^31 ^x ^[x",
        ] {
            assert_eq!(unescape(text), text);
        }
        assert_eq!(unescape("clip-\u{1b}[2Kcutter"), "clip- cutter");
        // A place on the screen is no colour.
        assert_eq!(unescape("clip\u{1b}[5Ccutter\u{1b}7\u{1b}"), "clip cutter 7 ");
        assert_eq!(unescape(r"one\ntwo\r\tthree"), "one\ntwo\n\tthree");
    }

    #[test]
    fn a_mail_is_decoded_where_it_says_so_or_looks_so() {
        let long = "x".repeat(75);
        assert_eq!(unescape(&format!("{long}=\n{long}=\ny=3Az")), format!("{long}{long}y:z"));
        for head in
            ["Content-Transfer-Encoding: quoted-printable", "content-transfer-encoding: Quoted-Printable"]
        {
            assert_eq!(
                unescape(&format!("{head}\nx: y=\n\nclip-=\r\ncut=3Dter")),
                format!("{head}\nx: y=\n\nclip-cut=ter")
            );
        }
        let parts =
            "--=====12==\nContent-Transfer-Encoding: quoted-printable\n\nclip-=\ncut=3Dter\n--=====12==--";
        assert_eq!(unescape(parts), parts.replace("-=\n", "-").replace("=3D", "="));
        for other in
            [format!("{long}=\ny=3Az"), format!("{long}=\n{long}=\ny=z"), format!("x=\n{long}=\ny=3Az")]
        {
            assert_eq!(unescape(&other), other);
        }
    }
}
