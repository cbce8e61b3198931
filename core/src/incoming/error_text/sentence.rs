//! One sentence of a text, classified: complete, about another action, a fragment, or unknown.

use crate::actions::{ACTION, URL_ACTION};
use crate::incoming::error_text::fragment::{CLOSING, PLACEHOLDER, is_cut};
use crate::incoming::error_text::fuzzy::is_nearly;
use crate::incoming::error_text::layout::{Layout, MAX_SUBJECT, Span};
use crate::incoming::error_text::words::CURABLE;
use crate::incoming::message::{self, AUTHORIZATION_TAIL, Cause, Message, SENTENCE};

const QUOTES: [char; 3] = ['"', '\'', '`'];
/// The most characters after the words of denial that are searched for a hidden `InvokeFunction`.
const NEAR: usize = 300;
/// The words that introduce a second reason. AWS gives one alone.
const CONNECTIVES: [&str; 8] = ["and", "or", "nor", "but", "with", "because", "unless", "while"];

/// One sentence of a text. `end` is where it ends in [`Layout::flat`].
pub(super) enum Sentence {
    /// A complete one about a denied invoke.
    Complete {
        /// Where it ends.
        end: usize,
        /// The denial.
        message: Message,
    },
    /// One about another action.
    OtherAction {
        /// Where it ends.
        end: usize,
        /// The denial.
        message: Message,
    },
    /// One about something unknown.
    Unknown,
    /// A fragment of one that may be complete elsewhere.
    Fragment {
        /// Where it ends.
        end: usize,
        /// As much of the denial as can be read.
        message: Option<Message>,
    },
}

impl Sentence {
    /// Classifies the sentence at `span`.
    pub(super) fn parse(layout: &Layout, span: &Span) -> Self {
        let denied = layout.flat.get(span.denied..span.end).unwrap_or_default();
        let predicate = Predicate::parse(denied);
        let known = span.denied + predicate.length;
        // The rest of the line belongs to the sentence, up to what closes it. After the complete reason the rest is something
        // else, unless it is a second reason.
        let line = || layout.lined.get(known..span.end)?.find('\n').map(|end| known + end);
        let end = match (predicate.is_curable, predicate.is_continued) {
            (true, false) => known,
            (true, true) => line().unwrap_or(span.end),
            (false, _) => layout.closing(known, span.end),
        };
        let text = layout.flat.get(span.begin..end).unwrap_or_default().trim();
        let is_cut = layout.flat.get(span.begin..known).is_some_and(is_cut);
        let message = message::parse(text).ok();
        match message {
            Some(message) if !is_cut && is_complete(&message, text, &predicate) => {
                Self::Complete { end, message }
            }
            Some(message) if is_other_action(&message, &predicate, denied) => {
                Self::OtherAction { end, message }
            }
            message if may_be_ours(predicate.action, denied) => {
                // After a cut mark only what stands in the same place belongs to the sentence.
                let end = if is_cut { layout.closing(span.denied, span.end) } else { end };
                Self::Fragment { end, message }
            }
            _ => Self::Unknown,
        }
    }
}

/// The known words of a sentence from those of denial on.
struct Predicate<'a> {
    action: &'a str,
    /// All that follows the resource.
    reason: &'a str,
    /// The length of the known words.
    length: usize,
    /// Whether they end in the complete reason that an identity-based policy cures.
    is_curable: bool,
    /// Whether a second reason may follow them.
    is_continued: bool,
}

impl<'a> Predicate<'a> {
    fn parse(text: &'a str) -> Self {
        let denied = text.strip_prefix(SENTENCE).unwrap_or_default();
        let mut rest = after_word(denied);
        if let Some(resource) = rest.strip_prefix(" on resource: ") {
            rest = after_word(resource);
        }
        let reason = rest;
        let curable = reason.strip_prefix(CURABLE).filter(|rest| message::ends_word(rest));
        if let Some(after) = curable {
            rest = after;
        } else if rest.starts_with(" because ") {
            rest = rest.split_once(" action").map_or(rest, |(_, rest)| rest);
        } else if let Some(clause) = rest.strip_prefix(" with an explicit deny") {
            let layer = [" in a ", " in an ", " in the "].iter().find_map(|words| clause.strip_prefix(words));
            rest = layer.map_or(clause, after_word);
        }
        // The tail of IAM Access Troubleshooter, after the clause or a policy's ARN.
        let tail = rest.split_once(AUTHORIZATION_TAIL).filter(|(before, _)| before.len() <= MAX_SUBJECT);
        let after = tail.and_then(|(_, tail)| message::authorization_tail(tail)).map(|(_, after)| after);
        let rest = after.unwrap_or(rest);
        let next = rest.trim_start_matches([',', ' ']).split([' ', ',']).next().unwrap_or_default();
        let is_continued = CONNECTIVES.contains(&next.to_ascii_lowercase().as_str());
        let length = text.len() - rest.len();
        Self { action: word(denied), reason, length, is_curable: curable.is_some(), is_continued }
    }
}

/// Whether the sentence has all of its parts, each word of AWS's own as AWS writes it: the principal, an invoke, the function,
/// and directly after it the reason.
fn is_complete(message: &Message, text: &str, predicate: &Predicate<'_>) -> bool {
    let is_invoke = [ACTION, URL_ACTION].iter().any(|action| message.action.as_deref() == Some(*action));
    let has_subject = match &message.user {
        Some(user) => !user.contains(PLACEHOLDER),
        None => text.split_once(SENTENCE).is_some_and(|(subject, _)| is_service(subject)),
    };
    let has_reason = match &message.cause {
        Cause::Unstated => false,
        Cause::Stated { .. } => {
            let may_be_granted = message.cause.is_curable() && message.action.as_deref() == Some(ACTION);
            !may_be_granted || predicate.is_curable
        }
        // In unknown words, but not in the first of AWS's own alone.
        Cause::Unread => {
            predicate.reason.strip_prefix(" because ").is_some_and(|reason| !reason.is_empty())
                && !CURABLE.starts_with(predicate.reason)
        }
    };
    is_invoke && message.resource.is_named() && has_subject && has_reason
}

/// Whether `subject` ends in the name of an AWS service, such as `CloudWatch Alarms`, and not in the rest of a `User:` that was
/// cut off.
fn is_service(subject: &str) -> bool {
    let mut words = subject.trim().split(' ').rev();
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_uppercase())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    words.next().is_some_and(is_word) && words.next().is_some_and(is_word)
}

/// Whether another action was denied: the sentence goes on as AWS's does, and holds no part of `lambda:InvokeFunction`.
fn is_other_action(message: &Message, predicate: &Predicate<'_>, denied: &str) -> bool {
    let is_stated = matches!(message.cause, Cause::Stated { .. });
    is_action(predicate.action)
        && (is_stated || (message.resource.is_named() && !may_be_ours(predicate.action, denied)))
        && ![ACTION, URL_ACTION].iter().any(|ours| predicate.action.eq_ignore_ascii_case(ours))
}

/// Whether `text` has the form of an IAM action.
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

/// Whether `action`, with which `denied` begins, is a part of `lambda:InvokeFunction`, or stands in its place.
fn may_be_ours(action: &str, denied: &str) -> bool {
    let begun = action.trim_end_matches(|last: char| !last.is_ascii_alphanumeric() && last != ':');
    let near = denied.char_indices().nth(NEAR).and_then(|(end, _)| denied.get(..end)).unwrap_or(denied);
    // Shorter ones begin many actions, and an empty one all.
    let is_begun = match begun.len() {
        0 => denied.trim_end() == SENTENCE.trim_end(),
        length if length >= "lambda:I".len() => ACTION.starts_with(begun),
        _ => ACTION.starts_with(begun) && denied.trim_end().ends_with(action),
    };
    is_begun || is_nearly(action, ACTION) || is_nearly(action, URL_ACTION) || near.contains("InvokeFunction")
}

/// Returns the word with which `text` begins, without its quotes.
fn word(text: &str) -> &str {
    let text = text.trim_start_matches(QUOTES);
    let end = text.find(|next| next == ' ' || CLOSING.contains(&next)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Returns what follows the word with which `text` begins, and its quotes.
fn after_word(text: &str) -> &str {
    let bare = text.trim_start_matches(QUOTES);
    bare.get(word(bare).len()..).unwrap_or_default().trim_start_matches(QUOTES)
}
