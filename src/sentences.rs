//! The sentences of a denial in whatever text they were printed: a traceback, a program's log line, a framed or quoted
//! error, the answer's JSON.
//!
//! A sentence here is a stretch of the text that [`message`] can read; what it says is not looked at. All that an SDK puts
//! before and behind it is left out, but nothing that could be a part of it: what is unclear stays, so that the reading
//! fails instead of going wrong.

use crate::message;
use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// No ARN, with what stands around it, is longer.
const LONGEST_SUBJECT: usize = 2_200;
/// More sentences than these are not told apart, and no denial; a text that is one error holds a handful.
const MAX_SENTENCES: usize = 64;
/// What programs put in the place of what they left out; CloudTrail and most others put an ellipsis.
const CUT_MARKS: [&str; 3] = ["(truncated...)", "(truncated)", "[truncated]"];
/// What closes the place that a text stands in. No ARN of a function has one of these in it.
const CLOSING: [char; 11] = ['\n', '"', '\'', '`', ')', ']', '}', '<', '>', ',', ';'];
const QUOTES: [char; 3] = ['"', '\'', '`'];
/// The words of a deny, in lower case.
const DENY: &str = "explicit deny";
const ELLIPSES: [&str; 2] = ["...", "\u{2026}"];

/// The sentences that `text` holds, each on one line; those that an SDK printed again are left out.
///
/// More than one are different sentences, perhaps of different denials.
pub fn find(text: &str) -> Vec<String> {
    let text = plain(text);
    let lines: Vec<String> = text.lines().map(words).collect();
    // The same bytes, with the line ends and without.
    let [lined, flat] = ["\n", " "].map(|end| lines.join(end));
    if flat.matches(message::SENTENCE).nth(MAX_SENTENCES).is_some() {
        return vec![flat];
    }
    let mut after = 0;
    let begins: Vec<usize> = flat
        .match_indices(message::SENTENCE)
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
        // A deny that comes late is one all the same.
        let deny = rest.to_ascii_lowercase().rfind(DENY).map_or(0, |at| at + DENY.len());
        let known = known_words(rest);
        let known = denied + known.max(if deny > known { deny } else { 0 });
        let end = ending(&lined, &lines, known, end);
        let sentence = flat.get(begin..end)?.trim();
        // What was left out may be marked behind the quote, or on the next line.
        let behind = flat.get(end..)?.trim_start_matches([' ', '"', '\'', '`', '[', '(', '<']);
        let is_cut = ELLIPSES.iter().any(|mark| behind.starts_with(mark)) || sentence.ends_with("..");
        Some(if is_cut { format!("{}...", sentence.trim_end_matches('.')) } else { sentence.to_owned() })
    });
    different(found.collect())
}

/// A line with one space between two words, and without what marks a quoted line in a mail or a chat and the frame that
/// Terraform draws.
fn words(line: &str) -> String {
    let bare = line.trim_start_matches(['>', '\u{2502}', '\u{2577}', '\u{2575}']);
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
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
                match rest.next_if(|next| matches!(next, 'n' | 'r' | 't' | '"' | '\'' | '/' | 'u')) {
                    Some('n' | 'r') => plain.push('\n'),
                    Some('t') => plain.push('\t'),
                    Some('u') => plain.push_str(&unicode(&mut rest)),
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

/// What stands behind `\u` in JSON: four hexadecimal digits. Others stay as they are.
fn unicode(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while digits.len() < 4
        && let Some(digit) = rest.next_if(char::is_ascii_hexdigit)
    {
        digits.push(digit);
    }
    let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
    code.and_then(char::from_u32).map_or_else(|| format!("\\u{digits}"), String::from)
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
fn ending(lined: &str, lines: &[String], known: usize, end: usize) -> usize {
    let Some(rest) = lined.get(known..end) else { return end };
    match rest.find(CLOSING) {
        // A terminal or a mail may have broken an ARN, of which the next line then holds the rest.
        Some(0) if goes_on(lined, lines, known) => end,
        Some(place) => known + place,
        None => end,
    }
}

/// Whether the line behind the end of a resource may hold the rest of it: it begins like a name, and not like the lines that
/// programs put behind an error.
fn goes_on(lined: &str, lines: &[String], known: usize) -> bool {
    const BEHIND: [&str; 8] = ["at", "from", "with", "on", "File", "Caused", "Traceback", "During"];
    let Some(before) = lined.get(..known) else { return false };
    let mut behind = lines.iter().skip(before.matches('\n').count() + 1).filter(|line| !line.is_empty());
    let first = behind.next().and_then(|line| line.split(' ').next()).unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_:".contains(byte);
    lined.get(known..).is_some_and(|rest| rest.starts_with('\n'))
        && !before.ends_with(" action")
        && first.as_bytes().first().is_some_and(is_name)
        && !BEHIND.contains(&first)
}

/// Where the words end that a sentence is known to have, of which `text` is what it denies and why.
fn known_words(text: &str) -> usize {
    let behind = |words: &str| text.find(words).map(|place| place + words.len());
    let word_behind = |words: &str| {
        let word = text.get(behind(words)?..)?.trim_start_matches(QUOTES);
        let end = word.find(|next| next == ' ' || CLOSING.contains(&next)).unwrap_or(word.len());
        Some(text.len() - word.len() + end)
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
