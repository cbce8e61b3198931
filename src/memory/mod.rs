//! What this execution environment remembers, so that a storm of denials neither floods the topic nor wears out IAM.
//!
//! A caller that is denied tries again, and thousands of events for one pair of principal and function come in. [`Memory`]
//! knows what was told lately, which pairs are covered, which were written and not told yet, and which somebody else takes
//! away again. It is a memory of bounded size, the oldest goes first, and no source of permission. What is forgotten, or was
//! never seen by this environment, costs a read, a notice, or the knowledge that a denial came after its grant: then it is
//! told as one that is covered, and that another layer may deny. And a grant that was taken away is then told as a first one.

use lru::LruCache;
#[cfg(test)]
mod tests;

use remediator_core::arn::principal::{Principal, RoleSession};
use remediator_core::decision::Grant;
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::message::{DenialKind, DeniedBy};
use remediator_core::incoming::source::Source;
use remediator_core::outcome::{OutcomeKind, Report, Verdict};
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
    why: Option<String>,
    /// And texts that say no more than that they are not whole.
    words: Option<String>,
}

#[derive(Debug)]
struct Notified {
    /// `None` where something has happened since that is to be told.
    at: Option<SystemTime>,
    left_out: u64,
}

/// How often a pair had to be written although it was covered.
#[derive(Debug, Default)]
struct TakenAway {
    times: u64,
    /// Whether a notice has told of the last time.
    is_reported: bool,
}

type Pair = (String, String);

/// The memory.
#[derive(Debug)]
pub struct Memory {
    /// How long after a notice its repeats are left out.
    interval: Duration,
    notified: LruCache<Subject, Notified>,
    covered: LruCache<Pair, Covered>,
    /// The resources that were added for a pair, until that is told.
    unreported: LruCache<Pair, Vec<String>>,
    taken_away: LruCache<Pair, TakenAway>,
    /// The user or role that IAM holds under the name that a text gives, and when it said so.
    identities: LruCache<String, (Principal, SystemTime)>,
}

impl Memory {
    /// Remembers nothing yet.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            notified: LruCache::new(CAPACITY),
            covered: LruCache::new(CAPACITY),
            unreported: LruCache::new(CAPACITY),
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
            taken_away.is_reported = false;
        }
        self.unreported.get_or_insert(pair(grant), || added.to_vec());
        for is_still_denied in [false, true] {
            if let Some(notified) = self.notified.get_mut(&Subject::of_grant(pair(grant), is_still_denied)) {
                notified.at = None;
            }
        }
    }

    /// Takes [`remember_write`](Self::remember_write) back: IAM has said that it was not carried out.
    pub fn forget_write(&mut self, grant: &Grant) {
        self.unreported.pop(&pair(grant));
    }

    /// What becomes of `grant`, with how often it was taken away before, where the last time has not been told yet.
    pub fn with_taken_away(&mut self, grant: &Grant, mut verdict: Verdict) -> Verdict {
        if let Verdict::Granted { taken_away, .. } = &mut verdict {
            let known = self.taken_away.get(&pair(grant)).filter(|known| !known.is_reported);
            *taken_away = known.map_or(0, |known| known.times);
        }
        verdict
    }

    /// What was written for the pair of `grant` and has not been told yet.
    pub fn unreported_write(&mut self, grant: &Grant) -> Option<Vec<String>> {
        self.unreported.get(&pair(grant)).cloned()
    }

    /// Whether the notice of `outcome` repeats what was told inside the quiet interval. That of a grant never does.
    pub fn is_repeat(&self, report: &Report, now: SystemTime) -> bool {
        let last = self.notified.peek(&Subject::of(report)).and_then(|notified| notified.at);
        !matches!(report.verdict, Verdict::Granted { .. })
            && last.and_then(|last| age(last, now)).is_some_and(|age| age < self.interval)
    }

    /// Counts the notice of `outcome` as left out if it is quiet; otherwise says how many were left out before it.
    pub fn count_repeat(&mut self, report: &Report, now: SystemTime) -> Result<u64, Repeat> {
        let is_quiet = self.is_repeat(report, now);
        let Some(notified) = self.notified.get_mut(&Subject::of(report)) else { return Ok(0) };
        if is_quiet {
            notified.left_out += 1;
            return Err(Repeat);
        }
        Ok(notified.left_out)
    }

    /// Remembers that the notice of `outcome` has gone out.
    pub fn remember_notified(&mut self, report: &Report, now: SystemTime) {
        if let (Verdict::Granted { .. }, Some(pair)) = (&report.verdict, pair_of(report)) {
            self.unreported.pop(&pair);
            if let Some(taken_away) = self.taken_away.get_mut(&pair) {
                taken_away.is_reported = true;
            }
        }
        self.notified.put(Subject::of(report), Notified { at: Some(now), left_out: 0 });
    }
}

/// A notice that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat;

impl Subject {
    fn of(report: &Report) -> Self {
        let Report { facts, verdict, rule } = report;
        let kind = verdict.kind();
        let is_still_denied = matches!(verdict, Verdict::StillDenied { .. });
        if let (OutcomeKind::Granted | OutcomeKind::AlreadyGranted, Some(pair)) = (kind, pair_of(report)) {
            return Self::of_grant(pair, is_still_denied);
        }
        let (denied_by, denial) = match &facts.cause {
            Some(cause) => (Some(cause.denied_by()), Some(cause.denial())),
            None => (None, None),
        };
        Self {
            kind,
            reason: verdict.refusal().map(|refusal| refusal.reason),
            is_still_denied,
            principal: facts.principal.clone(),
            function: facts.function.as_ref().map(ToString::to_string),
            cause: Some((denied_by, denial, rule.clone(), facts.source)),
            why: verdict.refusal().filter(|_| pair_of(report).is_none()).map(|refusal| refusal.why.clone()),
            words: verdict.refusal().and_then(|refusal| refusal.words.clone()),
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
            why: None,
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

fn pair_of(report: &Report) -> Option<Pair> {
    Some((report.facts.principal.clone()?, report.facts.function.as_ref()?.to_string()))
}

fn pair(grant: &Grant) -> Pair {
    (grant.principal().to_string(), grant.function().to_string())
}
