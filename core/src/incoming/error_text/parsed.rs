//! The finding in a text of any kind: a traceback, a program's log line, a framed or quoted error, JSON.
//!
//! Only a complete sentence is a denial: the principal, the action, the function, and directly after it the reason. A name that
//! a program cut off or broke looks like a shorter name, but then the reason does not follow it. What programs put before, after
//! and around the sentence is left out, but nothing that could be a part of it. A denied invoke in any other words is an
//! incomplete denial, and never taken for something else.

use crate::arn::principal::SessionRole;
use crate::arn::{Arn, FunctionArn};
use crate::incoming::error_text::escapes;
use crate::incoming::error_text::fragment::Fragment;
use crate::incoming::error_text::fuzzy::{
    mentions_another_denial, mentions_denied_invoke, mentions_explicit_deny,
};
use crate::incoming::error_text::layout::{Layout, MAX_SENTENCES, MAX_SUBJECT, Span};
use crate::incoming::error_text::sentence::Sentence;
use crate::incoming::error_text::words::compact;
use crate::incoming::message::{Message, Resource};
use std::ops::Range;

/// The finding in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::incoming) enum Finding {
    /// No denied invoke.
    Nothing,
    /// Denials of other actions; the first of them, where it can be read.
    OtherAction(Option<Message>),
    /// One denial, in a complete sentence.
    Denial(Message),
    /// One denial, in a text that mentions an explicit deny elsewhere.
    DenialBesideExplicitDeny(Message),
    /// Several different denials.
    SeveralDenials,
    /// A denied invoke, in no complete sentence.
    Incomplete {
        /// The principal, where that much is complete.
        user: Option<String>,
        /// The words of the first sentence, without white space, which distinguish it from others.
        words: Option<String>,
    },
}

/// A parsed text: the finding in it, and the words by which the fragments of one printed error are recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedText {
    /// The finding in it.
    pub(in crate::incoming) finding: Finding,
    fragments: Vec<Fragment>,
    /// The complete sentence, if there is one, without white space.
    complete: Option<String>,
    /// Whether the text begins like a line of a drawn frame, as those of a traceback that shows its variables.
    is_framed: bool,
}

impl ParsedText {
    /// Parses a text.
    pub fn parse(text: &str) -> Self {
        let plain = escapes::unescape(text);
        let layout = Layout::new(&plain);
        let spans = layout.spans();
        let is_framed = plain.trim_start().starts_with(|first| ('\u{2500}'..='\u{257f}').contains(&first));
        if spans.len() > MAX_SENTENCES {
            let finding = Finding::SeveralDenials;
            return Self { finding, fragments: Vec::new(), complete: None, is_framed };
        }
        let mut sentences = Sentences::default();
        for span in &spans {
            sentences.add(Sentence::parse(&layout, span), &layout, span);
        }
        let finding = sentences.finding(&plain, &layout);
        // One of several, or one beside an explicit deny, does not stand for the others.
        let is_denial = matches!(finding, Finding::Denial(_));
        let complete = sentences.denials.pop().filter(|_| is_denial).map(|(sentence, _)| sentence);
        Self { finding, fragments: sentences.fragments, complete, is_framed }
    }

    /// Whether the text holds one denial, in a complete sentence.
    pub fn is_complete(&self) -> bool {
        self.complete.is_some()
    }

    /// Whether this is a line of a frame that holds only a fragment, marked as cut, of the sentence in `other`, or of a fragment
    /// there.
    pub fn repeats(&self, other: &Self) -> bool {
        let [fragment] = self.fragments.as_slice() else { return false };
        if !self.is_framed || !self.is_incomplete() || !fragment.names_the_user_in_full() {
            return false;
        }
        if let Some(complete) = &other.complete {
            return fragment.is_cut_out_of(complete);
        }
        let [first] = other.fragments.as_slice() else { return false };
        other.is_incomplete()
            && first.names_the_user_in_full()
            && (fragment.begins(first) || first.begins(fragment))
    }

    fn is_incomplete(&self) -> bool {
        matches!(self.finding, Finding::Incomplete { .. })
    }
}

/// The sentences of one text.
#[derive(Default)]
struct Sentences {
    /// The first two complete and different denials, each with its words without white space.
    denials: Vec<(String, Message)>,
    fragments: Vec<Fragment>,
    /// The number of complete denials of other actions.
    others: usize,
    /// The first of them.
    first_other: Option<Message>,
    /// The number of sentences about something unknown.
    unknown: usize,
    /// The places of the complete sentences and the fragments. The rest of the text must hold no other sentence.
    understood: Vec<Range<usize>>,
    /// The places of the complete sentences.
    complete: Vec<Range<usize>>,
}

impl Sentences {
    fn add(&mut self, sentence: Sentence, layout: &Layout, span: &Span) {
        match sentence {
            Sentence::Complete { end, message } => {
                self.understood.push(span.begin..end);
                self.complete.push(span.begin..end);
                // Two are several, whatever follows.
                if self.denials.len() < 2 && !self.denials.iter().any(|(_, other)| is_same(other, &message)) {
                    // A copy does not repeat what follows the reason.
                    let kept = layout.flat.floor_char_boundary(end.min(span.begin + 2 * MAX_SUBJECT));
                    let words = layout.flat.get(span.begin..kept).unwrap_or_default();
                    self.denials.push((compact(words), message));
                }
            }
            Sentence::OtherAction { end, message } => {
                self.understood.push(span.begin..end);
                self.complete.push(span.begin..end);
                self.others += 1;
                self.first_other = self.first_other.take().or(Some(message));
            }
            Sentence::Unknown => self.unknown += 1,
            Sentence::Fragment { end, message } => {
                self.understood.push(span.begin..end);
                self.fragments.push(Fragment::new(
                    &layout.flat,
                    &layout.lined,
                    span.begin..span.end,
                    message,
                ));
            }
        }
    }

    /// Concludes the finding in the text. `plain` is the text without escapes.
    fn finding(&mut self, plain: &str, layout: &Layout) -> Finding {
        match self.denials.as_slice() {
            [(words, message)] if self.are_fragments_of(words, message) => {
                let rest = layout.without(&self.understood, words);
                // Besides the words of the complete sentence a copy of it may hold others.
                let beside = layout.without(&self.complete, words);
                if mentions_another_denial(&rest) {
                    Finding::SeveralDenials
                } else if message.cause.is_curable() && mentions_explicit_deny(&beside) {
                    Finding::DenialBesideExplicitDeny(message.clone())
                } else {
                    Finding::Denial(message.clone())
                }
            }
            [_, ..] => Finding::SeveralDenials,
            [] if self.fragments.iter().any(Fragment::names_another_user) => Finding::SeveralDenials,
            [] if !self.fragments.is_empty() => {
                let words = self.understood.first().and_then(|span| layout.flat.get(span.clone()));
                Finding::Incomplete { user: common_user(&self.fragments), words: words.map(compact) }
            }
            // The text as it came, and not the rest of it: it may be a table, whose columns part the words.
            [] if mentions_denied_invoke(plain, self.others) || layout.ends_before_the_action() => {
                self.fragments = layout.beginnings();
                Finding::Incomplete { user: None, words: None }
            }
            [] if self.others + self.unknown > 0 => Finding::OtherAction(self.first_other.take()),
            [] => Finding::Nothing,
        }
    }

    fn are_fragments_of(&self, words: &str, message: &Message) -> bool {
        let function = called_function(message);
        self.fragments.iter().all(|fragment| fragment.is_copy_of(words, message, function.as_ref()))
    }
}

/// Whether both messages are of one denial. Sessions of one role are the same, and so are qualifiers of one function.
fn is_same(one: &Message, other: &Message) -> bool {
    let user = |message: &Message| {
        let role = message.user.as_deref().and_then(SessionRole::parse);
        role.map(|role| format!("{:?}", role.session())).or_else(|| message.user.clone())
    };
    let cause = |message: &Message| (message.cause.denied_by(), message.cause.denial());
    let (function, other_function) = (called_function(one), called_function(other));
    user(one) == user(other)
        && one.action == other.action
        && function == other_function
        && (function.is_some() || one.resource == other.resource)
        && cause(one) == cause(other)
}

fn called_function(message: &Message) -> Option<FunctionArn> {
    match &message.resource {
        Resource::Named(text) => FunctionArn::parse(text),
        Resource::Missing | Resource::Cut => None,
    }
}

/// Returns the principal that all fragments name, if they name one.
fn common_user(fragments: &[Fragment]) -> Option<String> {
    // The beginning of an ARN names nobody.
    let is_arn = |user: &&str| {
        Arn::parse(user).is_some_and(|arn| arn.resource.contains('/') || arn.resource == "root")
    };
    let mut users = fragments.iter().filter_map(Fragment::user).filter(is_arn);
    let first = users.next()?;
    users.all(|user| user == first).then(|| first.to_owned())
}
