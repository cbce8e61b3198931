//! The lines of a log, each of which may tell of a denial.

use crate::incoming::Event;
use crate::incoming::claim::{contradictory, ignored};
use crate::incoming::error_text::{ErrorText, sentences};
use crate::incoming::facts::Facts;
use crate::incoming::log_batch::{LineAccount, LogBatch, LogEvent};
use crate::incoming::source::Source;
use std::collections::VecDeque;

/// How many lines of a log, in front of one and behind it, may hold the pieces of what was printed at once.
const NEAR_LINES: usize = 100;

/// Reads the lines of a log, each by itself, and at the end what could not be read of the batch.
///
/// The account is the line's own where it states one: a central log group is ours, and its lines are of others. One that is
/// stated in a strange form is not replaced by the log group's, and the line is refused.
///
/// The line's own region, `@aws.region`, is not read. A line is logged where the caller runs, and a caller may invoke a function
/// of another region: so it cannot contradict the function's region, and there is nothing else that it could tell.
///
/// Programs print one error in several pieces, of which one is whole and others are cut: in a traceback, say, that shows the
/// values of its variables. A line that holds nothing but a piece of what a line near it tells is no denial of its own.
pub fn read(batch: &LogBatch) -> Vec<Event> {
    // Of thousands of lines no more readings are kept than are compared.
    let mut near: VecDeque<(usize, sentences::Reading)> = VecDeque::new();
    let mut unread_lines = batch.events.iter().enumerate();
    let line = |(place, event): (usize, &LogEvent)| {
        while near.back().is_none_or(|(last, _)| *last < place + NEAR_LINES)
            && let Some((next, event)) = unread_lines.next()
        {
            near.push_back((next, sentences::read(event.message.as_deref().unwrap_or_default())));
        }
        while near.front().is_some_and(|(first, _)| first + NEAR_LINES < place) {
            near.pop_front();
        }
        let (account, malformed) = match &event.account {
            LineAccount::Unstated => (batch.owner.as_deref(), None),
            LineAccount::Stated(account) => (Some(account.as_str()), None),
            LineAccount::Strange => (None, Some("extractedFields.@aws.account")),
        };
        let error = ErrorText {
            source: Source::Log,
            text: event.message.as_deref().unwrap_or_default(),
            account,
            event_id: event.id.as_deref(),
            event_time: event.time.as_deref(),
            malformed,
        };
        let Some((_, text)) = near.iter().find(|(other, _)| *other == place) else {
            return ignored(error.facts(), "the line was not read".to_owned());
        };
        // Of pieces alone the first is told.
        let is_of_line =
            |other: usize| batch.events.get(other).is_some_and(|other| other.account == event.account);
        let mut others = near.iter().filter(|(other, text)| *other < place || text.is_whole());
        if others.any(|(other, other_text)| is_of_line(*other) && text.repeats(other_text)) {
            return ignored(error.facts(), "the line holds a piece of what another line tells".to_owned());
        }
        error.conclude(text.told.clone())
    };
    let unread = batch.unread.as_ref().map(|why| {
        let facts = Facts { source: Some(Source::Log), ..Facts::default() };
        contradictory(facts, format!("the batch cannot be read in full: {why}"))
    });
    batch.events.iter().enumerate().map(line).chain(unread).collect()
}
