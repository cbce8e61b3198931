//! What this execution environment remembers, so that a storm of denials neither floods the topic nor wears out IAM.
//!
//! A caller that is denied tries again, and thousands of events for one pair of principal and function come in. [`Repeats`]
//! knows what was told lately and which pairs are covered. It is a memory of bounded size, the oldest goes first, and no
//! source of permission: forgetting costs a notice or a read more, and nothing else.

use crate::decision::Grant;
use crate::outcome::{Outcome, OutcomeKind, Verdict};
use crate::refusal::Reason;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

/// How many pairs and notices are remembered; each takes some hundred bytes.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// How long after it was seen a pair counts as covered without being looked up: at first, and, doubled each time that it
/// was found covered again, at most.
const FRESH_FIRST: Duration = Duration::from_secs(2);
const FRESH_AT_MOST: Duration = Duration::from_secs(60);
/// How long after a grant a denial may still be due to the time that IAM takes to spread it.
const PROPAGATION: Duration = Duration::from_secs(60);

/// A pair that the policy covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    /// Since when at the latest.
    since: SystemTime,
    /// When it was last seen.
    seen: SystemTime,
    /// How long that counts.
    fresh_for: Duration,
    /// Whether it is our own statement that lists the function itself.
    is_listed: bool,
}

impl Covered {
    /// Whether our own statement lists the function itself.
    pub fn is_listed(self) -> bool {
        self.is_listed
    }

    /// Whether a denial at `event_time` came clearly after the grant, so that something else must have denied.
    pub fn is_clearly_before(self, event_time: Option<SystemTime>) -> bool {
        event_time.is_some_and(|time| time.duration_since(self.since).is_ok_and(|after| after > PROPAGATION))
    }
}

/// What makes two notices the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    kind: OutcomeKind,
    reason: Option<Reason>,
    is_still_denied: bool,
    principal: Option<String>,
    function: Option<String>,
    /// What distinguishes events that do not name both.
    summary: Option<String>,
}

#[derive(Debug)]
struct Told {
    at: SystemTime,
    left_out: u64,
}

/// The memory.
#[derive(Debug)]
pub struct Repeats {
    /// How long after a notice its repeats are left out.
    interval: Duration,
    told: LruCache<Subject, Told>,
    covered: LruCache<(String, String), Covered>,
}

impl Repeats {
    /// Remembers nothing yet.
    pub fn new(interval: Duration) -> Self {
        Self { interval, told: LruCache::new(CAPACITY), covered: LruCache::new(CAPACITY) }
    }

    /// The pair of `grant`, if it was seen covered moments ago.
    pub fn covered(&mut self, grant: &Grant, now: SystemTime) -> Option<Covered> {
        let covered = self.covered.get(&pair(grant))?;
        age(covered.seen, now).is_some_and(|age| age <= covered.fresh_for).then_some(*covered)
    }

    /// Remembers that the pair of `grant` is covered: just written, or found so.
    pub fn remember_covered(
        &mut self,
        grant: &Grant,
        is_new: bool,
        is_listed: bool,
        now: SystemTime,
    ) -> Covered {
        let known = self.covered.get(&pair(grant)).filter(|_| !is_new);
        let covered = Covered {
            since: known.map_or(now, |known| known.since.min(now)),
            seen: now,
            fresh_for: known.map_or(FRESH_FIRST, |known| (known.fresh_for * 2).min(FRESH_AT_MOST)),
            is_listed,
        };
        self.covered.put(pair(grant), covered);
        covered
    }

    /// Whether the notice of `outcome` is a repeat inside the quiet interval, which is then counted; otherwise how many
    /// were left out before it.
    pub fn left_out(&mut self, outcome: &Outcome, verdict: &Verdict, now: SystemTime) -> Result<u64, Repeat> {
        let Some(told) = self.told.get_mut(&Subject::of(outcome, verdict)) else { return Ok(0) };
        let is_quiet = age(told.at, now).is_some_and(|age| age < self.interval);
        if is_quiet && outcome.outcome != OutcomeKind::Granted {
            told.left_out += 1;
            return Err(Repeat);
        }
        Ok(told.left_out)
    }

    /// Remembers that the notice of `outcome` has gone out.
    pub fn remember_told(&mut self, outcome: &Outcome, verdict: &Verdict, now: SystemTime) {
        let mut subject = Subject::of(outcome, verdict);
        if subject.kind == OutcomeKind::Granted {
            // The rest of the storm finds it granted, which has been told now.
            subject.kind = OutcomeKind::AlreadyGranted;
        }
        self.told.put(subject, Told { at: now, left_out: 0 });
    }
}

/// A notice that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat;

impl Subject {
    fn of(outcome: &Outcome, verdict: &Verdict) -> Self {
        let is_named = outcome.principal.is_some() && outcome.function.is_some();
        Self {
            kind: outcome.outcome,
            reason: outcome.reason,
            is_still_denied: matches!(verdict, Verdict::StillDenied { .. }),
            principal: outcome.principal.clone(),
            function: outcome.function.clone(),
            summary: (!is_named).then(|| outcome.summary.clone()),
        }
    }
}

/// The time since `then`; `None` where the clock was set back, which says nothing about it.
fn age(then: SystemTime, now: SystemTime) -> Option<Duration> {
    now.duration_since(then).ok()
}

fn pair(grant: &Grant) -> (String, String) {
    (grant.principal().to_string(), grant.function().to_string())
}
