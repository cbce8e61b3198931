//! What an invocation is answered with: the outcome of its event, or one for each line of a log.

use remediator_core::outcome::{Outcome, OutcomeKind};
use serde::Serialize;

/// How long a list of outcomes may be, as JSON. Lambda takes answers of up to 6 MB, and what is longer would be an error,
/// hence be tried again in vain.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MAX_BYTES: usize = 5_000_000;

/// The answer to an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To one event.
    One(Box<Outcome>),
    /// To a batch of a log's lines: one outcome for each line, in their order, and one for what could not be read of the
    /// batch.
    Each(Vec<Outcome>),
}

impl Reply {
    /// Answers a batch. Outcomes that Lambda would not take any more are left out, first those of lines about something else;
    /// the log tells how many.
    pub fn to_batch(mut outcomes: Vec<Outcome>) -> Self {
        let all = outcomes.len();
        if fitting(&outcomes) < all {
            outcomes.retain(|outcome| outcome.outcome != OutcomeKind::Ignored);
            outcomes.truncate(fitting(&outcomes));
            tracing::warn!(leftOut = all - outcomes.len(), "the reply has no room for all outcomes");
        }
        Self::Each(outcomes)
    }
}

/// How many of the first there is room for.
fn fitting(outcomes: &[Outcome]) -> usize {
    let mut bytes = "[]".len();
    let fitting = outcomes.iter().take_while(|outcome| {
        bytes += serde_json::to_string(outcome).map_or(0, |json| json.len() + ",".len());
        bytes <= MAX_BYTES
    });
    fitting.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use remediator_core::incoming::facts::Facts;
    use remediator_core::outcome::{Report, Verdict};
    use remediator_core::reason::{Reason, Refusal};

    #[test]
    fn a_reply_is_never_longer_than_lambda_takes() {
        let verdict = Verdict::Refused(Refusal::new(Reason::NotAllowlisted, "x".repeat(50_000)));
        let outcome = Outcome::new(&Report::new(Facts::default(), verdict));
        let length = |count: usize| match Reply::to_batch(vec![outcome.clone(); count]) {
            Reply::Each(outcomes) => (outcomes.len(), serde_json::to_string(&outcomes).unwrap().len()),
            Reply::One(_) => panic!("one"),
        };
        assert_eq!(length(0), (0, 2));
        assert_eq!(length(50).0, 50);
        let ignored = Verdict::Ignored(Refusal::new(Reason::NotADeniedInvoke, "x".repeat(50_000)));
        let mut mixed = vec![Outcome::new(&Report::new(Facts::default(), ignored)); 150];
        mixed.push(outcome.clone());
        assert_eq!(Reply::to_batch(mixed), Reply::Each(vec![outcome.clone()]));
        let (count, bytes) = length(200);
        assert!((99..100).contains(&count) && bytes <= MAX_BYTES, "{count} {bytes}");
    }
}
