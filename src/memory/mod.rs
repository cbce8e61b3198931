//! What this execution environment notified of and granted lately, so that a storm of denials neither floods the topic nor wears
//! out IAM.
//!
//! It is bounded, the oldest entry goes first, and it is no source of permission. What is forgotten, or was never seen here,
//! costs a read or a notice, or a later denial is reported as `already_granted` instead of `still denied`.

mod coverage;
mod notices;
#[cfg(test)]
mod tests;

pub use coverage::Coverage;
pub(crate) use coverage::PROPAGATION;
pub(crate) use notices::notice_hash;

use coverage::{FRESH_MAX, age};
use lru::LruCache;
use notices::{NoticeKey, Sent};
use remediator_core::arn::principal::{Principal, RoleSession};
use remediator_core::decision::Grant;
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;
use remediator_core::outcome::{Report, Verdict};
use remediator_core::policy::lease::Expiry;
use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

/// The greatest number of pairs and of notices that are remembered; each takes some hundred bytes.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// The ARNs of a principal and a function.
type Pair = (String, String);

/// The memory of one execution environment.
#[derive(Debug)]
pub struct Memory {
    /// How long after a notice its repeats are suppressed.
    interval: Duration,
    sent: LruCache<NoticeKey, Sent>,
    covered: LruCache<Pair, Coverage>,
    /// The resources that were added for a pair, until a notice reports them.
    unreported: LruCache<Pair, Vec<String>>,
    taken_away: LruCache<Pair, TakenAway>,
    /// The user or role that IAM held under the name that a text gives, and when it said so.
    identities: LruCache<String, (Principal, SystemTime)>,
}

/// A notice that is suppressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppressed;

/// How often a pair had to be written although it was covered.
#[derive(Debug, Default)]
struct TakenAway {
    times: u64,
    /// Whether a notice has reported the last time.
    is_reported: bool,
}

impl Memory {
    /// Remembers nothing yet. `interval` is how long after a notice its repeats are suppressed.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            sent: LruCache::new(CAPACITY),
            covered: LruCache::new(CAPACITY),
            unreported: LruCache::new(CAPACITY),
            taken_away: LruCache::new(CAPACITY),
            identities: LruCache::new(CAPACITY),
        }
    }

    /// Remembers whom IAM holds under the name of a denial's caller.
    pub fn remember_identity(&mut self, denial: &Denial, principal: &Principal, now: SystemTime) {
        if let Some(name) = caller_name(denial) {
            self.identities.put(name, (principal.clone(), now));
        }
    }

    /// Returns whom IAM held under the name of a denial's caller, if it was asked moments ago. It is good for nothing but an
    /// answer that is not published: somebody else may have the name by now.
    pub fn identity(&mut self, denial: &Denial, now: SystemTime) -> Option<Principal> {
        let (principal, at) = self.identities.get(&caller_name(denial)?)?;
        age(*at, now).is_some_and(|age| age <= FRESH_MAX).then(|| principal.clone())
    }

    /// Returns the coverage of a grant's pair, if it was seen moments ago and suffices.
    pub fn coverage(&mut self, grant: &Grant, now: SystemTime) -> Option<Coverage> {
        self.covered.get(&pair(grant)).copied().filter(|coverage| coverage.is_fresh_for(grant, now))
    }

    /// Remembers that a grant's pair was seen covered, and until when.
    pub fn remember_coverage(
        &mut self,
        grant: &Grant,
        is_listed: bool,
        expires: Option<Expiry>,
        now: SystemTime,
    ) -> Coverage {
        let known = self.covered.get(&pair(grant)).copied();
        let coverage = Coverage::new(known, is_listed, expires, now);
        self.covered.put(pair(grant), coverage);
        coverage
    }

    /// Remembers that `added` is being written for a grant's pair: whatever becomes of this invocation, a notice has to report
    /// it, also when a retry finds it done.
    ///
    /// A pair that was covered has been taken away. That counts once, since after the first put it is not known to be covered.
    pub fn remember_write(&mut self, grant: &Grant, added: &[String], now: SystemTime) {
        let covered = self.covered.pop(&pair(grant));
        if covered.is_some_and(|coverage| coverage.was_taken_away(grant, now)) {
            let taken_away = self.taken_away.get_or_insert_mut(pair(grant), TakenAway::default);
            taken_away.times += 1;
            taken_away.is_reported = false;
        }
        self.unreported.get_or_insert(pair(grant), || added.to_vec());
        for is_still_denied in [false, true] {
            if let Some(sent) = self.sent.get_mut(&NoticeKey::of_grant(pair(grant), is_still_denied)) {
                sent.at = None;
            }
        }
    }

    /// Forgets a write that IAM says was not carried out.
    pub fn forget_write(&mut self, grant: &Grant) {
        self.unreported.pop(&pair(grant));
    }

    /// Returns the resources that were written for a grant's pair and that no notice has reported yet.
    pub fn unreported_write(&mut self, grant: &Grant) -> Option<Vec<String>> {
        self.unreported.get(&pair(grant)).cloned()
    }

    /// Adds to the verdict how often the grant was taken away before, where no notice has reported the last time yet.
    pub fn with_taken_away(&mut self, grant: &Grant, mut verdict: Verdict) -> Verdict {
        if let Verdict::Granted { taken_away, .. } = &mut verdict {
            let known = self.taken_away.get(&pair(grant)).filter(|known| !known.is_reported);
            *taken_away = known.map_or(0, |known| known.times);
        }
        verdict
    }

    /// Whether a report's notice repeats one that went out inside the interval. That of a new grant never does.
    pub fn is_repeat(&self, report: &Report, now: SystemTime) -> bool {
        let last = self.sent.peek(&NoticeKey::new(report)).and_then(|sent| sent.at);
        !matches!(report.verdict, Verdict::Granted { .. })
            && last.and_then(|last| age(last, now)).is_some_and(|age| age < self.interval)
    }

    /// Returns how many repeats were suppressed before a report's notice, which is to be sent.
    ///
    /// # Errors
    ///
    /// The notice is a repeat itself, and counted.
    pub fn suppressed_before(&mut self, report: &Report, now: SystemTime) -> Result<u64, Suppressed> {
        let is_repeat = self.is_repeat(report, now);
        let Some(sent) = self.sent.get_mut(&NoticeKey::new(report)) else { return Ok(0) };
        if is_repeat {
            sent.suppressed += 1;
            return Err(Suppressed);
        }
        Ok(sent.suppressed)
    }

    /// Remembers that a report's notice has gone out.
    pub fn remember_sent(&mut self, report: &Report, now: SystemTime) {
        if let (Verdict::Granted { .. }, Some(pair)) = (&report.verdict, pair_of(report)) {
            self.unreported.pop(&pair);
            if let Some(taken_away) = self.taken_away.get_mut(&pair) {
                taken_away.is_reported = true;
            }
        }
        self.sent.put(NoticeKey::new(report), Sent { at: Some(now), suppressed: 0 });
    }
}

/// Returns the name that a text gives its caller: all sessions of a role have one.
fn caller_name(denial: &Denial) -> Option<String> {
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

fn pair_of(report: &Report) -> Option<Pair> {
    Some((report.facts.principal.clone()?, report.facts.function.as_ref()?.to_string()))
}
