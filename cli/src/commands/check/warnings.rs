//! Advice on a valid allowlist: patterns without a fixed beginning, rules that can never match, rules that another one hides.
//!
//! A warning changes nothing in what is granted, and a list without warnings may still be too wide.

use super::Remark;
use remediator_core::allowlist::{Allowlist, Rule, RuleAction};
use remediator_core::arn::pattern::{WILDCARDS, has_wildcard, matches};
use std::collections::BTreeSet;

/// What an SSM parameter of the standard tier may hold, in bytes; and all variables of a Lambda function together.
///
/// See <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const STANDARD_BYTES: usize = 4_096;
/// What an SSM parameter of the advanced tier may hold. No place for a list holds more.
const ADVANCED_BYTES: usize = 8_192;

/// Where these stand in an ARN.
const PARTITION: usize = 1;
const ACCOUNT: usize = 4;

/// Returns all warnings about `list`, which was parsed from `text`.
pub(super) fn warnings(list: &Allowlist, text: &str) -> Vec<Remark> {
    let mut found = Vec::new();
    for (index, rule) in list.rules().iter().enumerate() {
        let mut warn =
            |field: &str, text: String| found.push(warning(format!("rules[{index}].{field}"), text));
        match rule.action() {
            RuleAction::Grant => warn_of_wide_patterns(rule, &mut warn),
            // What a rule only notifies of is not granted, however wide.
            RuleAction::Notify => warn_of_idle_lease(rule, &mut warn),
        }
        warn_of_disjoint_parts(rule, &mut warn);
        let earlier = list.rules().iter().take(index);
        if let Some(hiding) = earlier.into_iter().find(|earlier| hides(earlier, rule)) {
            let id = hiding.id();
            warn("id", format!("the rule `{id}` before it matches all that this one does: it never decides"));
        }
    }
    let about_list = [several_accounts(list), too_long(text)].into_iter().flatten();
    found.extend(about_list.map(|text| warning("rules".to_owned(), text)));
    found
}

fn warning(path: String, text: String) -> Remark {
    Remark { path, text, position: None }
}

fn warn_of_wide_patterns(rule: &Rule, warn: &mut impl FnMut(&str, String)) {
    for (index, pattern) in rule.principals().iter().enumerate() {
        if let Some(text) = about_principal(pattern.as_str()) {
            warn(&format!("principals[{index}]"), text);
        }
    }
    for (index, pattern) in rule.functions().iter().enumerate() {
        if let Some(text) = about_function(pattern.as_str()) {
            warn(&format!("functions[{index}]"), text);
        }
    }
}

fn warn_of_idle_lease(rule: &Rule, warn: &mut impl FnMut(&str, String)) {
    if let Some(lease) = rule.expires_after() {
        let text = format!("the rule only notifies, so there is no grant that could expire after {lease}");
        warn("expiresAfter", text);
    }
}

/// Warns of a rule whose principals and functions have no partition, or no account, in common.
fn warn_of_disjoint_parts(rule: &Rule, warn: &mut impl FnMut(&str, String)) {
    let (callers, called) = (principal_parts(rule, PARTITION), function_parts(rule, PARTITION));
    let is_open = callers.iter().chain(&called).any(|partition| has_wildcard(partition));
    if !is_open && callers.is_disjoint(&called) {
        let text = "no principal of this rule is in the partition of any of its functions: it never matches";
        warn("functions", text.to_owned());
    }
    let (callers, called) = (principal_parts(rule, ACCOUNT), function_parts(rule, ACCOUNT));
    if callers.is_disjoint(&called) {
        let text = "no principal of this rule is in the account of any of its functions: it never matches, since grants \
                    across accounts are refused";
        warn("functions", text.to_owned());
    }
}

fn several_accounts(list: &Allowlist) -> Option<String> {
    let accounts: BTreeSet<&str> =
        list.rules().iter().flat_map(|rule| function_parts(rule, ACCOUNT)).collect();
    (accounts.len() > 1).then(|| {
        let accounts: Vec<&str> = accounts.into_iter().collect();
        format!(
            "the list has functions of several accounts ({}): only those of the remediator's own account are ever granted",
            accounts.join(", ")
        )
    })
}

fn too_long(text: &str) -> Option<String> {
    match text.len() {
        ..=STANDARD_BYTES => None,
        length @ ..=ADVANCED_BYTES => Some(format!(
            "the list has {length} bytes, more than {STANDARD_BYTES}: it fits neither into the template's parameter nor into an \
             SSM parameter of the standard tier, only into one of the advanced tier"
        )),
        length => Some(format!(
            "the list has {length} bytes, more than the {ADVANCED_BYTES} that an SSM parameter can hold"
        )),
    }
}

fn about_principal(pattern: &str) -> Option<String> {
    let resource = pattern.splitn(6, ':').nth(5)?;
    let (kind, name) = resource.split_once('/')?;
    if ["aws-service-role/", "aws-reserved/"].iter().any(|path| kind == "role" && name.starts_with(path)) {
        return Some("a role that AWS owns is never granted anything: this never matches".to_owned());
    }
    name.starts_with(WILDCARDS).then(|| match is_all(name) {
        true => format!("this admits every {kind} of the account, also any that is created later"),
        false => format!(
            "this begins with a wildcard: it admits {kind}s under any path, also any that are created later"
        ),
    })
}

fn about_function(pattern: &str) -> Option<String> {
    let name = pattern.rsplit(':').next()?;
    name.starts_with(WILDCARDS).then(|| match is_all(name) {
        true => "this admits every function of its regions, the remediator itself included, also any that is created later"
            .to_owned(),
        false => "this begins with a wildcard: it admits functions of many names, also any that are created later"
            .to_owned(),
    })
}

/// Whether a pattern matches any text.
fn is_all(pattern: &str) -> bool {
    pattern.bytes().all(|byte| byte == b'*')
}

/// Returns one part of the ARNs of a rule's principals.
fn principal_parts(rule: &Rule, index: usize) -> BTreeSet<&str> {
    rule.principals().iter().filter_map(|pattern| pattern.as_str().split(':').nth(index)).collect()
}

/// Returns one part of the ARNs of a rule's functions.
fn function_parts(rule: &Rule, index: usize) -> BTreeSet<&str> {
    rule.functions().iter().filter_map(|pattern| pattern.as_str().split(':').nth(index)).collect()
}

/// Whether `earlier` matches whatever `later` matches.
fn hides(earlier: &Rule, later: &Rule) -> bool {
    let principals_covered = later
        .principals()
        .iter()
        .all(|narrow| earlier.principals().iter().any(|wide| covers(wide.as_str(), narrow.as_str())));
    let functions_covered = later
        .functions()
        .iter()
        .all(|narrow| earlier.functions().iter().any(|wide| covers(wide.as_str(), narrow.as_str())));
    earlier.sources().has_all(later.sources()) && principals_covered && functions_covered
}

/// Whether the pattern `wide` matches whatever `narrow` matches. May say no where it is hard to tell.
///
/// Sound, since [`matches`] takes a wildcard of `narrow` for no character but itself.
fn covers(wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    let (mut wide, mut narrow) = (wide.split(':'), narrow.split(':'));
    loop {
        match (wide.next(), narrow.next()) {
            (Some(wide), Some(narrow)) if matches(wide, narrow) => {}
            (None, None) => return true,
            (_, _) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(rules: Value) -> Vec<(String, String)> {
        let text = json!({"rules": rules}).to_string();
        let list = Allowlist::parse(&text).unwrap();
        warnings(&list, &text).into_iter().map(|Remark { path, text, .. }| (path, text)).collect()
    }

    fn rule(id: &str, principal: &str, function: &str) -> Value {
        json!({"id": id, "principals": [format!("arn:aws:iam::281502313273:{principal}")],
               "functions": [format!("arn:aws:lambda:us-east-1:281502313273:function:{function}")]})
    }

    #[test]
    fn wide_patterns_are_warned_of_at_their_place() {
        for (principal, expected) in [
            ("user/*", "every user"),
            ("role/**", "every role"),
            ("role/*-worker", "begins with a wildcard"),
            ("role/?", "begins with a wildcard"),
            ("role/aws-reserved/sso.amazonaws.com/x*", "AWS owns"),
        ] {
            let [(path, text)] = &of(json!([rule("a", principal, "clip")]))[..] else {
                panic!("{principal}")
            };
            assert_eq!(path, "rules[0].principals[0]");
            assert!(text.contains(expected), "{text}");
        }
        for (function, expected) in [("*", "every function"), ("*-clip", "begins with a wildcard")] {
            let [(path, text)] = &of(json!([rule("a", "user/x", function)]))[..] else {
                panic!("{function}")
            };
            assert_eq!(path, "rules[0].functions[0]");
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(of(json!([rule("a", "user/media/*", "clip-*"), rule("b", "role/render-?", "clip")])), []);
    }

    #[test]
    fn a_lease_without_a_grant_is_warned_of() {
        let mut leased = rule("a", "user/x", "clip");
        leased["expiresAfter"] = json!("30d");
        assert_eq!(of(json!([leased])), []);
        leased["action"] = json!("notify");
        let [(path, text)] = &of(json!([leased]))[..] else { panic!("no warning") };
        assert_eq!(path, "rules[0].expiresAfter");
        assert!(text.contains("only notifies"), "{text}");
    }

    #[test]
    fn a_rule_that_never_decides_is_warned_of() {
        let hidden = |first, second| of(json!([first, second])).iter().any(|(path, _)| path == "rules[1].id");
        assert!(hidden(rule("a", "user/x*", "clip*"), rule("b", "user/x", "clip")));
        assert!(hidden(rule("a", "user/x*", "clip*"), rule("b", "user/xy*", "clip?")));
        assert!(hidden(rule("a", "user/x?", "clip"), rule("b", "user/xy", "clip")));
        assert!(!hidden(rule("a", "user/x?", "clip"), rule("b", "user/x*", "clip")));
        assert!(!hidden(rule("a", "user/x", "clip"), rule("b", "user/x*", "clip")));
        assert!(!hidden(rule("a", "user/x*", "clip"), rule("b", "user/x", "other")));
        let mut across = rule("a", "user/x", "clip");
        across["principals"] = json!(["arn:aws:iam::111122223333:user/x"]);
        assert!(of(json!([across])).iter().any(|(_, text)| text.contains("never matches")));
        across["principals"] = json!(["arn:aws-cn:iam::281502313273:user/x"]);
        assert!(of(json!([across])).iter().any(|(_, text)| text.contains("in the partition")));
        across["principals"] = json!(["arn:*:iam::281502313273:user/x"]);
        assert_eq!(of(json!([across])), []);
    }

    #[test]
    fn a_list_that_does_not_fit_is_warned_of() {
        let many = |count: usize| {
            (0..count).map(|id| rule(&id.to_string(), &format!("user/u{id}"), "clip")).collect()
        };
        assert_eq!(of(many(20)), []);
        assert!(of(many(40)).iter().any(|(_, text)| text.contains("advanced tier")));
        assert!(of(many(80)).iter().any(|(_, text)| text.contains("can hold")));
    }
}
