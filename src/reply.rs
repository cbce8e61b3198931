//! The reply to an invocation: the outcome of its event, or one for each line of a log batch.

use remediator_core::outcome::{Outcome, OutcomeKind};
use serde::Serialize;

/// The longest list of outcomes, in bytes of JSON. Lambda accepts replies of up to 6 MB. A longer one would be an error, and
/// Lambda would retry it in vain.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MAX_BYTES: usize = 5_000_000;

/// The reply to an invocation, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// The outcome of one event.
    One(Box<Outcome>),
    /// The outcomes of a log batch: one for each line, in the batch's order, and one for what could not be read.
    Each(Vec<Outcome>),
}

impl Reply {
    /// Replies to a batch. If the list is too long, it drops first the ignored outcomes, then the last ones, and logs how
    /// many.
    pub fn to_batch(mut outcomes: Vec<Outcome>) -> Self {
        let all = outcomes.len();
        if fitting_count(&outcomes) < all {
            outcomes.retain(|outcome| outcome.outcome != OutcomeKind::Ignored);
            outcomes.truncate(fitting_count(&outcomes));
            tracing::warn!(leftOut = all - outcomes.len(), "the reply has no room for all outcomes");
        }
        Self::Each(outcomes)
    }
}

/// Returns how many of the first outcomes fit into a reply.
fn fitting_count(outcomes: &[Outcome]) -> usize {
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
