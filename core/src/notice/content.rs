//! What a notice tells a person, before it has the form of a mail or of a chat.
//!
//! It is no notice yet: nothing here knows how a mail or a chat marks things, or how long they may be.

use crate::arn::principal::Principal;
use crate::incoming::facts::Facts;
use crate::incoming::message::Cause;
use crate::incoming::source::Source;
use crate::notice::next_step::{next_steps, taken_away};
use crate::notice::undo;
use crate::outcome::{Outcome, OutcomeKind, Report, Verdict, name};
use crate::text::one_line;

/// What is told of one outcome.
#[derive(Debug)]
pub struct Told<'a> {
    /// The outcome.
    pub outcome: &'a Outcome,
    /// What is known of the event.
    pub facts: &'a Facts,
    /// How its way ended.
    pub verdict: &'a Verdict,
    /// How to take the grant back, where there is one of ours.
    pub undo: Option<Undo>,
    /// How many notices like this one were not sent since the last one.
    pub left_out: u64,
}

/// How to take a grant back.
#[derive(Debug)]
pub struct Undo {
    /// One command of the `remediator` command line tool.
    pub tool: String,
    /// The commands for a shell that does not have it, in their order.
    pub shell: Vec<String>,
}

impl<'a> Told<'a> {
    /// Puts together what is told.
    pub fn new(outcome: &'a Outcome, report: &'a Report, left_out: u64) -> Self {
        let Report { facts, verdict, rule: _ } = report;
        Self { outcome, facts, verdict, undo: undo(facts, verdict), left_out }
    }

    /// A word or two that say how it ended, such as `Granted, still denied`.
    pub fn headline(&self) -> String {
        match (self.outcome.outcome, self.outcome.reason) {
            (OutcomeKind::Granted, _) if taken_away(self.verdict) > 0 => "Granted again".to_owned(),
            (OutcomeKind::Granted, _) => "Granted".to_owned(),
            (OutcomeKind::AlreadyGranted, _) if matches!(self.verdict, Verdict::StillDenied { .. }) => {
                "Granted, still denied".to_owned()
            }
            (OutcomeKind::AlreadyGranted, _) => "Already granted".to_owned(),
            (OutcomeKind::WouldGrant, _) => "Would grant (dry-run)".to_owned(),
            (OutcomeKind::Refused, reason) => {
                format!("Refused ({})", reason.map(name).unwrap_or_default().replace('_', " "))
            }
            (OutcomeKind::Ignored, _) => "Ignored".to_owned(),
        }
    }

    /// Whose id of the event it is that the outcome has.
    pub fn event_id_label(&self) -> &'static str {
        match self.outcome.source {
            Some(Source::Cloudtrail) | None => "CloudTrail event",
            Some(Source::Report) => "Report",
            Some(Source::Log) => "Log line",
            Some(Source::Manual) => "Event",
        }
    }

    /// What the reader can do about it.
    pub fn next_steps(&self) -> Vec<String> {
        next_steps(self.outcome, self.facts, self.verdict)
    }

    /// The layer that denied and how, and the policy where it is known: each as CloudTrail's message has it.
    pub fn denied_by(&self) -> Option<(String, Option<String>)> {
        Some(match self.facts.cause.as_ref()? {
            Cause::Unstated => ("not stated".to_owned(), None),
            Cause::Unread => ("cannot be read".to_owned(), None),
            Cause::Stated { denied_by, denial, policy } => {
                let policy = policy.as_ref().map(|policy| one_line(policy, 512));
                (format!("{} ({})", name(denied_by), name(denial)), policy)
            }
        })
    }
}

/// What takes back a grant that our own statement holds: what was added to it; where it was found there, the whole pair.
fn undo(facts: &Facts, verdict: &Verdict) -> Option<Undo> {
    let principal = &Principal::parse(facts.principal.as_deref()?)?;
    let function = facts.function.as_ref()?;
    let resources = match verdict {
        Verdict::Granted { added, .. } => added.clone(),
        Verdict::AlreadyGranted { is_listed: true, .. } | Verdict::StillDenied { is_listed: true, .. } => {
            function.resource_pair().to_vec()
        }
        Verdict::AlreadyGranted { is_listed: false, .. }
        | Verdict::StillDenied { is_listed: false, .. }
        | Verdict::WouldGrant { .. }
        | Verdict::Refused(_)
        | Verdict::Ignored(_) => return None,
    };
    Some(Undo {
        tool: undo::by_tool(principal, function),
        shell: undo::commands(principal, function, &resources),
    })
}
