//! The lines of a log: those about one principal and one function one after the other, so that what the first does is known to
//! the others; all others side by side, since a grant waits most of its time.

use crate::handler::Remediator;
use crate::handler::error::HandlerError;
use crate::handler::event::Admission;
use crate::handler::invocation::{Invocation, Progress};
use crate::reply::Reply;
use futures_util::stream::{self, StreamExt};
use remediator_core::arn::is_account;
use remediator_core::arn::principal::RoleSession;
use remediator_core::incoming::facts::Facts;
use remediator_core::incoming::lines;
use remediator_core::incoming::log_batch::LogBatch;
use remediator_core::incoming::source::Source;
use remediator_core::outcome::{Outcome, OutcomeKind, Report, Verdict};
use remediator_core::reason::{Reason, Refusal};
use remediator_core::text::one_line;
use std::collections::BTreeMap;
use tokio::time::Instant;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

/// The greatest number of lines that are handled at once: more would only wait for IAM, which throttles.
const MAX_AT_ONCE: usize = 8;

/// A line's place in the batch, and what it is admitted as.
type Line = (usize, Result<Admission, HandlerError>);

impl Remediator {
    /// Handles the lines of a log. One that fails does not keep the others from being handled; then the whole batch is to be
    /// tried again, which finds done what was done.
    pub(super) async fn handle_lines(
        &self,
        batch: &LogBatch,
        invocation: &Invocation<'_>,
    ) -> Result<Reply, HandlerError> {
        if let Some(own) = self.own_log_group(batch, invocation) {
            return self.refuse_own_log(batch, own, invocation).await;
        }
        let events = lines::read(batch);
        let (of, log_group) = (events.len(), batch.log_group.as_deref());
        tracing::info!(lines = of, logGroup = log_group, "a batch of a log's lines has come");
        let lines = events
            .into_iter()
            .enumerate()
            .map(|(place, event)| (pair_of(event.facts()), (place, Admission::of(event, invocation))));
        let mut groups = group_by_pair(lines);
        // A flood of what is refused anyway must not use up the time of what may be granted.
        groups.sort_by_key(|group| !group.iter().any(may_be_granted));
        let groups = groups.into_iter().map(|group| self.handle_group(group, invocation));
        let mut handled: Vec<_> = stream::iter(groups).buffer_unordered(MAX_AT_ONCE).concat().await;
        handled.sort_by_key(|(place, _)| *place);
        let mut outcomes = Vec::with_capacity(of);
        let (mut failed, mut first, mut waited) = (0, None, None);
        for (_, outcome) in handled {
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    failed += 1;
                    // What kept the others waiting says more.
                    let place = if error.is_wait() { &mut waited } else { &mut first };
                    place.get_or_insert(error);
                }
            }
        }
        if let (None, Some(waited)) = (&first, &waited) {
            // The only line of the log that tells of it.
            (invocation.observe)(invocation.began.elapsed(), Err(waited));
        }
        match first.or(waited) {
            None => Ok(Reply::to_batch(outcomes)),
            Some(first) => Err(HandlerError::Lines { failed, of, first: Box::new(first) }),
        }
    }

    /// Handles the lines of one group one after the other, each with the time that is left.
    async fn handle_group(
        &self,
        group: Vec<Line>,
        invocation: &Invocation<'_>,
    ) -> Vec<(usize, Result<Outcome, HandlerError>)> {
        let mut handled = Vec::with_capacity(group.len());
        for (place, admission) in group {
            if invocation.is_over() && takes_time(&admission) {
                // Thousands may be left. The error of the batch counts them.
                handled.push((place, Err(HandlerError::waited())));
                continue;
            }
            let (began, progress) = (Instant::now(), Progress::default());
            let work = async { self.conclude(admission?, invocation, &progress).await };
            let outcome = invocation.in_time(&progress, work).await;
            if !matches!(&outcome, Ok(outcome) if outcome.outcome == OutcomeKind::Ignored) {
                (invocation.observe)(began.elapsed(), outcome.as_ref());
            }
            handled.push((place, outcome));
        }
        handled
    }

    /// The name of the own log group, if that is where the lines come from.
    ///
    /// It is the log group that counts, and not whose each line is: what is logged here of a line of another account, which a
    /// central log group of the same name may hold, comes back just as well. No grant is lost by that, since such a line brings
    /// none about. A log group of another account is another one, whatever its name; where `owner` is no account id, or the own
    /// account is not known, the name alone decides, since one refusal too many ends and a loop does not.
    fn own_log_group(&self, batch: &LogBatch, invocation: &Invocation<'_>) -> Option<&str> {
        // Nothing came of it: an empty list, or CloudWatch Logs trying whether the function can be reached.
        if batch.events.is_empty() && batch.unread.is_none() {
            return None;
        }
        let own =
            self.config.own_log_group.as_deref().filter(|own| batch.log_group.as_deref() == Some(own))?;
        let owner = batch.owner.as_deref().filter(|owner| is_account(owner));
        match (owner, invocation.own()) {
            (Some(owner), Ok(identity)) if owner != identity.account => None,
            (Some(_) | None, Ok(_) | Err(_)) => Some(own),
        }
    }

    /// Refuses the lines of the function's own log, as a whole: what is logged of a line comes back as the next one.
    ///
    /// What is logged here comes back as well, at most once: neither the outcome nor the error holds what may tell of a
    /// denial, and of lines that do not nothing is logged. The notice goes out all the same, once in the quiet interval: a
    /// subscription that takes every line brings Lambda's own lines of each invocation, without end. Where it fails for those,
    /// that is no error, which Lambda would try again and log three times; the next lines try again.
    ///
    /// See <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions-recursion-prevention.html>.
    async fn refuse_own_log(
        &self,
        batch: &LogBatch,
        own: &str,
        invocation: &Invocation<'_>,
    ) -> Result<Reply, HandlerError> {
        let why = format!(
            "its lines are of the function's own log group `{}`, and what it logs of them would come back without end; \
             exclude that log group from the subscription, for which an account-level policy has the selection criteria \
             LogGroupName NOT IN [...]",
            one_line(own, 512)
        );
        let account = batch.owner.clone().filter(|owner| is_account(owner));
        let facts = Facts { source: Some(Source::Log), account, ..Facts::default() };
        let report = Report::new(facts, Verdict::Refused(Refusal::new(Reason::ContradictoryEvent, why)));
        let progress = Progress::default();
        // What AWS says of a call that failed is traced, and would be another such line.
        let work = async {
            let notified =
                self.notify(&report, &progress, None).with_subscriber(NoSubscriber::default()).await;
            notified.map_err(|_| HandlerError::OwnLogNotNotified)
        };
        let outcome = invocation.in_time(&progress, work).await;
        let may_tell_of_a_denial =
            batch.unread.is_some() || batch.events.iter().any(|event| event.message.is_some());
        match outcome {
            Err(_) if !may_tell_of_a_denial => Ok(Reply::to_batch(Vec::new())),
            Ok(outcome) if !may_tell_of_a_denial => Ok(Reply::to_batch(vec![outcome])),
            outcome => {
                (invocation.observe)(invocation.began.elapsed(), outcome.as_ref());
                outcome.map(|outcome| Reply::to_batch(vec![outcome]))
            }
        }
    }
}

/// Whether a line is more than one to ignore.
fn takes_time(admission: &Result<Admission, HandlerError>) -> bool {
    !matches!(admission, Ok(Admission::Rejected(Report { verdict: Verdict::Ignored(_), .. })))
}

/// Whether the allowlist may grant what a line asks for, or nobody knows.
fn may_be_granted((_, admission): &Line) -> bool {
    match admission {
        Ok(Admission::Admitted(_)) | Err(_) => true,
        Ok(Admission::Rejected(_)) => false,
    }
}

/// The principal and the function that a line is about.
type Pair = (String, String);

/// Groups what is about one pair; each group keeps the order in which things came.
fn group_by_pair<T>(lines: impl IntoIterator<Item = (Pair, T)>) -> Vec<Vec<T>> {
    let mut groups: BTreeMap<Pair, Vec<T>> = BTreeMap::new();
    for (pair, line) in lines {
        groups.entry(pair).or_default().push(line);
    }
    groups.into_values().collect()
}

/// Returns whom and what a line is about. All sessions of a role are that role.
fn pair_of(facts: &Facts) -> Pair {
    let principal = facts.principal.as_deref().unwrap_or_default();
    let principal = match RoleSession::parse(principal) {
        Some(RoleSession { account, role_name, .. }) => format!("{account} {role_name}"),
        None => principal.to_owned(),
    };
    (principal, facts.function.as_ref().map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use remediator_core::arn::FunctionArn;

    #[test]
    fn one_principal_and_one_function_make_one_group() {
        let facts = |principal: &str, function: &str| Facts {
            principal: Some(principal.to_owned()),
            function: FunctionArn::parse(&format!(
                "arn:aws:lambda:us-east-1:281502313273:function:{function}"
            )),
            ..Facts::default()
        };
        let session = |name: &str| format!("arn:aws:sts::281502313273:assumed-role/{name}");
        let read = [
            facts(&session("render/a"), "f"),
            facts("arn:aws:iam::281502313273:user/u", "f"),
            facts(&session("render/b"), "f"),
            facts(&session("render/a"), "g"),
            Facts::default(),
            facts(&session("other/a"), "f"),
            Facts::default(),
        ];
        let mut groups: Vec<Vec<i32>> = group_by_pair(read.iter().map(pair_of).zip(0..));

        groups.sort();
        assert_eq!(groups, [vec![0, 2], vec![1], vec![3], vec![4, 6], vec![5]]);
    }
}
