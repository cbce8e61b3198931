//! Any bytes as an invocation, up to the decision: whatever is granted stands in the event and in the list.
#![no_main]

use invariants::{OWN_ACCOUNT, bare, first_rule, has_live_text, is_one_line, may_be_curable, rename};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::principal::Principal;
use remediator_core::decision::{Decision, Grant, Judgement, OwnIdentity, admit};
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::facts::Facts;
use remediator_core::incoming::payload::Payload;
use remediator_core::incoming::{self, Event};
use remediator_core::reason::{Reason, Refusal};
use serde_json::Value;
use std::sync::LazyLock;
use std::time::SystemTime;

const OWN_ROLE: &str = "arn:aws:iam::281502313273:role/lambda-invoke-remediator";
const EXAMPLE: &str = include_str!("../../allowlist.example.json");
/// As wide as a list can be, so that nothing but the other checks refuses.
const WIDE: &str = r#"{"rules": [{
    "id": "wide",
    "principals": [
        "arn:*:iam::281502313273:user/*", "arn:*:iam::281502313273:role/*",
        "arn:*:iam::111122223333:user/*", "arn:*:iam::111122223333:role/*"
    ],
    "functions": ["arn:*:lambda:*:281502313273:function:*", "arn:*:lambda:*:111122223333:function:*"]
}]}"#;

/// The lists, as the library reads them and as JSON says.
static LISTS: LazyLock<[(Allowlist, Value); 2]> = LazyLock::new(|| {
    [EXAMPLE, WIDE].map(|text| (Allowlist::parse(text).unwrap(), serde_json::from_str(text).unwrap()))
});
static OWN: LazyLock<OwnIdentity> = LazyLock::new(|| OwnIdentity {
    partition: "aws".to_owned(),
    account: OWN_ACCOUNT.to_owned(),
    role: Principal::parse(OWN_ROLE),
});

fuzz_target!(|bytes: &[u8]| {
    let read = || incoming::read(&Payload::from_slice(bytes)).into_events();
    assert_eq!(read(), read());
    for event in read() {
        check_facts(event.facts());
        match event {
            Event::Denial(denial) => {
                let event: Value = serde_json::from_slice(bytes).unwrap();
                // The lines of a log are the target `log_batch`'s.
                let lists = LISTS.iter().filter(|_| event.get("awslogs").is_none());
                for (list, document) in lists {
                    check_decision(&event, &denial, list, document);
                }
            }
            Event::Refused(rejection) | Event::Ignored(rejection) => check_refusal(&rejection.refusal),
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    rename::everywhere(data, size, max_size, seed).unwrap_or_else(|| fuzzer_mutate(data, size, max_size))
});

/// What a notice repeats cannot leave its line.
fn check_facts(facts: &Facts) {
    let Facts { principal, account, region, event_id, event_time, source_ip_address, user_agent, .. } = facts;
    let texts = [principal, account, region, event_id, event_time, source_ip_address, user_agent];
    for text in texts.into_iter().flatten() {
        assert!(is_one_line(text), "{text:?}");
    }
}

fn check_refusal(refusal: &Refusal) {
    assert!(is_one_line(&refusal.why), "{refusal:?}");
}

fn check_decision(event: &Value, denial: &Denial, list: &Allowlist, document: &Value) {
    let facts = denial.facts();
    assert_eq!(facts.function.as_ref(), Some(denial.function()));
    assert_eq!(facts.principal, denial.caller().arn());
    let admitted = match admit(denial.clone(), &OWN) {
        Ok(admitted) => admitted,
        Err(rejection) => return check_refusal(&rejection.refusal),
    };
    let judgement = admitted.judge(list, SystemTime::UNIX_EPOCH);
    assert_eq!(judgement, admitted.judge(list, SystemTime::UNIX_EPOCH));
    let principal = facts.principal.as_deref().unwrap();
    let function = denial.function().as_str();
    let matching = first_rule(document, denial.source().as_str(), principal, function);
    match judgement {
        Judgement::Decided(Decision::Grant(grant)) => {
            assert!(denial.is_identified());
            let rule = matching.unwrap();
            assert_eq!(rule["id"], grant.rule());
            assert_ne!(rule["action"], "notify");
            assert_eq!(grant.expiry().is_some(), rule.get("expiresAfter").is_some());
            assert_eq!(grant.function().as_str(), function);
            assert_eq!(grant.principal().to_string(), principal);
            check_grant(event, &grant);
        }
        // Texts alone are the target `error_text`'s.
        Judgement::NeedsIdentity(_) => assert!(!denial.is_identified()),
        Judgement::Decided(Decision::Refuse { refusal, rule }) => {
            check_refusal(&refusal);
            // A wildcard in a role's path is text, which a `?` of the list does not stand for.
            if has_live_text(principal) || !denial.is_identified() {
                return;
            }
            assert_eq!(rule.as_deref(), matching.and_then(|rule| rule["id"].as_str()));
            let reason = if rule.is_some() { Reason::NotifyOnly } else { Reason::NotAllowlisted };
            assert_eq!(refusal.reason, reason);
        }
    }
}

/// One exact function and one principal of our own account, both of which the event names.
fn check_grant(event: &Value, grant: &Grant) {
    let (function, principal) = (grant.function(), grant.principal());
    assert!(!has_live_text(function.as_str()) && !has_live_text(principal.name()));
    for (account, partition) in
        [(function.account(), function.partition()), (principal.account(), principal.partition())]
    {
        assert_eq!((account, partition), (OWN_ACCOUNT, "aws"));
    }
    assert!(!principal.name().eq_ignore_ascii_case("lambda-invoke-remediator") || !is_role(principal));
    let protected = ["/aws-service-role/", "/aws-reserved/"];
    assert!(!protected.iter().any(|path| principal.path().starts_with(path)) || !is_role(principal));

    let detail = &event["detail"];
    assert!(occurs(detail, function.name()) && occurs(event, function.region()));
    assert!(occurs(detail, &principal.to_string()));
    let message = detail["errorMessage"].as_str().unwrap_or_default();
    assert!(message.is_empty() || may_be_curable(message), "{message}");
    let denied = words_of_denial(message);
    if let Some(action) = denied.first() {
        assert!(bare(action).eq_ignore_ascii_case("lambda:InvokeFunction"), "{action}");
    }
    for text in named_functions(detail, &denied) {
        assert!(bare(text).split(':').any(|part| part == function.name()), "{text}");
    }
}

/// What follows the sentence's fixed words: the action, the resource and the rest.
fn words_of_denial(message: &str) -> Vec<&str> {
    const FIXED: [&str; 5] = ["is", "not", "authorized", "to", "perform:"];
    let words: Vec<&str> = message.split_ascii_whitespace().collect();
    let at = words.windows(FIXED.len()).position(|window| window == FIXED);
    at.map(|at| words[at + FIXED.len()..].to_vec()).unwrap_or_default()
}

/// Every text of a record that stands where a function is named.
fn named_functions<'a>(detail: &'a Value, denied: &[&'a str]) -> Vec<&'a str> {
    let of_message = match denied {
        [_, "on", "resource:", resource, ..] => Some(*resource),
        _ => None,
    };
    let resources = detail["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let functions = resources.iter().filter(|resource| match &resource["type"] {
        Value::String(kind) => kind.is_empty() || kind == "AWS::Lambda::Function",
        _ => true,
    });
    let recorded = functions.map(|resource| &resource["ARN"]);
    let fields = recorded.chain([&detail["requestParameters"]["functionName"]]).filter_map(Value::as_str);
    of_message.into_iter().chain(fields).filter(|text| !text.is_empty()).collect()
}

fn is_role(principal: &Principal) -> bool {
    principal.to_string().contains(":role/")
}

/// Whether a text anywhere in `value` holds `part`.
fn occurs(value: &Value, part: &str) -> bool {
    match value {
        Value::String(text) => text.contains(part),
        Value::Array(list) => list.iter().any(|value| occurs(value, part)),
        Value::Object(fields) => fields.values().any(|value| occurs(value, part)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
