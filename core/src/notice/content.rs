//! The content of a notice, independent of its format.
//!
//! Nothing here knows how a mail or a chat marks things. A new line of a notice is one more entry of [`FACTS`].

use crate::arn::principal::Principal;
use crate::incoming::facts::Facts;
use crate::incoming::message::{AuthorizationDetails, Cause};
use crate::incoming::source::Source;
use crate::notice::next_step::next_steps;
use crate::notice::{console, undo};
use crate::outcome::{Outcome, Report, Verdict, json_name};
use crate::policy::POLICY_NAME;
use crate::reason::Reason;
use crate::text::one_line;

/// The content of the notice of one outcome.
#[derive(Debug)]
pub(crate) struct NoticeContent<'a> {
    /// The outcome.
    pub(crate) outcome: &'a Outcome,
    /// The facts of the event.
    pub(crate) facts: &'a Facts,
    /// The verdict on it.
    pub(crate) verdict: &'a Verdict,
    /// The command that takes the grant back, where there is one of ours.
    pub(crate) undo: Option<String>,
    /// How many notices like this one were left out since the last one.
    pub(crate) left_out: u64,
}

/// One line of a notice: a label and a value.
#[derive(Debug)]
pub(crate) struct Fact {
    /// What stands before the value.
    pub(crate) label: &'static str,
    /// The longest value in a chat's card; `None` where the card does not show the fact.
    pub(crate) max_in_card: Option<usize>,
    value: fn(&NoticeContent<'_>) -> Value,
}

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// The notice does not have the line.
    Omitted,
    /// The notice has the line, and says that the value is not known.
    Unknown,
    /// The value, on one line.
    Known(String),
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Unknown, Self::Known)
    }
}

/// The longest ARN that a card shows whole; longer ones are cut.
const ARN: Option<usize> = Some(150);

/// The longest value of those that are short, unless somebody made them up.
const SHORT: Option<usize> = Some(50);

/// The lines of a notice, in their order.
pub(crate) const FACTS: &[Fact] = &[
    Fact { label: "Outcome", max_in_card: None, value: |notice| Value::Known(notice.outcome_and_reason()) },
    Fact { label: "Principal", max_in_card: ARN, value: |notice| notice.outcome.principal.clone().into() },
    Fact { label: "Function", max_in_card: ARN, value: |notice| notice.outcome.function.clone().into() },
    Fact {
        label: "Function page",
        max_in_card: None,
        value: |notice| known_or_omitted(notice.function_page()),
    },
    Fact { label: "Denied by", max_in_card: SHORT, value: |notice| notice.denied_by().into() },
    Fact {
        label: "Denying policy",
        max_in_card: ARN,
        value: |notice| known_or_omitted(notice.denying_policy()),
    },
    Fact {
        label: "Denying page",
        max_in_card: None,
        value: |notice| known_or_omitted(notice.denying_page()),
    },
    Fact { label: "Rule", max_in_card: ARN, value: |notice| known_or_omitted(notice.outcome.rule.clone()) },
    Fact { label: "Policy", max_in_card: None, value: |notice| known_or_omitted(notice.policy()) },
    Fact { label: "Policy page", max_in_card: None, value: |notice| known_or_omitted(notice.policy_page()) },
    Fact { label: "Expires", max_in_card: SHORT, value: |notice| known_or_omitted(notice.expires()) },
    Fact { label: "Account", max_in_card: SHORT, value: |notice| notice.outcome.account.clone().into() },
    Fact { label: "Region", max_in_card: SHORT, value: |notice| notice.outcome.region.clone().into() },
    Fact { label: "Time", max_in_card: SHORT, value: |notice| notice.outcome.event_time.clone().into() },
    Fact { label: "Source", max_in_card: SHORT, value: |notice| notice.outcome.source.map(json_name).into() },
    Fact {
        label: "Source address",
        max_in_card: ARN,
        value: |notice| notice.of_record_only(&notice.facts.source_ip_address),
    },
    Fact {
        label: "User agent",
        max_in_card: None,
        value: |notice| notice.of_record_only(&notice.facts.user_agent),
    },
    Fact { label: "Event id", max_in_card: ARN, value: |notice| notice.outcome.event_id.clone().into() },
    Fact { label: "Details at AWS", max_in_card: None, value: |notice| known_or_omitted(notice.details()) },
    Fact { label: "Left out", max_in_card: SHORT, value: |notice| known_or_omitted(notice.left_out()) },
];

fn known_or_omitted(value: Option<String>) -> Value {
    value.map_or(Value::Omitted, Value::Known)
}

impl<'a> NoticeContent<'a> {
    /// Puts the content together.
    pub(crate) fn new(outcome: &'a Outcome, report: &'a Report, left_out: u64, ledger: Option<&str>) -> Self {
        let Report { facts, verdict, rule: _ } = report;
        Self { outcome, facts, verdict, undo: undo(facts, verdict, ledger), left_out }
    }

    /// Returns a word or two for the outcome, such as `Granted, still denied`.
    pub(crate) fn status(&self) -> String {
        match self.verdict {
            Verdict::Granted { taken_away: 0, .. } => "Granted".to_owned(),
            Verdict::Granted { .. } => "Granted again".to_owned(),
            Verdict::AlreadyGranted { .. } => "Already granted".to_owned(),
            Verdict::StillDenied { .. } => "Granted, still denied".to_owned(),
            Verdict::WouldGrant { .. } => "Would grant (dry-run)".to_owned(),
            Verdict::Refused(refusal) => format!("Refused ({})", refusal.reason.row().name.replace('_', " ")),
            Verdict::Ignored(_) => "Ignored".to_owned(),
        }
    }

    /// Returns the lines that the notice has, each with its value; `None` where that is not known.
    pub(crate) fn facts(&self) -> impl Iterator<Item = (&'static Fact, Option<String>)> {
        FACTS.iter().filter_map(|fact| match (fact.value)(self) {
            Value::Omitted => None,
            Value::Unknown => Some((fact, None)),
            Value::Known(value) => Some((fact, Some(value))),
        })
    }

    /// Returns what the reader can do about it.
    pub(crate) fn next_steps(&self) -> Vec<String> {
        next_steps(self.facts, self.verdict)
    }

    /// Returns the page of the inline policy, where there is a policy to look at.
    pub(crate) fn policy_page(&self) -> Option<String> {
        let exists = match self.verdict {
            Verdict::Granted { .. } | Verdict::AlreadyGranted { .. } | Verdict::StillDenied { .. } => true,
            Verdict::Refused(refusal) => refusal.reason == Reason::UnreadablePolicy,
            Verdict::WouldGrant { .. } | Verdict::Ignored(_) => false,
        };
        let principal = Principal::parse(self.facts.principal.as_deref().filter(|_| exists)?)?;
        console::inline_policy(&principal, self.facts.function.as_ref()?.region())
    }

    /// Returns the page of the function.
    pub(crate) fn function_page(&self) -> Option<String> {
        console::function(self.facts.function.as_ref()?)
    }

    /// Returns the page of what denied, where the message names it.
    pub(crate) fn denying_page(&self) -> Option<String> {
        console::denying(self.denying_arn()?, self.facts.function.as_ref()?.region())
    }

    /// Returns the page of AWS's own details of the denial, kept for 24 hours.
    pub(crate) fn details_page(&self) -> Option<String> {
        self.facts.authorization.as_ref().and_then(AuthorizationDetails::console_url)
    }

    fn outcome_and_reason(&self) -> String {
        let outcome = json_name(self.outcome.outcome);
        self.outcome
            .reason
            .map_or_else(|| outcome.clone(), |reason| format!("{outcome} ({})", json_name(reason)))
    }

    /// The layer that denied and how, as CloudTrail's message has it.
    fn denied_by(&self) -> Option<String> {
        Some(match self.facts.cause.as_ref()? {
            Cause::Unstated => "not stated".to_owned(),
            Cause::Unread => "cannot be read".to_owned(),
            Cause::Stated { denied_by, denial, policy: _ } => {
                format!("{} ({})", json_name(denied_by), json_name(denial))
            }
        })
    }

    fn denying_arn(&self) -> Option<&str> {
        match self.facts.cause.as_ref()? {
            Cause::Stated { policy, .. } => policy.as_deref(),
            Cause::Unstated | Cause::Unread => None,
        }
    }

    fn denying_policy(&self) -> Option<String> {
        self.denying_arn().map(|arn| one_line(arn, 512))
    }

    /// Without a rule nobody has looked at the policy.
    fn policy(&self) -> Option<String> {
        self.outcome.rule.as_ref().map(|_| format!("{POLICY_NAME} (inline)"))
    }

    fn expires(&self) -> Option<String> {
        self.verdict.expires().map(|expiry| expiry.to_string())
    }

    /// Only CloudTrail's record can have the value.
    fn of_record_only(&self, value: &Option<String>) -> Value {
        match self.outcome.source {
            None | Some(Source::Cloudtrail) => value.clone().into(),
            Some(Source::Report | Source::Log | Source::Manual) => Value::Omitted,
        }
    }

    /// Only messages of 2026 and later have them.
    fn details(&self) -> Option<String> {
        let id = self.facts.authorization.as_ref().map(|details| details.id.clone());
        self.details_page().or(id)
    }

    fn left_out(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("{} more like this since the last notice", self.left_out))
    }
}

/// Returns the command that takes back a grant that our own statement holds.
fn undo(facts: &Facts, verdict: &Verdict, ledger: Option<&str>) -> Option<String> {
    let principal = &Principal::parse(facts.principal.as_deref()?)?;
    let function = facts.function.as_ref()?;
    match verdict {
        Verdict::Granted { .. }
        | Verdict::AlreadyGranted { is_listed: true, .. }
        | Verdict::StillDenied { is_listed: true, .. } => Some(undo::command(principal, function, ledger)),
        Verdict::AlreadyGranted { is_listed: false, .. }
        | Verdict::StillDenied { is_listed: false, .. }
        | Verdict::WouldGrant { .. }
        | Verdict::Refused(_)
        | Verdict::Ignored(_) => None,
    }
}
