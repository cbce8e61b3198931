//! The body of a notice for a chat: a custom notification of Amazon Q Developer in chat applications, which shows it in
//! Slack or Microsoft Teams.
//!
//! See <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>. What does not follow that schema is
//! dropped without a word to the sender, so that everything here is in the safe part of it: every value is a text, none is
//! empty, and none is longer than the constants say. Those are our own; that they are below any limit of AWS's was not
//! verified. A description fits into what Slack takes for one section of a message,
//! <https://docs.slack.dev/reference/block-kit/blocks/section-block>. It is not the whole notice: commands are too long for
//! a card, the mail and the machine-readable body have them.
//!
//! The schema's `id` is left out. CloudTrail's `eventID` would be the one to take, and whoever forges an event chooses it:
//! were notifications told apart by it, one could be made to vanish.

use crate::arn::principal::Principal;
use crate::incoming::message::AuthorizationDetails;
use crate::incoming::source::Source;
use crate::notice::content::Told;
use crate::notice::markdown::{code, harmless, hidden, prose};
use crate::outcome::{Outcome, name, sentence, what, who};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

const MAX_TITLE: usize = 250;
const MAX_DESCRIPTION: usize = 3_000;
const MAX_SENTENCE: usize = 700;
const MAX_VALUE: usize = 150;
const MAX_STEP: usize = 350;
const MAX_STEPS: usize = 10;
const MAX_RESOURCE: usize = 250;
const MAX_CONTEXT: usize = 1_024;
const MAX_THREAD_ID: usize = 100;

/// The longest label, and what is around it and its value.
const MAX_LABEL: usize = "- *CloudTrail event:* \n".len();

/// How many facts a description has at most, with the one of what was left out.
const MAX_FACTS: usize = 13;

/// When a grant runs out. Its value has one length, so that it takes less room than another fact.
const EXPIRES: &str = "- *Expires:* `2026-12-25T00:00:00Z`\n";

// A description is put together of what fits, so that none of it has to be cut.
const _: () =
    assert!(MAX_SENTENCE + 1 + MAX_FACTS * (MAX_LABEL + MAX_VALUE) + EXPIRES.len() <= MAX_DESCRIPTION);

/// The text that stands for null in `additionalContext`.
const NULL: &str = "null";

/// A custom notification of Amazon Q Developer in chat applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChatNotice {
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
pub struct Content {
    /// The markdown of the chat that shows it.
    #[cfg_attr(test, schemars(extend("const" = "client-markdown")))]
    text_type: &'static str,
    /// How it ended, who was denied, and what.
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
pub struct Metadata {
    /// The same for all notices of one principal and one function; not there where neither is known, so that such a notice
    /// is no reply in a thread.
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

/// The keys of an outcome, each of which is there.
#[cfg(test)]
fn outcome_keys() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Outcome>();
    schema.get("required").cloned().unwrap_or_default()
}

impl ChatNotice {
    /// Writes the notification.
    pub fn new(told: &Told<'_>) -> Self {
        let outcome = told.outcome;
        let parties = format!("{} invoking {}", quoted_who(told), quoted_what(told));
        let arns = [&outcome.principal, &outcome.function].into_iter().flatten();
        Self {
            version: "1.0",
            source: "custom",
            content: Content {
                text_type: "client-markdown",
                title: prose(&format!("{}: {parties}", told.headline()), MAX_TITLE),
                description: description(told),
                next_steps: next_steps(told),
                keywords: [
                    Some(name(outcome.outcome)),
                    outcome.reason.map(name),
                    outcome.denied_by.map(name),
                ]
                .into_iter()
                .flatten()
                .collect(),
            },
            metadata: Metadata {
                thread_id: thread_id(told),
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

/// Who was denied, as a code span where it is text of others.
fn quoted_who(told: &Told<'_>) -> String {
    let who = who(told.facts);
    if told.facts.principal.is_some() { code(&who, 100) } else { who }
}

fn quoted_what(told: &Told<'_>) -> String {
    let what = what(told.facts);
    if told.facts.function.is_some() { code(what, 100) } else { what.to_owned() }
}

fn description(told: &Told<'_>) -> String {
    let Told { outcome, facts, .. } = told;
    let sentence = sentence(facts, told.verdict, |text| code(text, 100));
    let mut lines = vec![prose(&sentence, MAX_SENTENCE), String::new()];
    let mut fact = |label: &str, value: Option<&str>| {
        let value = value.map_or("not known".to_owned(), |value| code(value, MAX_VALUE));
        lines.push(format!("- *{label}:* {value}"));
    };
    fact("Principal", outcome.principal.as_deref());
    fact("Function", outcome.function.as_deref());
    let (denied_by, policy) = told.denied_by().unzip();
    fact("Denied by", denied_by.as_deref());
    if let Some(policy) = policy.flatten() {
        fact("Denying policy", Some(&policy));
    }
    if let Some(rule) = &outcome.rule {
        fact("Rule", Some(rule));
    }
    if let Some(expiry) = told.verdict.expires() {
        fact("Expires", Some(&expiry.to_string()));
    }
    fact("Account", outcome.account.as_deref());
    fact("Region", outcome.region.as_deref());
    fact("Time", outcome.event_time.as_deref());
    fact("Came in by", outcome.source.map(Source::as_str));
    if outcome.source.is_none_or(|source| source == Source::Cloudtrail) {
        fact("Source address", facts.source_ip_address.as_deref());
    }
    fact(told.event_id_label(), outcome.event_id.as_deref());
    if told.left_out > 0 {
        lines.push(format!("- *Left out:* {} more like this since the last notice", told.left_out));
    }
    lines.join("\n")
}

fn next_steps(told: &Told<'_>) -> Vec<String> {
    let mut steps: Vec<_> = told.next_steps().iter().map(|step| prose(step, MAX_STEP)).collect();
    // Nothing in this address is text of others.
    let page = told.facts.authorization.as_ref().and_then(AuthorizationDetails::console_url);
    steps.extend(page.map(|page| format!("AWS's own details of this denial, kept for 24 hours: {page}")));
    if let Some(undo) = &told.undo {
        let start = "To take it back, first take it out of the allowlist, then run ";
        // A command that is cut or escaped must not be pasted.
        steps.push(match harmless(&undo.tool, MAX_STEP - start.len() - 2) {
            Some(tool) => format!("{start}`{tool}`"),
            None => "To take it back, first take it out of the allowlist, then run the commands of the mail."
                .to_owned(),
        });
        steps.push(
            "Without that tool, run the commands of the mail, or of the key `undo` in a queue.".to_owned(),
        );
    }
    steps.truncate(MAX_STEPS);
    steps
}

/// One thread for each principal and function of an account: what both are called, as long as that tells them apart.
fn thread_id(told: &Told<'_>) -> Option<String> {
    let Told { outcome, facts, .. } = told;
    if outcome.principal.is_none() && facts.function.is_none() {
        return None;
    }
    let account = outcome.account.as_deref().unwrap_or("none");
    let principal = outcome.principal.as_deref().map(|arn| (arn, Principal::parse(arn)));
    let mut is_exact = true;
    let who = match &principal {
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
    let what = facts.function.as_ref().map_or("none.none".to_owned(), |function| {
        is_exact &= function.account() == account;
        format!("{}.{}", function.region(), function.name())
    });
    let full = format!("{account}.{who}.{what}");
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

/// The outcome as texts.
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
mod tests {
    use super::*;
    use crate::arn::FunctionArn;
    use crate::incoming::facts::Facts;
    use crate::incoming::message::{Cause, DenialKind, DeniedBy};
    use crate::outcome::{Report, Verdict};
    use crate::reason::{Reason, Refusal};
    use proptest::prelude::*;

    const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";
    const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";

    fn facts(principal: Option<&str>, function: Option<&str>) -> Facts {
        Facts {
            principal: principal.map(str::to_owned),
            function: function.map(|function| FunctionArn::parse(function).unwrap()),
            account: Some("281502313273".to_owned()),
            ..Facts::default()
        }
    }

    fn refused(why: &str) -> Verdict {
        Verdict::Refused(Refusal::new(Reason::ContradictoryEvent, why))
    }

    fn notice(facts: &Facts, verdict: &Verdict, rule: Option<&str>) -> ChatNotice {
        let report = Report { facts: facts.clone(), verdict: verdict.clone(), rule: rule.map(str::to_owned) };
        ChatNotice::new(&Told::new(&Outcome::new(&report), &report, 7))
    }

    fn thread(principal: Option<&str>, function: Option<&str>) -> Option<String> {
        notice(&facts(principal, function), &refused("x"), None).metadata.thread_id
    }

    #[test]
    fn a_thread_is_of_one_principal_and_one_function() {
        assert_eq!(
            thread(Some(USER), Some(FUNCTION)).as_deref(),
            Some("281502313273.user.remotion_user.us-east-1.ffmpeg-clip-cutter")
        );
        assert_eq!(thread(Some(USER), None).as_deref(), Some("281502313273.user.remotion_user.none.none"));
        assert_eq!(
            thread(None, Some(FUNCTION)).as_deref(),
            Some("281502313273.none.none.us-east-1.ffmpeg-clip-cutter")
        );
        assert_eq!(thread(None, None), None);

        // What the short form does not tell apart has a hash, which stays the same from release to release.
        assert_eq!(
            thread(Some("arn:aws:iam::281502313273:user/jane@example.com"), Some(FUNCTION)).as_deref(),
            Some("281502313273.user.jane-example.com.us-east-1.ffmpeg-clip-cutter-0d52d723b9ad4d29")
        );
        let long = format!("arn:aws:iam::281502313273:role/{}", "x".repeat(64));
        let principals = [
            USER,
            "arn:aws:iam::281502313273:role/remotion_user",
            "arn:aws:iam::281502313274:user/remotion_user",
            "arn:aws:iam::281502313273:user/jane@example.com",
            "arn:aws:iam::281502313273:user/jane=example.com",
            "arn:aws:iam::281502313273:root",
            "arn:aws:sts::281502313273:federated-user/remotion_user",
            &long,
        ];
        let functions = [
            FUNCTION,
            "arn:aws:lambda:us-east-2:281502313273:function:ffmpeg-clip-cutter",
            "arn:aws:lambda:us-east-1:281502313274:function:ffmpeg-clip-cutter",
        ];
        let threads: std::collections::BTreeSet<_> = principals
            .iter()
            .flat_map(|principal| functions.map(|function| thread(Some(principal), Some(function)).unwrap()))
            .collect();
        assert_eq!(threads.len(), principals.len() * functions.len(), "{threads:#?}");
        for thread in threads {
            assert!(thread.len() <= MAX_THREAD_ID, "{thread}");
            assert!(
                thread.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)),
                "{thread}"
            );
        }
    }

    #[test]
    fn null_and_a_text_that_reads_null_are_told_apart() {
        let of_rule = |rule: Option<&str>| {
            notice(&facts(None, None), &refused("x"), rule).metadata.additional_context["rule"].clone()
        };
        assert_eq!(of_rule(None), "null");
        assert_eq!(of_rule(Some("null")), r"\null");
        assert_eq!(of_rule(Some(r"\null")), r"\\null");
        assert_eq!(of_rule(Some(r"\nulls")), r"\nulls");
    }

    proptest! {
        #[test]
        fn any_text_keeps_to_the_limits(text in "(<!channel>|@here|`|\\PC|\n|\\*|a|<https://x.example\\|y>){0,400}") {
            let facts = Facts {
                source: Some(Source::Cloudtrail),
                principal: Some(text.clone()),
                function: FunctionArn::parse(FUNCTION),
                cause: Some(Cause::Stated {
                    denied_by: DeniedBy::IdentityBasedPolicy,
                    denial: DenialKind::Explicit,
                    policy: Some(text.clone()),
                }),
                account: Some(text.clone()),
                region: Some(text.clone()),
                event_id: Some(text.clone()),
                event_time: Some(text.clone()),
                source_ip_address: Some(text.clone()),
                user_agent: Some(text.clone()),
                authorization: None,
            };
            let notice = notice(&facts, &refused(&format!("`{text}` is {text}")), Some(&text));
            let Content { title, description, next_steps, keywords, .. } = &notice.content;
            prop_assert!(title.len() <= MAX_TITLE && description.len() <= MAX_DESCRIPTION);
            prop_assert!((1..=MAX_STEPS).contains(&next_steps.len()) && keywords.len() <= 10);
            prop_assert_eq!(description.lines().count(), 14);
            for shown in [title, description, &notice.metadata.summary].into_iter().chain(next_steps) {
                prop_assert!(!shown.is_empty());
                prop_assert!(shown.bytes().all(|byte| byte == b'\n' || byte == b' ' || byte.is_ascii_graphic()));
                prop_assert!(!shown.contains(['<', '>', '&', '[', ']']) && !shown.contains("@here"), "{}", shown);
                prop_assert!(shown.lines().all(|line| line.matches('`').count() % 2 == 0), "{}", shown);
            }
            prop_assert!(next_steps.iter().all(|step| step.len() <= MAX_STEP));
            prop_assert_eq!(notice.metadata.additional_context.len(), 16);
            for value in notice.metadata.additional_context.values() {
                prop_assert!((1..=MAX_CONTEXT).contains(&value.len()) && !value.contains(['<', '\n']), "{}", value);
            }
            prop_assert!(notice.metadata.thread_id.is_some_and(|thread| thread.len() <= MAX_THREAD_ID));
        }
    }
}
