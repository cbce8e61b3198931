//! Untrusted text inside the markdown of a chat, where it must stay text.
//!
//! Slack and Microsoft Teams each have a markdown of their own, and Amazon Q Developer resolves mentions and emojis before
//! either sees the text. So this is no converter and relies on no escape of theirs: what any of them could take for a
//! mention, a link, an emoji or a format is shown as `\u{...}`, as [`one_line`](crate::text::one_line) shows what is not
//! printable, and it is put into a code span besides. Names and ARNs as AWS makes them are left as they are.
//!
//! See <https://docs.slack.dev/messaging/formatting-message-text>.

use std::borrow::Cow;

/// What a text that is cut ends in, with the end of the span that it was cut in.
const CUT: &str = "...";

/// A backtick as text.
const BACKTICK: &str = "\\u{60}";

/// Where a piece of text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Prose,
    Code,
}

impl Place {
    fn other(self) -> Self {
        match self {
            Self::Prose => Self::Code,
            Self::Code => Self::Prose,
        }
    }
}

/// Returns `text` as one code span of at most `max` characters: for a value.
pub(crate) fn code(text: &str, max: usize) -> String {
    let mut line = Line::new(max);
    line.span(text);
    line.finish()
}

/// Returns a sentence on one line of at most `max` characters, in which what stands in backticks becomes code spans.
pub(crate) fn prose(text: &str, max: usize) -> String {
    let mut line = Line::new(max);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        line.plain(before);
        rest = match after.split_once('`') {
            Some((inside, after)) => {
                line.span(inside);
                after
            }
            // Nothing ends it, so that it begins nothing.
            None => {
                line.add(BACKTICK, Place::Prose);
                after
            }
        };
    }
    line.plain(rest);
    line.finish()
}

/// Returns a value unchanged, if no client can take any of it for its own and it has at most `max` characters.
pub(crate) fn harmless(text: &str, max: usize) -> Option<&str> {
    (text.len() <= max && inert(text, Place::Code) == text && !text.contains('`')).then_some(text)
}

/// Returns the address of a page unchanged, if nothing in it but the start is alive and it has at most `max` characters.
pub(crate) fn link(address: &str, max: usize) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    let is_one_word = !rest.is_empty() && !rest.contains(' ');
    (address.len() <= max && is_one_word && inert(rest, Place::Prose) == rest).then_some(address)
}

/// Returns a value that no client shows, with nothing alive in it either: on one line of at most `max` characters. Code
/// spans stay.
pub(crate) fn hidden(text: &str, max: usize) -> String {
    let mut line = Line::new(max);
    let has_pairs = text.matches('`').count().is_multiple_of(2);
    let mut place = Place::Prose;
    for piece in pieces(text, Place::Code) {
        if has_pairs && piece == BACKTICK {
            place = place.other();
            line.add("`", place);
        } else {
            line.add(&piece, place);
        }
    }
    line.finish()
}

/// A line under way, which knows where it can be cut.
struct Line {
    text: String,
    max: usize,
    cut: usize,
    cut_in: Place,
}

impl Line {
    fn new(max: usize) -> Self {
        Self { text: String::new(), max, cut: 0, cut_in: Place::Prose }
    }

    /// Adds a piece of ASCII after which the line stands in `place`.
    fn add(&mut self, piece: &str, place: Place) {
        self.text.push_str(piece);
        if self.text.len() + CUT.len() < self.max {
            (self.cut, self.cut_in) = (self.text.len(), place);
        }
    }

    fn plain(&mut self, text: &str) {
        for piece in pieces(text, Place::Prose) {
            self.add(&piece, Place::Prose);
        }
    }

    fn span(&mut self, text: &str) {
        // Two backticks with nothing between them pair up with others in Slack.
        if text.is_empty() {
            return self.add("(empty)", Place::Prose);
        }
        let mut pieces = pieces(text, Place::Code).peekable();
        let first = pieces.next().unwrap_or_default();
        self.add(&format!("`{first}"), Place::Code);
        for piece in pieces {
            self.add(&piece, Place::Code);
        }
        self.add("`", Place::Prose);
    }

    fn finish(mut self) -> String {
        if self.text.len() > self.max {
            self.text.truncate(self.cut);
            self.text.push_str(CUT);
            if self.cut_in == Place::Code {
                self.text.push('`');
            }
        }
        self.text
    }
}

fn inert(text: &str, place: Place) -> String {
    pieces(text, place).collect()
}

/// Returns the text character by character, each as it is shown.
fn pieces(text: &str, place: Place) -> impl Iterator<Item = Cow<'_, str>> {
    let mut before = None;
    text.char_indices().map(move |(at, character)| {
        let (piece, after) = text.get(at..).unwrap_or_default().split_at(character.len_utf8());
        let is_live = is_live(before.replace(character), character, after, place);
        if is_live { escaped(character).into() } else { piece.into() }
    })
}

fn escaped(character: char) -> String {
    character.escape_unicode().to_string()
}

/// Whether some client could take the character for more than itself.
fn is_live(before: Option<char>, character: char, after: &str, place: Place) -> bool {
    let is_inside_a_word = || {
        before.is_some_and(|before| before.is_ascii_alphanumeric())
            && after.starts_with(|after: char| after.is_ascii_alphanumeric())
    };
    match character {
        ' ' | 'a'..='z' | 'A'..='Z' | '0'..='9' => false,
        // Slack's links, mentions and entities; HTML; a link's text.
        '<' | '>' | '&' | '[' | ']' => true,
        '`' => true,
        // `@here`, `@team`; an address such as jane@example.com is none.
        '@' => !is_inside_a_word() || is_group(after),
        // `https://...` becomes a link wherever it stands.
        ':' => after.starts_with("//") || (place == Place::Prose && is_emoji(after)),
        '*' | '~' => place == Place::Prose,
        '_' => place == Place::Prose && !is_inside_a_word(),
        _ => !character.is_ascii_graphic(),
    }
}

/// Everybody at once.
fn is_group(after: &str) -> bool {
    ["here", "channel", "everyone", "group"]
        .iter()
        .any(|name| after.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

/// Whether a colon begins `:name:`.
fn is_emoji(after: &str) -> bool {
    after.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-'".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_aws_makes_is_left_as_it_is() {
        for text in [
            "arn:aws:iam::281502313273:user/remotion_user",
            "arn:aws:iam::281502313273:role/service-role/a+=,.x@y-_",
            "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg_clip-cutter",
            "arn:aws:iam::281502313273:user/jane.doe@example.com",
            "2026-09-14T23:18:49Z",
            "2001:db8::1",
            "lambda:InvokeFunction",
        ] {
            assert_eq!(code(text, 200), format!("`{text}`"));
            assert_eq!(hidden(text, 200), text);
            assert_eq!(harmless(text, 200), Some(text));
        }
        for text in
            ["It was denied (lambda:AddPermission), 2 of 3.", "a `code_span` and *not* more".trim_end()]
        {
            assert_eq!(prose(&text.replace('*', ""), 200), text.replace('*', ""));
        }
    }

    #[test]
    fn nothing_is_alive() {
        for (text, shown) in [
            ("<!channel>", "\\u{3c}!channel\\u{3e}"),
            ("<@U012ABCDE>", "\\u{3c}\\u{40}U012ABCDE\\u{3e}"),
            ("@here", "\\u{40}here"),
            ("x@Here.example", "x\\u{40}Here.example"),
            ("cc @sre-team", "cc \\u{40}sre-team"),
            ("https://x.example/a", "https\\u{3a}//x.example/a"),
            ("[click](http://x.example)", "\\u{5b}click\\u{5d}(http\\u{3a}//x.example)"),
            ("<https://x.example|click>", "\\u{3c}https\\u{3a}//x.example|click\\u{3e}"),
            ("a`b", "a\\u{60}b"),
            ("a\n# b", "a\\u{a}# b"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("&lt;", "\\u{26}lt;"),
        ] {
            assert_eq!(code(text, 200), format!("`{shown}`"));
            assert_eq!(hidden(text, 200), shown);
            assert_eq!(harmless(text, 200), None);
            if !text.contains('`') {
                assert_eq!(prose(text, 200), shown);
                assert_eq!(prose(&format!("x `{text}` y"), 200), format!("x `{shown}` y"));
            }
        }
        assert_eq!(
            prose("*a* _b_ ~c~ :fire: d_e", 200),
            "\\u{2a}a\\u{2a} \\u{5f}b\\u{5f} \\u{7e}c\\u{7e} \\u{3a}fire: d_e"
        );
        assert_eq!(prose("a ` b", 200), "a \\u{60} b");
        assert_eq!(prose("it is ``, `x` `y`", 200), "it is (empty), `x` `y`");
        assert_eq!(code("", 200), "(empty)");
        assert_eq!(hidden("it is `x`, not `<y>`", 200), "it is `x`, not `\\u{3c}y\\u{3e}`");
        assert_eq!(hidden("it is `abcdefghij`", 16), "it is `abcde...`");
    }

    #[test]
    fn a_link_is_whole_and_holds_nothing_else() {
        let page =
            "https://console.aws.amazon.com/iam/home#/users/details/a%2Ab_c/editPolicy/X?step=addPermissions";
        assert_eq!(link(page, page.len()), Some(page));
        assert_eq!(link(page, page.len() - 1), None);
        for address in [
            "https://x.example/_a_",
            "https://x.example/<a>",
            "https://x.example/a b",
            "https://x.example/a`b",
            "https://x.example/https://y.example",
            "https://x.example/@here",
            "http://x.example/a",
            "https://",
        ] {
            assert_eq!(link(address, 200), None, "{address}");
        }
    }

    #[test]
    fn a_cut_ends_its_span() {
        assert_eq!(code("abcdef", 8), "`abcdef`");
        assert_eq!(code("abcdefg", 8), "`abc...`");
        assert_eq!(code("abc<<<", 12), "`abc...`");
        assert_eq!(prose("abc `defghij` kl", 12), "abc `def...`");
        assert_eq!(prose("abcdefghij", 9), "abcde...");
    }

    proptest! {
        #[test]
        fn any_text_stays_in_its_line_and_its_limit(text in any::<String>(), max in 16..300usize) {
            for shown in [code(&text, max), prose(&text, max), hidden(&text, max)] {
                prop_assert!(shown.len() <= max, "{}", shown);
                prop_assert!(shown.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{}", shown);
                prop_assert!(!shown.contains(['<', '>', '&', '[', ']']), "{}", shown);
                prop_assert!(!shown.contains("://") && (shown.matches("``").count() == 0 || text.contains("``")));
                prop_assert!(shown.matches('`').count() % 2 == 0, "{}", shown);
            }
        }
    }
}
