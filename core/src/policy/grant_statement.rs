//! The statements that the function writes, and how they are told from those of everybody else.
//!
//! A grant for good and a lease, a grant that expires, differ in the condition. All leases that expire at the same instant
//! share one statement:
//!
//! ```json
//! {"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":["FUNCTION","FUNCTION:*"],
//!  "Condition":{"DateLessThan":{"aws:CurrentTime":"2026-12-25T00:00:00Z"}}}
//! ```
//!
//! IAM ends a lease. An expired one allows nothing, and is left out whenever the policy is written, which gives its room back.
//! So a lease must never be mistaken for a statement that somebody else wrote on the same condition. It is a grant statement
//! only if it says nothing but the above and perhaps `Sid`, with the time in that form, and lists nothing but whole pairs of
//! exact functions. Every other statement with a condition is foreign, and covers nothing.

use crate::actions::ACTION;
use crate::arn::FunctionArn;
use crate::policy::document::{Statement, only_value, text_of};
use crate::policy::lease::Expiry;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// The operator of a lease's condition.
const OPERATOR: &str = "DateLessThan";
/// The key of a lease's condition.
const CURRENT_TIME: &str = "aws:CurrentTime";

/// The content of a statement in the function's own form.
#[derive(Debug)]
pub(super) struct GrantStatement {
    /// What it lists under `Resource`.
    pub(super) resources: Vec<String>,
    /// When a lease expires; `None` for a grant for good.
    pub(super) expiry: Option<Expiry>,
}

impl GrantStatement {
    /// Reads a statement; `None` where it is foreign.
    pub(super) fn read(statement: &Statement<'_>) -> Option<Self> {
        if !statement.is_allow_with_only(&["Action", "Resource", "Condition"])
            || statement.texts("Action")? != [ACTION]
        {
            return None;
        }
        let resources = statement.texts("Resource")?;
        match statement.get("Condition") {
            None => Some(Self { resources, expiry: None }),
            Some(condition) => {
                let expiry = read_condition(condition)?;
                are_whole_pairs(&resources).then_some(Self { resources, expiry: Some(expiry) })
            }
        }
    }

    /// Whether it allows nothing any more.
    pub(super) fn has_expired(&self, now: SystemTime) -> bool {
        self.expiry.is_some_and(|expiry| expiry.has_passed(now))
    }
}

/// Returns the text of a new grant statement.
pub(super) fn write(pair: &[String; 2], expiry: Option<Expiry>) -> String {
    let condition = expiry.map_or_else(String::new, |expiry| {
        format!(r#","Condition":{{"{OPERATOR}":{{"{CURRENT_TIME}":"{expiry}"}}}}"#)
    });
    format!(r#"{{"Effect":"Allow","Action":["{ACTION}"],"Resource":{}{condition}}}"#, json!(pair))
}

/// Reads the condition of a lease.
fn read_condition(condition: &RawValue) -> Option<Expiry> {
    let time = only_value(condition, OPERATOR).and_then(|keys| only_value(keys, CURRENT_TIME))?;
    Expiry::parse(&text_of(time)?)
}

/// Whether these are whole pairs of exact functions, at least one.
fn are_whole_pairs(resources: &[String]) -> bool {
    let all: BTreeSet<&str> = resources.iter().map(String::as_str).collect();
    let is_exact = |text: &str| FunctionArn::parse(text).is_some_and(|function| function.as_str() == text);
    let is_of_pair = |resource: &&str| match resource.strip_suffix(":*") {
        Some(unqualified) => is_exact(unqualified) && all.contains(unqualified),
        None => is_exact(resource) && all.contains(format!("{resource}:*").as_str()),
    };
    !all.is_empty() && all.iter().all(is_of_pair)
}
