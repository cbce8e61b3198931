//! Any text as the stored policy: one function is added, and nothing else changes.
#![no_main]

use invariants::document::{Document, Statement};
use invariants::is_one_line;
use lambda_invoke_remediator::arn::FunctionArn;
use lambda_invoke_remediator::policy::{Merge, fold, merge};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 3] = ["clip", "clip-other", "c"];

fuzz_target!(|text: &str| {
    check_fold(text);
    for name in NAMES {
        let function = FunctionArn::new("aws", "us-east-1", "281502313273", name).unwrap();
        match merge(Some(text), &function) {
            Err(why) => {
                assert!(is_one_line(&why), "{why:?}");
                assert_eq!(fold(text), text);
            }
            Ok(Merge::Covered { is_listed }) => check_covered(text, &function, is_listed),
            Ok(Merge::Write { document, added }) => check_write(text, &document, &added, &function),
        }
    }
});

/// The calls of a function that a policy is asked about.
fn calls(name: &str) -> Vec<String> {
    ["", ":live", ":7", ":$LATEST", ":a_b-c"]
        .map(|qualifier| format!("arn:aws:lambda:us-east-1:281502313273:function:{name}{qualifier}"))
        .into()
}

fn check_covered(text: &str, function: &FunctionArn, is_listed: bool) {
    let document = Document::parse(text);
    for call in calls(function.name()) {
        assert!(document.allows(&call), "{call}");
    }
    let listed = document.our_resources();
    assert_eq!(is_listed, function.resource_pair().iter().all(|resource| listed.contains(resource)));
}

fn check_write(text: &str, written: &str, added: &[String], function: &FunctionArn) {
    let (before, after) = (Document::parse(text), Document::parse(written));
    let pair = function.resource_pair();

    // Exactly what was told is new, and it is of the pair.
    assert!(!added.is_empty() && added.iter().all(|resource| pair.contains(resource)));
    let mut ours = before.our_resources();
    assert!(added.iter().all(|resource| !ours.contains(resource)));
    ours.extend(added.iter().cloned());
    assert_eq!(ours, after.our_resources());

    assert_eq!(before.other_keys(), after.other_keys());
    let (old, new) = (before.statements(), after.statements());
    let changed: Vec<usize> =
        (0..old.len()).filter(|index| old[*index].text() != new[*index].text()).collect();
    match changed.as_slice() {
        [] => {
            assert_eq!(new.len(), old.len() + 1);
            assert!(old.iter().all(|statement| !statement.is_ours()));
            assert_eq!(new[old.len()].resources(), pair);
        }
        [index] => {
            assert_eq!(new.len(), old.len());
            check_gain(&old[*index], &new[*index], &pair);
        }
        _ => panic!("{changed:?}"),
    }

    assert_eq!(merge(Some(written), function), Ok(Merge::Covered { is_listed: true }));
    for name in NAMES {
        for call in calls(name) {
            assert_eq!(after.allows(&call), name == function.name() || before.allows(&call), "{call}");
        }
    }
}

/// One statement of ours got resources of the pair, behind those that it had, and stayed as it is otherwise.
fn check_gain(old: &Statement, new: &Statement, pair: &[String; 2]) {
    assert!(old.is_ours() && new.is_ours());
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
        assert!(new.resources().iter().all(|resource| old.resources().contains(resource)));
        assert_eq!(old.resources().is_empty(), new.resources().is_empty());
    }
    for name in NAMES {
        for call in calls(name) {
            assert_eq!(before.allows(&call), after.allows(&call), "{call}");
        }
        let function = FunctionArn::new("aws", "us-east-1", "281502313273", name).unwrap();
        let covered = |text: &str| matches!(merge(Some(text), &function), Ok(Merge::Covered { .. }));
        assert_eq!(covered(text), covered(&folded));
    }
}
