//! The lines of a text without frames and margins, and the places of the sentences in them.

use crate::incoming::error_text::fragment::{CLOSING, Fragment};
use crate::incoming::error_text::words::USER;
use crate::incoming::message::SENTENCE;
use std::ops::Range;

/// The longest ARN, with what stands around it.
pub(super) const MAX_SUBJECT: usize = 2_200;
/// The most sentences that are distinguished: the log of somebody who tries again and again holds hundreds.
pub(super) const MAX_SENTENCES: usize = 1_000;
/// The characters with which frames and quoted mails begin a line, and with which frames end it after a space.
const FRAME: [char; 8] =
    ['\u{2502}', '\u{2503}', '\u{2551}', '\u{2577}', '\u{2575}', '\u{2570}', '\u{256d}', '\u{b7}'];
/// The characters that begin a line of a comment, a table or a list if a space follows.
///
/// No hyphen and no star: at the beginning of a line each may be the last character of a name that was wrapped.
const BULLETS: [char; 2] = ['#', '|'];

/// A text in lines, with one space between two words. A place in `lined` is the same place in `flat`.
pub(super) struct Layout {
    /// The lines, each ended by a line feed.
    pub(super) lined: String,
    /// The same, each ended by a space.
    pub(super) flat: String,
}

/// The place of one sentence.
pub(super) struct Span {
    /// Where the sentence begins.
    pub(super) begin: usize,
    /// Where its words of denial begin.
    pub(super) denied: usize,
    /// Where the next sentence begins.
    pub(super) end: usize,
}

impl Layout {
    /// Lays out a text.
    pub(super) fn new(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(words_of).collect();
        let [lined, flat] = ["\n", " "].map(|end| lines.join(end));
        Self { lined, flat }
    }

    /// Returns the places of the sentences, of at most one more than [`MAX_SENTENCES`].
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut after = 0;
        let places = self.flat.match_indices(SENTENCE).take(MAX_SENTENCES + 1);
        let begins: Vec<(usize, usize)> = places
            .map(|(denied, words)| {
                let begin = self.beginning(after, denied);
                after = denied + words.len();
                (begin, denied)
            })
            .collect();
        let ends = begins.iter().skip(1).map(|(begin, _)| *begin).chain([self.flat.len()]);
        let span =
            |((begin, denied), end): (&(usize, usize), usize)| Span { begin: *begin, denied: *denied, end };
        begins.iter().zip(ends).map(span).collect()
    }

    /// Returns where the sentence begins whose words of denial stand at `denied`: with its `User:`, or, where a service is denied,
    /// with its line, but not before `after`.
    fn beginning(&self, after: usize, denied: usize) -> usize {
        let near = self.flat.ceil_char_boundary(denied.saturating_sub(MAX_SUBJECT).max(after));
        let subject = self.flat.get(near..denied).and_then(|before| before.rfind(USER));
        let line =
            || self.lined.get(near..denied).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        near + subject.unwrap_or_else(line)
    }

    /// Returns what begins like a sentence, and lacks the words of denial.
    pub(super) fn beginnings(&self) -> Vec<Fragment> {
        let spans = users(&self.flat).take(MAX_SENTENCES);
        spans.map(|span| Fragment::new(&self.flat, &self.lined, span, None)).collect()
    }

    /// Returns the lines without `understood`, and without copies of the sentence `complete` that a program cut and marked.
    /// `complete` has no white space.
    pub(super) fn without(&self, understood: &[Range<usize>], complete: &str) -> String {
        let mut rest = String::new();
        let mut at = 0;
        for span in understood {
            rest.push_str(self.lined.get(at..span.start).unwrap_or_default());
            rest.push(' ');
            // A copy that was wrapped anew goes on in other lines.
            at = at.max(span.end).max(self.end_of(span.start, complete).unwrap_or(0));
        }
        rest.push_str(self.lined.get(at..).unwrap_or_default());
        without_cut_copies(&rest, complete)
    }

    /// Returns where `complete` ends if it begins at `begin`.
    fn end_of(&self, begin: usize, complete: &str) -> Option<usize> {
        let mut letters =
            self.flat.get(begin..)?.char_indices().filter(|(_, letter)| !letter.is_whitespace());
        let mut end = 0;
        for expected in complete.chars() {
            let (at, letter) = letters.next().filter(|(_, letter)| *letter == expected)?;
            end = begin + at + letter.len_utf8();
        }
        Some(end)
    }

    /// Returns where the place that holds the words at `from` closes: with the line, or at a quote or a bracket in it.
    pub(super) fn closing(&self, from: usize, end: usize) -> usize {
        let rest = self.lined.get(from..end).unwrap_or_default();
        rest.find(CLOSING).map_or(end, |place| from + place)
    }

    /// Whether the text was cut off before it names the action.
    pub(super) fn ends_before_the_action(&self) -> bool {
        self.flat.trim_end_matches(CLOSING).trim_end().ends_with(SENTENCE.trim_end())
    }
}

/// Returns each part of a text from one `User:` to the next.
fn users(text: &str) -> impl Iterator<Item = Range<usize>> {
    let begins = text.match_indices(USER).map(|(begin, _)| begin);
    let ends = text.match_indices(USER).map(|(begin, _)| begin).skip(1).chain([text.len()]);
    begins.zip(ends).map(|(begin, end)| begin..end)
}

/// Returns the text without copies of the sentence `complete` that a program cut and marked.
fn without_cut_copies(text: &str, complete: &str) -> String {
    let mut plain = String::new();
    let mut at = 0;
    for user in users(text).take(MAX_SENTENCES) {
        let copy = text.get(user.clone()).unwrap_or_default();
        let end = copy.find(CLOSING).map_or(user.end, |end| user.start + end);
        if Fragment::new(text, text, user.start..end, None).is_cut_out_of(complete) {
            plain.push_str(text.get(at..user.start).unwrap_or_default());
            at = end;
        }
    }
    plain.push_str(text.get(at..).unwrap_or_default());
    plain
}

/// Returns the words of a line, without its margins and its frame. A mark without a space may be a part of a word, and stays.
fn words_of(line: &str) -> String {
    let mut bare = line.trim();
    loop {
        let framed = bare.trim_start_matches(FRAME).trim_start_matches('>').trim_start();
        let inner = framed.strip_prefix(BULLETS).filter(|rest| rest.starts_with(char::is_whitespace));
        let next = inner.unwrap_or(framed).trim_start();
        if next == bare {
            break;
        }
        bare = next;
    }
    let mut words: Vec<_> = bare.split_whitespace().collect();
    words.pop_if(|last| last.chars().all(|last| last == '|' || FRAME.contains(&last)));
    words.join(" ")
}
