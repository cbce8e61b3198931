//! The canary's report: each of five stages, whether the call reached it, and what an operator can do if not.

use super::deployment::Deployment;
use super::evidence::{Evidence, FunctionError};
use crate::ui::output::out;
use crate::ui::table;
use remediator_core::text::one_line;
use serde_json::{Value, json};
use std::io::Write as _;

/// The five stages of the call, in their order.
pub(super) struct Stages {
    stages: [Stage; 5],
    event: Option<Value>,
}

struct Stage {
    name: &'static str,
    /// `None` where that is not known.
    is_reached: Option<bool>,
    text: String,
}

impl Stage {
    fn reached(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, is_reached: Some(true), text: text.into() }
    }

    fn not_reached(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, is_reached: Some(false), text: text.into() }
    }

    fn unknown(name: &'static str) -> Self {
        Self { name, is_reached: None, text: String::new() }
    }
}

impl Stages {
    pub(super) fn of(evidence: &Evidence, deployment: &Deployment) -> Self {
        let rule = rule(evidence);
        let function = function(evidence, &rule);
        Self {
            stages: [trail(evidence), rule, function, policy(evidence, deployment), topic(evidence)],
            event: evidence.event.clone(),
        }
    }

    pub(super) fn are_all_reached(&self) -> bool {
        self.stages.iter().all(|stage| stage.is_reached == Some(true))
    }

    /// Prints the report. `left_behind` are the commands that delete what the canary could not.
    pub(super) fn print(&self, as_json: bool, left_behind: &[String]) {
        if as_json {
            let stages: Vec<_> = self
                .stages
                .iter()
                .map(|Stage { name, is_reached, text }| json!({"stage": name, "reached": is_reached, "text": text}))
                .collect();
            out!("{:#}", json!({"stages": stages, "event": self.event, "leftBehind": left_behind}));
            return;
        }
        let mut table = table::new(["Stage", "Reached", ""]);
        for Stage { name, is_reached, text } in &self.stages {
            let reached = match is_reached {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not known",
            };
            table.add_row([name, reached, text]);
        }
        out!("{table}");
        if let Some(event) = self.event.as_ref().filter(|_| !self.are_all_reached()) {
            out!("The record, as EventBridge delivered it:\n{event:#}");
        }
    }
}

fn trail(evidence: &Evidence) -> Stage {
    let Some(event) = &evidence.event else {
        let trails = &evidence.trails;
        return Stage::not_reached("trail", format!("EventBridge received no record of the call; {trails}"));
    };
    let id = event.pointer("/detail/eventID").and_then(Value::as_str).unwrap_or("unknown");
    Stage::reached("trail", format!("CloudTrail recorded the denied call (event {})", one_line(id, 64)))
}

fn rule(evidence: &Evidence) -> Stage {
    let is_handled = match (&evidence.outcome, &evidence.error) {
        (Some(_), _) | (None, Some(FunctionError::Failed(_))) => true,
        (None, Some(FunctionError::CannotStart(_)) | None) => false,
    };
    match evidence.is_matched {
        _ if is_handled => Stage::reached("rule", "the stack's rule passed the record to the function"),
        Some(true) => Stage::reached("rule", "the stack's rule matches the record"),
        Some(false) => Stage::not_reached(
            "rule",
            "the stack's rule is disabled, or its pattern does not match the record (shown below)",
        ),
        None => Stage::unknown("rule"),
    }
}

fn function(evidence: &Evidence, rule: &Stage) -> Stage {
    match (&evidence.outcome, &evidence.error) {
        (Some(_), _) => Stage::reached("function", evidence.of_outcome("summary").unwrap_or_default()),
        (None, Some(FunctionError::CannotStart(error))) => {
            Stage::not_reached("function", format!("it cannot start: {error}"))
        }
        (None, Some(FunctionError::Failed(error))) => {
            Stage::not_reached("function", format!("it failed: {error}"))
        }
        (None, None) if rule.is_reached == Some(true) => Stage::not_reached(
            "function",
            "its log says nothing about the role: look at the queue UndeliveredEvents, and at the function's errors",
        ),
        (None, None) => Stage::unknown("function"),
    }
}

fn policy(evidence: &Evidence, deployment: &Deployment) -> Stage {
    let Some(outcome) = evidence.of_outcome("outcome") else { return Stage::unknown("policy") };
    match (outcome, evidence.of_outcome("reason"), evidence.is_in_policy) {
        ("granted" | "already_granted", _, Some(true)) => {
            Stage::reached("policy", "LambdaInvokePermission of the role lists the function")
        }
        ("granted", _, _) => Stage::not_reached(
            "policy",
            "the function reports the grant, but the role's policy does not show it",
        ),
        ("would_grant", _, _) => Stage::reached("policy", "dry-run: the grant would be written"),
        (_, Some("not_allowlisted"), _) => {
            let rule = json!({
                "id": "canary",
                "principals": [evidence.role.to_string()],
                "functions": [deployment.function.as_str()],
            });
            let text = format!(
                "no rule admits the canary, so nothing was written. To test this stage as well, add {rule} to the allowlist, \
                 and the role's ARN to PrincipalArns"
            );
            Stage::not_reached("policy", text)
        }
        (outcome, reason, _) => {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            Stage::not_reached("policy", format!("nothing was written: {outcome}{reason}"))
        }
    }
}

fn topic(evidence: &Evidence) -> Stage {
    match (&evidence.notice, evidence.of_outcome("notice")) {
        (Some(_), _) => Stage::reached("topic", "the notice arrived at a subscriber"),
        (None, Some("published")) => Stage::not_reached(
            "topic",
            "SNS accepted the notice, but it did not arrive at the canary's queue: look at the topic's key and policy",
        ),
        (None, Some("suppressed")) => Stage {
            text: "the notice repeats one that was sent a moment ago, and was suppressed".to_owned(),
            ..Stage::unknown("topic")
        },
        (None, Some(_) | None) => Stage::unknown("topic"),
    }
}
