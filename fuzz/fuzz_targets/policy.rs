//! Any text as the stored policy: one function is added, and nothing else changes.
#![no_main]

use invariants::document::{Document, Statement};
use invariants::is_one_line;
use libfuzzer_sys::fuzz_target;
use remediator_core::arn::FunctionArn;
use remediator_core::policy::lease::Expiry;
use remediator_core::policy::{Merge, Removal, fold, merge, remove};
use std::time::{Duration, SystemTime};

const NAMES: [&str; 3] = ["clip", "clip-other", "c"];

const NOW: &str = "2026-11-24T12:00:00Z";
const END: &str = "2026-12-25T00:00:00Z";
/// What is asked about: for good, and up to some ends after now.
const ENDS: [Option<&str>; 4] = [None, Some("2026-11-24T12:00:01Z"), Some(END), Some("2026-12-25T00:00:01Z")];

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_521_600)
}

fuzz_target!(|text: &str| {
    check_fold(text);
    for name in NAMES {
        let function = FunctionArn::new("aws", "us-east-1", "281502313273", name).unwrap();
        check_remove(text, &function);
        for end in [None, Some(END)] {
            let expiry = end.and_then(Expiry::parse);
            match merge(Some(text), &function, expiry, now()) {
                Err(why) => {
                    assert!(is_one_line(&why), "{why:?}");
                    assert_eq!(fold(text), text);
                }
                Ok(Merge::Covered { is_listed, expires }) => {
                    let until = expires.map(|expires| expires.to_string());
                    assert!(until.is_none() || end.is_some());
                    check_covered(text, &function, is_listed, until.as_deref());
                }
                Ok(Merge::Write { document, added }) => check_write(text, &document, &added, &function, end),
            }
        }
    }
});

/// The calls of a function that a policy is asked about.
fn calls(name: &str) -> Vec<String> {
    ["", ":live", ":7", ":$LATEST", ":a_b-c"]
        .map(|qualifier| format!("arn:aws:lambda:us-east-1:281502313273:function:{name}{qualifier}"))
        .into()
}

fn check_covered(text: &str, function: &FunctionArn, is_listed: bool, until: Option<&str>) {
    let document = Document::parse(text);
    let calls = calls(function.name());
    assert!(until.is_none_or(|until| until > NOW));
    assert!(calls.iter().all(|call| document.allows(call, until)));
    assert!(until.is_none() || !calls.iter().all(|call| document.allows(call, None)));
    let listed = document.live_resources(NOW);
    assert_eq!(is_listed, function.resource_pair().iter().all(|resource| listed.contains(resource)));
}

fn check_write(text: &str, written: &str, added: &[String], function: &FunctionArn, end: Option<&str>) {
    let (before, after) = (Document::parse(text), Document::parse(written));
    let pair = function.resource_pair();

    // Exactly what was told is new, and it is of the pair.
    assert!(!added.is_empty() && added.iter().all(|resource| pair.contains(resource)));
    let mut ours = before.our_resources(end);
    assert!(added.iter().all(|resource| !ours.contains(resource)));
    ours.extend(added.iter().cloned());
    assert_eq!(ours, after.our_resources(end));

    // What has ended is gone, and nothing else.
    assert_eq!(before.other_keys(), after.other_keys());
    let old: Vec<&Statement> =
        before.statements().iter().filter(|statement| !statement.is_over(NOW)).collect();
    let new = after.statements();
    let changed: Vec<usize> =
        (0..old.len()).filter(|index| old[*index].text() != new[*index].text()).collect();
    match changed.as_slice() {
        [] => {
            assert_eq!(new.len(), old.len() + 1);
            assert!(old.iter().all(|statement| statement.ours() != Some(end)));
            assert_eq!(new[old.len()].resources(), pair);
            assert_eq!(new[old.len()].ours(), Some(end));
        }
        [index] => {
            assert_eq!(new.len(), old.len());
            assert_eq!((old[*index].ours(), new[*index].ours()), (Some(end), Some(end)));
            check_gain(old[*index], &new[*index], &pair);
        }
        _ => panic!("{changed:?}"),
    }

    let expires = end.and_then(Expiry::parse);
    let again = merge(Some(written), function, expires, now());
    assert_eq!(again, Ok(Merge::Covered { is_listed: true, expires }));
    for name in NAMES {
        for call in calls(name) {
            for asked in ENDS {
                let is_granted =
                    name == function.name() && end.is_none_or(|end| asked.is_some_and(|asked| asked <= end));
                assert_eq!(
                    after.allows(&call, asked),
                    is_granted || before.allows(&call, asked),
                    "{call} {asked:?}"
                );
            }
        }
    }
}

/// What is ours lists it no more, and what is not stays.
fn check_remove(text: &str, function: &FunctionArn) {
    let left = match remove(text, function, now()) {
        Err(_) | Ok(Removal::NotListed) => return,
        Ok(Removal::Delete) => None,
        Ok(Removal::Write(left)) => Some(left),
    };
    let (before, after) = (Document::parse(text), left.as_deref().map(Document::parse));
    let after_statements = after.as_ref().map_or(&[][..], Document::statements);
    let foreign = |statements: &[Statement]| -> Vec<String> {
        statements.iter().filter(|one| !one.is_ours()).map(|one| one.text().to_owned()).collect()
    };
    assert_eq!(foreign(before.statements()), foreign(after_statements));
    let pair = function.resource_pair();
    for statement in after_statements.iter().filter(|statement| statement.is_ours()) {
        assert!(!statement.is_over(NOW) && !statement.resources().iter().any(|one| pair.contains(one)));
    }
    for name in NAMES.into_iter().filter(|name| *name != function.name()) {
        for (call, asked) in calls(name).into_iter().flat_map(|call| ENDS.map(|asked| (call.clone(), asked)))
        {
            let allows = after.as_ref().is_some_and(|after| after.allows(&call, asked));
            assert_eq!(allows, before.allows(&call, asked), "{call} {asked:?}");
        }
    }
}

/// One statement of ours got resources of the pair, behind those that it had, and stayed as it is otherwise.
fn check_gain(old: &Statement, new: &Statement, pair: &[String; 2]) {
    assert_eq!(old.other_keys("Resource"), new.other_keys("Resource"));
    let mut expected = old.resources();
    expected.extend(pair.iter().filter(|resource| !old.resources().contains(resource)).cloned());
    assert_eq!(new.resources(), expected);
}

fn check_fold(text: &str) {
    let folded = fold(text);
    assert_eq!(fold(&folded), folded);
    if folded == text {
        return;
    }
    let (before, after) = (Document::parse(text), Document::parse(&folded));
    assert_eq!(before.other_keys(), after.other_keys());
    assert_eq!(before.statements().len(), after.statements().len());
    for (old, new) in before.statements().iter().zip(after.statements()) {
        if !old.is_ours() {
            assert_eq!(old.text(), new.text());
            continue;
        }
        assert_eq!(old.other_keys("Resource"), new.other_keys("Resource"));
        assert_eq!(old.ours(), new.ours());
        assert!(new.resources().iter().all(|resource| old.resources().contains(resource)));
        assert_eq!(old.resources().is_empty(), new.resources().is_empty());
    }
    for name in NAMES {
        for call in calls(name) {
            for asked in ENDS {
                assert_eq!(before.allows(&call, asked), after.allows(&call, asked), "{call} {asked:?}");
            }
        }
        let function = FunctionArn::new("aws", "us-east-1", "281502313273", name).unwrap();
        for expiry in [None, Expiry::parse(END)] {
            let covered =
                |text: &str| matches!(merge(Some(text), &function, expiry, now()), Ok(Merge::Covered { .. }));
            assert_eq!(covered(text), covered(&folded));
        }
    }
}
