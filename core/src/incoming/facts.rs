//! What is known of one event, whatever becomes of it.

use crate::arn::FunctionArn;
use crate::incoming::message::{AuthorizationDetails, Cause};
use crate::incoming::source::Source;

/// What is known of one event, whatever becomes of it. Untrusted texts are fit to be shown, each on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The source of the event, where its form says so.
    pub source: Option<Source>,
    /// The ARN of the user or the role; of a session and of another caller, the ARN that CloudTrail or the text gives.
    pub principal: Option<String>,
    /// The function.
    pub function: Option<FunctionArn>,
    /// The reason; `None` where no denial was read.
    pub cause: Option<Cause>,
    /// The account that recorded the call; of a text that came without one, the caller's.
    pub account: Option<String>,
    /// The region of the call; of a text, the function's.
    pub region: Option<String>,
    /// CloudTrail's `eventID`; of a report, EventBridge's; of a line in a log, CloudWatch's.
    pub event_id: Option<String>,
    /// CloudTrail's `eventTime`, or when it was reported or logged.
    pub event_time: Option<String>,
    /// CloudTrail's `sourceIPAddress`.
    pub source_ip_address: Option<String>,
    /// CloudTrail's `userAgent`.
    pub user_agent: Option<String>,
    /// Where AWS tells more of the denial.
    pub authorization: Option<AuthorizationDetails>,
}
