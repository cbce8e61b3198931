//! The body of a notice for a chat: a custom notification of Amazon Q Developer in chat applications, which shows it in
//! Slack or Microsoft Teams.
//!
//! See <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>. What does not follow that schema is
//! dropped, and the sender never hears of it. So everything here is in the safe part of it: every value is a text, none is
//! empty, and none is longer than the constants say. The constants are our own; that they are below any limit of AWS's was
//! not verified. A description fits into what Slack takes for one section of a message,
//! <https://docs.slack.dev/reference/block-kit/blocks/section-block>. It is not the whole notice: the mail has all facts.
//!
//! The schema's `id` is left out. CloudTrail's `eventID` would be the one to take, and whoever forges an event chooses it:
//! if notifications were told apart by it, a forger could make one vanish.

use crate::arn::principal::Principal;
use crate::notice::content::{FACTS, NoticeContent};
use crate::notice::markdown::{code, harmless, hidden, link, prose};
use crate::outcome::{Outcome, json_name, shown_caller, shown_function, summary};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

const MAX_TITLE: usize = 250;
const MAX_DESCRIPTION: usize = 3_000;
const MAX_SENTENCE: usize = 700;
const MAX_STEP: usize = 350;
const MAX_STEPS: usize = 10;
const MAX_RESOURCE: usize = 250;
const MAX_CONTEXT: usize = 1_024;
const MAX_THREAD_ID: usize = 100;

/// What stands around a label and its value.
const AROUND_FACT: usize = "- *:* \n".len();

/// The longest description: the sentence, an empty line, and every fact that a card shows.
const LONGEST_DESCRIPTION: usize = {
    let mut length = MAX_SENTENCE + "\n".len();
    let mut facts = FACTS;
    while let Some((fact, others)) = facts.split_first() {
        if let Some(max) = fact.max_in_card {
            length += AROUND_FACT + fact.label.len() + max;
        }
        facts = others;
    }
    length
};

// A description is put together of what fits, so that none of it has to be cut.
const _: () = assert!(
    LONGEST_DESCRIPTION <= MAX_DESCRIPTION,
    "the facts in `FACTS` do not fit into a card: give the new one a smaller `max_in_card`, or `None`"
);

/// The text that stands for null in `additionalContext`.
const NULL: &str = "null";

/// A custom notification of Amazon Q Developer in chat applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ChatNotice {
    /// The version of Amazon Q Developer's schema.
    #[cfg_attr(test, schemars(extend("const" = "1.0")))]
    version: &'static str,
    /// What tells a custom notification from those of AWS's services.
    #[cfg_attr(test, schemars(extend("const" = "custom")))]
    source: &'static str,
    /// What is shown.
    content: Content,
    /// What is not shown: the thread, and the outcome for custom actions.
    metadata: Metadata,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Content {
    /// The markdown of the chat that shows it.
    #[cfg_attr(test, schemars(extend("const" = "client-markdown")))]
    text_type: &'static str,
    /// The outcome, who was denied, and what.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_TITLE)))]
    title: String,
    /// One sentence, and the facts, each on a line of its own.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_DESCRIPTION)))]
    description: String,
    /// What to do next; of a grant, how to take it back.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_STEPS), inner(length(min = 1, max = MAX_STEP))))]
    next_steps: Vec<String>,
    /// The outcome, the reason of a refusal, and the kind of policy that denied.
    #[cfg_attr(test, schemars(length(min = 1, max = 10), inner(regex(pattern = "^[a-z_]{1,75}$"))))]
    keywords: Vec<String>,
}

/// What is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Metadata {
    /// The same for all notices of one principal and one function. Missing where neither is known, so that such a notice is
    /// no reply in a thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String", length(max = MAX_THREAD_ID), regex(pattern = "^[A-Za-z0-9_.-]+$")))]
    thread_id: Option<String>,
    /// What the thread is about: true of every notice in it.
    #[cfg_attr(test, schemars(length(min = 1, max = MAX_TITLE)))]
    summary: String,
    /// The same for every notice of this function.
    #[cfg_attr(test, schemars(extend("const" = "LambdaInvokeDenied")))]
    event_type: &'static str,
    /// The ARNs of the principal and the function, where they are known and plain.
    #[cfg_attr(test, schemars(length(max = 2), inner(length(min = 1, max = MAX_RESOURCE))))]
    related_resources: Vec<String>,
    /// The outcome, key by key. The schema takes texts only: `null` stands for null, and a text that reads `null`, or so
    /// after backslashes, has one backslash more. Longer texts are cut to 1,024 characters.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, ContextValue>", extend("required" = outcome_keys())))]
    additional_context: BTreeMap<String, String>,
}

/// A value of `additionalContext`.
#[cfg(test)]
#[derive(schemars::JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct ContextValue(#[schemars(length(min = 1, max = MAX_CONTEXT))] String);

/// Returns the keys of an outcome, none of which is ever missing.
#[cfg(test)]
fn outcome_keys() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Outcome>();
    schema.get("required").cloned().unwrap_or_default()
}

impl ChatNotice {
    /// Writes the notification.
    pub(crate) fn new(notice: &NoticeContent<'_>) -> Self {
        let outcome = notice.outcome;
        let caller = shown_caller(notice.facts, quoted);
        let function = shown_function(notice.facts, quoted);
        let parties = format!("{caller} invoking {function}");
        let arns = [&outcome.principal, &outcome.function].into_iter().flatten();
        let keywords = [
            Some(json_name(outcome.outcome)),
            outcome.reason.map(json_name),
            outcome.denied_by.map(json_name),
        ];
        Self {
            version: "1.0",
            source: "custom",
            content: Content {
                text_type: "client-markdown",
                title: prose(&format!("{}: {parties}", notice.status()), MAX_TITLE),
                description: description(notice),
                next_steps: next_steps(notice),
                keywords: keywords.into_iter().flatten().collect(),
            },
            metadata: Metadata {
                thread_id: thread_id(notice),
                summary: prose(&parties, MAX_TITLE),
                event_type: "LambdaInvokeDenied",
                related_resources: arns
                    .filter_map(|arn| harmless(arn, MAX_RESOURCE))
                    .map(str::to_owned)
                    .collect(),
                additional_context: additional_context(outcome),
            },
        }
    }
}

/// Quotes a name, which is untrusted text, as a code span.
fn quoted(name: &str) -> String {
    code(name, 100)
}

fn description(notice: &NoticeContent<'_>) -> String {
    let sentence = summary(notice.facts, notice.verdict, quoted);
    let mut lines = vec![prose(&sentence, MAX_SENTENCE), String::new()];
    for (fact, value) in notice.facts() {
        if let Some(max) = fact.max_in_card {
            let value = value.map_or("not known".to_owned(), |value| code(&value, max));
            lines.push(format!("- *{}:* {value}", fact.label));
        }
    }
    lines.join("\n")
}

fn next_steps(notice: &NoticeContent<'_>) -> Vec<String> {
    let mut steps: Vec<_> = notice.next_steps().iter().map(|step| prose(step, MAX_STEP)).collect();
    if let Some(command) = &notice.undo {
        let start = "To take it back, first take it out of the allowlist, then run ";
        // A command that is cut or escaped must not be pasted.
        steps.push(match harmless(command, MAX_STEP - start.len() - 2) {
            Some(command) => format!("{start}`{command}`"),
            None => "To take it back, first take it out of the allowlist, then run the command of the mail."
                .to_owned(),
        });
    }
    let pages = [
        ("The policy in the console: ", notice.policy_page()),
        ("The function in the console: ", notice.function_page()),
        ("What denied, in the console: ", notice.denying_page()),
        ("AWS's own details of this denial, kept for 24 hours: ", notice.details_page()),
    ];
    for (label, page) in pages {
        // An address that is cut or escaped leads nowhere; the mail has it.
        let page = page.as_deref().and_then(|page| link(page, MAX_STEP - label.len()));
        steps.extend(page.map(|page| format!("{label}{page}")));
    }
    steps.truncate(MAX_STEPS);
    steps
}

/// Returns one thread for each principal and function of an account: both names, as long as these tell them apart.
fn thread_id(notice: &NoticeContent<'_>) -> Option<String> {
    let NoticeContent { outcome, facts, .. } = notice;
    if outcome.principal.is_none() && facts.function.is_none() {
        return None;
    }
    let account = outcome.account.as_deref().unwrap_or("none");
    let principal = outcome.principal.as_deref().map(|arn| (arn, Principal::parse(arn)));
    let mut is_exact = true;
    let caller = match &principal {
        None => "none.none".to_owned(),
        Some((_, Some(principal))) => {
            is_exact &= principal.account() == account;
            format!("{}.{}", principal.kind().as_str(), principal.name())
        }
        Some((arn, None)) => {
            is_exact = false;
            (*arn).to_owned()
        }
    };
    let function = facts.function.as_ref().map_or("none.none".to_owned(), |function| {
        is_exact &= function.account() == account;
        format!("{}.{}", function.region(), function.name())
    });
    let full = format!("{account}.{caller}.{function}");
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if is_exact && full.len() <= MAX_THREAD_ID && full.bytes().all(is_safe) {
        return Some(full);
    }
    // Short and readable first, and then what tells it from all others.
    let arns = [outcome.account.as_deref(), outcome.principal.as_deref(), outcome.function.as_deref()];
    let hash = fnv1a(arns.map(Option::unwrap_or_default).join(" ").as_bytes());
    let readable = full.bytes().map(|byte| if is_safe(byte) { char::from(byte) } else { '-' });
    Some(format!("{}-{hash:016x}", readable.take(MAX_THREAD_ID - 17).collect::<String>()))
}

/// FNV-1a in 64 bits: the same in every release, which Rust's own hashers do not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Returns the outcome as texts.
fn additional_context(outcome: &Outcome) -> BTreeMap<String, String> {
    let Ok(Value::Object(fields)) = serde_json::to_value(outcome) else { return BTreeMap::new() };
    let text = |value| match value {
        Value::Null => NULL.to_owned(),
        // An empty text says no more than null does.
        Value::String(text) if text.is_empty() => NULL.to_owned(),
        Value::String(text) if text.trim_start_matches('\\') == NULL => format!("\\{text}"),
        Value::String(text) => hidden(&text, MAX_CONTEXT),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            hidden(&other.to_string(), MAX_CONTEXT)
        }
    };
    fields.into_iter().map(|(key, value)| (key, text(value))).collect()
}

#[cfg(test)]
mod tests;
