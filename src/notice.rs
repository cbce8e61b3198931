//! The edge to SNS: tells people and programs what became of a denial.
//!
//! A [`Notice`] is complete: whoever reads it needs to open nothing to understand it, and to copy commands to undo it. It
//! is one message with a body for each kind of subscriber. Nothing in it is text of others in raw form: it comes from
//! [`Facts`], whose texts are on one line each, or through JSON's own escapes.

use crate::caller::Caller;
use crate::denial::{Denial, Facts};
use crate::grant::Granted;
use crate::notice_text;
use crate::outcome::{Outcome, OutcomeKind, Verdict, name, what, who};
use crate::sdk_error::explain;
use crate::text::one_line;
use crate::undo;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use serde::Serialize;
use serde_json::json;

/// SNS loses a notice whose subject has 100 characters, a line break or anything but ASCII.
///
/// See <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
const MAX_SUBJECT: usize = 99;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    subject: String,
    text: String,
    json: String,
    attributes: Vec<(&'static str, String)>,
}

/// The body for a program.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    undo: &'a [String],
    left_out: u64,
}

/// A notice that SNS did not take.
#[derive(Debug, thiserror::Error)]
#[error("the notice was not published to {topic}: {context}")]
pub struct NoticeError {
    topic: String,
    context: String,
}

impl Notice {
    /// Writes the notice of an outcome. `denial` is the one that was decided on, where it got that far; `left_out` says how
    /// many notices like it were not sent since the last one.
    pub fn new(
        outcome: &Outcome,
        facts: &Facts,
        denial: Option<&Denial>,
        verdict: &Verdict,
        left_out: u64,
    ) -> Self {
        let undo = undo_commands(denial, verdict);
        let attributes = [
            ("outcome", Some(name(outcome.outcome))),
            ("reason", outcome.reason.map(name)),
            ("account", outcome.account.clone()),
            ("region", outcome.region.clone()),
        ];
        Self {
            subject: subject(outcome, facts, verdict),
            text: notice_text::text(outcome, facts, verdict, &undo, left_out),
            json: serde_json::to_string(&Machine { outcome, undo: &undo, left_out }).unwrap_or_default(),
            attributes: attributes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        }
    }

    /// The subject of a mail: ASCII, on one line, at most 99 characters.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The body for a person.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The body for a program: the outcome with the commands that undo it.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// One body for each kind of subscriber, as `MessageStructure` `json` has it.
    fn message(&self) -> String {
        let Self { text, json, .. } = self;
        json!({
            "default": text, "email": text,
            "sqs": json, "lambda": json, "http": json, "https": json,
        })
        .to_string()
    }

    /// Publishes it. Needs `sns:Publish` on the topic.
    pub async fn publish(&self, sns: &Client, topic_arn: &str) -> Result<(), NoticeError> {
        let failed = |context: String| NoticeError { topic: topic_arn.to_owned(), context };
        let mut call = sns
            .publish()
            .topic_arn(topic_arn)
            .subject(&self.subject)
            .message(self.message())
            .message_structure("json");
        for (key, value) in &self.attributes {
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            call = call.message_attributes(*key, attribute.map_err(|error| failed(error.to_string()))?);
        }
        call.send().await.map(drop).map_err(|error| failed(explain("sns:Publish", &error)))
    }
}

/// What takes back a grant that our own statement holds: what was added to it; where it was found there, the whole pair.
fn undo_commands(denial: Option<&Denial>, verdict: &Verdict) -> Vec<String> {
    let Some((denial, Caller::Principal(principal))) = denial.map(|denial| (denial, denial.caller())) else {
        return Vec::new();
    };
    match verdict {
        Verdict::Grant(Granted::Written { added, .. }) => undo::commands(principal, added),
        Verdict::Grant(Granted::Already { is_listed: true }) | Verdict::StillDenied { is_listed: true } => {
            undo::commands(principal, &denial.function().resource_pair())
        }
        Verdict::Grant(Granted::Already { is_listed: false } | Granted::WouldWrite | Granted::Refused(_))
        | Verdict::StillDenied { is_listed: false }
        | Verdict::Refused(_)
        | Verdict::Ignored(_) => Vec::new(),
    }
}

fn subject(outcome: &Outcome, facts: &Facts, verdict: &Verdict) -> String {
    let (who, what) = (who(facts), what(facts));
    let start = match (outcome.outcome, outcome.reason) {
        (OutcomeKind::Granted, _) => "Granted".to_owned(),
        (OutcomeKind::AlreadyGranted, _) if matches!(verdict, Verdict::StillDenied { .. }) => {
            "Granted, still denied".to_owned()
        }
        (OutcomeKind::AlreadyGranted, _) => "Already granted".to_owned(),
        (OutcomeKind::WouldGrant, _) => "Would grant (dry-run)".to_owned(),
        (OutcomeKind::Refused, reason) => {
            format!("Refused ({})", reason.map(name).unwrap_or_default().replace('_', " "))
        }
        (OutcomeKind::Ignored, _) => "Ignored".to_owned(),
    };
    one_line(&format!("{start}: {who} invoking {what}"), MAX_SUBJECT)
}
