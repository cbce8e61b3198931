//! Any text as an allowlist: what is accepted has the form that its schema says, and matches as a second matcher does.
#![no_main]

use invariants::{arn_like, first_rule, is_one_line, texts};
use libfuzzer_sys::fuzz_target;
use remediator_core::allowlist::{Allowlist, RuleAction};
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::{Principal, PrincipalKind, SessionRole};
use remediator_core::incoming::source::Source;
use serde_json::Value;
use std::collections::HashSet;

/// More patterns of a list are not tried out: it would take long and find nothing else.
const TRIED: usize = 6;

fuzz_target!(|text: &str| {
    let list = match Allowlist::parse(text) {
        Ok(list) => list,
        Err(error) => {
            assert_eq!(error, Allowlist::parse(text).unwrap_err());
            return;
        }
    };
    let document: Value = serde_json::from_str(text).unwrap();
    for again in [text.to_owned(), document.to_string(), format!("{document:#}")] {
        assert_eq!(format!("{list:?}"), format!("{:?}", Allowlist::parse(&again).unwrap()));
    }
    check_form(&document);
    for principal in principals(&document) {
        for function in functions(&document) {
            check_match(&list, &document, &principal, &function);
        }
    }
});

fn check_form(document: &Value) {
    assert_keys(document, &["rules"]);
    let rules = document["rules"].as_array().unwrap();
    let mut ids = HashSet::new();
    for rule in rules {
        assert_keys(rule, &["id", "principals", "functions", "action", "expiresAfter"]);
        let id = rule["id"].as_str().unwrap();
        assert!((1..=128).contains(&id.len()) && is_one_line(id) && ids.insert(id));
        assert!(
            [None, Some("grant"), Some("notify")]
                .contains(&rule.get("action").map(|action| action.as_str().unwrap()))
        );
        if let Some(lease) = rule.get("expiresAfter") {
            let digits = lease.as_str().unwrap().strip_suffix('d').unwrap();
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'));
            assert!((1..=3_650).contains(&digits.parse::<u32>().unwrap()));
        }
        for key in ["principals", "functions"] {
            assert_eq!(rule[key].as_array().unwrap().len(), texts(&rule[key]).len());
            assert!(!texts(&rule[key]).is_empty());
        }
        texts(&rule["principals"]).into_iter().for_each(check_principal);
        texts(&rule["functions"]).into_iter().for_each(check_function);
    }
    assert!(!rules.is_empty());
}

fn assert_keys(object: &Value, known: &[&str]) {
    assert!(object.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())));
}

fn check_principal(pattern: &str) {
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let &["arn", partition, "iam", "", account, resource] = parts.as_slice() else { panic!("{pattern}") };
    assert!(resource.starts_with("user/") || resource.starts_with("role/"));
    check_common(pattern, partition, account);
}

fn check_function(pattern: &str) {
    let parts: Vec<&str> = pattern.split(':').collect();
    let &["arn", partition, "lambda", region, account, "function", name] = parts.as_slice() else {
        panic!("{pattern}")
    };
    assert!(!region.is_empty() && (1..=64).contains(&name.len()));
    check_common(pattern, partition, account);
}

fn check_common(pattern: &str, partition: &str, account: &str) {
    assert!(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
    assert!(arn_like(partition, "aws") || partition.starts_with("aws-") || partition.contains(['*', '?']));
    assert!(is_one_line(pattern) && !pattern.contains([' ', '\t']) && !pattern.contains("${"));
}

/// The rule that decides is the one that the second matcher finds, and no other.
fn check_match(list: &Allowlist, document: &Value, principal: &Principal, function: &FunctionArn) {
    for source in Source::ALL {
        check_match_from(list, document, source, principal, function);
    }
}

fn check_match_from(
    list: &Allowlist,
    document: &Value,
    source: Source,
    principal: &Principal,
    function: &FunctionArn,
) {
    let expected = first_rule(document, source.as_str(), &principal.to_string(), function.as_str());
    let Ok(rule) = list.rule_for(source, principal, function) else {
        // A wildcard in a role's path is text, which a `?` of the list does not stand for.
        assert!(expected.is_none() || principal.path().contains(['*', '?']));
        return;
    };
    assert!(function.account().len() == 12 && principal.account().len() == 12);
    // Whoever knows the session alone must not rule out what a path would let in.
    if principal.kind() == PrincipalKind::Role {
        let (partition, account, name) = (principal.partition(), principal.account(), principal.name());
        let session = SessionRole::parse(&format!("arn:{partition}:sts::{account}:assumed-role/{name}/x"));
        assert!(list.may_admit(source, &session.unwrap(), function));
    }
    let ids: Vec<_> = document["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    let at = |id: &Value| ids.iter().position(|other| *other == id);
    let (found, naive) = (at(&rule.id().into()), at(&expected.unwrap()["id"]));
    assert!(found == naive || (found > naive && principal.path().contains(['*', '?'])));
    let action = document["rules"][found.unwrap()]["action"].as_str();
    assert_eq!(rule.action() == RuleAction::Notify, action == Some("notify"));
}

/// Users and roles that a list's patterns may or may not mean.
fn principals(document: &Value) -> Vec<Principal> {
    concrete(document, "principals").iter().filter_map(|arn| Principal::parse(arn)).collect()
}

fn functions(document: &Value) -> Vec<FunctionArn> {
    concrete(document, "functions").iter().filter_map(|arn| FunctionArn::parse(arn)).collect()
}

/// The patterns with different texts in place of their wildcards, some of which reach too far.
fn concrete(document: &Value, key: &str) -> Vec<String> {
    let rules = document["rules"].as_array().unwrap();
    let patterns = rules.iter().flat_map(|rule| texts(&rule[key])).take(TRIED);
    patterns
        .flat_map(|pattern| {
            ["", "aws", "us-east-1", "a/b", "a:b"]
                .map(|star| pattern.replace('*', star).replace('?', "x"))
                .into_iter()
                .chain([format!("{pattern}x"), pattern.replacen(['*', '?'], "", 1)])
                .map(|arn| arn.replacen("arn:x", "arn:aws", 1).replacen("arn::", "arn:aws:", 1))
        })
        .collect()
}
