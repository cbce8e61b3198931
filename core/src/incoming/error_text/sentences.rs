//! What a text of any kind tells of a denied invoke: a traceback, a program's log line, a framed or quoted error, JSON.
//!
//! Only a sentence that is whole tells of one: who, the action, the function, and directly behind it the reason. A name that
//! was cut off or broken by whatever printed the text cannot be told from a shorter one, but then the reason does not
//! follow it. All that programs put before, behind and around the sentence is left out, but nothing that could be a part
//! of it. What speaks of a denied invoke in any other way is not whole, and never taken for something else.

use crate::actions::{ACTION, URL_ACTION};
use crate::arn::principal::SessionRole;
use crate::arn::{Arn, FunctionArn};
use crate::incoming::error_text::escapes;
use crate::incoming::error_text::mentions::{
    is_nearly, speaks_of_a_denied_invoke, speaks_of_an_explicit_deny, speaks_of_another_sentence,
};
use crate::incoming::error_text::pieces::{CLOSING, NO_NAME, Piece, is_marked, without_spaces};
use crate::incoming::message::{self, AUTHORIZATION_TAIL, Cause, Message, Resource};

/// No ARN, with what stands around it, is longer.
const LONGEST_SUBJECT: usize = 2_200;
/// More sentences than these are not told apart: the log of somebody who tries again and again holds hundreds.
const MAX_SENTENCES: usize = 1_000;
const QUOTES: [char; 3] = ['"', '\'', '`'];
/// What frames and quoted mails begin a line with, and the frames end it with behind a space.
const FRAME: [char; 8] =
    ['\u{2502}', '\u{2503}', '\u{2551}', '\u{2577}', '\u{2575}', '\u{2570}', '\u{256d}', '\u{b7}'];
/// What begins a line of a comment, a table or a list where a space follows.
///
/// No hyphen and no star: at the beginning of a line each may be the last character of a name that was wrapped.
const BULLETS: [char; 2] = ['#', '|'];
/// How far behind an action its sentence is looked at for the action that it hides.
const NEAR: usize = 300;
/// The reason that an identity policy can be the cure of.
const CURABLE: &str = " because no identity-based policy allows the lambda:InvokeFunction action";
/// What a second reason would begin with, behind the first. AWS gives one alone.
const CONNECTIVES: [&str; 8] = ["and", "or", "nor", "but", "with", "because", "unless", "while"];

/// What a text tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing of a denied invoke.
    Nothing,
    /// That other actions were denied; the first of these denials, where it can be read.
    OtherAction(Option<Message>),
    /// One denial, in a whole sentence.
    Denial(Message),
    /// The same, in a text that speaks of an explicit deny elsewhere.
    BesideADeny(Message),
    /// Several that differ.
    Several,
    /// A denied invoke, in no sentence that is whole.
    NotWhole {
        /// Who was denied, where that much is whole.
        user: Option<String>,
        /// What is there of the first sentence, without white space, by which one is told from another.
        words: Option<String>,
    },
}

/// What a text tells, and in which words: so that the pieces of one printed error can be told to belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it tells.
    pub told: Told,
    pieces: Vec<Piece>,
    /// The whole sentence, if there is one, without white space.
    whole: Option<String>,
    /// Whether the text begins like a line of a drawn frame, as those of a traceback that shows its variables.
    is_framed: bool,
}

impl Reading {
    /// Whether it tells a denial in a whole sentence.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// Whether this is a line of a frame that holds nothing but a piece, marked as cut, of what `other` tells: of a whole sentence, or
    /// of another such piece.
    pub fn repeats(&self, other: &Self) -> bool {
        let [piece] = self.pieces.as_slice() else { return false };
        if !self.is_framed || !matches!(self.told, Told::NotWhole { .. }) || !piece.names_in_full() {
            return false;
        }
        if let Some(whole) = &other.whole {
            return piece.is_cut_out_of(whole);
        }
        let [first] = other.pieces.as_slice() else { return false };
        matches!(other.told, Told::NotWhole { .. })
            && first.names_in_full()
            && (piece.begins(first) || first.begins(piece))
    }
}

/// Reads a text.
pub fn read(text: &str) -> Reading {
    let plain = escapes::undone(text);
    let lines = Lines::of(&plain);
    let spans = lines.spans();
    let is_framed = plain.trim_start().starts_with(|first| ('\u{2500}'..='\u{257f}').contains(&first));
    if spans.len() > MAX_SENTENCES {
        return Reading { told: Told::Several, pieces: Vec::new(), whole: None, is_framed };
    }
    let mut found = Found::default();
    for span in &spans {
        found.take_in(lines.sentence(span), &lines, span);
    }
    let told = found.told(&plain, &lines);
    // Of several, or beside a deny, none stands for the others.
    let is_one = matches!(told, Told::Denial(_));
    let whole = found.denials.pop().filter(|_| is_one).map(|(whole, _)| whole);
    Reading { told, pieces: found.pieces, whole, is_framed }
}

/// What the sentences of a text are.
#[derive(Default)]
struct Found {
    /// Those that are whole and differ, each without white space.
    denials: Vec<(String, Message)>,
    pieces: Vec<Piece>,
    /// Of other actions, understood.
    others: usize,
    other: Option<Message>,
    /// Of something else, or of nothing.
    unknown: usize,
    /// Where a sentence stands that is understood, or a piece of one: what is left of the text holds no other.
    understood: Vec<(usize, usize)>,
    /// Where those stand that are whole.
    whole: Vec<(usize, usize)>,
}

impl Found {
    fn take_in(&mut self, sentence: Sentence, lines: &Lines, span: &Span) {
        match sentence {
            Sentence::Whole { end, message } => {
                self.understood.push((span.begin, end));
                self.whole.push((span.begin, end));
                // Two are several, whatever the others are.
                if self.denials.len() < 2 && !self.denials.iter().any(|(_, other)| is_same(other, &message)) {
                    // What goes on behind the reason is no part of what a copy has.
                    let kept = lines.flat.floor_char_boundary(end.min(span.begin + 2 * LONGEST_SUBJECT));
                    let whole = lines.flat.get(span.begin..kept).unwrap_or_default();
                    self.denials.push((without_spaces(whole), message));
                }
            }
            Sentence::Other { end, message } => {
                self.understood.push((span.begin, end));
                self.whole.push((span.begin, end));
                self.others += 1;
                self.other = self.other.take().or(Some(message));
            }
            Sentence::Unknown => self.unknown += 1,
            Sentence::Piece { end, message } => {
                self.understood.push((span.begin, end));
                self.pieces.push(Piece::new(&lines.flat, &lines.lined, span.begin..span.end, message));
            }
        }
    }

    fn told(&mut self, plain: &str, lines: &Lines) -> Told {
        let is_copy = |piece: &Piece| {
            self.denials
                .first()
                .is_some_and(|(whole, message)| piece.is_of(message, whole, function(message)))
        };
        match self.denials.as_slice() {
            [(whole, message)] if self.pieces.iter().all(is_copy) => {
                let rest = lines.without(&self.understood, whole);
                // What is left of a copy may hold words that are none of the whole one's.
                let beside = lines.without(&self.whole, whole);
                if speaks_of_another_sentence(&rest) {
                    Told::Several
                } else if message.cause.is_curable() && speaks_of_an_explicit_deny(&beside) {
                    Told::BesideADeny(message.clone())
                } else {
                    Told::Denial(message.clone())
                }
            }
            [_, ..] => Told::Several,
            [] if self.pieces.iter().any(Piece::names_another) => Told::Several,
            [] if !self.pieces.is_empty() => {
                let words = self.understood.first().and_then(|(begin, end)| lines.flat.get(*begin..*end));
                Told::NotWhole { user: common_user(&self.pieces), words: words.map(without_spaces) }
            }
            // Not what is left alone: the text as it came may be a table, whose columns part what belongs together.
            [] if speaks_of_a_denied_invoke(plain, self.others) || lines.ends_before_the_action() => {
                self.pieces = lines.beginnings();
                Told::NotWhole { user: None, words: None }
            }
            [] if self.others + self.unknown > 0 => Told::OtherAction(self.other.take()),
            [] => Told::Nothing,
        }
    }
}

/// Whether both tell the same: of sessions of one role, each has a name of its own, and of a function each qualifier.
fn is_same(one: &Message, other: &Message) -> bool {
    let who = |message: &Message| {
        let role = message.user.as_deref().and_then(SessionRole::parse);
        role.map(|role| format!("{:?}", role.session())).or_else(|| message.user.clone())
    };
    let which = |message: &Message| (message.cause.denied_by(), message.cause.denial());
    who(one) == who(other)
        && one.action == other.action
        && function(one) == function(other)
        && (function(one).is_some() || one.resource == other.resource)
        && which(one) == which(other)
}

fn function(message: &Message) -> Option<FunctionArn> {
    match &message.resource {
        Resource::Named(text) => FunctionArn::parse(text),
        Resource::Missing | Resource::Cut => None,
    }
}

/// Whom all pieces name, where they name one.
fn common_user(pieces: &[Piece]) -> Option<String> {
    // What is left of an ARN names nobody.
    let is_arn = |user: &&str| {
        Arn::parse(user).is_some_and(|arn| arn.resource.contains('/') || arn.resource == "root")
    };
    let mut users = pieces.iter().filter_map(Piece::user).filter(is_arn);
    let first = users.next()?;
    users.all(|user| user == first).then(|| first.to_owned())
}

/// A text in lines, twice: with the line ends and without, so that a place in one is the same in the other.
struct Lines {
    lined: String,
    flat: String,
}

impl Lines {
    fn of(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(words).collect();
        let [lined, flat] = ["\n", " "].map(|end| lines.join(end));
        Self { lined, flat }
    }

    /// Where each sentence begins, where its words of denial stand, and where the next one begins.
    fn spans(&self) -> Vec<Span> {
        let mut after = 0;
        let places = self.flat.match_indices(message::SENTENCE).take(MAX_SENTENCES + 1);
        let begins: Vec<(usize, usize)> = places
            .map(|(place, words)| {
                let begin = self.beginning(after, place);
                after = place + words.len();
                (begin, place)
            })
            .collect();
        let ends = begins.iter().skip(1).map(|(begin, _)| *begin).chain([self.flat.len()]);
        begins
            .iter()
            .zip(ends)
            .map(|((begin, denied), end)| Span { begin: *begin, denied: *denied, end })
            .collect()
    }

    /// What begins like a sentence, and lacks the words of denial.
    fn beginnings(&self) -> Vec<Piece> {
        let begins: Vec<usize> = self.flat.match_indices("User:").map(|(begin, _)| begin).collect();
        let ends = begins.iter().skip(1).copied().chain([self.flat.len()]);
        let spans = begins.iter().zip(ends).map(|(begin, end)| *begin..end);
        spans.take(MAX_SENTENCES).map(|span| Piece::new(&self.flat, &self.lined, span, None)).collect()
    }

    /// The lines without what is `understood`, and without copies of `whole` that a program cut and marked so.
    fn without(&self, understood: &[(usize, usize)], whole: &str) -> String {
        let mut rest = String::new();
        let mut at = 0;
        for (begin, end) in understood {
            rest.push_str(self.lined.get(at..*begin).unwrap_or_default());
            rest.push(' ');
            // A copy that was wrapped anew goes on in other lines.
            at = at.max(*end).max(self.end_of(*begin, whole).unwrap_or(0));
        }
        rest.push_str(self.lined.get(at..).unwrap_or_default());
        let begins: Vec<usize> =
            rest.match_indices("User:").map(|(begin, _)| begin).take(MAX_SENTENCES).collect();
        let ends = begins.iter().skip(1).copied().chain([rest.len()]);
        let mut plain = String::new();
        let mut at = 0;
        for (begin, next) in begins.iter().zip(ends) {
            let copy = rest.get(*begin..next).unwrap_or_default();
            let end = copy.find(CLOSING).map_or(next, |end| begin + end);
            if Piece::new(&rest, &rest, *begin..end, None).is_cut_out_of(whole) {
                plain.push_str(rest.get(at..*begin).unwrap_or_default());
                at = end;
            }
        }
        plain.push_str(rest.get(at..).unwrap_or_default());
        plain
    }

    /// Where `whole`, which has no white space, ends if it begins at `begin`.
    fn end_of(&self, begin: usize, whole: &str) -> Option<usize> {
        let mut letters =
            self.flat.get(begin..)?.char_indices().filter(|(_, letter)| !letter.is_whitespace());
        let mut end = 0;
        for expected in whole.chars() {
            let (at, letter) = letters.next().filter(|(_, letter)| *letter == expected)?;
            end = begin + at + letter.len_utf8();
        }
        Some(end)
    }

    /// Where the place ends in which the words at `from` stand: with the line, or before it where a quote closes.
    fn closed_at(&self, from: usize, end: usize) -> usize {
        let behind = self.lined.get(from..end).unwrap_or_default();
        behind.find(CLOSING).map_or(end, |place| from + place)
    }

    /// Whether the text was cut off before it names the action.
    fn ends_before_the_action(&self) -> bool {
        let words = message::SENTENCE.trim_end();
        self.flat.trim_end_matches(CLOSING).trim_end().ends_with(words)
    }

    /// Where the sentence begins whose words of denial stand at `place`: with its `User:`, or, where a service is denied, with
    /// its line, but not before `after`.
    fn beginning(&self, after: usize, place: usize) -> usize {
        let mut near = place.saturating_sub(LONGEST_SUBJECT).max(after);
        while !self.flat.is_char_boundary(near) {
            near += 1;
        }
        let subject = self.flat.get(near..place).and_then(|before| before.rfind("User:"));
        let line =
            || self.lined.get(near..place).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        near + subject.unwrap_or_else(line)
    }

    fn sentence(&self, span: &Span) -> Sentence {
        let rest = self.flat.get(span.denied..span.end).unwrap_or_default();
        let words = Words::of(rest);
        let known = span.denied + words.known;
        // What follows on the line belongs to it, up to whatever closes it; but whoever goes on behind the whole reason tells
        // something else, unless it is a second reason.
        let line = || self.lined.get(known..span.end)?.find('\n').map(|end| known + end);
        let end = match (words.is_curable, words.goes_on) {
            (true, false) => known,
            (true, true) => line().unwrap_or(span.end),
            (false, _) => self.closed_at(known, span.end),
        };
        let text = self.flat.get(span.begin..end).unwrap_or_default().trim();
        let is_cut = self.flat.get(span.begin..known).is_some_and(is_marked);
        let message = message::parse(text).ok();
        match message {
            Some(message) if !is_cut && is_whole(&message, text, &words) => Sentence::Whole { end, message },
            Some(message) if is_other(&message, &words, rest) => Sentence::Other { end, message },
            message if may_be_ours(words.action, rest) => {
                // Behind a mark nothing is known but what stands in the same place.
                let end = if is_cut { self.closed_at(span.denied, span.end) } else { end };
                Sentence::Piece { end, message }
            }
            _ => Sentence::Unknown,
        }
    }
}

/// Whether the sentence says it all: who was denied which function, and directly behind it the reason, each word of AWS's own as
/// AWS writes it.
fn is_whole(message: &Message, text: &str, words: &Words<'_>) -> bool {
    let is_ours = [ACTION, URL_ACTION].iter().any(|action| message.action.as_deref() == Some(*action));
    let has_subject = match &message.user {
        Some(user) => !user.contains(NO_NAME),
        None => text.split_once(message::SENTENCE).is_some_and(|(subject, _)| is_service(subject)),
    };
    let has_reason = match &message.cause {
        Cause::Unstated => false,
        Cause::Stated { .. } => {
            let may_be_granted = message.cause.is_curable() && message.action.as_deref() == Some(ACTION);
            !may_be_granted || words.is_curable
        }
        // In words that are not known here, but not in the first of AWS's own alone.
        Cause::Unread => {
            words.reason.strip_prefix(" because ").is_some_and(|reason| !reason.is_empty())
                && !CURABLE.starts_with(words.reason)
        }
    };
    is_ours && message.resource.is_named() && has_subject && has_reason
}

/// Whether it is the name of an AWS service, such as `CloudWatch Alarms`, and not what is left of a `User:` that was cut off.
fn is_service(subject: &str) -> bool {
    let mut words = subject.trim().split(' ').rev();
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_uppercase())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    words.next().is_some_and(is_word) && words.next().is_some_and(is_word)
}

/// Whether another action was denied: the sentence goes on as AWS's does, and nothing is left of `lambda:InvokeFunction` in it.
fn is_other(message: &Message, words: &Words<'_>, rest: &str) -> bool {
    let is_stated = matches!(message.cause, Cause::Stated { .. });
    let goes_on = is_stated || message.resource.is_named();
    is_action(words.action)
        && goes_on
        && (is_stated || !may_be_ours(words.action, rest))
        && !is_like_ours(words.action)
}

/// Whether it has the form of an action of IAM's.
fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, name)| {
        let is_service = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = |byte: u8| byte.is_ascii_alphanumeric();
        !service.is_empty()
            && !name.is_empty()
            && service.bytes().all(is_service)
            && name.bytes().all(is_name)
    })
}

fn is_like_ours(action: &str) -> bool {
    [ACTION, URL_ACTION].iter().any(|ours| action.eq_ignore_ascii_case(ours))
}

/// Whether `action`, which `rest` begins with, is what is left of `lambda:InvokeFunction`, or stands where that was to stand.
fn may_be_ours(action: &str, rest: &str) -> bool {
    let begun = action.trim_end_matches(|last: char| !last.is_ascii_alphanumeric() && last != ':');
    let near = rest.char_indices().nth(NEAR).and_then(|(end, _)| rest.get(..end)).unwrap_or(rest);
    // Shorter ones begin many actions, and an empty one all.
    let is_begun = match begun.len() {
        0 => rest.trim_end() == message::SENTENCE.trim_end(),
        length if length >= "lambda:I".len() => ACTION.starts_with(begun),
        _ => ACTION.starts_with(begun) && rest.trim_end().ends_with(action),
    };
    is_begun || is_nearly(action, ACTION) || is_nearly(action, URL_ACTION) || near.contains("InvokeFunction")
}

/// Where a sentence begins, where its words of denial stand, and where the next one begins.
struct Span {
    begin: usize,
    denied: usize,
    end: usize,
}

enum Sentence {
    /// One that is whole, and where it ends.
    Whole { end: usize, message: Message },
    /// Of another action.
    Other { end: usize, message: Message },
    /// Of nothing that is known.
    Unknown,
    /// What is left of one that may be whole elsewhere, and where it ends.
    Piece { end: usize, message: Option<Message> },
}

/// The words that a sentence is known to have, from those of denial on.
struct Words<'a> {
    action: &'a str,
    /// What stands behind the resource.
    reason: &'a str,
    /// Where the known words end.
    known: usize,
    /// Whether they end in the whole reason that can be cured.
    is_curable: bool,
    /// Whether what follows that may be a second reason.
    goes_on: bool,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let denied = text.strip_prefix(message::SENTENCE).unwrap_or_default();
        let mut rest = behind_word(denied);
        if let Some(resource) = rest.strip_prefix(" on resource: ") {
            rest = behind_word(resource);
        }
        let reason = rest;
        let curable = reason.strip_prefix(CURABLE).filter(|rest| {
            !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-' || next == '_')
        });
        if let Some(behind) = curable {
            rest = behind;
        } else if rest.starts_with(" because ") {
            rest = rest.split_once(" action").map_or(rest, |(_, rest)| rest);
        } else if let Some(clause) = rest.strip_prefix(" with an explicit deny") {
            let layer = [" in a ", " in an ", " in the "].iter().find_map(|words| clause.strip_prefix(words));
            rest = layer.map_or(clause, behind_word);
        }
        // The tail of IAM Access Troubleshooter, behind the clause or a policy's ARN.
        let tail = rest.split_once(AUTHORIZATION_TAIL).filter(|(before, _)| before.len() <= LONGEST_SUBJECT);
        let behind = tail.and_then(|(_, tail)| message::authorization_tail(tail)).map(|(_, behind)| behind);
        let rest = behind.unwrap_or(rest);
        let next = rest.trim_start_matches([',', ' ']).split([' ', ',']).next().unwrap_or_default();
        let goes_on = CONNECTIVES.contains(&next.to_ascii_lowercase().as_str());
        let known = text.len() - rest.len();
        Self { action: word(denied), reason, known, is_curable: curable.is_some(), goes_on }
    }
}

/// A line with one space between two words, and without its margins. What is not apart from a word may be a part of it.
fn words(line: &str) -> String {
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

/// The word that `text` begins with, without its quotes.
fn word(text: &str) -> &str {
    let text = text.trim_start_matches(QUOTES);
    let end = text.find(|next| next == ' ' || CLOSING.contains(&next)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What follows the word that `text` begins with, and its quotes.
fn behind_word(text: &str) -> &str {
    let bare = text.trim_start_matches(QUOTES);
    bare.get(word(bare).len()..).unwrap_or_default().trim_start_matches(QUOTES)
}
