//! Fragments of sentences: copies that a program cut off, or incomplete denials of their own.
//!
//! A [`Fragment`] is compared without white space, so that it makes no difference how either text was wrapped.

use crate::actions::ACTION;
use crate::arn::FunctionArn;
use crate::incoming::error_text::words::{
    CURABLE_COMPACT, DENIED_COMPACT, NOT_AUTHORIZED_COMPACT, USER, compact,
};
use crate::incoming::message::{Cause, Message, Resource};
use std::ops::Range;

/// The characters that close the place of a text, such as its quotes. No ARN of a function has one of these in it.
pub(super) const CLOSING: [char; 11] = ['\n', '"', '\'', '`', ')', ']', '}', '<', '>', ',', ';'];
/// The characters of masks and placeholders, which no name has.
pub(super) const PLACEHOLDER: [char; 7] = ['*', '<', '>', '[', ']', '{', '}'];
/// The most bytes of a fragment that are kept: more than any sentence has.
const MAX_KEPT: usize = 2_000;
/// The marks that programs put in the place of what they left out.
const CUT_MARKS: [&str; 6] = ["...", "\u{2026}", "(truncated", "[truncated", "<truncated", "[snip"];
/// The longest end of a sentence that is compared with the text after a mark.
const MAX_END: usize = 400;
/// The longest text after a mark that may belong to the mark.
const MAX_MARK: usize = 40;

/// A fragment of a sentence, without white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    /// The whole fragment, with whatever follows it.
    all: String,
    /// The texts before and after the first cut mark, if there is one.
    parts: Option<(String, String)>,
    message: Option<Message>,
}

impl Fragment {
    /// Creates the fragment at `span`, of which `message` can be read. `lined` is the text with its line ends, `flat` without.
    pub(super) fn new(flat: &str, lined: &str, span: Range<usize>, message: Option<Message>) -> Self {
        let begin = span.start;
        let end = flat.floor_char_boundary(span.end.min(begin + MAX_KEPT));
        let all = flat.get(begin..end).unwrap_or_default();
        let parts = cut_mark(all).and_then(|mark| {
            // The rest goes on to the end of the place that it stands in.
            let rest = lined.get(begin + mark.end..end)?.split(CLOSING).next().unwrap_or_default();
            // A mark may stand in brackets.
            let before = compact(all.get(..mark.start)?.trim_end().trim_end_matches(['[', '(', '<']));
            Some((before, compact(rest)))
        });
        Self { all: compact(all), parts, message }
    }

    /// Whether it is a copy of the sentence `complete`, which says `message` and calls `function`: a part of the same words, or
    /// the same principal, action and function.
    pub(super) fn is_copy_of(
        &self,
        complete: &str,
        message: &Message,
        function: Option<&FunctionArn>,
    ) -> bool {
        match &self.parts {
            Some(_) => self.is_cut_out_of(complete),
            None => self.all.starts_with(complete) || self.names_the_same(message, function),
        }
    }

    /// Whether a program cut it out of `complete`, and marked the cut.
    pub(super) fn is_cut_out_of(&self, complete: &str) -> bool {
        let Some((before, after)) = &self.parts else { return false };
        let rest = match self.all.starts_with(USER) {
            true => complete.strip_prefix(before.as_str()),
            false => complete.split_once(before.as_str()).map(|(_, rest)| rest),
        };
        rest.is_some_and(|rest| {
            rest.contains(after.as_str()) || begins_with_an_end_of(rest, after) || belongs_to_a_mark(after)
        })
    }

    /// Returns the principal, where it is complete.
    pub(super) fn user(&self) -> Option<&str> {
        let is_complete =
            self.parts.as_ref().is_none_or(|(before, _)| before.contains(NOT_AUTHORIZED_COMPACT));
        self.message.as_ref()?.user.as_deref().filter(|user| is_complete && !user.contains(PLACEHOLDER))
    }

    /// Whether it begins with the complete principal, and has a cut mark after it.
    pub(super) fn names_the_user_in_full(&self) -> bool {
        self.all.starts_with(USER)
            && self.parts.as_ref().is_some_and(|(before, _)| before.contains(NOT_AUTHORIZED_COMPACT))
    }

    /// Whether another principal follows the one who was denied.
    pub(super) fn names_another_user(&self) -> bool {
        self.denied().is_some_and(|denied| denied.contains(USER))
    }

    /// Whether it is the beginning of `other`, up to its cut mark.
    pub(super) fn begins(&self, other: &Self) -> bool {
        let other = other.parts.as_ref().map_or(other.all.as_str(), |(before, _)| before);
        self.parts.as_ref().is_some_and(|(before, _)| other.starts_with(before))
    }

    /// Whether it names the same principal and action and the same function, or no function, and gives no reason of its own.
    fn names_the_same(&self, message: &Message, function: Option<&FunctionArn>) -> bool {
        self.message.as_ref().is_some_and(|own| {
            own.user == message.user
                && own.action == message.action
                && matches!(own.cause, Cause::Unstated | Cause::Unread)
                && match &own.resource {
                    Resource::Missing => self.ends_with_the_action(),
                    Resource::Named(name) => {
                        // A program may have put a colon after it.
                        let name = name.trim_end_matches(':');
                        let named = FunctionArn::parse(name);
                        named.is_some() && named.as_ref() == function && self.gives_no_reason_after(name)
                    }
                    Resource::Cut => false,
                }
        })
    }

    /// Returns what follows the words of denial.
    fn denied(&self) -> Option<&str> {
        self.all.split_once(DENIED_COMPACT).map(|(_, denied)| denied)
    }

    /// Whether nothing follows the action, or only the beginning of the words before a resource.
    fn ends_with_the_action(&self) -> bool {
        let rest = self.denied().and_then(|denied| denied.strip_prefix(ACTION));
        rest.is_some_and(|rest| "onresource:".starts_with(rest.trim_matches(CLOSING)))
    }

    /// Whether `word`, the last known one, is followed by the beginning of the curable reason, or by no reason.
    fn gives_no_reason_after(&self, word: &str) -> bool {
        let rest = self.denied().and_then(|denied| denied.split_once(word)).map(|(_, rest)| rest);
        rest.is_some_and(|rest| {
            let words = rest.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
            CURABLE_COMPACT.starts_with(words) || !(words.starts_with("because") || words.starts_with("with"))
        })
    }
}

/// Whether `text` begins with an end of `sentence` that is long enough to be one.
fn begins_with_an_end_of(sentence: &str, text: &str) -> bool {
    let first = sentence.len().saturating_sub(MAX_END);
    let ends = (first..sentence.len()).filter_map(|at| sentence.get(at..));
    ends.filter(|end| end.len() >= "action".len()).any(|end| text.starts_with(end))
}

/// Whether `text` is the rest of a mark, such as `(+90 more characters)`, and no word of a sentence.
fn belongs_to_a_mark(text: &str) -> bool {
    let words = ["arn:", "because", "deny", "allow", "policy", "with", "authorized", "user"];
    text.len() <= MAX_MARK && !words.iter().any(|word| text.to_ascii_lowercase().contains(word))
}

/// Whether a cut mark stands in `text`.
pub(super) fn is_cut(text: &str) -> bool {
    cut_mark(text).is_some()
}

/// Returns the place of the first cut mark in `text`.
fn cut_mark(text: &str) -> Option<Range<usize>> {
    let marks = CUT_MARKS.iter().filter_map(|mark| text.find(mark).map(|place| (place, place + mark.len())));
    // The Python package rich writes how many characters it left out: `'...'+79`.
    let counted = text.match_indices("'+").find_map(|(place, quote)| {
        let digits = text.get(place + quote.len()..)?;
        let count = digits.find(|next: char| !next.is_ascii_digit()).unwrap_or(digits.len());
        (count > 0).then_some((place, place + quote.len() + count))
    });
    marks.chain(counted).min().map(|(start, end)| start..end)
}
