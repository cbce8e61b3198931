//! Whole notices, one of each kind, as their readers see them: kept in `snapshots/`.
//!
//! `UPDATE_EXPECTED=1 cargo test -p remediator-core` writes them; the difference is there to be read.

use super::*;
use crate::allowlist::Allowlist;
use crate::decision::{self, Decision, Judgement, OwnIdentity};
use crate::incoming::payload::Payload;
use crate::incoming::{self, Event, Incoming};
use crate::outcome::Verdict;
use crate::policy::lease::Expiry;
use crate::policy::quota::Usage;
use crate::reason::{DecidedBy, Reason, Refusal};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The report of a sample event as the function makes it without IAM: what the list admits is granted.
fn report(event: &str) -> Report {
    let own = OwnIdentity {
        partition: "aws".to_owned(),
        account: "281502313273".to_owned(),
        role: crate::arn::principal::Principal::parse("arn:aws:iam::281502313273:role/remediator-function"),
    };
    let list = std::fs::read_to_string(root().join("allowlist.example.json")).unwrap();
    let list = Allowlist::parse(&list).unwrap();
    let payload = Payload::from_slice(&std::fs::read(root().join(format!("events/{event}.json"))).unwrap());
    let Incoming::Event(read) = incoming::read(&payload) else { panic!("{event} is a batch") };
    let denial = match read {
        Event::Denial(denial) => denial,
        Event::Refused(rejection) => return Report::refused(rejection),
        Event::Ignored(rejection) => {
            return Report::new(*rejection.facts, Verdict::Ignored(rejection.refusal));
        }
    };
    let admitted = match decision::admit(denial, &own) {
        Ok(admitted) => admitted,
        Err(rejection) => return Report::refused(rejection),
    };
    let facts = admitted.denial().facts().clone();
    match admitted.judge(&list, SystemTime::UNIX_EPOCH) {
        Judgement::Decided(Decision::Refuse { refusal, rule }) => {
            Report { facts, verdict: Verdict::Refused(refusal), rule }
        }
        Judgement::Decided(Decision::Grant(grant)) => {
            let added = grant.function().resource_pair().to_vec();
            let verdict = Verdict::Granted { added, usage: None, expires: None, taken_away: 0 };
            Report { facts, verdict, rule: Some(grant.rule().to_owned()) }
        }
        Judgement::NeedsIdentity(_) => panic!("{event} needs IAM"),
    }
}

/// The event that shows a reason: of those that do the one with the shortest name.
fn event_of(reason: Reason) -> String {
    let files = std::fs::read_dir(root().join("events/expected")).unwrap().map(|file| file.unwrap().path());
    let shows = |file: &PathBuf| json(file)["reason"] == json_name(reason);
    let names = files.filter(shows).map(|file| file.file_stem().unwrap().to_string_lossy().into_owned());
    names
        .min_by_key(|name| (name.len(), name.clone()))
        .unwrap_or_else(|| panic!("no file in events/ ends in `{}`", json_name(reason)))
}

/// Each kind of notice, by the name of its snapshot.
fn cases() -> BTreeMap<String, (Report, u64)> {
    let granted = || report("user");
    let with = |verdict| Report { verdict, ..granted() };
    let expires = Expiry::parse("2026-12-25T00:00:00Z");
    let added = || granted().facts.function.unwrap().resource_pair().to_vec();
    let usage = Some(Usage { used: 2_000, quota: 2_048 });
    let mut cases: BTreeMap<String, (Report, u64)> = [
        ("granted", granted(), 0),
        ("granted-role-with-path", report("role-with-path"), 0),
        (
            "granted-lease-little-room",
            with(Verdict::Granted { added: added(), usage, expires, taken_away: 0 }),
            7,
        ),
        (
            "granted-again",
            with(Verdict::Granted { added: added(), usage: None, expires: None, taken_away: 2 }),
            0,
        ),
        ("already-granted", with(Verdict::AlreadyGranted { is_listed: true, expires: None }), 0),
        (
            "already-granted-by-a-wildcard",
            with(Verdict::AlreadyGranted { is_listed: false, expires: None }),
            0,
        ),
        ("still-denied", with(Verdict::StillDenied { is_listed: true, expires }), 3),
        ("would-grant", with(Verdict::WouldGrant { expires }), 0),
        ("refused-with-policy-arn", report("explicit-with-policy-arn"), 0),
        ("refused-with-details", report("authorization-details-explicit"), 0),
        ("refused-hostile-texts", report("hostile-texts"), 0),
    ]
    .into_iter()
    .map(|(name, report, left_out)| (name.to_owned(), (report, left_out)))
    .collect();
    for reason in Reason::ALL {
        let report = match reason.row().decided_by {
            DecidedBy::Event => report(&event_of(*reason)),
            DecidedBy::Iam => with(Verdict::Refused(Refusal::new(*reason, "IAM says so"))),
            DecidedBy::Ledger => with(Verdict::Refused(Refusal::new(*reason, "the ledger says so"))),
            DecidedBy::EventIgnored => continue,
        };
        cases.insert(format!("refused-{}", json_name(reason).replace('_', "-")), (report, 0));
    }
    cases
}

/// A notice as one text: the mail, the card, and what a program gets beside the outcome.
fn shown(report: &Report, left_out: u64) -> String {
    let notice = Notice::new(&Outcome::new(report), report, left_out, None);
    let bodies: Value = serde_json::from_str(&notice.message).unwrap();
    let body = |protocol: &str| bodies[protocol].as_str().unwrap().to_owned();
    let card: Value = serde_json::from_str(&body("https")).unwrap();
    let machine: Value = serde_json::from_str(&body("sqs")).unwrap();
    let (content, metadata) = (&card["content"], &card["metadata"]);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let list = |value: &Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    let attributes: Vec<_> =
        notice.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "Subject: {}\nAttributes: {}\n\n=== mail ===\n\n{}\n=== card ===\n\n{}\n\n{}\n\n- {}\n\nkeywords: {}\nthread: {}\nsummary: {}\n\
         resources: {}\n\n=== program, beside the outcome ===\n\nundo: {}\nexpires: {}\nleftOut: {}\n",
        notice.subject,
        attributes.join(", "),
        body("email"),
        text(&content["title"]),
        text(&content["description"]),
        list(&content["nextSteps"]).join("\n- "),
        list(&content["keywords"]).join(", "),
        text(&metadata["threadId"]),
        text(&metadata["summary"]),
        list(&metadata["relatedResources"]).join(", "),
        machine["undo"],
        machine["expires"],
        machine["leftOut"],
    )
}

#[test]
fn each_kind_of_notice_looks_as_it_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/notice/snapshots");
    let path = |name: &str| folder.join(format!("{name}.txt"));
    let cases: BTreeMap<_, _> =
        cases().into_iter().map(|(name, (report, left_out))| (name, shown(&report, left_out))).collect();
    let kept = || -> BTreeSet<String> {
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        kept()
            .iter()
            .filter(|name| !cases.contains_key(*name))
            .for_each(|name| std::fs::remove_file(path(name)).unwrap());
        cases.iter().for_each(|(name, text)| std::fs::write(path(name), text).unwrap());
    }
    for (name, text) in &cases {
        let kept = std::fs::read_to_string(path(name))
            .unwrap_or_else(|error| panic!("snapshots/{name}.txt: {error}"));
        assert_eq!(&kept, text, "snapshots/{name}.txt is another one: `make expected` writes it");
    }
    assert_eq!(kept(), cases.into_keys().collect(), "there is a snapshot of nothing");
}
