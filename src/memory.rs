//! What this execution environment remembers, so that a storm of denials neither floods the topic nor wears out IAM.
//!
//! A caller that is denied tries again, and thousands of events for one pair of principal and function come in. [`Repeats`]
//! knows what was told lately, which pairs are covered, which were written and not told yet, and which somebody else takes
//! away again. It is a memory of bounded size, the oldest goes first, and no source of permission. What is forgotten, or was
//! never seen by this environment, costs a read, a notice, or the knowledge that a denial came after its grant: then it is
//! told as one that is covered, and that another layer may deny. And a grant that was taken away is then told as a first one.

use lru::LruCache;
use remediator_core::arn::principal::{Principal, RoleSession};
use remediator_core::decision::Grant;
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::message::{DenialKind, DeniedBy};
use remediator_core::incoming::source::Source;
use remediator_core::outcome::{Outcome, OutcomeKind, Verdict};
use remediator_core::policy::lease::Expiry;
use remediator_core::reason::Reason;
use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

/// How many pairs and notices are remembered; each takes some hundred bytes.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// How long after it was seen a pair counts as covered without being looked up: at first, and, four times as long each time
/// that it was found covered again, at most. Only answers that are not told rest on that.
const FRESH_FIRST: Duration = Duration::from_secs(2);
const FRESH_AT_MOST: Duration = Duration::from_secs(60);
/// How long after a grant a denial, or a read that does not find it, may still be due to the time that IAM takes to spread it.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.
const PROPAGATION: Duration = Duration::from_secs(60);

/// A pair that the policy covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    /// Since when at the latest, as far as this environment saw.
    since: SystemTime,
    /// When it was last seen.
    seen: SystemTime,
    /// How long that counts.
    fresh_for: Duration,
    /// Whether statements of ours list the function itself.
    is_listed: bool,
    /// When what covers it runs out, if it does.
    expires: Option<Expiry>,
}

impl Covered {
    /// Whether statements of ours list the function itself.
    pub fn is_listed(self) -> bool {
        self.is_listed
    }

    /// When what covers it runs out, if it does.
    pub fn expires(self) -> Option<Expiry> {
        self.expires
    }

    /// Whether it does for `grant`: it has not run out, and is no lease where a grant for good is wanted.
    fn does_for(self, grant: &Grant, now: SystemTime) -> bool {
        match self.expires {
            Some(expiry) => !expiry.is_over(now) && grant.expiry().is_some(),
            None => true,
        }
    }

    /// Whether somebody has taken it away, where IAM says at `now` that it is not there: it did for `grant`, and was seen so
    /// long before that no read lags behind so far.
    fn was_taken_away(self, grant: &Grant, now: SystemTime) -> bool {
        self.does_for(grant, now) && age(self.since, now).is_some_and(|age| age > PROPAGATION)
    }

    /// Whether a denial at `event_time` came clearly after the grant, and before it ran out, so that something else must have
    /// denied.
    pub fn is_clearly_before(self, event_time: Option<SystemTime>) -> bool {
        event_time.is_some_and(|time| {
            time.duration_since(self.since).is_ok_and(|after| after > PROPAGATION)
                && !self.expires.is_some_and(|expiry| expiry.is_over(time))
        })
    }
}

/// What a refusal rests on: the layer that denied, the rule, and the way on which it came in, since a rule may admit another.
type Grounds = (Option<DeniedBy>, Option<DenialKind>, Option<String>, Option<Source>);

/// What makes two notices the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    kind: OutcomeKind,
    reason: Option<Reason>,
    is_still_denied: bool,
    principal: Option<String>,
    function: Option<String>,
    /// Of a refusal: another layer that denies, or another rule, is news.
    cause: Option<Grounds>,
    /// What distinguishes events that do not name both.
    summary: Option<String>,
    /// And texts that say no more than that they are not whole.
    words: Option<String>,
}

#[derive(Debug)]
struct Told {
    /// `None` where something has happened since that is to be told.
    at: Option<SystemTime>,
    left_out: u64,
}

/// How often a pair had to be written although it was covered.
#[derive(Debug, Default)]
struct TakenAway {
    times: u64,
    /// Whether a notice has told of the last time.
    is_told: bool,
}

type Pair = (String, String);

/// The memory.
#[derive(Debug)]
pub struct Repeats {
    /// How long after a notice its repeats are left out.
    interval: Duration,
    told: LruCache<Subject, Told>,
    covered: LruCache<Pair, Covered>,
    /// The resources that were added for a pair, until that is told.
    untold: LruCache<Pair, Vec<String>>,
    taken_away: LruCache<Pair, TakenAway>,
    /// The user or role that IAM holds under the name that a text gives, and when it said so.
    identities: LruCache<String, (Principal, SystemTime)>,
}

impl Repeats {
    /// Remembers nothing yet.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            told: LruCache::new(CAPACITY),
            covered: LruCache::new(CAPACITY),
            untold: LruCache::new(CAPACITY),
            taken_away: LruCache::new(CAPACITY),
            identities: LruCache::new(CAPACITY),
        }
    }

    /// Remembers whom IAM holds under the name of the caller of `denial`.
    pub fn remember_identity(&mut self, denial: &Denial, principal: &Principal, now: SystemTime) {
        if let Some(name) = named(denial) {
            self.identities.put(name, (principal.clone(), now));
        }
    }

    /// Whom IAM held under the name of the caller of `denial`, if it was asked moments ago. Good for nothing but an answer
    /// that is not told: somebody else may have the name by now.
    pub fn identity(&mut self, denial: &Denial, now: SystemTime) -> Option<Principal> {
        let (principal, at) = self.identities.get(&named(denial)?)?;
        age(*at, now).is_some_and(|age| age <= FRESH_AT_MOST).then(|| principal.clone())
    }

    /// The pair of `grant`, if it was seen covered moments ago, and still is by what was seen.
    pub fn covered(&mut self, grant: &Grant, now: SystemTime) -> Option<Covered> {
        let covered = *self.covered.get(&pair(grant))?;
        let is_fresh = age(covered.seen, now).is_some_and(|age| age <= covered.fresh_for);
        (is_fresh && covered.does_for(grant, now)).then_some(covered)
    }

    /// Remembers that the pair of `grant` was found covered, and until when.
    pub fn remember_covered(
        &mut self,
        grant: &Grant,
        is_listed: bool,
        expires: Option<Expiry>,
        now: SystemTime,
    ) -> Covered {
        // What covers it until another time is another grant: between the two it may have been denied, and rightly.
        let known = self.covered.get(&pair(grant)).filter(|known| known.expires == expires);
        let covered = Covered {
            since: known.map_or(now, |known| known.since.min(now)),
            seen: now,
            fresh_for: known.map_or(FRESH_FIRST, |known| (known.fresh_for * 4).min(FRESH_AT_MOST)),
            is_listed,
            expires,
        };
        self.covered.put(pair(grant), covered);
        covered
    }

    /// Remembers that `added` is being written for the pair of `grant`: whatever becomes of this invocation, that has to be
    /// told, also when a retry finds it done. A pair that was covered has been taken away; that counts once, since after the
    /// first put of it, whatever becomes of that, it is not known to be covered.
    pub fn remember_write(&mut self, grant: &Grant, added: &[String], now: SystemTime) {
        let covered = self.covered.pop(&pair(grant));
        if covered.is_some_and(|covered| covered.was_taken_away(grant, now)) {
            let taken_away = self.taken_away.get_or_insert_mut(pair(grant), TakenAway::default);
            taken_away.times += 1;
            taken_away.is_told = false;
        }
        self.untold.get_or_insert(pair(grant), || added.to_vec());
        for is_still_denied in [false, true] {
            if let Some(told) = self.told.get_mut(&Subject::of_grant(pair(grant), is_still_denied)) {
                told.at = None;
            }
        }
    }

    /// Takes [`remember_write`](Self::remember_write) back: IAM has said that it was not carried out.
    pub fn forget_write(&mut self, grant: &Grant) {
        self.untold.pop(&pair(grant));
    }

    /// What becomes of `grant`, with how often it was taken away before, where the last time has not been told yet.
    pub fn with_taken_away(&mut self, grant: &Grant, mut verdict: Verdict) -> Verdict {
        if let Verdict::Granted { taken_away, .. } = &mut verdict {
            let known = self.taken_away.get(&pair(grant)).filter(|known| !known.is_told);
            *taken_away = known.map_or(0, |known| known.times);
        }
        verdict
    }

    /// What was written for the pair of `grant` and has not been told yet.
    pub fn untold(&mut self, grant: &Grant) -> Option<Vec<String>> {
        self.untold.get(&pair(grant)).cloned()
    }

    /// Whether the notice of `outcome` repeats what was told inside the quiet interval. That of a grant never does.
    pub fn is_quiet(&self, outcome: &Outcome, verdict: &Verdict, now: SystemTime) -> bool {
        let told = self.told.peek(&Subject::of(outcome, verdict)).and_then(|told| told.at);
        outcome.outcome != OutcomeKind::Granted
            && told.and_then(|told| age(told, now)).is_some_and(|age| age < self.interval)
    }

    /// Counts the notice of `outcome` as left out if it is quiet; otherwise says how many were left out before it.
    pub fn left_out(&mut self, outcome: &Outcome, verdict: &Verdict, now: SystemTime) -> Result<u64, Repeat> {
        let is_quiet = self.is_quiet(outcome, verdict, now);
        let Some(told) = self.told.get_mut(&Subject::of(outcome, verdict)) else { return Ok(0) };
        if is_quiet {
            told.left_out += 1;
            return Err(Repeat);
        }
        Ok(told.left_out)
    }

    /// Remembers that the notice of `outcome` has gone out.
    pub fn remember_told(&mut self, outcome: &Outcome, verdict: &Verdict, now: SystemTime) {
        if let (OutcomeKind::Granted, Some(principal), Some(function)) =
            (outcome.outcome, &outcome.principal, &outcome.function)
        {
            let pair = (principal.clone(), function.clone());
            self.untold.pop(&pair);
            if let Some(taken_away) = self.taken_away.get_mut(&pair) {
                taken_away.is_told = true;
            }
        }
        self.told.put(Subject::of(outcome, verdict), Told { at: Some(now), left_out: 0 });
    }
}

/// A notice that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat;

impl Subject {
    fn of(outcome: &Outcome, verdict: &Verdict) -> Self {
        let is_still_denied = matches!(verdict, Verdict::StillDenied { .. });
        if let (OutcomeKind::Granted | OutcomeKind::AlreadyGranted, Some(principal), Some(function)) =
            (outcome.outcome, &outcome.principal, &outcome.function)
        {
            return Self::of_grant((principal.clone(), function.clone()), is_still_denied);
        }
        let is_named = outcome.principal.is_some() && outcome.function.is_some();
        Self {
            kind: outcome.outcome,
            reason: outcome.reason,
            is_still_denied,
            principal: outcome.principal.clone(),
            function: outcome.function.clone(),
            cause: Some((outcome.denied_by, outcome.denial, outcome.rule.clone(), outcome.source)),
            summary: (!is_named).then(|| outcome.summary.clone()),
            words: match verdict {
                Verdict::Refused(refusal) => refusal.words.clone(),
                Verdict::Granted { .. }
                | Verdict::AlreadyGranted { .. }
                | Verdict::StillDenied { .. }
                | Verdict::WouldGrant { .. }
                | Verdict::Ignored(_) => None,
            },
        }
    }

    /// The same for a grant and for what finds it done: the rest of a storm repeats what the grant has told.
    fn of_grant((principal, function): Pair, is_still_denied: bool) -> Self {
        Self {
            kind: OutcomeKind::AlreadyGranted,
            reason: None,
            is_still_denied,
            principal: Some(principal),
            function: Some(function),
            cause: None,
            summary: None,
            words: None,
        }
    }
}

/// The time since `then`; `None` where the clock was set back, which says nothing about it.
fn age(then: SystemTime, now: SystemTime) -> Option<Duration> {
    now.duration_since(then).ok()
}

/// What a text names its caller: all sessions of a role have one name.
fn named(denial: &Denial) -> Option<String> {
    match denial.caller() {
        Caller::Principal(principal) => Some(principal.to_string()),
        Caller::Session(role) => {
            let RoleSession { partition, account, role_name } = role.session();
            Some(format!("{partition}:{account}:{role_name}"))
        }
        Caller::Other { .. } => None,
    }
}

fn pair(grant: &Grant) -> Pair {
    (grant.principal().to_string(), grant.function().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use remediator_core::allowlist::Allowlist;
    use remediator_core::decision::{Decision, OwnIdentity, admit};
    use remediator_core::incoming::denial::{Facts, Reading, read};
    use remediator_core::incoming::event::Payload;
    use remediator_core::incoming::message::Cause;
    use remediator_core::reason::Refusal;

    const INTERVAL: Duration = Duration::from_secs(3_600);

    fn seconds(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn denied(function: &str) -> (Facts, Grant) {
        let event = include_str!("../events/user.json").replace("ffmpeg-clip-cutter", function);
        let (facts, Reading::Denial(denial)) = read(&Payload::from_slice(event.as_bytes())) else {
            panic!("no denial")
        };
        let list =
            include_str!("../allowlist.example.json").replace("function:ffmpeg-clip-cutter", "function:*");
        let own = OwnIdentity { partition: "aws".to_owned(), account: "281502313273".to_owned(), role: None };
        match admit(&denial, &own).unwrap().decide(&Allowlist::parse(&list).unwrap(), seconds(0)) {
            Decision::Grant(grant) => (facts, grant),
            other @ (Decision::Refuse { .. } | Decision::Identify) => panic!("{other:?}"),
        }
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
        let mut repeats = Repeats::new(INTERVAL);
        let verdict = refused(Reason::NotAllowlisted, "x");
        let outcome = Outcome::new(&facts, &verdict, None);
        assert_eq!(repeats.left_out(&outcome, &verdict, seconds(0)), Ok(0));
        // The notice was lost: it does not count as told.
        assert_eq!(repeats.left_out(&outcome, &verdict, seconds(1)), Ok(0));
        repeats.remember_told(&outcome, &verdict, seconds(1));
        for second in [1, 2, 3_600] {
            assert_eq!(repeats.left_out(&outcome, &verdict, seconds(second)), Err(Repeat), "{second}");
        }
        assert_eq!(repeats.left_out(&outcome, &verdict, seconds(3_601)), Ok(3));
        repeats.remember_told(&outcome, &verdict, seconds(3_601));
        assert_eq!(repeats.left_out(&outcome, &verdict, seconds(3_602)), Err(Repeat));
        // A clock that was set back silences nothing.
        assert_eq!(repeats.left_out(&outcome, &verdict, seconds(0)), Ok(1));
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
        let mut repeats = Repeats::new(INTERVAL);
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
            let outcome = Outcome::new(facts, &verdict, None);
            assert_eq!(repeats.left_out(&outcome, &verdict, seconds(0)), Ok(0), "{outcome:?}");
            repeats.remember_told(&outcome, &verdict, seconds(0));
            assert_eq!(repeats.left_out(&outcome, &verdict, seconds(0)), Err(Repeat), "{outcome:?}");
        }
    }

    #[test]
    fn a_grant_is_always_told_and_tells_for_the_rest_of_the_storm() {
        let (facts, _) = denied("fn");
        let mut repeats = Repeats::new(INTERVAL);
        let granted = Outcome::new(&facts, &written(), None);
        for _ in 0..2 {
            assert!(repeats.left_out(&granted, &written(), seconds(0)).is_ok());
            repeats.remember_told(&granted, &written(), seconds(0));
        }
        let again = Outcome::new(&facts, &already(), None);
        assert_eq!(repeats.left_out(&again, &already(), seconds(1)), Err(Repeat));
    }

    #[test]
    fn no_interval_tells_everything() {
        let (facts, _) = denied("fn");
        let mut repeats = Repeats::new(Duration::ZERO);
        let outcome = Outcome::new(&facts, &already(), None);
        for _ in 0..3 {
            assert_eq!(repeats.left_out(&outcome, &already(), seconds(0)), Ok(0));
            repeats.remember_told(&outcome, &already(), seconds(0));
        }
    }

    #[test]
    fn a_pair_counts_as_covered_for_a_while_that_grows() {
        let (_, grant) = denied("fn");
        let (_, other) = denied("fn-other");
        let mut repeats = Repeats::new(INTERVAL);
        assert_eq!(repeats.covered(&grant, seconds(0)), None);
        repeats.remember_covered(&grant, true, None, seconds(0));
        assert!(repeats.covered(&grant, seconds(2)).is_some());
        assert_eq!(repeats.covered(&grant, seconds(3)), None);
        assert_eq!(repeats.covered(&other, seconds(0)), None);
        let mut now = 3;
        for fresh_for in [8, 32, 60, 60] {
            let covered = repeats.remember_covered(&grant, true, None, seconds(now));
            assert_eq!(covered.since, seconds(0));
            assert!(repeats.covered(&grant, seconds(now + fresh_for)).is_some(), "{fresh_for}");
            assert_eq!(repeats.covered(&grant, seconds(now + fresh_for + 1)), None, "{fresh_for}");
            assert_eq!(repeats.covered(&grant, seconds(now - 1)), None, "the clock was set back");
            now += fresh_for + 1;
        }
        // Written anew, since somebody had taken it away.
        repeats.remember_write(&grant, &[], seconds(now));
        assert_eq!(repeats.covered(&grant, seconds(now)), None);
        assert_eq!(repeats.remember_covered(&grant, true, None, seconds(now)).since, seconds(now));
    }

    /// A grant like that of `denied`, by a rule with a lease.
    fn leased() -> Grant {
        let rule = r#"{"rules": [{"id": "leased", "expiresAfter": "1d", "#;
        let list =
            include_str!("../allowlist.example.json").split_once(r#""id": "remotion-clips","#).unwrap().1;
        let (_, Reading::Denial(denial)) = read(&Payload::from_slice(include_bytes!("../events/user.json")))
        else {
            panic!("no denial")
        };
        let own = OwnIdentity { partition: "aws".to_owned(), account: "281502313273".to_owned(), role: None };
        let list = Allowlist::parse(&format!("{rule}{list}")).unwrap();
        match admit(&denial, &own).unwrap().decide(&list, seconds(0)) {
            Decision::Grant(grant) => grant,
            other @ (Decision::Refuse { .. } | Decision::Identify) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_has_run_out_is_not_believed() {
        let grant = leased();
        let expires = grant.expiry();
        // `seconds(0)` is 13:46:40 on a 12th: that day and the next.
        assert_eq!(expires.unwrap().to_string(), "1970-01-14T00:00:00Z");
        let end = 13 * 86_400 - 1_000_000;
        let mut repeats = Repeats::new(INTERVAL);
        repeats.remember_covered(&grant, true, expires, seconds(end - 100));
        let covered = repeats.remember_covered(&grant, true, expires, seconds(end - 1));
        assert_eq!(repeats.covered(&grant, seconds(end - 1)), Some(covered));
        assert_eq!(repeats.covered(&grant, seconds(end)), None);
        // A denial before its end was denied by something else, one after it was not.
        assert!(covered.is_clearly_before(Some(seconds(end - 1))));
        assert!(!covered.is_clearly_before(Some(seconds(end))));
        // Another environment has renewed it: nobody knows since when.
        let renewed = Expiry::parse("1970-01-15T00:00:00Z");
        let covered = repeats.remember_covered(&grant, true, renewed, seconds(end + 100));
        assert_eq!((covered.since, covered.expires()), (seconds(end + 100), renewed));
        assert!(!covered.is_clearly_before(Some(seconds(end + 90))));
    }

    #[test]
    fn a_lease_is_not_taken_for_a_grant_for_good() {
        let (_, for_good) = denied("ffmpeg-clip-cutter");
        let leased = leased();
        let mut repeats = Repeats::new(INTERVAL);
        repeats.remember_covered(&leased, true, leased.expiry(), seconds(0));
        assert!(repeats.covered(&leased, seconds(0)).is_some());
        assert_eq!(repeats.covered(&for_good, seconds(0)), None);
        repeats.remember_covered(&for_good, true, None, seconds(1));
        assert!(
            repeats.covered(&leased, seconds(1)).is_some()
                && repeats.covered(&for_good, seconds(1)).is_some()
        );
    }

    #[test]
    fn what_was_written_is_told_whatever_comes_between() {
        let (facts, grant) = denied("fn");
        let mut repeats = Repeats::new(INTERVAL);
        let found = Outcome::new(&facts, &already(), None);
        repeats.remember_told(&found, &already(), seconds(0));
        for _ in 0..9 {
            assert_eq!(repeats.left_out(&found, &already(), seconds(1)), Err(Repeat));
        }
        // The grant is written, and its notice gets lost.
        repeats.remember_write(&grant, &["x".to_owned()], seconds(1));
        assert_eq!(repeats.untold(&grant), Some(vec!["x".to_owned()]));
        assert_eq!(repeats.left_out(&found, &already(), seconds(2)), Ok(9));
        let granted = Outcome::new(&facts, &written(), None);
        assert_eq!(repeats.left_out(&granted, &written(), seconds(2)), Ok(9));
        repeats.remember_told(&granted, &written(), seconds(2));
        assert_eq!(repeats.untold(&grant), None);
        assert_eq!(repeats.left_out(&found, &already(), seconds(3)), Err(Repeat));
    }

    /// How often the notice of a grant of `grant` would say that it was taken away.
    fn taken_away(repeats: &mut Repeats, grant: &Grant) -> u64 {
        match repeats.with_taken_away(
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
        let granted = Outcome::new(&facts, &written(), None);
        let mut repeats = Repeats::new(INTERVAL);
        // Nobody has taken away what was not there, whatever comes first.
        repeats.remember_write(&grant, &[], seconds(0));
        assert_eq!(taken_away(&mut repeats, &grant), 0);
        let mut now = 0;
        for times in 1..=3 {
            repeats.remember_covered(&grant, true, None, seconds(now));
            repeats.remember_told(&granted, &written(), seconds(now));
            assert_eq!(taken_away(&mut repeats, &grant), 0, "told");
            now += 61;
            repeats.remember_write(&grant, &[], seconds(now));
            // The same put once more, and that of a retry an hour later: nobody has seen it covered in between.
            for later in [0, 1, 3_600] {
                repeats.remember_write(&grant, &[], seconds(now + later));
                assert_eq!(taken_away(&mut repeats, &grant), times);
            }
            assert_eq!(taken_away(&mut repeats, &other), 0);
            now += 3_600;
        }
        // IAM refused it: what was taken away is told when it can be written.
        repeats.forget_write(&grant);
        repeats.remember_write(&grant, &[], seconds(now));
        assert_eq!(taken_away(&mut repeats, &grant), 3);
    }

    #[test]
    fn a_read_that_lags_behind_takes_nothing_away() {
        let (_, grant) = denied("fn");
        for (second, expected) in [(0, 0), (60, 0), (61, 1)] {
            let mut repeats = Repeats::new(INTERVAL);
            repeats.remember_covered(&grant, true, None, seconds(100));
            // What counts is since when it was seen, not when last.
            repeats.remember_covered(&grant, true, None, seconds(100 + second));
            repeats.remember_write(&grant, &[], seconds(100 + second));
            assert_eq!(taken_away(&mut repeats, &grant), expected, "{second}");
        }
        let mut repeats = Repeats::new(INTERVAL);
        repeats.remember_covered(&grant, true, None, seconds(100));
        repeats.remember_write(&grant, &[], seconds(0));
        assert_eq!(taken_away(&mut repeats, &grant), 0, "the clock was set back");
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
            let mut repeats = Repeats::new(INTERVAL);
            repeats.remember_covered(covers, true, covers.expiry(), seconds(0));
            repeats.remember_write(again, &[], seconds(second));
            assert_eq!(taken_away(&mut repeats, again), expected, "{again:?} {second}");
        }
    }

    #[test]
    fn a_denial_clearly_after_its_grant_is_something_else() {
        let (_, grant) = denied("fn");
        let covered = Repeats::new(INTERVAL).remember_covered(&grant, true, None, seconds(0));
        assert!(!covered.is_clearly_before(None));
        for (second, expected) in [(0, false), (60, false), (61, true)] {
            assert_eq!(covered.is_clearly_before(Some(seconds(second))), expected, "{second}");
        }
        assert!(!covered.is_clearly_before(Some(SystemTime::UNIX_EPOCH)));
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_goes_first() {
        let mut repeats = Repeats::new(INTERVAL);
        let nameless = Facts::default();
        for index in 0..3_000 {
            let verdict = refused(Reason::ContradictoryEvent, &index.to_string());
            repeats.remember_told(&Outcome::new(&nameless, &verdict, None), &verdict, seconds(0));
            let grant = denied(&format!("fn-{index}")).1;
            repeats.remember_covered(&grant, true, None, seconds(0));
            repeats.remember_write(&grant, &[], seconds(61));
            assert_eq!(taken_away(&mut repeats, &grant), 1);
            repeats.remember_covered(&grant, true, None, seconds(0));
        }
        assert_eq!((repeats.told.len(), repeats.covered.len()), (CAPACITY.get(), CAPACITY.get()));
        assert_eq!((repeats.untold.len(), repeats.taken_away.len()), (CAPACITY.get(), CAPACITY.get()));
        assert!(repeats.covered(&denied("fn-2999").1, seconds(0)).is_some());
        assert!(repeats.covered(&denied("fn-0").1, seconds(0)).is_none());
    }
}
