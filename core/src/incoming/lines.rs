//! The lines of a log, each of which may hold a denial.

use crate::incoming::Event;
use crate::incoming::error_text::ErrorText;
use crate::incoming::error_text::parsed::ParsedText;
use crate::incoming::facts::Facts;
use crate::incoming::log_batch::{LineAccount, LogBatch, LogEvent};
use crate::incoming::source::Source;
use std::collections::VecDeque;

/// The most lines between two fragments of one printed error.
const NEAR_LINES: usize = 100;

/// Reads each line of a log, and last what could not be read of the batch.
///
/// The account is the line's own where it states one: a central log group is ours, and its lines come from other accounts. The
/// log group's account does not replace a malformed one, and the line is refused.
///
/// The line's own region, `@aws.region`, is not read. A line is logged where the caller runs, and a caller may invoke a function
/// of another region, so that the two regions cannot contradict each other.
///
/// Programs print one error in several fragments, of which one is complete and others are cut: in a traceback, say, that shows
/// the values of its variables. A line that holds only a fragment of a sentence in a line near it is not a denial of its own.
pub fn read(batch: &LogBatch) -> Vec<Event> {
    let mut window = Window::new(batch);
    let lines = batch.events.iter().enumerate().map(|(place, event)| {
        let line = line_text(batch, event);
        window.move_to(place);
        match window.text_at(place) {
            None => Event::ignored(line.facts(), "the line was not read"),
            Some(text) if window.holds_the_rest_of(place, text) => {
                Event::ignored(line.facts(), "the line holds a piece of what another line tells")
            }
            Some(text) => line.to_event(text.finding.clone()),
        }
    });
    let mut events: Vec<Event> = lines.collect();
    events.extend(batch.unread.as_ref().map(|why| {
        let facts = Facts { source: Some(Source::Log), ..Facts::default() };
        Event::contradictory(facts, format!("the batch cannot be read in full: {why}"))
    }));
    events
}

fn line_text<'a>(batch: &'a LogBatch, event: &'a LogEvent) -> ErrorText<'a> {
    let (account, malformed) = match &event.account {
        LineAccount::Unstated => (batch.owner.as_deref(), None),
        LineAccount::Stated(account) => (Some(account.as_str()), None),
        LineAccount::Malformed => (None, Some("extractedFields.@aws.account")),
    };
    ErrorText {
        source: Source::Log,
        text: event.message.as_deref().unwrap_or_default().into(),
        account,
        event_id: event.id.as_deref(),
        event_time: event.time.as_deref(),
        malformed,
    }
}

/// The parsed lines near one line. Of thousands of lines no more are kept than are compared.
struct Window<'a> {
    events: &'a [LogEvent],
    /// The next line to parse.
    next: usize,
    /// The parsed lines, each with its place in the batch.
    parsed: VecDeque<(usize, ParsedText)>,
}

impl<'a> Window<'a> {
    fn new(batch: &'a LogBatch) -> Self {
        Self { events: &batch.events, next: 0, parsed: VecDeque::new() }
    }

    /// Parses the lines up to [`NEAR_LINES`] after `place`, and drops those more than [`NEAR_LINES`] before it.
    fn move_to(&mut self, place: usize) {
        while self.next <= place + NEAR_LINES
            && let Some(event) = self.events.get(self.next)
        {
            let text = event.message.as_deref().unwrap_or_default();
            self.parsed.push_back((self.next, ParsedText::parse(text)));
            self.next += 1;
        }
        while self.parsed.front().is_some_and(|(first, _)| first + NEAR_LINES < place) {
            self.parsed.pop_front();
        }
    }

    fn text_at(&self, place: usize) -> Option<&ParsedText> {
        self.parsed.iter().find(|(other, _)| *other == place).map(|(_, text)| text)
    }

    /// Whether a line near `place`, of the same account, holds the sentence of which `text` is a fragment. Of several fragments
    /// without a complete sentence the first stands for the others.
    fn holds_the_rest_of(&self, place: usize, text: &ParsedText) -> bool {
        let account = |place: usize| self.events.get(place).map(|event| &event.account);
        self.parsed.iter().any(|(other, other_text)| {
            (*other < place || other_text.is_complete())
                && account(*other) == account(place)
                && text.repeats(other_text)
        })
    }
}
