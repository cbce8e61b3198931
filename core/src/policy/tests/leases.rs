//! Grants that run out, statement by statement: what of a policy is a lease of ours, and what becomes of it.

use super::{arn, function, now, written};
use crate::policy::lease::Expiry;
use crate::policy::{Merge, Removal, fold, merge, remove};
use serde_json::{Value, json};

const END: &str = "2026-12-25T00:00:00Z";
const LATER: &str = "2027-01-25T00:00:00Z";
const OVER: &str = "2026-11-24T12:00:00Z";

fn pairs(names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| function(name).resource_pair()).collect()
}

fn for_good(names: &[&str]) -> Value {
    json!({"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": pairs(names)})
}

fn until(end: &str, names: &[&str]) -> Value {
    let mut statement = for_good(names);
    statement["Condition"] = json!({"DateLessThan": {"aws:CurrentTime": end}});
    statement
}

fn document(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// The grant of `clip` until [`END`].
fn leased(document: &str) -> Merge {
    merge(Some(document), &function("clip"), Expiry::parse(END), now()).unwrap()
}

/// The statements that are written, and what was added.
fn writes(merged: Merge) -> (Value, Vec<String>) {
    match merged {
        Merge::Write { document, added } => {
            let document: Value = serde_json::from_str(&document).unwrap();
            (document["Statement"].clone(), added)
        }
        Merge::Covered { .. } => panic!("covered"),
    }
}

fn covers(is_listed: bool, end: Option<&str>) -> Merge {
    Merge::Covered { is_listed, expires: end.map(|end| Expiry::parse(end).unwrap()) }
}

#[test]
fn the_first_grant_is_one_statement_with_its_end() {
    let Merge::Write { document, added } = merge(None, &function("clip"), Expiry::parse(END), now()).unwrap()
    else {
        panic!("covered")
    };
    let (clip, all) = (arn("clip"), arn("clip:*"));
    let expected = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":["{clip}","{all}"],"Condition":{{"DateLessThan":{{"aws:CurrentTime":"2026-12-25T00:00:00Z"}}}}}}]}}"#
    );
    assert_eq!(document, expected);
    assert_eq!(added, [clip, all]);
}

#[test]
fn a_grant_goes_to_those_that_end_with_it() {
    let deny = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let there =
        document(&[for_good(&["other"]), until(LATER, &["c"]), until(END, &["render"]), deny.clone()]);
    let (statements, added) = writes(leased(&there));
    assert_eq!(
        statements,
        json!([for_good(&["other"]), until(LATER, &["c"]), until(END, &["render", "clip"]), deny])
    );
    assert_eq!(added, pairs(&["clip"]));
    // None ends with it: a new one at the end.
    let there = document(&[until(LATER, &["c"]), deny.clone()]);
    assert_eq!(writes(leased(&there)).0, json!([until(LATER, &["c"]), deny, until(END, &["clip"])]));
}

#[test]
fn what_covers_a_lease_and_what_a_grant_for_good() {
    let wide = json!({"Effect": "Allow", "Action": "lambda:*", "Resource": "*"});
    for (statements, of_lease, of_grant_for_good) in [
        (vec![for_good(&["clip"])], Some(covers(true, None)), Some(covers(true, None))),
        (vec![wide.clone()], Some(covers(false, None)), Some(covers(false, None))),
        (vec![until(END, &["clip"])], Some(covers(true, Some(END))), None),
        // However near the end is: the denial after it renews.
        (
            vec![until("2026-11-24T12:00:01Z", &["clip"])],
            Some(covers(true, Some("2026-11-24T12:00:01Z"))),
            None,
        ),
        (vec![until(OVER, &["clip"])], None, None),
        (vec![until(END, &["c"])], None, None),
        // The one that ends last counts.
        (vec![until(END, &["clip"]), until(LATER, &["clip"])], Some(covers(true, Some(LATER))), None),
        (
            vec![until(END, &["clip"]), for_good(&["clip"])],
            Some(covers(true, None)),
            Some(covers(true, None)),
        ),
        (vec![until(OVER, &["clip"]), wide.clone()], Some(covers(false, None)), Some(covers(false, None))),
        // Of two halves the one that ends first.
        (
            vec![
                json!({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn("clip")}),
                until(END, &["clip"]),
            ],
            Some(covers(true, Some(END))),
            None,
        ),
    ] {
        let text = document(&statements);
        let merged = |expiry| match merge(Some(&text), &function("clip"), expiry, now()).unwrap() {
            Merge::Write { .. } => None,
            covered @ Merge::Covered { .. } => Some(covered),
        };
        assert_eq!(merged(Expiry::parse(END)), of_lease, "{text}");
        assert_eq!(merged(None), of_grant_for_good, "{text}");
    }
}

#[test]
fn a_grant_for_good_leaves_leases_alone() {
    let there = document(&[until(END, &["clip", "c"]), for_good(&["other"])]);
    let (statements, added) = writes(merge(Some(&there), &function("clip"), None, now()).unwrap());
    assert_eq!(statements, json!([until(END, &["clip", "c"]), for_good(&["other", "clip"])]));
    assert_eq!(added, pairs(&["clip"]));
}

#[test]
fn every_write_leaves_out_what_has_run_out() {
    let mut named = until(OVER, &["c", "clip"]);
    named["Sid"] = json!("Mine");
    named["Action"] = json!("lambda:InvokeFunction");
    let deny = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let there =
        document(&[until("2020-01-01T00:00:00Z", &["clip"]), deny.clone(), named, until(LATER, &["c"])]);
    assert_eq!(writes(leased(&there)).0, json!([deny, until(LATER, &["c"]), until(END, &["clip"])]));
    let for_good_too = writes(merge(Some(&there), &function("clip"), None, now()).unwrap()).0;
    assert_eq!(for_good_too, json!([deny, until(LATER, &["c"]), for_good(&["clip"])]));
    let Removal::Write(text) = remove(&there, &function("c"), now()).unwrap() else { panic!("not written") };
    assert_eq!(text, document(&[deny]));
    // A single statement that has run out is replaced in its form.
    let single = json!({"Version": "2012-10-17", "Statement": until(OVER, &["c"])}).to_string();
    assert_eq!(writes(leased(&single)).0, until(END, &["clip"]));
    // Nothing to write, nothing left out.
    let covered = document(&[until(OVER, &["c"]), for_good(&["clip"])]);
    assert_eq!(leased(&covered), covers(true, None));
}

#[test]
fn what_somebody_wrote_on_the_like_is_foreign() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut statement = until(OVER, &["clip"]);
        change(&mut statement);
        statement
    };
    let on = |condition: Value| with(&|statement| statement["Condition"] = condition.clone());
    let listing = |listed: Value| with(&|statement| statement["Resource"] = listed.clone());
    for statement in [
        // It says something else, or more.
        with(&|statement| statement["Effect"] = json!("Deny")),
        with(&|statement| statement["Action"] = json!("lambda:Invoke*")),
        with(&|statement| statement["Action"] = json!("lambda:invokeFunction")),
        with(&|statement| statement["Action"] = json!(["lambda:InvokeFunction", "lambda:GetFunction"])),
        with(&|statement| statement["SomethingNew"] = json!(1)),
        // It lists something else than whole pairs of exact functions.
        listing(json!([])),
        listing(json!(arn("clip"))),
        listing(json!([arn("clip")])),
        listing(json!([arn("clip:*")])),
        listing(json!([arn("clip"), arn("c:*")])),
        listing(json!([arn("clip"), arn("clip:*"), arn("c")])),
        listing(json!([arn("clip"), arn("clip:*"), arn("clip:live")])),
        listing(json!([arn("clip"), arn("clip:*"), arn("clip:*:*")])),
        listing(json!([arn("clip:live"), arn("clip:live:*")])),
        listing(json!([arn("c*"), arn("c*:*")])),
        listing(json!([arn("${aws:username}"), arn("${aws:username}:*")])),
        listing(json!(["*", "*:*"])),
        listing(json!([
            "arn:aws:lambda:*:281502313273:function:clip",
            "arn:aws:lambda:*:281502313273:function:clip:*"
        ])),
        listing(json!(["arn:aws:s3:::clip", "arn:aws:s3:::clip:*"])),
        // The condition is another.
        on(json!({})),
        on(json!({"DateLessThan": {}})),
        on(json!({"DateLessThan": OVER})),
        on(json!({"DateLessThanEquals": {"aws:CurrentTime": OVER}})),
        on(json!({"DateGreaterThan": {"aws:CurrentTime": OVER}})),
        on(json!({"DateLessThanIfExists": {"aws:CurrentTime": OVER}})),
        on(json!({"dateLessThan": {"aws:CurrentTime": OVER}})),
        on(json!({"DateLessThan": {"aws:currenttime": OVER}})),
        on(json!({"DateLessThan": {"aws:TokenIssueTime": OVER}})),
        on(json!({"DateLessThan": {"aws:CurrentTime": [OVER]}})),
        on(json!({"DateLessThan": {"aws:CurrentTime": 1_577_836_800}})),
        on(json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01"}})),
        on(json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00+00:00"}})),
        on(json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00.000Z"}})),
        on(json!({"DateLessThan": {"aws:CurrentTime": OVER, "aws:EpochTime": "1"}})),
        on(json!({"DateLessThan": {"aws:CurrentTime": OVER}, "Bool": {"aws:SecureTransport": "true"}})),
    ] {
        // It covers nothing, stays where it is when something is written, and nothing is taken out of it.
        let there = document(std::slice::from_ref(&statement));
        assert_eq!(writes(leased(&there)).0, json!([statement, until(END, &["clip"])]));
        assert_eq!(remove(&there, &function("clip"), now()), Ok(Removal::NotListed), "{there}");
        assert_eq!(fold(&there), there);
        let mut live = statement.to_string();
        live = live.replace(OVER, END).replace("2020-", "2030-").replace("1577836800", "1893456000");
        assert!(
            written(
                &json!({"Statement": [serde_json::from_str::<Value>(&live).unwrap()]}),
                &function("clip")
            )
            .is_some()
        );
        assert!(matches!(leased(&format!(r#"{{"Statement":[{live}]}}"#)), Merge::Write { .. }), "{live}");
    }
    // A key that stands twice: which one counts, only IAM knows.
    let twice = until(OVER, &["clip"])
        .to_string()
        .replace(r#"{"aws:CurrentTime":"#, r#"{"aws:CurrentTime":"2030-01-01T00:00:00Z","aws:CurrentTime":"#);
    let there = format!(r#"{{"Statement":[{twice}]}}"#);
    let Merge::Write { document: after, .. } = leased(&there) else { panic!("covered") };
    assert!(after.starts_with(there.trim_end_matches("]}")), "{after}");
}

#[test]
fn a_lease_that_somebody_put_in_order_is_still_ours() {
    let mut statement = until(END, &["c", "clip"]);
    statement["Sid"] = json!("Leases");
    statement["Action"] = json!("lambda:InvokeFunction");
    statement["Resource"] = json!([arn("c:*"), arn("clip"), arn("c"), arn("clip"), arn("clip:*")]);
    let there = document(&[statement.clone()]);
    assert_eq!(leased(&there), covers(true, Some(END)));
    let folded: Value = serde_json::from_str(&fold(&there)).unwrap();
    statement["Resource"] = json!([arn("c:*"), arn("clip"), arn("c"), arn("clip:*")]);
    assert_eq!(folded["Statement"][0], statement);
    let Removal::Write(text) = remove(&there, &function("clip"), now()).unwrap() else {
        panic!("not written")
    };
    statement["Resource"] = json!([arn("c:*"), arn("c")]);
    assert_eq!(text, document(&[statement]));
}

#[test]
fn taking_out_takes_leases_too() {
    let take = |statements: &[Value]| remove(&document(statements), &function("clip"), now()).unwrap();
    let left = |statements: &[Value]| Removal::Write(document(statements));
    assert_eq!(take(&[until(END, &["clip"])]), Removal::Delete);
    assert_eq!(take(&[until(END, &["clip"]), for_good(&["clip"]), until(OVER, &["c"])]), Removal::Delete);
    assert_eq!(take(&[until(END, &["clip", "c"])]), left(&[until(END, &["c"])]));
    assert_eq!(take(&[until(END, &["clip"]), until(LATER, &["clip", "c"])]), left(&[until(LATER, &["c"])]));
    // What has run out is taken out as well, and told as there.
    assert_eq!(take(&[until(OVER, &["clip"]), for_good(&["c"])]), left(&[for_good(&["c"])]));
    assert_eq!(take(&[until(OVER, &["c"]), for_good(&["other"])]), Removal::NotListed);
}

#[test]
fn room_is_given_back() {
    let many: Vec<String> = (0..20).map(|index| format!("render-{index}")).collect();
    let names: Vec<&str> = many.iter().map(String::as_str).collect();
    let there = document(&[until(OVER, &names)]);
    let Merge::Write { document: after, .. } = leased(&there) else { panic!("covered") };
    assert!(there.len() > 2_048 && after.len() < 400, "{} {}", there.len(), after.len());
}
