//! The outcome of one event: the function's reply, the `outcome` log line and the machine-readable notice.
//!
//! In comes a [`Report`], out goes an [`Outcome`]. It states facts; a field that is not known is null, never guessed. It is
//! final and no error: an error means that Lambda should try again or that an alarm should go off.

mod verdict;

pub use verdict::{Report, Verdict};

use crate::arn::principal::Principal;
use crate::incoming::facts::Facts;
use crate::incoming::message::{DenialKind, DeniedBy};
use crate::incoming::source::Source;
use crate::policy::POLICY_NAME;
use crate::reason::{Reason, Refusal};
use serde::Serialize;
use serde_json::Value;

/// What the function did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum OutcomeKind {
    /// The policy was written, and read back.
    Granted,
    /// The policy covers the function already; nothing was written.
    AlreadyGranted,
    /// Dry-run: it would have been written.
    WouldGrant,
    /// A denied invoke that is not, or cannot be, cured here.
    Refused,
    /// Not a denied invoke.
    Ignored,
}

/// Whether the function published a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum NoticeState {
    /// SNS took the notice.
    Published,
    /// It repeats one inside the quiet interval.
    Suppressed,
    /// There is nothing to notify of.
    None,
}

/// The outcome of one event. Every field is always there, and null where it is not known. Names and values are an
/// interface: subscription filters and scripts depend on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outcome {
    /// What the function did.
    pub outcome: OutcomeKind,
    /// Why it was refused or ignored.
    pub reason: Option<Reason>,
    /// The kind of policy that denied; null where no denial was read.
    pub denied_by: Option<DeniedBy>,
    /// Whether something denied or nothing allowed; null where no denial was read.
    pub denial: Option<DenialKind>,
    /// The ARN of the user or the role; of a session whose role is not looked up, and of another caller, the ARN that
    /// CloudTrail or the text gives.
    pub principal: Option<String>,
    /// The unqualified ARN of the function.
    pub function: Option<String>,
    /// The id of the rule that matched.
    pub rule: Option<String>,
    /// The name of the inline policy.
    pub policy_name: &'static str,
    /// The account that recorded the call; of a text that came without one, the caller's.
    pub account: Option<String>,
    /// The region of the call; of a text, the function's.
    pub region: Option<String>,
    /// The source of the event; null where the event has the form of none.
    pub source: Option<Source>,
    /// CloudTrail's `eventID`; of a report, EventBridge's `id`; of a line in a log, CloudWatch's.
    pub event_id: Option<String>,
    /// CloudTrail's `eventTime`, or when it was reported or logged, RFC 3339.
    pub event_time: Option<String>,
    /// The id by which IAM Access Troubleshooter knows the denial, where the message says it; the details are kept for 24 hours.
    ///
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
    pub authorization_id: Option<String>,
    /// One sentence for a person.
    pub summary: String,
    /// Whether the function published a notice.
    pub notice: NoticeState,
}

impl Outcome {
    /// States what a report says.
    pub fn new(report: &Report) -> Self {
        let Report { facts, verdict, rule } = report;
        let outcome = verdict.kind();
        Self {
            outcome,
            reason: verdict.refusal().map(|refusal| refusal.reason),
            denied_by: facts.cause.as_ref().map(|cause| cause.denied_by()),
            denial: facts.cause.as_ref().map(|cause| cause.denial()),
            principal: facts.principal.clone(),
            function: facts.function.as_ref().map(|function| function.to_string()),
            rule: rule.clone(),
            policy_name: POLICY_NAME,
            account: facts.account.clone(),
            region: facts.region.clone(),
            source: facts.source,
            event_id: facts.event_id.clone(),
            event_time: facts.event_time.clone(),
            authorization_id: facts.authorization.as_ref().map(|details| details.id.clone()),
            summary: summary(facts, verdict, str::to_owned),
            notice: match outcome {
                OutcomeKind::Ignored => NoticeState::None,
                OutcomeKind::Granted
                | OutcomeKind::AlreadyGranted
                | OutcomeKind::WouldGrant
                | OutcomeKind::Refused => NoticeState::Published,
            },
        }
    }
}

/// Returns one sentence for a person, with the names of the caller and the function as `show` gives them.
pub(crate) fn summary(facts: &Facts, verdict: &Verdict, show: impl Fn(&str) -> String) -> String {
    let is_nameless = facts.principal.is_none() && facts.function.is_none();
    let caller = shown_caller(facts, &show);
    let function = shown_function(facts, &show);
    let until = verdict.expires().map_or_else(String::new, |expiry| format!(", until {expiry}"));
    match verdict {
        Verdict::Refused(Refusal { why, .. }) if is_nameless => format!("The event is refused: {why}."),
        Verdict::Granted { taken_away: 0, .. } => {
            format!("{caller} may invoke {function} now: it was added to {POLICY_NAME}{until}.")
        }
        Verdict::Granted { taken_away, .. } => {
            let times = if *taken_away == 1 { "once".to_owned() } else { format!("{taken_away} times") };
            format!(
                "{caller} may invoke {function} again: it was added to {POLICY_NAME}{until}; the policy had covered it before, and \
                 somebody else than this function took that away, {times} as far as is known."
            )
        }
        Verdict::AlreadyGranted { .. } => {
            format!("{POLICY_NAME} of {caller} covers {function} already{until}: nothing was written.")
        }
        Verdict::WouldGrant { .. } => {
            format!(
                "Dry-run: {function} would be added to {POLICY_NAME} of {caller}{until}; nothing was written."
            )
        }
        Verdict::Refused(Refusal { why, .. }) => {
            format!("{caller} was denied {function}, and is not granted it: {why}.")
        }
        Verdict::StillDenied { .. } => {
            format!(
                "{caller} is denied {function} although {POLICY_NAME} covers it{until}: another layer denies."
            )
        }
        Verdict::Ignored(Refusal { why, .. }) => format!("Nothing to do: {why}."),
    }
}

/// Returns the caller, such as `user/remotion_user`: by `show` where the event names one.
pub(crate) fn shown_caller(facts: &Facts, show: impl Fn(&str) -> String) -> String {
    let Some(text) = facts.principal.as_deref() else {
        return "An unnamed caller".to_owned();
    };
    match Principal::parse(text) {
        Some(principal) => show(&format!("{}/{}", principal.kind().as_str(), principal.name())),
        None => show(text),
    }
}

/// Returns the function's name: by `show` where the event names one.
pub(crate) fn shown_function(facts: &Facts, show: impl Fn(&str) -> String) -> String {
    facts.function.as_ref().map_or("an unnamed function".to_owned(), |function| show(function.name()))
}

/// Returns the name by which JSON knows a value of an enum, such as `already_granted`.
pub fn json_name(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use schemars::JsonSchema;
    use schemars::generate::SchemaSettings;

    /// Compares the schema of `T` with the committed one, or writes that.
    pub(crate) fn assert_schema_is_kept<T: JsonSchema>(file: &str) {
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let schema = serde_json::to_value(generator.into_root_schema_for::<T>()).unwrap();
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, format!("{schema:#}\n")).unwrap();
        }
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(kept == schema, "{file} is not that of the types: `make expected` writes it");
    }

    #[test]
    fn the_schema_is_that_of_the_types() {
        assert_schema_is_kept::<Outcome>("outcome.schema.json");
    }
}
