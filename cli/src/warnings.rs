//! What a valid allowlist may not be meant to say: patterns without a fixed beginning, rules that can never match, rules
//! that another one hides.
//!
//! A warning is advice. It changes nothing in what is granted, and a list without warnings may still be too wide.

use remediator_core::allowlist::{Allowlist, Rule, RuleAction};
use remediator_core::arn::pattern::{has_wildcard, matches};
use std::collections::BTreeSet;

/// What an SSM parameter of the standard tier holds, in bytes, and a Lambda function's environment as a whole.
///
/// See <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const STANDARD_BYTES: usize = 4_096;
/// The same of the advanced tier: more cannot be held at all.
const ADVANCED_BYTES: usize = 8_192;

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    /// Where: `rules[0].principals[1]`.
    pub(crate) path: String,
    /// What.
    pub(crate) text: String,
}

/// All that can be said of `list`, which stands in `text`.
pub(crate) fn warnings(list: &Allowlist, text: &str) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |path: String, text: String| found.push(Warning { path, text });
    for (index, rule) in list.rules().iter().enumerate() {
        // What is only told about grants nothing, however wide.
        let is_granting = rule.action() == RuleAction::Grant;
        for (place, pattern) in rule.principals().iter().enumerate() {
            if let Some(text) = about_principal(pattern.as_str()).filter(|_| is_granting) {
                warn(format!("rules[{index}].principals[{place}]"), text);
            }
        }
        for (place, pattern) in rule.functions().iter().enumerate() {
            if let Some(text) = about_function(pattern.as_str()).filter(|_| is_granting) {
                warn(format!("rules[{index}].functions[{place}]"), text);
            }
        }
        if let Some(lease) = rule.expires_after().filter(|_| !is_granting) {
            let text = format!("the rule only tells, so there is no grant that could last {lease}");
            warn(format!("rules[{index}].expiresAfter"), text);
        }
        let (callers, called) = parts(rule, PARTITION);
        let is_open = callers.iter().chain(&called).any(|partition| has_wildcard(partition));
        if !is_open && callers.is_disjoint(&called) {
            let text =
                "no principal of this rule is of the partition of one of its functions: it never matches";
            warn(format!("rules[{index}].functions"), text.to_owned());
        }
        let (callers, called) = parts(rule, ACCOUNT);
        if callers.is_disjoint(&called) {
            let text = "no principal of this rule is of the account of one of its functions: it never matches, since grants \
                        across accounts are refused";
            warn(format!("rules[{index}].functions"), text.to_owned());
        }
        let hiding = list.rules().iter().take(index).find(|earlier| hides(earlier, rule));
        if let Some(earlier) = hiding {
            let text = format!(
                "the rule `{}` before it matches all that this one does: it never decides",
                earlier.id()
            );
            warn(format!("rules[{index}].id"), text);
        }
    }
    let all: BTreeSet<&str> = list.rules().iter().flat_map(|rule| parts(rule, ACCOUNT).1).collect();
    if all.len() > 1 {
        let all: Vec<&str> = all.into_iter().collect();
        warn(
            "rules".to_owned(),
            format!(
                "it lists functions of several accounts ({}): only those of the account that the remediator runs in are ever granted",
                all.join(", ")
            ),
        );
    }
    match text.len() {
        ..=STANDARD_BYTES => {}
        length @ ..=ADVANCED_BYTES => warn(
            "rules".to_owned(),
            format!(
                "its {length} bytes are more than {STANDARD_BYTES}: it fits neither into the template's parameter nor into \
                 an SSM parameter of the standard tier, only into one of the advanced tier"
            ),
        ),
        length => warn(
            "rules".to_owned(),
            format!("its {length} bytes are more than the {ADVANCED_BYTES} that an SSM parameter can hold"),
        ),
    }
    found
}

fn about_principal(pattern: &str) -> Option<String> {
    let resource = pattern.splitn(6, ':').nth(5)?;
    let (kind, name) = resource.split_once('/')?;
    if ["aws-service-role/", "aws-reserved/"].iter().any(|path| kind == "role" && name.starts_with(path)) {
        return Some("a role that AWS owns is never granted anything: this never matches".to_owned());
    }
    (fixed(name) == 0).then(|| match name.bytes().all(|byte| byte == b'*') {
        true => format!("this admits every {kind} of the account, also those that somebody makes tomorrow"),
        false => format!(
            "this begins with a wildcard: it admits {kind}s under any path, also those that somebody makes tomorrow"
        ),
    })
}

fn about_function(pattern: &str) -> Option<String> {
    let name = pattern.rsplit(':').next()?;
    (fixed(name) == 0).then(|| match name.bytes().all(|byte| byte == b'*') {
        true => "this admits every function of its regions, the remediator itself among them, also those that somebody \
                 makes tomorrow"
            .to_owned(),
        false => "this begins with a wildcard: it admits functions of many names, also those that somebody makes tomorrow"
            .to_owned(),
    })
}

/// How many characters stand before the first wildcard.
fn fixed(text: &str) -> usize {
    text.find(['*', '?']).unwrap_or(text.len())
}

/// Where these stand in an ARN.
const PARTITION: usize = 1;
const ACCOUNT: usize = 4;

/// One part of the ARNs of a rule's principals, and of its functions.
fn parts(rule: &Rule, which: usize) -> (BTreeSet<&str>, BTreeSet<&str>) {
    (
        rule.principals().iter().filter_map(|pattern| pattern.as_str().split(':').nth(which)).collect(),
        rule.functions().iter().filter_map(|pattern| pattern.as_str().split(':').nth(which)).collect(),
    )
}

/// Whether `earlier` matches whatever `later` matches.
fn hides(earlier: &Rule, later: &Rule) -> bool {
    let principals = |rule: &'_ Rule| -> Vec<String> {
        rule.principals().iter().map(|pattern| pattern.as_str().to_owned()).collect()
    };
    let functions = |rule: &'_ Rule| -> Vec<String> {
        rule.functions().iter().map(|pattern| pattern.as_str().to_owned()).collect()
    };
    let are_covered = |narrow: Vec<String>, wide: Vec<String>| {
        narrow.iter().all(|narrow| wide.iter().any(|wide| covers(wide, narrow)))
    };
    earlier.sources().has_all(later.sources())
        && are_covered(principals(later), principals(earlier))
        && are_covered(functions(later), functions(earlier))
}

/// Whether the pattern `wide` matches whatever `narrow` matches; may say no where it is hard to tell.
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
        warnings(&list, &text).into_iter().map(|Warning { path, text }| (path, text)).collect()
    }

    fn rule(id: &str, principal: &str, function: &str) -> Value {
        json!({"id": id, "principals": [format!("arn:aws:iam::281502313273:{principal}")],
               "functions": [format!("arn:aws:lambda:us-east-1:281502313273:function:{function}")]})
    }

    #[test]
    fn wide_patterns_are_told_with_their_place() {
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
    fn a_lease_of_nothing_is_told() {
        let mut leased = rule("a", "user/x", "clip");
        leased["expiresAfter"] = json!("30d");
        assert_eq!(of(json!([leased])), []);
        leased["action"] = json!("notify");
        let [(path, text)] = &of(json!([leased]))[..] else { panic!("no warning") };
        assert_eq!(path, "rules[0].expiresAfter");
        assert!(text.contains("only tells"), "{text}");
    }

    #[test]
    fn what_never_decides_is_told() {
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
        assert!(of(json!([across])).iter().any(|(_, text)| text.contains("of the partition")));
        across["principals"] = json!(["arn:*:iam::281502313273:user/x"]);
        assert_eq!(of(json!([across])), []);
    }

    #[test]
    fn a_list_that_does_not_fit_is_told() {
        let many = |count: usize| {
            (0..count).map(|id| rule(&id.to_string(), &format!("user/u{id}"), "clip")).collect()
        };
        assert_eq!(of(many(20)), []);
        assert!(of(many(40)).iter().any(|(_, text)| text.contains("advanced tier")));
        assert!(of(many(80)).iter().any(|(_, text)| text.contains("can hold")));
    }
}
