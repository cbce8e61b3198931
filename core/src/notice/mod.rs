//! The notice of an outcome: one message with a body for each kind of subscriber, so complete that its reader knows what was done and what to do.
//!
//! In come an [`Outcome`] and its [`Report`], out goes a [`Notice`] for SNS: a mail, a card for chats and the JSON for programs, all
//! from one `NoticeContent`. Untrusted text comes from [`Facts`](crate::incoming::facts::Facts), on one line each, and passes
//! through JSON's escapes or `markdown`.

mod chat;
mod console;
mod content;
pub(crate) mod layers;
mod mail;
mod markdown;
mod next_step;
mod undo;

#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod tests;

use crate::notice::chat::ChatNotice;
use crate::notice::content::NoticeContent;
use crate::outcome::{Outcome, Report, json_name, shown_caller, shown_function};
use crate::text::one_line;
use serde::Serialize;

/// SNS loses a notice whose subject has 100 characters, a line break or anything but ASCII.
///
/// See <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
const MAX_SUBJECT: usize = 99;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The subject of a mail: ASCII, on one line, at most 99 characters.
    pub subject: String,
    /// The bodies, one for each protocol, as SNS takes them with the message structure `json`.
    pub message: String,
    /// The message's attributes, by which subscriptions filter.
    pub attributes: Vec<(&'static str, String)>,
}

/// The body for a program: the outcome, with what only a notice has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Notice"))]
struct Machine<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    /// The command of the `remediator` tool that takes the grant back, for a shell; none where there is no grant of ours.
    #[cfg_attr(test, schemars(length(max = 1)))]
    undo: &'a [String],
    /// When the grant expires, RFC 3339; null where there is none, or it does not expire.
    expires: Option<String>,
    /// How many notices like this one were left out since the last one.
    left_out: u64,
}

/// One body for each kind of subscriber, as `MessageStructure` `json` has it.
///
/// `https` is the one protocol by which Amazon Q Developer in chat applications subscribes, and it drops whatever does
/// not follow its schema: the outcome is in there as `additionalContext`. `http` has no such subscriber, so that it
/// stays what programs get.
///
/// See <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
#[derive(Serialize)]
struct Bodies<'a> {
    default: &'a str,
    email: &'a str,
    sqs: &'a str,
    lambda: &'a str,
    http: &'a str,
    https: &'a str,
}

impl<'a> Bodies<'a> {
    fn new(text: &'a str, json: &'a str, chat: &'a str) -> Self {
        Self { default: text, email: text, sqs: json, lambda: json, http: json, https: chat }
    }
}

impl Notice {
    /// Writes the notice of an outcome. `left_out` counts the notices like it that were left out since the last one; `ledger` is
    /// the table that an undo is recorded in, if there is one.
    pub fn new(outcome: &Outcome, report: &Report, left_out: u64, ledger: Option<&str>) -> Self {
        let content = NoticeContent::new(outcome, report, left_out, ledger);
        let expires = report.verdict.expires().map(|expiry| expiry.to_string());
        let attributes = [
            ("outcome", Some(json_name(outcome.outcome))),
            ("reason", outcome.reason.map(json_name)),
            ("account", outcome.account.clone()),
            ("region", outcome.region.clone()),
            ("source", outcome.source.map(json_name)),
        ];
        let machine = Machine { outcome, undo: content.undo.as_slice(), expires, left_out };
        let text = mail::body(&content);
        let json = serde_json::to_string(&machine).unwrap_or_default();
        let chat = serde_json::to_string(&ChatNotice::new(&content)).unwrap_or_default();
        let message = serde_json::to_string(&Bodies::new(&text, &json, &chat)).unwrap_or_default();
        let attributes = attributes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Self { subject: subject(&content), message, attributes }
    }
}

fn subject(notice: &NoticeContent<'_>) -> String {
    let caller = shown_caller(notice.facts, str::to_owned);
    let function = shown_function(notice.facts, str::to_owned);
    one_line(&format!("{}: {caller} invoking {function}", notice.status()), MAX_SUBJECT)
}
