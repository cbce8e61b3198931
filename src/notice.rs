//! The edge to SNS: tells people and programs what became of a denial.
//!
//! A [`Notice`] is complete: whoever reads it needs to open nothing to understand it, and to copy commands to undo it. It
//! is one message with a body for each kind of subscriber. Nothing in it is text of others in raw form: it comes from
//! [`Facts`], whose texts are on one line each, or through JSON's own escapes.

use crate::caller::Caller;
use crate::denial::{Denial, Facts};
use crate::grant::Granted;
use crate::message::{Cause, DenialKind, DeniedBy};
use crate::outcome::{Outcome, OutcomeKind, Verdict, name, what, who};
use crate::policy::POLICY_NAME;
use crate::refusal::Reason;
use crate::text::one_line;
use crate::undo;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_types::error::display::DisplayErrorContext;
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
struct Machine<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    undo: &'a [String],
}

/// A notice that SNS did not take.
#[derive(Debug, thiserror::Error)]
#[error("the notice was not published to {topic}: {context}")]
pub struct NoticeError {
    topic: String,
    context: String,
}

impl Notice {
    /// Writes the notice of an outcome; `denial` is the one that was decided on, where it got that far.
    pub fn new(outcome: &Outcome, facts: &Facts, denial: Option<&Denial>, verdict: &Verdict) -> Self {
        let undo = undo_commands(denial, verdict);
        let attributes = [
            ("outcome", Some(name(outcome.outcome))),
            ("reason", outcome.reason.map(name)),
            ("account", outcome.account.clone()),
            ("region", outcome.region.clone()),
        ];
        Self {
            subject: subject(outcome, facts),
            text: text(outcome, facts, &undo),
            json: serde_json::to_string(&Machine { outcome, undo: &undo }).unwrap_or_default(),
            attributes: attributes
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
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
        let failed = |context: String| NoticeError {
            topic: topic_arn.to_owned(),
            context,
        };
        let mut call = sns
            .publish()
            .topic_arn(topic_arn)
            .subject(&self.subject)
            .message(self.message())
            .message_structure("json");
        for (key, value) in &self.attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build();
            call = call.message_attributes(*key, attribute.map_err(|error| failed(error.to_string()))?);
        }
        call.send()
            .await
            .map(drop)
            .map_err(|error| failed(DisplayErrorContext(&error).to_string()))
    }
}

/// What takes back a grant that our own statement holds.
fn undo_commands(denial: Option<&Denial>, verdict: &Verdict) -> Vec<String> {
    let is_ours = matches!(
        verdict,
        Verdict::Grant(Granted::Written | Granted::Already { is_listed: true })
    );
    match denial {
        Some(denial) if is_ours => match denial.caller() {
            Caller::Principal(principal) => undo::commands(principal, denial.function()),
            Caller::Other { .. } => Vec::new(),
        },
        Some(_) | None => Vec::new(),
    }
}

fn subject(outcome: &Outcome, facts: &Facts) -> String {
    let (who, what) = (who(facts), what(facts));
    let start = match (outcome.outcome, outcome.reason) {
        (OutcomeKind::Granted, _) => "Granted".to_owned(),
        (OutcomeKind::AlreadyGranted, _) => "Already granted".to_owned(),
        (OutcomeKind::WouldGrant, _) => "Would grant (dry-run)".to_owned(),
        (OutcomeKind::Refused, reason) => {
            format!(
                "Refused ({})",
                reason.map(name).unwrap_or_default().replace('_', " ")
            )
        }
        (OutcomeKind::Ignored, _) => "Ignored".to_owned(),
    };
    one_line(&format!("{start}: {who} invoking {what}"), MAX_SUBJECT)
}

fn text(outcome: &Outcome, facts: &Facts, undo: &[String]) -> String {
    let reason = match outcome.reason {
        Some(reason) => format!("{} ({})", name(outcome.outcome), name(reason)),
        None => name(outcome.outcome),
    };
    let cause = facts.cause.as_ref().map(|cause| {
        let policy = match cause {
            Cause::Stated {
                policy: Some(policy), ..
            } => format!(", {}", one_line(policy, 512)),
            Cause::Stated { policy: None, .. } | Cause::Unstated | Cause::Unread => String::new(),
        };
        format!("{} ({}{policy})", name(cause.denied_by()), name(cause.denial()))
    });
    let lines = [
        ("Outcome", Some(reason)),
        ("Principal", outcome.principal.clone()),
        ("Function", outcome.function.clone()),
        ("Denied by", cause),
        ("Rule", outcome.rule.clone()),
        ("Policy", Some(format!("{POLICY_NAME} (inline)"))),
        ("Account", outcome.account.clone()),
        ("Region", outcome.region.clone()),
        ("Time", outcome.event_time.clone()),
        ("Source address", facts.source_ip_address.clone()),
        ("User agent", facts.user_agent.clone()),
        ("CloudTrail event", outcome.event_id.clone()),
    ];
    let mut text = format!("{}\n\n", outcome.summary);
    for (label, value) in lines {
        text.push_str(&format!(
            "{label:<17} {}\n",
            value.as_deref().unwrap_or("not known")
        ));
    }
    text.push_str(&format!("\nWhat to do next\n{}\n", next_step(outcome, facts)));
    if !undo.is_empty() {
        text.push_str("\nTake it back\nFirst take it out of the allowlist, or the next denial grants it again. Then, in a shell with the AWS CLI \
                       and Python 3 (AWS CloudShell has both):\n\n");
        text.push_str(&undo.join("\n"));
        text.push('\n');
    }
    text
}

/// What the reader can do about it.
fn next_step(outcome: &Outcome, facts: &Facts) -> String {
    let step = match (outcome.outcome, outcome.reason) {
        (OutcomeKind::Granted, _) => {
            "Nothing: the caller's next try should succeed. IAM takes some seconds to spread the change."
        }
        (OutcomeKind::AlreadyGranted, _) => {
            "Nothing, if the call was made before the grant had spread. If it is denied again, another layer denies: look at \
             permissions boundaries, service control policies, session policies and the function's own policy."
        }
        (OutcomeKind::WouldGrant, _) => {
            "Set the parameter Mode to enforce when dry-run has shown you enough."
        }
        (OutcomeKind::Refused | OutcomeKind::Ignored, Some(reason)) => return refused_step(reason, facts),
        (OutcomeKind::Refused | OutcomeKind::Ignored, None) => "Nothing.",
    };
    step.to_owned()
}

fn refused_step(reason: Reason, facts: &Facts) -> String {
    match reason {
        Reason::NotAllowlisted => {
            "If the caller shall invoke the function, its owner adds a rule with this principal and this function to the \
             allowlist; the next denial is granted then. If not, find out who called: the source address is above."
        }
        Reason::NotifyOnly => {
            "The rule asks for a notice only. To let the caller in, set the rule's action to grant, or grant it by hand."
        }
        Reason::NotIdentityBased => return who_can_change(facts.cause.as_ref()),
        Reason::UnsupportedPrincipal => {
            "No inline policy can be attached to this caller. Let it call through an IAM role, or let the function's own \
             policy allow it (lambda:AddPermission)."
        }
        Reason::ProtectedRole => {
            "Change it where it comes from: the permission set in IAM Identity Center, or the service that the \
             service-linked role belongs to."
        }
        Reason::OtherAccount => {
            "A call across accounts needs the consent of both: an identity-based policy in the caller's account, and the \
             function's own policy (lambda:AddPermission) in the other. Neither is granted from here."
        }
        Reason::OwnRole => "The remediator never widens its own role. Find out why it invoked a function at all.",
        Reason::ContradictoryEvent => {
            "CloudTrail does not write such records. Find out who sent this event to the function: whoever may invoke it, or \
             put events on its bus."
        }
        Reason::UntrustedResource => {
            "The record does not name one exact function, so that nothing can be granted safely. Grant it by hand if it is \
             wanted."
        }
        Reason::UnreadablePolicy => {
            "Look at the policy in the IAM console, mend or delete it there; the next denial is handled then."
        }
        Reason::PolicyFull => {
            "Make room: delete inline policies that are not needed any more, or move them to managed policies, which have \
             a quota of their own."
        }
        Reason::NoSuchPrincipal => "Nothing, if it was deleted on purpose. The allowlist still names it.",
        Reason::NotADeniedInvoke | Reason::OtherAction => "Nothing.",
    }
    .to_owned()
}

/// The layer that denied, and who can change it.
fn who_can_change(cause: Option<&Cause>) -> String {
    let denied_by = cause.map_or(DeniedBy::Unstated, Cause::denied_by);
    let is_explicit = cause.is_some_and(|cause| cause.denial() == DenialKind::Explicit);
    let where_it_is = match denied_by {
        DeniedBy::IdentityBasedPolicy => {
            "The Deny is in a policy of the user, of one of its groups, or of the role. Whoever administers IAM in this \
             account can change it."
        }
        DeniedBy::ResourceBasedPolicy => {
            "It is the function's own policy (aws lambda get-policy). The function's owner can change it."
        }
        DeniedBy::PermissionsBoundary => {
            "It is the permissions boundary of the user or role, an upper limit that no other policy exceeds. Whoever \
             administers IAM in this account can change it."
        }
        DeniedBy::SessionPolicy => {
            "It is the policy that was passed when the session was made. Whoever makes the session (the program or the \
             broker that calls AssumeRole) can change it."
        }
        DeniedBy::ServiceControlPolicy => {
            "It is a service control policy. Only the organization's administrators can change it, in the management \
             account."
        }
        DeniedBy::ResourceControlPolicy => {
            "It is a resource control policy. Only the organization's administrators can change it, in the management \
             account."
        }
        DeniedBy::VpcEndpointPolicy => {
            "It is the policy of the VPC endpoint that the call came through. The owner of the VPC can change it."
        }
        DeniedBy::RoleTrustPolicy => {
            "It is the trust policy of a role. Whoever administers IAM in the role's account can change it."
        }
        DeniedBy::Unstated if is_explicit => {
            "The message does not say where the Deny is: in a policy of the principal, of the function, of the \
             organization, of the session or of a VPC endpoint. The IAM policy simulator tells."
        }
        DeniedBy::Unstated => {
            "The message's reason could not be read in full. Read the event in CloudTrail, and ask the IAM policy simulator."
        }
    };
    format!("{where_it_is} An identity-based policy would widen access and cure nothing.")
}
