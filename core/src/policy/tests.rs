//! Properties of the merge and of taking back, over documents as people write them. What a document grants is judged by an evaluator that
//! is not ours.

mod leases;

use crate::arn::FunctionArn;
use crate::policy::lease::Expiry;
use crate::policy::{Merge, Removal, fold, may_allow, merge, remove};
use iam_rs::{Arn, Context, Decision, IAMPolicy, IAMRequest, Principal, PrincipalId, evaluate_policy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

/// The time of every merge here: 2026-11-24T12:00:00Z.
pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_521_600)
}

/// When leases run out: the first three have by then, the third at that very instant.
pub(super) const ENDS: [&str; 6] = [
    "2026-11-01T00:00:00Z",
    "2026-11-24T00:00:00Z",
    "2026-11-24T12:00:00Z",
    "2026-11-24T12:00:01Z",
    "2026-11-26T00:00:00Z",
    "2026-12-25T00:00:00Z",
];

/// When calls are made: now and around each end to come. What has been cannot be called any more.
const CALLED_AT: [&str; 6] = [
    "2026-11-24T12:00:00Z",
    "2026-11-24T12:00:01Z",
    "2026-11-25T23:59:59Z",
    "2026-11-26T00:00:00Z",
    "2026-12-24T23:59:59Z",
    "2026-12-25T00:00:00Z",
];

const FUNCTIONS: [&str; 4] = ["clip", "clip-other", "c", "render"];

pub(super) fn function(name: &str) -> FunctionArn {
    FunctionArn::new("aws", "us-east-1", "281502313273", name).unwrap()
}

pub(super) fn arn(rest: &str) -> String {
    format!("arn:aws:lambda:us-east-1:281502313273:function:{rest}")
}

fn resources() -> Vec<String> {
    let mut all: Vec<String> = [
        "clip",
        "clip:*",
        "clip*",
        "clip:live",
        "clip-other",
        "clip-other:*",
        "c?ip",
        "*",
        "*:*",
        "render:*",
    ]
    .map(arn)
    .into();
    all.extend(
        ["*", "arn:aws:lambda:*:281502313273:function:clip", "arn:aws:s3:::clips/*"].map(str::to_owned),
    );
    all
}

const ACTIONS: [&str; 6] =
    ["lambda:InvokeFunction", "lambda:invokefunction", "lambda:Invoke*", "lambda:*", "*", "s3:GetObject"];

fn one_or_many(items: Vec<String>, as_one: bool) -> Value {
    if as_one && items.len() == 1 { json!(items[0]) } else { json!(items) }
}

prop_compose! {
    /// A statement that IAM would take: any effect, any form of the lists, perhaps a Sid, a Condition or a Not.
    fn statement()(
        effect in select(&["Allow", "Allow", "Allow", "Deny"][..]),
        actions in subsequence(&ACTIONS[..], 1..=2),
        listed in subsequence(resources(), 1..=3),
        forms in any::<(bool, bool)>(),
        sid in proptest::option::of("[A-Za-z0-9]{1,8}"),
        has_condition in proptest::bool::weighted(0.3),
        not in select(&["", "", "", "", "NotAction", "NotResource"][..]),
    ) -> Value {
        let actions = one_or_many(actions.into_iter().map(str::to_owned).collect(), forms.0);
        let mut statement = Map::new();
        sid.map(|sid| statement.insert("Sid".to_owned(), json!(sid)));
        statement.insert("Effect".to_owned(), json!(effect));
        statement.insert(if not == "NotAction" { not } else { "Action" }.to_owned(), actions);
        statement.insert(if not == "NotResource" { not } else { "Resource" }.to_owned(), one_or_many(listed, forms.1));
        if has_condition {
            statement.insert("Condition".to_owned(), json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}}));
        }
        Value::Object(statement)
    }
}

fn pairs(names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| function(name).resource_pair()).collect()
}

prop_compose! {
    /// A statement as the merge writes it for a lease, in any form that a person may have given it since.
    fn lease()(
        names in subsequence(&FUNCTIONS[..], 1..=2),
        is_reversed in any::<bool>(),
        has_sid in any::<bool>(),
        end in select(&ENDS[..]),
    ) -> Value {
        let mut listed = pairs(&names);
        if is_reversed {
            listed.reverse();
        }
        let mut statement = json!({
            "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": listed,
            "Condition": {"DateLessThan": {"aws:CurrentTime": end}},
        });
        if has_sid {
            statement["Sid"] = json!("Leased");
        }
        statement
    }
}

prop_compose! {
    /// A statement on such a condition that somebody wrote: one thing is otherwise.
    fn like_a_lease()(mut statement in lease(), otherwise in 0..9, end in select(&ENDS[..])) -> Value {
        match otherwise {
            0 => statement["Resource"] = json!([arn("clip")]),
            1 => statement["Resource"] = json!([arn("clip"), arn("clip:*"), arn("render:*")]),
            2 => statement["Resource"] = json!([arn("c*"), arn("c*:*")]),
            3 => statement["Condition"]["StringEquals"] = json!({"aws:SourceVpc": "vpc-1"}),
            4 => statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"] = json!("2026-12-25T00:00:00Z"),
            5 => statement["Condition"] = json!({"DateLessThanEquals": {"aws:CurrentTime": end}}),
            6 => statement["Condition"]["DateLessThan"]["aws:CurrentTime"] = json!(end.replace('Z', "+00:00")),
            7 => statement["Condition"]["DateLessThan"]["aws:CurrentTime"] = json!([end]),
            _ => statement["Action"] = json!(["lambda:InvokeFunction", "lambda:GetFunction"]),
        }
        statement
    }
}

fn any_statement() -> impl Strategy<Value = Value> {
    prop_oneof![3 => statement(), 2 => lease(), 1 => like_a_lease()]
}

/// Until when a grant is asked for.
fn expiry() -> impl Strategy<Value = Option<Expiry>> {
    select(vec![None, Expiry::parse(ENDS[4]), Expiry::parse(ENDS[5])])
}

prop_compose! {
    fn document()(statements in vec(any_statement(), 1..=4), as_one in any::<bool>(), id in any::<bool>()) -> Value {
        let mut document = json!({"Version": "2012-10-17"});
        if id {
            document["Id"] = json!("by-hand");
        }
        document["Statement"] =
            if as_one && statements.len() == 1 { statements[0].clone() } else { json!(statements) };
        document
    }
}

fn written_until(document: &Value, function: &FunctionArn, expiry: Option<Expiry>) -> Option<Value> {
    match merge(Some(&document.to_string()), function, expiry, now()).unwrap() {
        Merge::Covered { .. } => None,
        Merge::Write { document: text, .. } => Some(serde_json::from_str(&text).unwrap()),
    }
}

/// The document with a grant for good.
pub(super) fn written(document: &Value, function: &FunctionArn) -> Option<Value> {
    written_until(document, function, None)
}

/// The document without the function; `None` where no statement of ours lists it.
fn taken_out(document: &Value, function: &FunctionArn) -> Option<Value> {
    match remove(&document.to_string(), function, now()).unwrap() {
        Removal::NotListed => None,
        Removal::Write(text) => Some(serde_json::from_str(&text).unwrap()),
        Removal::Delete => Some(json!({"Version": "2012-10-17", "Statement": []})),
    }
}

fn statements(document: &Value) -> Vec<Value> {
    match &document["Statement"] {
        Value::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    }
}

/// Until when a statement of ours allows what it lists, `Some(None)` for one that does for good; `None` where it is not ours.
fn ours(statement: &Value) -> Option<Option<&str>> {
    let mut plain = statement.as_object().unwrap().clone();
    plain.remove("Sid");
    let condition = plain.remove("Condition");
    let resource = plain.remove("Resource")?;
    let action = plain.remove("Action")?;
    let is_plain = plain == *json!({"Effect": "Allow"}).as_object().unwrap()
        && (action == "lambda:InvokeFunction" || action == json!(["lambda:InvokeFunction"]));
    let Some(condition) = condition else { return is_plain.then_some(None) };
    let end = statement["Condition"]["DateLessThan"]["aws:CurrentTime"].as_str()?;
    let is_lease = condition == json!({"DateLessThan": {"aws:CurrentTime": end}}) && ENDS.contains(&end);
    let listed: Vec<&str> = resource.as_array()?.iter().map(|one| one.as_str().unwrap()).collect();
    let are_pairs = listed.iter().all(|one| {
        let unqualified = one.trim_end_matches(":*");
        FUNCTIONS.iter().any(|name| unqualified == arn(name))
            && pairs_of(unqualified).iter().all(|half| listed.contains(&half.as_str()))
    });
    (is_plain && is_lease && are_pairs).then_some(Some(end))
}

fn pairs_of(unqualified: &str) -> [String; 2] {
    [unqualified.to_owned(), format!("{unqualified}:*")]
}

/// Times of one form are in order as texts are.
fn is_over(statement: &Value) -> bool {
    ours(statement).flatten().is_some_and(|end| end <= CALLED_AT[0])
}

/// A call that a document may or may not allow.
#[derive(Debug)]
struct Probe {
    name: &'static str,
    resource: String,
    vpc: &'static str,
    time: &'static str,
}

/// What IAM decides on a call by the document.
fn judge(document: &Value) -> impl Fn(&Probe) -> Decision {
    let policy = IAMPolicy::from_json(&document.to_string()).unwrap();
    move |probe| {
        let principal =
            Principal::Aws(PrincipalId::String("arn:aws:iam::281502313273:user/remotion_user".to_owned()));
        let resource = Arn::parse(&probe.resource).unwrap();
        let mut request = IAMRequest::new(principal, "lambda:InvokeFunction", resource);
        request.context =
            Context::new().with_string("aws:SourceVpc", probe.vpc).with_string("aws:CurrentTime", probe.time);
        evaluate_policy(&policy, &request).unwrap()
    }
}

/// Every function, unqualified and qualified, from two VPCs, at each time.
fn probes() -> Vec<Probe> {
    let mut all = Vec::new();
    for name in FUNCTIONS {
        for qualifier in ["", ":live", ":7", ":$LATEST"] {
            for vpc in ["vpc-1", "vpc-2"] {
                for time in CALLED_AT {
                    all.push(Probe { name, resource: arn(&format!("{name}{qualifier}")), vpc, time });
                }
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(crate::property::cases(512))]

    #[test]
    fn merging_again_changes_nothing(document in document(), name in select(&FUNCTIONS[..]), expiry in expiry()) {
        let function = function(name);
        if let Some(after) = written_until(&document, &function, expiry) {
            prop_assert_eq!(written_until(&after, &function, expiry), None);
        }
    }

    #[test]
    fn every_foreign_statement_and_key_survives(
        document in document(), name in select(&FUNCTIONS[..]), expiry in expiry(),
    ) {
        let Some(after) = written_until(&document, &function(name), expiry) else { return Ok(()) };
        for (key, value) in document.as_object().unwrap() {
            if key != "Statement" {
                prop_assert_eq!(&after[key], value);
            }
        }
        // What has run out goes, and nothing else.
        let before: Vec<Value> =
            statements(&document).into_iter().filter(|statement| !is_over(statement)).collect();
        let after = statements(&after);
        let until = expiry.map(|expiry| expiry.to_string());
        let target = before.iter().position(|statement| ours(statement) == Some(until.as_deref()));
        for (index, statement) in before.iter().enumerate() {
            if Some(index) == target {
                // Ours keeps all that it had, in its order.
                let listed = |value: &Value| match &value["Resource"] {
                    Value::Array(list) => list.clone(),
                    one => vec![one.clone()],
                };
                prop_assert!(listed(&after[index]).starts_with(&listed(statement)));
                prop_assert_eq!(ours(&after[index]), Some(until.as_deref()));
            } else {
                prop_assert_eq!(&after[index], statement);
            }
        }
        prop_assert_eq!(after.len(), before.len() + usize::from(target.is_none()));
        prop_assert_eq!(ours(&after[target.unwrap_or(before.len())]), Some(until.as_deref()));
    }

    #[test]
    fn exactly_the_pair_is_granted(document in document(), name in select(&FUNCTIONS[..]), expiry in expiry()) {
        let after = written_until(&document, &function(name), expiry);
        let until = expiry.map(|expiry| expiry.to_string());
        let (before, written) = (judge(&document), after.as_ref().map(judge));
        for probe in probes() {
            let before = before(&probe);
            match &written {
                // Nothing was written: it was granted before, unless something denies it; for good, or for now.
                None if probe.name == name && (expiry.is_none() || probe.time == CALLED_AT[0]) => {
                    prop_assert!(before != Decision::NotApplicable, "{:?}", probe);
                }
                None => {}
                Some(written) => {
                    let is_granted = until.as_deref().is_none_or(|until| probe.time < until);
                    let expected = if probe.name == name && is_granted && before == Decision::NotApplicable {
                        Decision::Allow
                    } else {
                        before
                    };
                    prop_assert_eq!(written(&probe), expected, "{:?}", probe);
                }
            }
        }
    }

    #[test]
    fn what_is_told_of_the_end_is_true(document in document(), name in select(&FUNCTIONS[..]), expiry in expiry()) {
        let merged = merge(Some(&document.to_string()), &function(name), expiry, now()).unwrap();
        let Merge::Covered { expires, .. } = merged else { return Ok(()) };
        let (until, judge) = (expires.map(|expires| expires.to_string()), judge(&document));
        // Somebody's own statement may end later, and a Deny may be in the way.
        for probe in probes().into_iter().filter(|probe| probe.name == name) {
            if until.as_deref().is_none_or(|until| probe.time < until) {
                prop_assert!(judge(&probe) != Decision::NotApplicable, "{:?} {:?}", until, probe);
            }
        }
        prop_assert!(until.is_none_or(|until| until.as_str() > CALLED_AT[0] && expiry.is_some()));
    }

    #[test]
    fn folding_changes_no_decision(document in document()) {
        let folded: Value = serde_json::from_str(&fold(&document.to_string())).unwrap();
        let (after, before) = (judge(&folded), judge(&document));
        for probe in probes() {
            prop_assert_eq!(after(&probe), before(&probe), "{:?}", probe);
        }
        let ends = |document: &Value| -> Vec<_> {
            statements(document).iter().map(|one| ours(one).map(|end| end.map(str::to_owned))).collect()
        };
        prop_assert_eq!(ends(&folded), ends(&document));
    }

    #[test]
    fn taking_out_changes_nothing_for_others(document in document(), name in select(&FUNCTIONS[..])) {
        let Some(after) = taken_out(&document, &function(name)) else { return Ok(()) };
        let (judge_before, judge_after) = (judge(&document), judge(&after));
        for probe in probes() {
            let (before, after) = (judge_before(&probe), judge_after(&probe));
            if probe.name == name {
                // Taken away or untouched, and never given.
                prop_assert!(after == before || (before, after) == (Decision::Allow, Decision::NotApplicable));
            } else {
                prop_assert_eq!(after, before, "{:?}", probe);
            }
        }
        // What is not ours stays, and of what is ours nothing has run out or lists it.
        let foreign = |document: &Value| -> Vec<Value> {
            statements(document).into_iter().filter(|one| ours(one).is_none()).collect()
        };
        prop_assert_eq!(foreign(&after), foreign(&document));
        for statement in statements(&after).iter().filter(|one| ours(one).is_some()) {
            prop_assert!(!is_over(statement));
            prop_assert!(pairs(&[name]).iter().all(|one| !statement["Resource"].as_array().unwrap_or(&vec![]).contains(&json!(one))));
        }
    }

    #[test]
    fn what_was_merged_can_be_taken_out_again(
        document in document(), name in select(&FUNCTIONS[..]), expiry in expiry(),
    ) {
        let function = function(name);
        let Some(merged) = written_until(&document, &function, expiry) else { return Ok(()) };
        let after = taken_out(&merged, &function).unwrap();
        // Part of the pair, or a lease of it, may have been there before.
        let before = taken_out(&document, &function).unwrap_or(document);
        let (judge_before, judge_after) = (judge(&before), judge(&after));
        for probe in probes() {
            prop_assert_eq!(judge_after(&probe), judge_before(&probe), "{:?}", probe);
        }
        prop_assert_eq!(taken_out(&after, &function), None);
    }

    #[test]
    fn what_a_document_allows_it_may_allow(document in document(), name in select(&FUNCTIONS[..])) {
        let is_told = may_allow(&document.to_string(), &function(name)).unwrap();
        let judge = judge(&document);
        for probe in probes() {
            let is_allowed = probe.name == name && judge(&probe) == Decision::Allow;
            prop_assert!(is_told || !is_allowed, "{:?}", probe);
        }
    }

    #[test]
    fn a_text_of_any_kind_is_left_alone_or_kept(text in "\\PC*", expiry in expiry()) {
        let _ = merge(Some(&text), &function("clip"), expiry, now());
        let _ = remove(&text, &function("clip"), now());
    }
}

#[test]
fn the_first_policy_is_that_of_the_manual_procedure() {
    // The procedure that this function replaces: paste this document, name it LambdaInvokePermission.
    let by_hand = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["lambda:InvokeFunction"],
                "Resource": [
                    "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter",
                    "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter:*"
                ]
            }
        ]
    });
    let Merge::Write { document: text, .. } =
        merge(None, &function("ffmpeg-clip-cutter"), None, now()).unwrap()
    else {
        panic!("not written")
    };
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), by_hand);
}

#[test]
fn what_no_value_can_hold_keeps_its_text() {
    // More digits than a float has, an unknown key, a duplicate deep inside, escapes, and the order of keys.
    let foreign = r#"{"Zeta":1,"Effect":"Deny","Action":"\u0073ts:*","Resource":"*","Condition":{"NumericLessThan":{"a":12345678901234567890123.40}},"New":{"x":1,"x":2}}"#;
    let text = format!(r#"{{"Id":"by hand","Version":"2008-10-17","Statement":{foreign},"Later":1e2}}"#);
    let Merge::Write { document: after, .. } = merge(Some(&text), &function("clip"), None, now()).unwrap()
    else {
        panic!("not written")
    };
    let ours = r#"{"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":["arn:aws:lambda:us-east-1:281502313273:function:clip","arn:aws:lambda:us-east-1:281502313273:function:clip:*"]}"#;
    assert_eq!(
        after,
        format!(r#"{{"Id":"by hand","Version":"2008-10-17","Statement":[{foreign},{ours}],"Later":1e2}}"#)
    );
}

#[test]
fn a_single_statement_of_ours_stays_single() {
    let (clip, all) = (arn("clip"), arn("clip:*"));
    let statement = json!({"Sid": "Mine", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn("other")});
    let after =
        written(&json!({"Version": "2012-10-17", "Statement": statement}), &function("clip")).unwrap();
    let mut expected = statement;
    expected["Resource"] = json!([arn("other"), clip, all]);
    assert_eq!(after["Statement"], expected);
}

#[test]
fn half_a_pair_is_completed() {
    let statement = json!({"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": arn("clip")});
    let after = written(&json!({"Statement": [statement]}), &function("clip")).unwrap();
    assert_eq!(after["Statement"][0]["Resource"], json!([arn("clip"), arn("clip:*")]));
}

#[test]
fn a_condition_a_variable_or_a_not_covers_nothing() {
    let plain = json!({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"});
    assert_eq!(written(&json!({"Statement": plain}), &function("clip")), None);
    for (key, value) in [
        ("Condition", json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
        ("Effect", json!("Deny")),
        ("Action", json!("lambda:InvokeFunctionUrl")),
        ("Action", json!([])),
        ("NotAction", json!("lambda:Invoke*")),
        ("NotAction", json!(["s3:*", "LAMBDA:*"])),
        ("NotResource", json!(arn("clip"))),
        ("NotResource", json!(arn("clip:live"))),
        ("NotResource", json!(arn("c*"))),
        ("NotResource", json!([arn("other"), "*"])),
        ("Resource", json!(arn("${aws:username}"))),
        ("Resource", json!(arn("clip"))),
        ("Resource", json!(arn("clip:*"))),
        ("Resource", json!("arn:aws:*:us-east-1:281502313273:function:*")),
        ("Resource", json!("arn:aws:lambda:*")),
        ("SomethingNew", json!(1)),
    ] {
        let mut statement = plain.clone();
        if let Some(instead_of) = key.strip_prefix("Not") {
            statement.as_object_mut().unwrap().remove(instead_of);
        }
        statement[key] = value.clone();
        assert!(written(&json!({"Statement": [statement]}), &function("clip")).is_some(), "{key} {value}");
    }
}

#[test]
fn an_allow_of_all_but_something_else_covers() {
    for statement in [
        json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        json!({"Effect": "Allow", "NotAction": ["iam:*", "lambda:Create*"], "Resource": arn("clip*")}),
        json!({"Effect": "Allow", "Action": "*", "NotResource": [arn("other"), "arn:aws:s3:::*"]}),
    ] {
        assert_eq!(written(&json!({"Statement": [statement]}), &function("clip")), None);
    }
}

#[test]
fn what_is_added_is_told() {
    let listed =
        json!({"Statement": {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn("clip")}});
    for (document, expected) in
        [(None, vec![arn("clip"), arn("clip:*")]), (Some(listed.to_string()), vec![arn("clip:*")])]
    {
        let Merge::Write { added, .. } = merge(document.as_deref(), &function("clip"), None, now()).unwrap()
        else {
            panic!("covered")
        };
        assert_eq!(added, expected);
    }
}

#[test]
fn folding_keeps_what_is_granted() {
    let ours = |resources: &[String]| json!({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": resources});
    let foreign =
        json!({"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": [arn("x"), arn("x")]});
    let all =
        [arn("b"), arn("a"), arn("b"), arn("a*"), arn("c:*"), arn("a:*"), arn("?"), arn("c"), arn("c:live")];
    let folded: Value =
        serde_json::from_str(&fold(&json!({"Statement": [ours(&all), foreign]}).to_string())).unwrap();
    assert_eq!(folded["Statement"][0], ours(&[arn("a*"), arn("c:*"), arn("?")]));
    assert_eq!(folded["Statement"][1], foreign);
    assert_eq!(fold("nonsense"), "nonsense");
}

#[test]
fn what_may_allow_is_told_and_nothing_else() {
    let told = |statement: Value| {
        may_allow(&json!({"Statement": statement}).to_string(), &function("clip")).unwrap()
    };
    let allow = |resource: &str| json!({"Effect": "Allow", "Action": "lambda:*", "Resource": resource});
    let with = |key: &str, value: Value| {
        let mut statement = allow(&arn("clip"));
        statement[key] = value;
        statement
    };
    for statement in [
        allow("*"),
        allow(&arn("cl*")),
        allow(&arn("clip:live")),
        with("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
        json!({"Effect": "Allow", "NotAction": "iam:*", "NotResource": arn("other")}),
    ] {
        assert!(told(statement.clone()), "{statement}");
    }
    for statement in [
        allow(&arn("other")),
        allow(&arn("clip-other")),
        with("Effect", json!("Deny")),
        with("Action", json!("lambda:GetFunction")),
        allow("arn:aws:s3:::*"),
    ] {
        assert!(!told(statement.clone()), "{statement}");
    }
}

#[test]
fn taking_out_keeps_the_rest_as_it_is_written() {
    let take = |text: &str| remove(text, &function("clip"), now()).unwrap();
    let (clip, all, other) = (arn("clip"), arn("clip:*"), arn("clip-other"));
    let foreign = r#"{"Resource":"*","Effect":"Deny","Action":"\u0073ts:*","New":1e2}"#;
    let ours = |listed: &str| {
        format!(r#"{{"Sid":"Mine","Effect":"Allow","Action":"lambda:InvokeFunction","Resource":{listed}}}"#)
    };
    let text = |statements: &str| format!(r#"{{"Id":"by hand","Statement":{statements}}}"#);
    let before = text(&format!("[{foreign},{}]", ours(&format!(r#"["{clip}","{other}","{all}"]"#))));
    let after = text(&format!("[{foreign},{}]", ours(&format!(r#"["{other}"]"#))));
    assert_eq!(take(&before), Removal::Write(after.clone()));
    assert_eq!(take(&after), Removal::NotListed);
    // A statement of ours that becomes empty goes, and the policy with the last one.
    let pair = ours(&format!(r#"["{clip}","{all}"]"#));
    assert_eq!(take(&text(&format!("[{pair},{foreign}]"))), Removal::Write(text(&format!("[{foreign}]"))));
    assert_eq!(take(&text(&pair)), Removal::Delete);
    assert_eq!(take(&text(&ours(&format!(r#""{all}""#)))), Removal::Delete);
    // A wildcard, or a statement that is not ours, is not what was granted.
    assert_eq!(take(&text(&ours(r#""*""#))), Removal::NotListed);
    assert_eq!(take(&text(&pair.replace("Mine\"", "Mine\",\"Condition\":{}"))), Removal::NotListed);
    assert!(remove("{}", &function("clip"), now()).is_err());
}

#[test]
fn a_pair_may_be_covered_by_two_statements() {
    let document = json!({"Statement": [
        {"Effect": "Allow", "Action": "lambda:Invoke*", "Resource": arn("cli?")},
        {"Effect": "Allow", "Action": ["s3:*", "LAMBDA:InvokeFunction"], "Resource": ["x", arn("*:*")]},
    ]});
    assert_eq!(written(&document, &function("clip")), None);
}

#[test]
fn what_cannot_be_understood_is_left_alone() {
    let deep = format!(r#"{{"Statement":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let deep_condition = format!(
        r#"{{"Statement":{{"Effect":"Deny","Condition":{}1{}}}}}"#,
        r#"{"a":"#.repeat(200),
        "}".repeat(200)
    );
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "{",
        r#"{"Statement": null}"#,
        r#"{"Statement": "x"}"#,
        r#"{"Statement": [1]}"#,
        r#"{"Statement": [[]]}"#,
        r#"{"Statement": [{"Effect": "Allow", "Effect": "Deny"}]}"#,
        r#"{"Statement": [{}]}"#,
        r#"{"Statement": [{"Effect": 5, "Action": "*", "Resource": "*"}]}"#,
        r#"{"Statement": [{"Effect": "allow", "Action": "*", "Resource": "*"}]}"#,
        r#"{"Statement": [{"Effect": "Allow", "Action": {}, "Resource": "*"}]}"#,
        r#"{"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [5]}]}"#,
        r#"{"Statement": [], "Statement": []}"#,
        r#"{"Statement": [], "a\nb`\u0435": 1, "a\nb`\u0435": 2}"#,
        r#"{"Statement": "\n\u0435"}"#,
        r#"{"Statement": []} x"#,
        &deep,
        &deep_condition,
    ] {
        let why = merge(Some(text), &function("clip"), None, now()).unwrap_err();
        assert!(why.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{why}");
    }
}
