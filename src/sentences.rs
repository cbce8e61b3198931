//! The sentences of a denial in whatever text they were printed: a traceback, a program's log line, a framed or quoted
//! error, the answer's JSON.
//!
//! A sentence here is a stretch of the text that [`message`] can read; what it says is not looked at. All that an SDK puts
//! before and behind it is left out, but nothing that could be a part of it: what is unclear stays, so that the reading
//! fails instead of going wrong.

use crate::message;
use std::borrow::Cow;

/// No ARN, with what stands around it, is longer.
const LONGEST_SUBJECT: usize = 2_200;
/// More sentences than these are not told apart; a text that is one error holds a handful.
const MAX_SENTENCES: usize = 64;
/// What programs put in the place of what they left out; CloudTrail and most others put an ellipsis.
const CUT_MARKS: [&str; 3] = ["(truncated...)", "(truncated)", "[truncated]"];
const ELLIPSES: [&str; 2] = ["...", "\u{2026}"];

/// The sentences that `text` holds, each on one line; those that an SDK printed again are left out.
///
/// More than one are different sentences, perhaps of different denials.
pub fn find(text: &str) -> Vec<String> {
    let text = plain(text);
    let lines: Vec<Line> = text.lines().map(Line::of).collect();
    // The same bytes, with the line ends and without.
    let [lined, flat] = ["\n", " "].map(|end| {
        let words: Vec<&str> = lines.iter().map(|line| line.words.as_str()).collect();
        words.join(end)
    });
    let mut after = 0;
    let places = flat.match_indices(message::SENTENCE).take(MAX_SENTENCES);
    let begins: Vec<usize> = places
        .map(|(place, words)| {
            let begin = beginning(&lined, &flat, after, place);
            after = place + words.len();
            begin
        })
        .collect();
    let ends = begins.iter().skip(1).copied().chain([flat.len()]);
    let spans = begins.iter().copied().zip(ends);
    let found = spans.filter_map(|(begin, end)| {
        let denied = begin + flat.get(begin..end)?.find(message::SENTENCE)?;
        let rest = flat.get(denied..end)?;
        if let Some(cut) = CUT_MARKS.iter().filter_map(|mark| rest.find(mark)).min() {
            return Some(format!("{}...", flat.get(begin..denied + cut)?.trim()));
        }
        let known = denied + known_words(rest);
        let end = ending(&lined, &lines, known, end);
        Some(flat.get(begin..end)?.trim().to_owned())
    });
    different(found.collect())
}

/// A line of the text, with one space between two words.
struct Line {
    words: String,
    is_indented: bool,
}

impl Line {
    fn of(line: &str) -> Self {
        // What marks a quoted line in a mail or a chat, and the frame that Terraform draws.
        let bare = line.trim_start_matches(['>', '\u{2502}', '\u{2577}', '\u{2575}']);
        Self {
            words: bare.split_whitespace().collect::<Vec<_>>().join(" "),
            is_indented: bare.starts_with(char::is_whitespace),
        }
    }
}

/// The text without what a terminal takes for colours, with straight quotes, and with the line ends and quotes themselves
/// where JSON or a program's own form of a text has escapes for them.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', '\\', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                while rest.next_if(|next| next.is_ascii_digit() || *next == ';').is_some() {}
                rest.next_if(char::is_ascii_alphabetic);
            }
            // In a text within a text there are several.
            '\\' => {
                let mut count = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                match rest.next_if(|next| matches!(next, 'n' | 'r' | 't' | '"' | '\'')) {
                    Some('n' | 'r') => plain.push('\n'),
                    Some('t') => plain.push('\t'),
                    Some(quote) => plain.push(quote),
                    None => plain.extend(std::iter::repeat_n('\\', count)),
                }
            }
            '\u{201c}' | '\u{201d}' => plain.push('"'),
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// Where the sentence begins whose words of denial stand at `place`: with its `User:`, or, where a service is denied, with
/// its line, but not before `after`.
fn beginning(lined: &str, flat: &str, after: usize, place: usize) -> usize {
    let mut near = place.saturating_sub(LONGEST_SUBJECT).max(after);
    while !flat.is_char_boundary(near) {
        near += 1;
    }
    let subject = flat.get(near..place).and_then(|before| before.rfind("User:"));
    let line = || lined.get(near..place).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    near + subject.unwrap_or_else(line)
}

/// Where the sentence ends whose last known word ends at `known`: with its line, or before it where a quote closes.
fn ending(lined: &str, lines: &[Line], known: usize, end: usize) -> usize {
    let Some(rest) = lined.get(known..end) else { return end };
    match rest.find(['\n', '"', '\'', '`']) {
        // A terminal or a mail may have broken an ARN, of which the next line then holds the rest.
        Some(0) if goes_on(lined, lines, known) => end,
        Some(place) => known + place,
        None => end,
    }
}

/// Whether the line behind the end of a resource may hold the rest of it.
fn goes_on(lined: &str, lines: &[Line], known: usize) -> bool {
    let Some(before) = lined.get(..known) else { return false };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_:".contains(byte);
    let next = lines.get(before.matches('\n').count() + 1);
    lined.get(known..).is_some_and(|rest| rest.starts_with('\n'))
        && !before.ends_with(" action")
        && next.is_some_and(|line| !line.is_indented && line.words.as_bytes().first().is_some_and(is_name))
}

/// Where the words end that a sentence is known to have, of which `text` is what it denies and why.
fn known_words(text: &str) -> usize {
    let behind = |words: &str| text.find(words).map(|place| place + words.len());
    let word_behind = |words: &str| {
        let place = behind(words)?;
        Some(place + text.get(place..)?.find(' ').unwrap_or(text.len() - place))
    };
    let implicit = || {
        let reason = behind("because no ")?;
        let rest = text.get(reason..)?;
        Some(reason + rest.find(" action").map_or(rest.len(), |place| place + " action".len()))
    };
    // Another reason may be told in words that are not known here: then all of it is left to be judged.
    let other = || text.contains("because").then_some(text.len());
    implicit()
        .or_else(|| word_behind("with an explicit deny in a "))
        .or_else(|| word_behind("with an explicit deny in an "))
        .or_else(|| behind("with an explicit deny"))
        .or_else(other)
        .or_else(|| word_behind("on resource: "))
        .or_else(|| word_behind(message::SENTENCE))
        .unwrap_or(text.len())
}

/// The sentences that say different things. One that a program cut off, and says so, is the beginning of another.
fn different(sentences: Vec<String>) -> Vec<String> {
    let uncut =
        |sentence: &str| ELLIPSES.into_iter().find_map(|mark| sentence.strip_suffix(mark)).map(str::to_owned);
    let is_beginning = |sentence: &String| {
        uncut(sentence).is_some_and(|beginning| {
            sentences.iter().any(|other| uncut(other).is_none() && other.starts_with(&beginning))
        })
    };
    let mut kept: Vec<String> = Vec::new();
    for sentence in sentences.iter().filter(|sentence| !is_beginning(sentence)) {
        let read = message::parse(sentence);
        if !kept.iter().any(|other| other == sentence || (read.is_ok() && message::parse(other) == read)) {
            kept.push(sentence.clone());
        }
    }
    kept
}
