//! The facts that are known of one event, denial or not.

use crate::arn::FunctionArn;
use crate::incoming::message::{AuthorizationDetails, Cause};
use crate::incoming::source::Source;

/// The facts that are known of one event. Untrusted texts are fit to be shown, each on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The source of the event, where its form says so.
    pub source: Option<Source>,
    /// The ARN of the user or the role; for a session and another caller, the ARN that CloudTrail or the text gives.
    pub principal: Option<String>,
    /// Who was denied, as the event names them: a session by its own ARN, whose session name the caller chooses.
    pub asked_by: Option<String>,
    /// The function.
    pub function: Option<FunctionArn>,
    /// The cause of the denial; `None` where no denial was read.
    pub cause: Option<Cause>,
    /// The account that recorded the call; for a text that came without one, the caller's.
    pub account: Option<String>,
    /// The region of the call; for a text, the function's.
    pub region: Option<String>,
    /// CloudTrail's `eventID`; for a report, EventBridge's `id`; for a log line, CloudWatch's `id`.
    pub event_id: Option<String>,
    /// CloudTrail's `eventTime`, or the time of the report or the log line.
    pub event_time: Option<String>,
    /// CloudTrail's `sourceIPAddress`.
    pub source_ip_address: Option<String>,
    /// CloudTrail's `userAgent`.
    pub user_agent: Option<String>,
    /// The place where AWS keeps the details of the denial.
    pub authorization: Option<AuthorizationDetails>,
}
