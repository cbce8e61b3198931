use super::*;
use crate::allowlist::Allowlist;
use crate::arn::FunctionArn;
use crate::arn::principal::Principal;
use crate::decision::{Grant, OwnIdentity, decide_again};
use crate::incoming::source::Source;
use crate::policy::quota::Usage;
use crate::reason::Reason;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

const ACCOUNT: &str = "281502313273";
const NOW: TableTime = 1_795_845_916;

fn principal(name: &str) -> Principal {
    Principal::parse(&format!("arn:aws:iam::{ACCOUNT}:role/{name}")).unwrap()
}

fn function(name: &str) -> FunctionArn {
    FunctionArn::parse(&format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")).unwrap()
}

fn own() -> OwnIdentity {
    OwnIdentity {
        partition: "aws".to_owned(),
        account: ACCOUNT.to_owned(),
        role: Some(principal("remediator")),
    }
}

fn list() -> Allowlist {
    let rule = |id: &str, principal: &str, function: &str| {
        format!(
            r#"{{"id": "{id}", "principals": ["arn:aws:iam::{ACCOUNT}:role/{principal}"],
                "functions": ["arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"]}}"#
        )
    };
    let rules = [
        rule("all", "render*", "clip-*"),
        rule("own", "remediator", "clip-*"),
        rule("aws", "aws-reserved/x/*", "clip-*"),
    ];
    Allowlist::parse(&format!(r#"{{"rules": [{}]}}"#, rules.join(","))).unwrap()
}

fn decide(principal: &Principal, function: &FunctionArn, source: Source) -> Option<Grant> {
    decide_again((principal, function, source), &own(), &list(), SystemTime::UNIX_EPOCH)
}

fn granted(name: &str) -> Grant {
    decide(&principal("render-worker"), &function(name), Source::Cloudtrail).unwrap()
}

fn entry(name: &str) -> Entry {
    Entry {
        function: function(name).to_string(),
        origin: Origin {
            rule: "all".to_owned(),
            source: Source::Cloudtrail,
            event_id: Some(format!("event-{name}")),
            event_time: Some("2026-11-28T06:00:00Z".to_owned()),
            asked_by: None,
        },
        expires: None,
        added: Vec::new(),
        taken_away: 0,
        wish: None,
    }
}

fn wish(name: &str) -> Wish {
    Wish::new(format!("id-{name}"), principal("render-worker").to_string(), entry(name), NOW)
}

fn planned(document: Option<&str>, wishes: Vec<Wish>, undone: &Undone) -> Plan {
    let grant = granted("clip-own");
    plan(document, (&grant, &entry("clip-own")), wishes, undone, NOW, |function, source| {
        decide(&principal("render-worker"), function, source)
    })
    .unwrap()
}

fn undo_at(at: TableTime) -> UndoRecord {
    UndoRecord { principal: String::new(), function: String::new(), at, ttl: 0 }
}

#[test]
fn keys_begin_with_the_account_and_know_no_path_and_no_case() {
    let plain = principal("render-worker");
    for other in ["service/render-worker", "Render-Worker", "a/b/RENDER-WORKER"] {
        assert_eq!(Key::partition(&plain), Key::partition(&principal(other)));
    }
    let user = Principal::parse(&format!("arn:aws:iam::{ACCOUNT}:user/render-worker")).unwrap();
    assert_ne!(Key::partition(&plain), Key::partition(&user));
    let clip = function("clip-1");
    for key in [
        Key::lock(&plain),
        Key::intent(&plain, "x"),
        Key::wish(&plain, "x"),
        Key::answer(&plain, "x"),
        Key::grant(&plain, &clip),
        Key::undo(&plain, &clip),
        Key::reported(&plain, &clip),
        Key::log(&plain, NOW, "x"),
        Key::notice_state(ACCOUNT, "x"),
        Key::notice_left_out(ACCOUNT, "x"),
        Key::event(ACCOUNT, "x", "y"),
    ] {
        assert!(key.pk.starts_with(&format!("{ACCOUNT}#")), "{key:?}");
        for ((from, to), kind) in [(Key::undos(), "undo#"), (Key::wishes(), "wish#")] {
            assert_eq!((from..=to).contains(&key.sk), key.sk.starts_with(kind), "{key:?}");
        }
    }
}

#[test]
fn a_fingerprint_tells_documents_apart_and_not_their_form() {
    let one = fingerprint(Some(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Sid":"a"}]}"#));
    let same = fingerprint(Some(
        "{\"Statement\": [{\"Sid\": \"a\",\n\"Effect\": \"Allow\"}], \"Version\": \"2012-10-17\"}",
    ));
    assert_eq!(one, same);
    assert_eq!(one.len(), 32);
    let others = [None, Some("none"), Some(""), Some(r#"{"Version":"2012-10-17","Statement":[]}"#)];
    let all: std::collections::BTreeSet<_> = others.into_iter().map(fingerprint).chain([one]).collect();
    assert_eq!(all.len(), 5);
}

#[test]
fn a_lock_is_free_when_its_lease_is_over_by_the_tables_time() {
    let free = Lock::default();
    assert!(free.is_free(0));
    let held = free.held_by("one", (NOW - 1, NOW), NOW);
    assert_eq!((held.version, held.owner.as_deref()), (1, Some("one")));
    // Whole seconds: a lease that ends within this one is not over.
    for (after, is_free) in [(0, false), (LEASE.as_secs(), false), (LEASE.as_secs() + 1, true)] {
        assert_eq!(held.is_free(NOW + after), is_free, "{after}");
    }
    assert!(held.freed(NOW).is_free(NOW) && held.freed(NOW).version == 2);
}

const OLD: Option<&str> = Some(r#"{"Statement":[1]}"#);
const NEW: Option<&str> = Some(r#"{"Statement":[2]}"#);
const NEXT: Option<&str> = Some(r#"{"Statement":[3]}"#);

fn written(documents: &[Option<&str>]) -> Lock {
    let mut lock = Lock::default();
    for pair in documents.windows(2) {
        lock.intend(pair[0], pair[1], NOW);
        lock.settle(NOW);
    }
    lock
}

#[test]
fn a_read_that_lags_behind_is_told_from_an_edit_by_hand() {
    let stale = STALE_READ.as_secs();
    for (documents, read, after, expected) in [
        (vec![None, NEW], NEW, 0, Reading::Current),
        (vec![None, NEW], None, 0, Reading::Stale),
        (vec![None, NEW], None, stale, Reading::Stale),
        // Nobody sees that any more: somebody has deleted the policy.
        (vec![None, NEW], None, stale + 1, Reading::Current),
        (vec![None, OLD, NEW], OLD, 0, Reading::Stale),
        (vec![None, OLD, NEW], None, 0, Reading::Stale),
        (vec![None, OLD, NEW], NEXT, 0, Reading::Current),
        // The old one again: it was written last, and is not old.
        (vec![OLD, NEW, OLD], OLD, 0, Reading::Current),
        (vec![OLD, NEW, OLD], NEW, 0, Reading::Stale),
        (vec![], NEW, 0, Reading::Current),
    ] {
        let lock = written(&documents);
        assert_eq!(lock.reading(read, NOW + after), expected, "{documents:?} {read:?} {after}");
    }
}

#[test]
fn an_edit_by_hand_is_what_the_next_put_replaces() {
    let mut lock = written(&[OLD, NEW]);
    lock.intend(NEXT, Some("{}"), NOW + 100);
    lock.settle(NOW + 100);
    for (read, expected) in [
        (NEXT, Reading::Stale),
        // It may have been edited just before it was read.
        (NEW, Reading::Stale),
        (OLD, Reading::Current),
        (Some("{}"), Reading::Current),
    ] {
        assert_eq!(lock.reading(read, NOW + 101), expected, "{read:?}");
    }
}

#[test]
fn an_edit_that_was_read_is_remembered_although_nothing_is_put() {
    let mut lock = written(&[OLD, NEW]);
    lock.adopt(NEXT, NOW + 60);
    assert_eq!(lock.reading(NEXT, NOW + 61), Reading::Current);
    assert_eq!(lock.reading(NEW, NOW + 61), Reading::Stale);
    let before = lock.clone();
    lock.adopt(NEXT, NOW + 62);
    assert_eq!(lock, before);
}

#[test]
fn a_put_that_was_noted_is_found_done_or_not_done() {
    let stale = STALE_READ.as_secs();
    let mut lock = written(&[OLD, NEW]);
    lock.intend(NEW, NEXT, NOW + 60);
    assert_eq!(lock.reading(NEXT, NOW + 61), Reading::Intended);
    assert_eq!(lock.reading(NEW, NOW + 61), Reading::Stale);
    assert_eq!(lock.reading(NEW, NOW + 60 + stale + 1), Reading::Current);
    assert_eq!(lock.reading(Some("[]"), NOW + 61), Reading::Current);
    let mut abandoned = lock.clone();
    abandoned.abandon(NOW + 61);
    assert_eq!(abandoned.reading(NEXT, NOW + 62), Reading::Stale);
    assert_eq!(abandoned.reading(NEW, NOW + 61), Reading::Current);
    let intent = Intent::new(NEXT, vec![entry("clip-1")], NOW + 60);
    assert_eq!(lock.settle(NOW + 61), Some(intent.hash));
    assert_eq!(lock.settle(NOW + 61), None);
    assert_eq!(lock.reading(NEW, NOW + 61), Reading::Stale);
}

#[test]
fn what_a_lock_remembers_is_bounded() {
    let mut lock = Lock::default();
    for number in 0..1_100 {
        let document = |number: u32| format!("[{number}]");
        lock.intend(Some(&document(number)), Some(&document(number + 1)), NOW);
        lock.settle(NOW);
    }
    assert_eq!(lock.superseded.len(), 1_000);
    assert_eq!(lock.reading(Some("[1099]"), NOW), Reading::Stale);
    assert!(lock.held_by("x", (NOW + STALE_READ.as_secs() + 1, u64::MAX), NOW).superseded.is_empty());
}

#[test]
fn the_holder_takes_along_what_its_own_list_admits() {
    let plan = planned(None, vec![wish("clip-1"), wish("clip-2")], &Undone::new());
    assert!(matches!(plan.own, OwnResult::Added(_)));
    let functions: Vec<_> =
        plan.entries.iter().map(|entry| entry.function.rsplit(':').next().unwrap()).collect();
    assert_eq!(functions, ["clip-own", "clip-1", "clip-2"]);
    let document = plan.document.unwrap();
    for name in ["clip-own", "clip-1", "clip-2"] {
        for resource in function(name).resource_pair() {
            assert!(document.contains(&format!("\"{resource}\"")), "{document}");
        }
    }
    assert_eq!(plan.taken.len(), 2);
    assert!(plan.taken.iter().all(|wish| matches!(wish.answer, Some(Answer::Granted { .. }))));
}

#[test]
fn a_wish_is_no_permission() {
    let forged = |name: &str, change: &dyn Fn(&mut Wish)| {
        let mut wish = wish(name);
        change(&mut wish);
        wish
    };
    let other_region = "arn:aws:lambda:us-east-1:999999999999:function:clip-1";
    for wish in [
        wish("secret"),
        forged("clip-1", &|wish| wish.principal = principal("render-farm").to_string()),
        forged("clip-1", &|wish| wish.principal = principal("render-worker/x").to_string()),
        forged("clip-1", &|wish| wish.principal = principal("remediator").to_string()),
        forged("clip-1", &|wish| wish.principal.clear()),
        forged("clip-1", &|wish| wish.entry.function = other_region.to_owned()),
        forged("clip-1", &|wish| wish.entry.function = "*".to_owned()),
        forged("clip-1", &|wish| wish.entry.function = format!("{}*", function("clip-1"))),
        forged("clip-1", &|wish| wish.entry.origin.source = Source::Log),
        forged("secret", &|wish| wish.entry.origin.rule = "all".to_owned()),
        forged("secret", &|wish| wish.entry.added = function("clip-1").resource_pair().into()),
    ] {
        let plan = planned(None, vec![wish.clone()], &Undone::new());
        assert_eq!(plan.entries.len(), 1, "{wish:?}");
        assert_eq!(plan.answered.len(), 1);
        assert_eq!(plan.answered[0].answer, Some(Answer::Refused));
        let alone = planned(None, Vec::new(), &Undone::new());
        assert_eq!(plan.document, alone.document);
    }
    // Old ones, and answered ones, are nobody's any more.
    let old = Wish::new("old".to_owned(), wish("clip-1").principal, entry("clip-1"), NOW - 76);
    let answered = Wish { answer: Some(Answer::Refused), ..wish("clip-2") };
    let plan = planned(None, vec![old, answered], &Undone::new());
    assert!(plan.answered.is_empty() && plan.taken.is_empty() && plan.entries.len() == 1);
}

#[test]
fn nobody_is_asked_again_whom_no_list_can_admit() {
    for name in ["remediator", "aws-reserved/x/render", "service/other"] {
        assert_eq!(decide(&principal(name), &function("clip-1"), Source::Cloudtrail), None, "{name}");
    }
    let foreign = Principal::parse("arn:aws:iam::999999999999:role/render-worker").unwrap();
    assert_eq!(decide(&foreign, &function("clip-1"), Source::Cloudtrail), None);
    assert_eq!(decide(&principal("render-worker"), &function("clip-1"), Source::Report), None);
    assert!(decide(&principal("render-worker"), &function("clip-1"), Source::Cloudtrail).is_some());
}

#[test]
fn what_is_covered_needs_no_put_and_one_function_is_put_once() {
    let twice = planned(None, vec![wish("clip-own"), wish("clip-1"), wish("clip-1")], &Undone::new());
    assert_eq!(twice.entries.len(), 2);
    let answers: Vec<_> = twice.taken.iter().map(|wish| wish.answer.clone().unwrap()).collect();
    assert!(matches!(
        answers[..],
        [Answer::Covered { is_listed: true, .. }, Answer::Granted { .. }, Answer::Covered { .. }]
    ));
    let again = planned(twice.document.as_deref(), vec![wish("clip-1")], &Undone::new());
    assert_eq!((again.document, again.entries.len(), again.answered.len()), (None, 0, 1));
    assert_eq!(again.own, OwnResult::Covered { is_listed: true, expires: None });
}

#[test]
fn a_policy_that_cannot_be_understood_is_left_alone() {
    let grant = granted("clip-own");
    let planned = plan(Some("{"), (&grant, &entry("clip-own")), Vec::new(), &Undone::new(), NOW, |_, _| None);
    assert!(planned.is_err());
}

#[test]
fn what_was_taken_back_is_not_granted_for_a_denial_from_before() {
    let denied = crate::rfc3339::parse("2026-11-28T06:00:00Z").unwrap();
    let denied = denied.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let all = |at| {
        let names = ["clip-own", "clip-1"];
        names.map(|name| (function(name).to_string(), undo_at(at))).into_iter().collect::<BTreeMap<_, _>>()
    };
    for (at, is_granted) in [(denied - 1, true), (denied, false), (denied + 1, false), (u64::MAX, false)] {
        let plan = planned(None, vec![wish("clip-1"), wish("clip-2")], &all(at));
        let count = if is_granted { 3 } else { 1 };
        assert_eq!(plan.entries.len(), count, "{at}");
        match plan.own {
            OwnResult::Added(_) => assert!(is_granted),
            OwnResult::Refused(refusal) => {
                assert_eq!((is_granted, refusal.reason), (false, Reason::TakenBack))
            }
            OwnResult::Covered { .. } => panic!("covered"),
        }
    }
    let undo = undo_at(denied);
    for (time, source, expected) in [
        (None, Source::Cloudtrail, true),
        (None, Source::Log, true),
        (None, Source::Manual, false),
        (Some("tomorrow"), Source::Report, true),
        (Some("2026-11-28T06:00:00.999Z"), Source::Log, true),
        (Some("2026-11-28T06:00:01Z"), Source::Cloudtrail, false),
        (Some("2026-11-28T05:00:01Z"), Source::Manual, true),
    ] {
        let origin = Origin { event_time: time.map(str::to_owned), source, ..entry("clip-1").origin };
        assert_eq!(origin.is_taken_back(Some(&undo)), expected, "{time:?} {source:?}");
        assert!(!origin.is_taken_back(None));
    }
}

#[test]
fn a_notice_is_due_claimed_or_a_repeat() {
    let interval = Duration::from_secs(3_600);
    let new = NoticeState::default();
    assert_eq!(new.publication(interval, NOW), Publication::Due);
    let claimed = new.claimed_by("one", NOW, NOW);
    assert_eq!(claimed.publication(interval, NOW + 15), Publication::Claimed);
    // Whoever claimed it is gone.
    assert_eq!(claimed.publication(interval, NOW + 16), Publication::Due);
    assert_eq!(claimed.unclaimed().publication(interval, NOW), Publication::Due);
    let sent = NoticeState::sent(7, NOW, NOW);
    assert_eq!(sent.publication(interval, NOW + 3_599), Publication::Repeat);
    assert_eq!(sent.publication(interval, NOW + 3_600), Publication::Due);
    assert_eq!(
        sent.claimed_by("two", NOW + 3_600, NOW).publication(interval, NOW + 3_600),
        Publication::Claimed
    );
    assert_eq!((sent.version, sent.claim), (7, None));
}

#[test]
fn a_time_that_lies_ahead_counts_as_none() {
    let interval = Duration::from_secs(3_600);
    for (ahead, is_believed) in [(0, true), (60, true), (61, false), (u64::MAX - NOW, false)] {
        let mut lock = written(&[None, NEW]);
        lock.superseded[0].at = NOW + ahead;
        let expected = if is_believed { Reading::Stale } else { Reading::Current };
        assert_eq!(lock.reading(None, NOW), expected, "{ahead}");
        let sent = NoticeState::sent(1, NOW + ahead, NOW);
        let expected = if is_believed { Publication::Repeat } else { Publication::Due };
        assert_eq!(sent.publication(interval, NOW), expected, "{ahead}");
        let record = GrantRecord::of_entry("p", &entry("clip-1"), NOW + ahead, NOW);
        assert_eq!(record.is_fresh(NOW, 60), is_believed, "{ahead}");
    }
    let mut claimed = NoticeState::default().claimed_by("one", NOW, NOW);
    claimed.claim.as_mut().unwrap().ends = u64::MAX;
    assert_eq!(claimed.publication(interval, NOW), Publication::Due);
}

#[test]
fn the_usage_of_the_quota_is_told_to_whoever_was_granted_something() {
    let usage = Some(Usage { used: 7, quota: 9 });
    let granted = Answer::Granted { added: Vec::new(), expires: None, usage: None };
    let Answer::Granted { usage: told, .. } = granted.with_usage(usage) else { panic!() };
    assert_eq!(told, Some((7, 9)));
    assert_eq!(Answer::Refused.with_usage(usage), Answer::Refused);
}

proptest! {
    /// Whatever is wished for, nothing is granted that the list does not admit, and nothing of the document is lost.
    #[test]
    fn no_wish_grants_what_is_not_listed(
        names in prop::collection::vec("(clip-[a-c]|secret|[a-z*?]{1,3})", 0..8),
        principals in prop::collection::vec("(render-worker|render-farm|x/render-worker)", 8),
        sources in prop::collection::vec(0_usize..4, 8),
    ) {
        let wishes: Vec<_> = names.iter().enumerate().map(|(index, name)| {
            let mut wish = wish("clip-1");
            wish.id = index.to_string();
            wish.principal = principal(&principals[index]).to_string();
            wish.entry.function = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}");
            wish.entry.origin.source = Source::ALL[sources[index]];
            wish
        }).collect();
        let foreign = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
        let plan = planned(Some(foreign), wishes.clone(), &Undone::new());
        let document: serde_json::Value = serde_json::from_str(plan.document.as_deref().unwrap()).unwrap();
        let statements = document["Statement"].as_array().unwrap();
        prop_assert_eq!(statements.len(), 2);
        prop_assert_eq!(&statements[0]["Effect"], "Deny");
        for resource in statements[1]["Resource"].as_array().unwrap() {
            let name = resource.as_str().unwrap().split(':').nth(6).unwrap();
            prop_assert!(name == "clip-own" || ["clip-a", "clip-b", "clip-c"].contains(&name), "{}", name);
        }
        prop_assert_eq!(plan.answered.len() + plan.taken.len(), wishes.len());
    }
}
