//! What people and programs are told of an outcome.
//!
//! A [`Notice`] is complete: whoever reads it needs to open nothing to understand it, and to copy commands to undo it. It
//! is one message with a body for each kind of subscriber. Nothing in it is text of others in raw form: it comes from
//! [`Facts`](crate::incoming::facts::Facts), whose texts are on one line each, through JSON's own escapes, or through [`markdown`](crate::notice::markdown).

pub mod chat;
pub mod content;
pub mod mail;
pub mod markdown;
pub mod next_step;
pub mod undo;

use crate::notice::chat::ChatNotice;
use crate::notice::content::Told;
use crate::outcome::{Outcome, Report, name, what, who};
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
    /// The commands that take the grant back, to be run in this order in one directory: for a shell with the AWS CLI and
    /// Python 3. None where there is no grant of ours.
    undo: &'a [String],
    /// When the grant runs out, RFC 3339; null where there is none, or it does not run out.
    expires: Option<String>,
    /// How many notices like this one were not sent since the last one.
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
    /// Writes the notice of an outcome. `left_out` says how many notices like it were not sent since the last one.
    pub fn new(outcome: &Outcome, report: &Report, left_out: u64) -> Self {
        let told = Told::new(outcome, report, left_out);
        let undo = told.undo.as_ref().map(|undo| undo.shell.as_slice()).unwrap_or_default();
        let expires = report.verdict.expires().map(|expiry| expiry.to_string());
        let attributes = [
            ("outcome", Some(name(outcome.outcome))),
            ("reason", outcome.reason.map(name)),
            ("account", outcome.account.clone()),
            ("region", outcome.region.clone()),
            ("source", outcome.source.map(name)),
        ];
        let text = mail::text(&told);
        let json = serde_json::to_string(&Machine { outcome, undo, expires, left_out }).unwrap_or_default();
        let chat = serde_json::to_string(&ChatNotice::new(&told)).unwrap_or_default();
        let message = serde_json::to_string(&Bodies::new(&text, &json, &chat)).unwrap_or_default();
        let attributes = attributes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Self { subject: subject(&told), message, attributes }
    }
}

fn subject(told: &Told<'_>) -> String {
    let (who, what) = (who(told.facts), what(told.facts));
    one_line(&format!("{}: {who} invoking {what}", told.headline()), MAX_SUBJECT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::assert_schema_is_kept;

    #[test]
    fn the_schemas_are_those_of_the_types() {
        assert_schema_is_kept::<Machine<'_>>("notice.schema.json");
        assert_schema_is_kept::<ChatNotice>("notice-chat.schema.json");
    }
}
