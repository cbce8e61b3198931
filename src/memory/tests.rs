use super::*;
use remediator_core::allowlist::Allowlist;
use remediator_core::decision::{Decision, Judgement, OwnIdentity, admit};
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::facts::Facts;
use remediator_core::incoming::message::Cause;
use remediator_core::incoming::message::{DenialKind, DeniedBy};
use remediator_core::incoming::payload::Payload;
use remediator_core::incoming::{self, Event, Incoming};
use remediator_core::reason::Reason;
use remediator_core::reason::Refusal;

const INTERVAL: Duration = Duration::from_secs(3_600);

fn seconds(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn denial(event: &[u8]) -> Denial {
    match incoming::read(&Payload::from_slice(event)) {
        Incoming::Event(Event::Denial(denial)) => denial,
        other @ (Incoming::Event(_) | Incoming::Lines(_)) => panic!("{other:?}"),
    }
}

fn granted_by(list: &str, denial: Denial) -> Grant {
    let own = OwnIdentity { partition: "aws".to_owned(), account: "281502313273".to_owned(), role: None };
    match admit(denial, &own).unwrap().judge(&Allowlist::parse(list).unwrap(), seconds(0)) {
        Judgement::Decided(Decision::Grant(grant)) => grant,
        other @ (Judgement::Decided(_) | Judgement::NeedsIdentity(_)) => panic!("{other:?}"),
    }
}

fn denied(function: &str) -> (Facts, Grant) {
    let event = include_str!("../../events/user.json").replace("ffmpeg-clip-cutter", function);
    let denial = denial(event.as_bytes());
    let list =
        include_str!("../../allowlist.example.json").replace("function:ffmpeg-clip-cutter", "function:*");
    (denial.facts().clone(), granted_by(&list, denial))
}

fn report(facts: &Facts, verdict: Verdict) -> Report {
    Report::new(facts.clone(), verdict)
}

fn already() -> Verdict {
    Verdict::AlreadyGranted { is_listed: true, expires: None }
}

fn written() -> Verdict {
    Verdict::Granted { added: Vec::new(), usage: None, expires: None, taken_away: 0 }
}

fn refused(reason: Reason, why: &str) -> Verdict {
    Verdict::Refused(Refusal::new(reason, why))
}

#[test]
fn a_repeat_is_left_out_and_counted_until_the_interval_is_over() {
    let (facts, _) = denied("fn");
    let mut memory = Memory::new(INTERVAL);
    let report = report(&facts, refused(Reason::NotAllowlisted, "x"));
    assert_eq!(memory.suppressed_before(&report, seconds(0)), Ok(0));
    // The notice was lost: it does not count as told.
    assert_eq!(memory.suppressed_before(&report, seconds(1)), Ok(0));
    memory.remember_sent(&report, seconds(1));
    for second in [1, 2, 3_600] {
        assert_eq!(memory.suppressed_before(&report, seconds(second)), Err(Suppressed), "{second}");
    }
    assert_eq!(memory.suppressed_before(&report, seconds(3_601)), Ok(3));
    memory.remember_sent(&report, seconds(3_601));
    assert_eq!(memory.suppressed_before(&report, seconds(3_602)), Err(Suppressed));
    // A clock that was set back silences nothing.
    assert_eq!(memory.suppressed_before(&report, seconds(0)), Ok(1));
}

#[test]
fn what_differs_is_no_repeat() {
    let (facts, _) = denied("fn");
    let (other_facts, _) = denied("fn-other");
    let nameless = Facts::default();
    let cause = Cause::Stated {
        denied_by: DeniedBy::ServiceControlPolicy,
        denial: DenialKind::Explicit,
        policy: None,
    };
    let another_layer = Facts { cause: Some(cause), ..facts.clone() };
    let mut memory = Memory::new(INTERVAL);
    for (facts, verdict) in [
        (&facts, refused(Reason::NotAllowlisted, "x")),
        (&facts, refused(Reason::NotIdentityBased, "x")),
        (&another_layer, refused(Reason::NotIdentityBased, "x")),
        (&other_facts, refused(Reason::NotAllowlisted, "x")),
        (&facts, already()),
        (&facts, Verdict::StillDenied { is_listed: true, expires: None }),
        (&nameless, refused(Reason::ContradictoryEvent, "x")),
        (&nameless, refused(Reason::ContradictoryEvent, "y")),
    ] {
        let report = report(facts, verdict);
        assert_eq!(memory.suppressed_before(&report, seconds(0)), Ok(0), "{report:?}");
        memory.remember_sent(&report, seconds(0));
        assert_eq!(memory.suppressed_before(&report, seconds(0)), Err(Suppressed), "{report:?}");
    }
}

#[test]
fn a_grant_is_always_told_and_tells_for_the_rest_of_the_storm() {
    let (facts, _) = denied("fn");
    let mut memory = Memory::new(INTERVAL);
    let granted = report(&facts, written());
    for _ in 0..2 {
        assert!(memory.suppressed_before(&granted, seconds(0)).is_ok());
        memory.remember_sent(&granted, seconds(0));
    }
    let again = report(&facts, already());
    assert_eq!(memory.suppressed_before(&again, seconds(1)), Err(Suppressed));
}

#[test]
fn no_interval_tells_everything() {
    let (facts, _) = denied("fn");
    let mut memory = Memory::new(Duration::ZERO);
    let report = report(&facts, already());
    for _ in 0..3 {
        assert_eq!(memory.suppressed_before(&report, seconds(0)), Ok(0));
        memory.remember_sent(&report, seconds(0));
    }
}

#[test]
fn a_pair_counts_as_covered_for_a_while_that_grows() {
    let (_, grant) = denied("fn");
    let (_, other) = denied("fn-other");
    let mut memory = Memory::new(INTERVAL);
    assert_eq!(memory.coverage(&grant, seconds(0)), None);
    memory.remember_coverage(&grant, true, None, seconds(0));
    assert!(memory.coverage(&grant, seconds(2)).is_some());
    assert_eq!(memory.coverage(&grant, seconds(3)), None);
    assert_eq!(memory.coverage(&other, seconds(0)), None);
    let mut now = 3;
    for fresh_for in [8, 32, 60, 60] {
        let covered = memory.remember_coverage(&grant, true, None, seconds(now));
        assert_eq!(covered.since, seconds(0));
        assert!(memory.coverage(&grant, seconds(now + fresh_for)).is_some(), "{fresh_for}");
        assert_eq!(memory.coverage(&grant, seconds(now + fresh_for + 1)), None, "{fresh_for}");
        assert_eq!(memory.coverage(&grant, seconds(now - 1)), None, "the clock was set back");
        now += fresh_for + 1;
    }
    // Written anew, since somebody had taken it away.
    memory.remember_write(&grant, &[], seconds(now));
    assert_eq!(memory.coverage(&grant, seconds(now)), None);
    assert_eq!(memory.remember_coverage(&grant, true, None, seconds(now)).since, seconds(now));
}

/// A grant like that of `denied`, by a rule with a lease.
fn leased() -> Grant {
    let rule = r#"{"rules": [{"id": "leased", "expiresAfter": "1d", "#;
    let list =
        include_str!("../../allowlist.example.json").split_once(r#""id": "remotion-clips","#).unwrap().1;
    granted_by(&format!("{rule}{list}"), denial(include_bytes!("../../events/user.json")))
}

#[test]
fn what_has_run_out_is_not_believed() {
    let grant = leased();
    let expires = grant.expiry();
    // `seconds(0)` is 13:46:40 on a 12th: that day and the next.
    assert_eq!(expires.unwrap().to_string(), "1970-01-14T00:00:00Z");
    let end = 13 * 86_400 - 1_000_000;
    let mut memory = Memory::new(INTERVAL);
    memory.remember_coverage(&grant, true, expires, seconds(end - 100));
    let covered = memory.remember_coverage(&grant, true, expires, seconds(end - 1));
    assert_eq!(memory.coverage(&grant, seconds(end - 1)), Some(covered));
    assert_eq!(memory.coverage(&grant, seconds(end)), None);
    // A denial before its end was denied by something else, one after it was not.
    assert!(covered.is_clearly_before(Some(seconds(end - 1))));
    assert!(!covered.is_clearly_before(Some(seconds(end))));
    // Another environment has renewed it: nobody knows since when.
    let renewed = Expiry::parse("1970-01-15T00:00:00Z");
    let covered = memory.remember_coverage(&grant, true, renewed, seconds(end + 100));
    assert_eq!((covered.since, covered.expires()), (seconds(end + 100), renewed));
    assert!(!covered.is_clearly_before(Some(seconds(end + 90))));
}

#[test]
fn a_lease_is_not_taken_for_a_grant_for_good() {
    let (_, for_good) = denied("ffmpeg-clip-cutter");
    let leased = leased();
    let mut memory = Memory::new(INTERVAL);
    memory.remember_coverage(&leased, true, leased.expiry(), seconds(0));
    assert!(memory.coverage(&leased, seconds(0)).is_some());
    assert_eq!(memory.coverage(&for_good, seconds(0)), None);
    memory.remember_coverage(&for_good, true, None, seconds(1));
    assert!(
        memory.coverage(&leased, seconds(1)).is_some() && memory.coverage(&for_good, seconds(1)).is_some()
    );
}

#[test]
fn what_was_written_is_told_whatever_comes_between() {
    let (facts, grant) = denied("fn");
    let mut memory = Memory::new(INTERVAL);
    let found = report(&facts, already());
    memory.remember_sent(&found, seconds(0));
    for _ in 0..9 {
        assert_eq!(memory.suppressed_before(&found, seconds(1)), Err(Suppressed));
    }
    // The grant is written, and its notice gets lost.
    memory.remember_write(&grant, &["x".to_owned()], seconds(1));
    assert_eq!(memory.unreported_write(&grant), Some(vec!["x".to_owned()]));
    assert_eq!(memory.suppressed_before(&found, seconds(2)), Ok(9));
    let granted = report(&facts, written());
    assert_eq!(memory.suppressed_before(&granted, seconds(2)), Ok(9));
    memory.remember_sent(&granted, seconds(2));
    assert_eq!(memory.unreported_write(&grant), None);
    assert_eq!(memory.suppressed_before(&found, seconds(3)), Err(Suppressed));
}

/// How often the notice of a grant of `grant` would say that it was taken away.
fn taken_away(memory: &mut Memory, grant: &Grant) -> u64 {
    match memory.with_taken_away(
        grant,
        Verdict::Granted { added: Vec::new(), usage: None, expires: None, taken_away: 0 },
    ) {
        Verdict::Granted { taken_away, .. } => taken_away,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_again_was_taken_away() {
    let (facts, grant) = denied("fn");
    let (_, other) = denied("fn-other");
    let granted = report(&facts, written());
    let mut memory = Memory::new(INTERVAL);
    // Nobody has taken away what was not there, whatever comes first.
    memory.remember_write(&grant, &[], seconds(0));
    assert_eq!(taken_away(&mut memory, &grant), 0);
    let mut now = 0;
    for times in 1..=3 {
        memory.remember_coverage(&grant, true, None, seconds(now));
        memory.remember_sent(&granted, seconds(now));
        assert_eq!(taken_away(&mut memory, &grant), 0, "told");
        now += 61;
        memory.remember_write(&grant, &[], seconds(now));
        // The same put once more, and that of a retry an hour later: nobody has seen it covered in between.
        for later in [0, 1, 3_600] {
            memory.remember_write(&grant, &[], seconds(now + later));
            assert_eq!(taken_away(&mut memory, &grant), times);
        }
        assert_eq!(taken_away(&mut memory, &other), 0);
        now += 3_600;
    }
    // IAM refused it: what was taken away is told when it can be written.
    memory.forget_write(&grant);
    memory.remember_write(&grant, &[], seconds(now));
    assert_eq!(taken_away(&mut memory, &grant), 3);
}

#[test]
fn a_read_that_lags_behind_takes_nothing_away() {
    let (_, grant) = denied("fn");
    for (second, expected) in [(0, 0), (60, 0), (61, 1)] {
        let mut memory = Memory::new(INTERVAL);
        memory.remember_coverage(&grant, true, None, seconds(100));
        // What counts is since when it was seen, not when last.
        memory.remember_coverage(&grant, true, None, seconds(100 + second));
        memory.remember_write(&grant, &[], seconds(100 + second));
        assert_eq!(taken_away(&mut memory, &grant), expected, "{second}");
    }
    let mut memory = Memory::new(INTERVAL);
    memory.remember_coverage(&grant, true, None, seconds(100));
    memory.remember_write(&grant, &[], seconds(0));
    assert_eq!(taken_away(&mut memory, &grant), 0, "the clock was set back");
}

#[test]
fn what_has_run_out_was_not_taken_away() {
    let (_, for_good) = denied("ffmpeg-clip-cutter");
    let leased = leased();
    let end = 13 * 86_400 - 1_000_000;
    for (covers, again, second, expected) in [
        (&leased, &leased, end - 1, 1),
        (&leased, &leased, end, 0),
        // It is there, and does not do for a grant for good.
        (&leased, &for_good, end - 1, 0),
        (&for_good, &leased, end - 1, 1),
        (&for_good, &for_good, end + 1, 1),
    ] {
        let mut memory = Memory::new(INTERVAL);
        memory.remember_coverage(covers, true, covers.expiry(), seconds(0));
        memory.remember_write(again, &[], seconds(second));
        assert_eq!(taken_away(&mut memory, again), expected, "{again:?} {second}");
    }
}

#[test]
fn a_denial_clearly_after_its_grant_is_something_else() {
    let (_, grant) = denied("fn");
    let covered = Memory::new(INTERVAL).remember_coverage(&grant, true, None, seconds(0));
    assert!(!covered.is_clearly_before(None));
    for (second, expected) in [(0, false), (60, false), (61, true)] {
        assert_eq!(covered.is_clearly_before(Some(seconds(second))), expected, "{second}");
    }
    assert!(!covered.is_clearly_before(Some(SystemTime::UNIX_EPOCH)));
}

#[test]
fn the_memory_is_bounded_and_the_oldest_goes_first() {
    let mut memory = Memory::new(INTERVAL);
    let nameless = Facts::default();
    for index in 0..3_000 {
        let verdict = refused(Reason::ContradictoryEvent, &index.to_string());
        memory.remember_sent(&report(&nameless, verdict), seconds(0));
        let grant = denied(&format!("fn-{index}")).1;
        memory.remember_coverage(&grant, true, None, seconds(0));
        memory.remember_write(&grant, &[], seconds(61));
        assert_eq!(taken_away(&mut memory, &grant), 1);
        memory.remember_coverage(&grant, true, None, seconds(0));
    }
    assert_eq!((memory.sent.len(), memory.covered.len()), (CAPACITY.get(), CAPACITY.get()));
    assert_eq!((memory.unreported.len(), memory.taken_away.len()), (CAPACITY.get(), CAPACITY.get()));
    assert!(memory.coverage(&denied("fn-2999").1, seconds(0)).is_some());
    assert!(memory.coverage(&denied("fn-0").1, seconds(0)).is_none());
}
