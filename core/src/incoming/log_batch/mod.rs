//! The payload of a CloudWatch Logs subscription: in comes `{"awslogs": {"data": "..."}}`, out comes a [`LogBatch`].
//!
//! Reading never fails: [`LogBatch::unread`] says what is damaged, too much or malformed, and what was read before it is kept.
//! `unpack` decodes the text, `reader` reads the JSON in it, and `entry` one log event.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html>.

mod entry;
mod reader;
#[cfg(test)]
mod tests;
mod unpack;

use reader::BatchReader;
use serde_json::Value;
use unpack::{Unpacked, error_clause};

/// The most log events that are read: as many as `PutLogEvents` takes at once.
///
/// See <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
pub const MAX_EVENTS: usize = 10_000;

/// A batch of log events. Texts are untrusted and not fit to be shown; empty ones are left out.
///
/// A batch without events and without anything unread is a control message, or an empty list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogBatch {
    /// `owner`: the account of the log group.
    pub owner: Option<String>,
    /// `logGroup`.
    pub log_group: Option<String>,
    /// `logEvents`, one for each entry that was read, malformed or not.
    pub events: Vec<LogEvent>,
    /// Why something was not read, if something was not: a clause on one line, fit to be shown. Of several reasons it is the one
    /// that hides most.
    pub unread: Option<String>,
}

/// One entry of `logEvents`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogEvent {
    /// `id`.
    pub id: Option<String>,
    /// `timestamp`, as RFC 3339 writes it.
    pub time: Option<String>,
    /// The account that the line comes from.
    pub account: LineAccount,
    /// `message`, where it may hold a denial. Other messages are not kept.
    pub message: Option<String>,
}

/// The account that a line comes from, as `@aws.account` in its `extractedFields` states it.
///
/// A log group can hold lines of many accounts, where CloudWatch Logs centralizes them. Then the subscription filter's
/// `emitSystemFields` has each event say where its line comes from: the batch's own fields are true of the log group, and not of
/// the line.
///
/// See <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html> for the system fields,
/// and <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs_Centralization.html> for how logs are centralized.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LineAccount {
    /// The field is missing. Then the account is that of the log group.
    #[default]
    Unstated,
    /// An account id, twelve digits.
    Stated(String),
    /// The field is not an account id, so that the account is unknown.
    Malformed,
}

impl LogBatch {
    /// Reads the payload of a subscription; `None` where `event` is something else.
    pub fn read(event: &Value) -> Option<Self> {
        let data = event.get("awslogs")?.get("data")?.as_str()?;
        let unpacked = Unpacked::from_data(data);
        let mut reader = BatchReader::default();
        let read = reader.read(&unpacked.bytes);
        let unreadable = |error: serde_json::Error| {
            format!("the unpacked `awslogs.data` cannot be read: {}", error_clause(&error.to_string()))
        };
        Some(reader.finish(unpacked.damage.or(read.err().map(unreadable))))
    }
}
