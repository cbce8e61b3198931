//! Evidence of how far the call got, collected while the canary follows it.

use remediator_core::arn::principal::Principal;
use serde_json::Value;
use std::time::Duration;

/// How long the function takes at most to try an event again: Lambda waits a minute, and two before the last try.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
const MAX_RETRY: Duration = Duration::from_secs(200);
/// How long after the outcome its notice may take.
const MAX_NOTICE: Duration = Duration::from_secs(60);

/// What is known of the canary's call so far.
pub(super) struct Evidence {
    /// The role that made the call.
    pub(super) role: Principal,
    /// What the region's trails record, as a sentence.
    pub(super) trails: String,
    /// CloudTrail's record, in the event that EventBridge delivered.
    pub(super) event: Option<Value>,
    /// Whether the stack's rule matches the event; `None` where that cannot be asked.
    pub(super) is_matched: Option<bool>,
    /// The function's outcome, from its log.
    pub(super) outcome: Option<Value>,
    /// The function's last error, from its log.
    pub(super) error: Option<FunctionError>,
    /// Whether the role's policy has the grant; `None` where that cannot be asked.
    pub(super) is_in_policy: Option<bool>,
    /// The notice of the call.
    pub(super) notice: Option<Value>,
    /// All messages from the topic, also about others.
    pub(super) notices: Vec<Value>,
}

/// An error in the function's log.
pub(super) enum FunctionError {
    /// The function failed for an event of the role.
    Failed(String),
    /// The function cannot start. This names no event, and another one may have caused the start.
    CannotStart(String),
}

impl Evidence {
    pub(super) fn new(role: Principal, trails: String) -> Self {
        Self {
            role,
            trails,
            event: None,
            is_matched: None,
            outcome: None,
            error: None,
            is_in_policy: None,
            notice: None,
            notices: Vec::new(),
        }
    }

    /// Whether an outcome is about this canary's call, and not about an earlier one with the same role.
    pub(super) fn is_about_the_call(&self, outcome: &Value) -> bool {
        let id =
            self.event.as_ref().and_then(|event| event.pointer("/detail/eventID")).and_then(Value::as_str);
        id.is_some() && outcome.get("eventId").and_then(Value::as_str) == id
    }

    /// Returns a field of the outcome.
    pub(super) fn of_outcome(&self, key: &str) -> Option<&str> {
        self.outcome.as_ref()?.get(key)?.as_str()
    }

    /// Returns what the canary waits for next, and how long at most.
    pub(super) fn awaited(&self, max_wait: Duration) -> (&'static str, Duration) {
        match (&self.event, &self.outcome, &self.error) {
            (_, Some(_), _) => ("the notice", MAX_NOTICE.min(max_wait)),
            (_, None, Some(_)) => ("the function's next try", MAX_RETRY.min(max_wait)),
            (Some(_), None, None) => ("the function", max_wait),
            (None, None, None) => ("CloudTrail's record", max_wait),
        }
    }

    /// Whether nothing more can come.
    pub(super) fn is_complete(&self) -> bool {
        let has_no_notice = self.of_outcome("notice").is_some_and(|notice| notice != "published");
        self.outcome.is_some() && (self.notice.is_some() || has_no_notice)
    }
}
