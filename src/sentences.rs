//! What a text of any kind tells of a denied invoke: a traceback, a program's log line, a framed or quoted error, JSON.
//!
//! Only a sentence that is whole tells of one: who, the action, the function, and directly behind it the reason. A name that
//! was cut off or broken by whatever printed the text cannot be told from a shorter one, but then the reason does not
//! follow it. All that programs put before, behind and around the sentence is left out, but nothing that could be a part
//! of it. What speaks of a denied invoke in any other way is not whole, and never taken for something else.

use crate::actions::{ACTION, URL_ACTION};
use crate::arn::FunctionArn;
use crate::escapes;
use crate::mentions::{speaks_of_a_denied_invoke, speaks_of_an_explicit_deny};
use crate::message::{self, AUTHORIZATION_TAIL, Cause, Message, Resource};
use crate::principal::SessionRole;

/// No ARN, with what stands around it, is longer.
const LONGEST_SUBJECT: usize = 2_200;
/// More sentences than these are not told apart; a text that is one error holds a handful.
const MAX_SENTENCES: usize = 64;
/// What programs put in the place of what they left out.
const CUT_MARKS: [&str; 6] = ["...", "\u{2026}", "(truncated", "[truncated", "<truncated", "[snip"];
/// What closes the place that a text stands in. No ARN of a function has one of these in it.
const CLOSING: [char; 11] = ['\n', '"', '\'', '`', ')', ']', '}', '<', '>', ',', ';'];
const QUOTES: [char; 3] = ['"', '\'', '`'];
/// What frames and quoted mails begin a line with, and the frames end it with behind a space.
const FRAME: [char; 8] =
    ['\u{2502}', '\u{2503}', '\u{2551}', '\u{2577}', '\u{2575}', '\u{2570}', '\u{256d}', '\u{b7}'];
/// What begins a line of a comment, a table or a list where a space follows.
const BULLETS: [char; 4] = ['#', '*', '|', '-'];
/// How far behind an action its sentence is looked at for the action that it hides.
const NEAR: usize = 300;
/// The words of denial, without white space.
const DENIED: &str = "isnotauthorizedtoperform:";
/// The reason that an identity policy can be the cure of.
const CURABLE: &str = " because no identity-based policy allows the lambda:InvokeFunction action";

/// What a text tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing of a denied invoke.
    Nothing,
    /// That other actions were denied; the first of these denials, where it can be read.
    OtherAction(Option<Message>),
    /// One denial, in a whole sentence.
    Denial(Message),
    /// Several that differ.
    Several,
    /// A denied invoke, in no sentence that is whole. Who was denied, where that much is.
    NotWhole(Option<String>),
}

/// What a text tells, and in which words: so that the pieces of one printed error can be told to belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it tells.
    pub told: Told,
    pieces: Vec<Piece>,
    /// The whole sentence, if there is one, without white space.
    whole: Option<String>,
}

impl Reading {
    /// Whether it tells a denial in a whole sentence.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// Whether this tells nothing but pieces of the sentence that `other` holds whole, or of the pieces that it holds.
    pub fn repeats(&self, other: &Self) -> bool {
        let is_in_other = |piece: &Piece| match (&other.told, &other.whole) {
            (Told::Denial(message), Some(whole)) => piece.is_of(message, whole),
            (Told::NotWhole(_), _) => {
                other.pieces.iter().any(|other| piece.begins(other) || other.begins(piece))
            }
            _ => false,
        };
        matches!(self.told, Told::NotWhole(_))
            && !self.pieces.is_empty()
            && self.pieces.iter().all(is_in_other)
    }
}

/// Reads a text.
pub fn read(text: &str) -> Reading {
    let text = escapes::undone(text);
    let text = Lines::of(&text);
    let spans = text.spans();
    if spans.len() > MAX_SENTENCES {
        return Reading { told: Told::Several, pieces: Vec::new(), whole: None };
    }
    let mut others = Vec::new();
    let mut denials: Vec<(String, Message)> = Vec::new();
    let mut pieces = Vec::new();
    for span in spans {
        match text.sentence(&span) {
            Sentence::OtherAction(action) => others.push(action),
            Sentence::Whole(sentence, message) => {
                if !denials.iter().any(|(_, other)| is_same(other, &message)) {
                    denials.push((sentence, message));
                }
            }
            Sentence::Piece(piece) => pieces.push(piece),
        }
    }
    let (told, whole) = match denials.pop() {
        Some(_) if !denials.is_empty() => (Told::Several, None),
        Some((sentence, message)) => {
            let whole = without_spaces(&sentence);
            if pieces.iter().all(|piece| piece.is_of(&message, &whole)) {
                (Told::Denial(undenied(message, &text.flat)), Some(whole))
            } else {
                (Told::Several, None)
            }
        }
        None if pieces.iter().any(Piece::names_another) => (Told::Several, None),
        None if !pieces.is_empty() => (Told::NotWhole(common_user(&pieces)), None),
        None if speaks_of_a_denied_invoke(&text.flat, others.len()) => {
            pieces = text.beginnings();
            (Told::NotWhole(None), None)
        }
        None => (others.into_iter().next().map_or(Told::Nothing, Told::OtherAction), None),
    };
    Reading { told, pieces, whole }
}

/// A reason that can be cured is none where a deny is spoken of anywhere else.
fn undenied(message: Message, text: &str) -> Message {
    if message.cause.is_curable() && speaks_of_an_explicit_deny(text) {
        return Message { cause: Cause::Unread, ..message };
    }
    message
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
    let mut users = pieces.iter().filter_map(Piece::user);
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
        let spans = begins.iter().zip(ends).map(|(begin, end)| Span { begin: *begin, denied: *begin, end });
        spans.take(MAX_SENTENCES).map(|span| Piece::of(self, &span, None)).collect()
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
        let known = span.denied + known_words(rest);
        // What follows on the line belongs to it, up to whatever closes it.
        let behind = self.lined.get(known..span.end).unwrap_or_default();
        let end = behind.find(CLOSING).map_or(span.end, |place| known + place);
        let text = self.flat.get(span.begin..end).unwrap_or_default().trim();
        let is_cut = self.flat.get(span.begin..known).is_some_and(|text| mark(text).is_some());
        let message = message::parse(text).ok();
        if let Some(message) = message.as_ref().filter(|message| !is_cut && is_whole(message, text)) {
            return Sentence::Whole(text.to_owned(), message.clone());
        }
        let action = word(rest.strip_prefix(message::SENTENCE).unwrap_or_default());
        let is_stated = matches!(&message, Some(Message { cause: Cause::Stated { .. }, .. }));
        match is_action(action) && is_stated && !is_like_ours(action) || !may_be_ours(action, rest) {
            true => Sentence::OtherAction(message.filter(|_| is_action(action))),
            false => Sentence::Piece(Piece::of(self, span, message)),
        }
    }
}

/// Whether the sentence says it all: who was denied which function, and directly behind it the reason, each word of AWS's own as
/// AWS writes it.
fn is_whole(message: &Message, text: &str) -> bool {
    let is_ours = [ACTION, URL_ACTION].iter().any(|action| message.action.as_deref() == Some(*action));
    // What is left of a `User:` that was cut off is no service.
    let is_service =
        || text.split_once(message::SENTENCE).is_some_and(|(subject, _)| !subject.contains([':', '/']));
    let has_reason = match &message.cause {
        Cause::Unstated => false,
        Cause::Stated { .. } => {
            let may_be_granted = message.cause.is_curable() && message.action.as_deref() == Some(ACTION);
            !may_be_granted || text.contains(CURABLE)
        }
        // In words that are not known here, but not in the first of AWS's own alone.
        Cause::Unread => text.split_once(" because ").is_some_and(|(_, words)| {
            !words.is_empty() && !CURABLE.trim_start().starts_with(&format!("because {words}"))
        }),
    };
    is_ours && message.resource.is_named() && (message.user.is_some() || is_service()) && has_reason
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
    let begun = action.trim_end_matches(['.', '\u{2026}']);
    let is_cut = begun != action || rest.trim_end_matches(CLOSING).trim_end().ends_with(action);
    let near = rest.char_indices().nth(NEAR).and_then(|(end, _)| rest.get(..end)).unwrap_or(rest);
    is_like_ours(action) || (is_cut && ACTION.starts_with(begun)) || near.contains("InvokeFunction")
}

/// Where a sentence begins, where its words of denial stand, and where the next one begins.
struct Span {
    begin: usize,
    denied: usize,
    end: usize,
}

enum Sentence {
    Whole(String, Message),
    OtherAction(Option<Message>),
    Piece(Piece),
}

/// What is left of a sentence that is not whole, without white space.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// All of it, with whatever stands behind it.
    all: String,
    /// What stands before and behind the mark that something was left out, if there is one.
    parts: Option<(String, String)>,
    message: Option<Message>,
}

impl Piece {
    fn of(lines: &Lines, span: &Span, message: Option<Message>) -> Self {
        let all = lines.flat.get(span.begin..span.end).unwrap_or_default();
        let parts = mark(all).and_then(|(begin, end)| {
            // What is left goes on up to the end of the place that it stands in.
            let behind = lines.lined.get(span.begin + end..span.end)?;
            let behind = behind.split(CLOSING).next().unwrap_or_default();
            Some((without_spaces(all.get(..begin)?), without_spaces(behind)))
        });
        Self { all: without_spaces(all), parts, message }
    }

    /// Whether it is a copy of the denial that `whole` tells, as `message` has it: of the same three, or a part of the same words.
    fn is_of(&self, message: &Message, whole: &str) -> bool {
        let Some((before, behind)) = &self.parts else {
            return self.all.starts_with(whole) || self.names_the_same(message);
        };
        let rest = match self.all.starts_with("User:") {
            true => whole.strip_prefix(before.as_str()),
            false => whole.split_once(before.as_str()).map(|(_, rest)| rest),
        };
        rest.is_some_and(|rest| {
            rest.contains(behind.as_str())
                // The end, and what a program put behind it.
                || rest.char_indices().any(|(at, _)| {
                    rest.get(at..).is_some_and(|end| end.len() >= "action".len() && behind.starts_with(end))
                })
        })
    }

    /// Who was denied, where nothing was left out of the name.
    fn user(&self) -> Option<&str> {
        let is_whole = self.parts.as_ref().is_none_or(|(before, _)| before.contains(DENIED));
        self.message.as_ref()?.user.as_deref().filter(|_| is_whole)
    }

    /// Whether somebody else is named behind the one who was denied.
    fn names_another(&self) -> bool {
        self.all.split_once(DENIED).is_some_and(|(_, rest)| rest.contains("User:"))
    }

    /// Whether it names the same principal, action and function, or no function.
    fn names_the_same(&self, message: &Message) -> bool {
        self.message.as_ref().is_some_and(|own| {
            own.user == message.user
                && own.action == message.action
                && matches!(own.cause, Cause::Unstated | Cause::Unread)
                && match &own.resource {
                    Resource::Missing => true,
                    // A program may have put a colon behind it.
                    Resource::Named(name) => {
                        let own = FunctionArn::parse(name.trim_end_matches(':'));
                        own.is_some() && own == function(message)
                    }
                    Resource::Cut => false,
                }
        })
    }

    /// Whether it is the beginning of `other`, and says itself that more was left out.
    fn begins(&self, other: &Self) -> bool {
        self.parts.as_ref().is_some_and(|(before, _)| {
            let other = other.parts.as_ref().map_or(other.all.as_str(), |(before, _)| before);
            other.starts_with(before)
        })
    }
}

/// The first mark in `text` that something was left out: where it begins and where it ends.
fn mark(text: &str) -> Option<(usize, usize)> {
    let marks = CUT_MARKS.iter().filter_map(|mark| text.find(mark).map(|place| (place, place + mark.len())));
    // As the Python package rich counts what it left out: `'...'+79`.
    let counted = text.match_indices("'+").find_map(|(place, quote)| {
        let digits = text.get(place + quote.len()..)?;
        let count = digits.find(|next: char| !next.is_ascii_digit()).unwrap_or(digits.len());
        (count > 0).then_some((place, place + quote.len() + count))
    });
    marks.chain(counted).min()
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
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

/// Where the words end that a sentence is known to have, of which `text` is what it denies and why.
fn known_words(text: &str) -> usize {
    let at = |rest: &str| text.len() - rest.len();
    let rest = text.strip_prefix(message::SENTENCE).unwrap_or_default();
    let mut rest = behind_word(rest);
    if let Some(resource) = rest.strip_prefix(" on resource: ") {
        rest = behind_word(resource);
    }
    if rest.starts_with(" because ") {
        rest = rest.split_once(" action").map_or(rest, |(_, rest)| rest);
    } else if let Some(clause) = rest.strip_prefix(" with an explicit deny") {
        let layer = [" in a ", " in an ", " in the "].iter().find_map(|words| clause.strip_prefix(words));
        rest = layer.map_or(clause, behind_word);
    }
    // The tail of IAM Access Troubleshooter, behind the clause or a policy's ARN.
    let tail = rest.split_once(AUTHORIZATION_TAIL).filter(|(before, _)| before.len() <= LONGEST_SUBJECT);
    let behind = tail.and_then(|(_, tail)| message::authorization_tail(tail)).map(|(_, behind)| behind);
    at(behind.unwrap_or(rest))
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
