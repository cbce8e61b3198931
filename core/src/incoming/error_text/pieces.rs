//! What is left of a sentence that is not whole: a copy that a program cut off, or a denial of its own.
//!
//! A [`Piece`] is compared without white space, so that it makes no difference how either was wrapped.

use crate::arn::FunctionArn;
use crate::incoming::message::{Cause, Message, Resource};
use std::ops::Range;

/// What closes the place that a text stands in. No ARN of a function has one of these in it.
pub(crate) const CLOSING: [char; 11] = ['\n', '"', '\'', '`', ')', ']', '}', '<', '>', ',', ';'];
/// What stands in the place of a name that was put out of sight or into a tag, and in no name.
pub(crate) const NO_NAME: [char; 7] = ['*', '<', '>', '[', ']', '{', '}'];
/// How much of a piece is kept, in bytes: more than any sentence has.
const MAX_KEPT: usize = 2_000;
/// What programs put in the place of what they left out.
const CUT_MARKS: [&str; 6] = ["...", "\u{2026}", "(truncated", "[truncated", "<truncated", "[snip"];
/// The words of denial, without white space.
const DENIED: &str = "isnotauthorizedtoperform:";
/// The first of them, behind which nothing is left out of the name before.
const NAMED: &str = "isnotauthorized";
/// The reason that can be cured, likewise.
const CURABLE: &str = "becausenoidentity-basedpolicyallowsthelambda:InvokeFunctionaction";
/// How much of the end of a sentence may stand behind a mark, at most.
const MAX_END: usize = 400;

/// A piece, without white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// All of it, with whatever stands behind it.
    all: String,
    /// What stands before and behind the mark that something was left out, if there is one.
    parts: Option<(String, String)>,
    message: Option<Message>,
}

impl Piece {
    /// The piece at `span`: `lined` is the text with its line ends, `flat` without. `message` is what can be read of it.
    pub(crate) fn new(flat: &str, lined: &str, span: Range<usize>, message: Option<Message>) -> Self {
        let begin = span.start;
        let end = flat.floor_char_boundary(span.end.min(begin + MAX_KEPT));
        let all = flat.get(begin..end).unwrap_or_default();
        let parts = mark(all).and_then(|(before, behind)| {
            // What is left goes on up to the end of the place that it stands in.
            let rest = lined.get(begin + behind..end)?.split(CLOSING).next().unwrap_or_default();
            // A mark may stand in brackets.
            let before = without_spaces(all.get(..before)?.trim_end().trim_end_matches(['[', '(', '<']));
            Some((before, without_spaces(rest)))
        });
        Self { all: without_spaces(all), parts, message }
    }

    /// Whether it is a copy of the denial in `whole`, of `called` where it names one function: the same three, or a part of the
    /// same words.
    pub(crate) fn is_of(&self, message: &Message, whole: &str, called: Option<FunctionArn>) -> bool {
        match &self.parts {
            Some(_) => self.is_cut_out_of(whole),
            None => self.all.starts_with(whole) || self.names_the_same(message, called),
        }
    }

    /// Whether it is a part of the words of `whole`, and says itself that more was left out.
    pub(crate) fn is_cut_out_of(&self, whole: &str) -> bool {
        let Some((before, behind)) = &self.parts else { return false };
        let rest = match self.all.starts_with("User:") {
            true => whole.strip_prefix(before.as_str()),
            false => whole.split_once(before.as_str()).map(|(_, rest)| rest),
        };
        rest.is_some_and(|rest| {
            rest.contains(behind.as_str()) || begins_with_an_end(behind, rest) || belongs_to_a_mark(behind)
        })
    }

    /// Its words, up to where something was left out: what tells it from others.
    pub(crate) fn words(&self) -> &str {
        self.parts.as_ref().map_or(self.all.as_str(), |(before, _)| before)
    }

    /// Who was denied, where nothing was left out of the name.
    pub(crate) fn user(&self) -> Option<&str> {
        let is_whole = self.parts.as_ref().is_none_or(|(before, _)| before.contains(NAMED));
        self.message.as_ref()?.user.as_deref().filter(|user| is_whole && !user.contains(NO_NAME))
    }

    /// Whether it says who was denied, and nothing was left out of that.
    pub(crate) fn names_in_full(&self) -> bool {
        self.all.starts_with("User:") && self.parts.as_ref().is_some_and(|(before, _)| before.contains(NAMED))
    }

    /// Whether somebody else is named behind the one who was denied.
    pub(crate) fn names_another(&self) -> bool {
        self.all.split_once(DENIED).is_some_and(|(_, rest)| rest.contains("User:"))
    }

    /// Whether it is the beginning of `other`, and says itself that more was left out.
    pub(crate) fn begins(&self, other: &Self) -> bool {
        self.parts.as_ref().is_some_and(|(before, _)| other.words().starts_with(before))
    }

    /// Whether it names the same principal and action and the same function, or no function, and gives no reason of its own.
    fn names_the_same(&self, message: &Message, called: Option<FunctionArn>) -> bool {
        self.message.as_ref().is_some_and(|own| {
            own.user == message.user
                && own.action == message.action
                && matches!(own.cause, Cause::Unstated | Cause::Unread)
                && match &own.resource {
                    Resource::Missing => self.ends_with_the_action(),
                    Resource::Named(name) => {
                        // A program may have put a colon behind it.
                        let name = name.trim_end_matches(':');
                        let named = FunctionArn::parse(name);
                        named.is_some() && named == called && self.gives_no_reason_behind(name)
                    }
                    Resource::Cut => false,
                }
        })
    }

    /// Whether nothing follows the action, or the beginning of what AWS puts there.
    fn ends_with_the_action(&self) -> bool {
        let behind =
            self.all.split_once(DENIED).and_then(|(_, rest)| rest.strip_prefix("lambda:InvokeFunction"));
        behind.is_some_and(|behind| "onresource:".starts_with(behind.trim_matches(CLOSING)))
    }

    /// Whether what stands behind the last word that is known may be the beginning of the reason that can be cured, or of no reason.
    fn gives_no_reason_behind(&self, word: &str) -> bool {
        let denied = self.all.split_once(DENIED).map(|(_, rest)| rest);
        let behind = denied.and_then(|rest| rest.split_once(word)).map(|(_, behind)| behind);
        behind.is_some_and(|behind| {
            let words = behind.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
            CURABLE.starts_with(words) || !(words.starts_with("because") || words.starts_with("with"))
        })
    }
}

/// Whether `text` begins with an end of `whole`, long enough to be one, and a program put something behind it.
fn begins_with_an_end(text: &str, whole: &str) -> bool {
    let first = whole.len().saturating_sub(MAX_END);
    let ends = (first..whole.len()).filter_map(|at| whole.get(at..));
    ends.filter(|end| end.len() >= "action".len()).any(|end| text.starts_with(end))
}

/// Whether `text` is the rest of a mark, such as `(+90 more characters)`, and no word of a sentence.
fn belongs_to_a_mark(text: &str) -> bool {
    let words = ["arn:", "because", "deny", "allow", "policy", "with", "authorized", "user"];
    text.len() <= 40 && !words.iter().any(|word| text.to_ascii_lowercase().contains(word))
}

/// Whether something was left out of `text`, and a mark says so.
pub(crate) fn is_marked(text: &str) -> bool {
    mark(text).is_some()
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

/// The text without white space.
pub(crate) fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}
