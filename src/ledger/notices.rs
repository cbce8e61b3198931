//! The notices that went out, known to all environments: each goes out once in the quiet interval.
//!
//! Who is about to publish one claims it first. The others wait until it has gone out or the claim has ended, since a notice
//! that was not published in the end must not silence theirs. That of a grant goes out whatever went out before.

use crate::ledger::error::LedgerError;
use crate::ledger::table::Put;
use crate::ledger::{Ledger, new_id, new_version};
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::Principal;
use remediator_core::ledger::{Key, NoticeState, Publication, Reported, TableTime};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::sleep;

/// How often a claim of another one is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// For how long an event is known to have been told, in seconds: longer than a queue keeps one that failed, 14 days.
const EVENT_AGE: u64 = 15 * 86_400;

/// What makes two notices repeats of each other, and which event this one is of.
#[derive(Debug, Clone)]
pub struct NoticeId {
    /// The account that the items are of.
    pub account: String,
    /// Stands for everything that a repeat has in common.
    pub hash: String,
    /// The event's id, of an event that its sender may deliver twice.
    pub event_id: Option<String>,
}

/// Whether a notice is to be published.
#[derive(Debug)]
pub enum ClaimResult {
    /// It is. `left_out` of its repeats were suppressed before.
    Publish {
        /// How many.
        left_out: u64,
        /// To give back if it cannot be published.
        claim: Option<NoticeClaim>,
    },
    /// It repeats another one.
    Suppressed,
}

/// A notice that one's own environment publishes.
#[derive(Debug)]
pub struct NoticeClaim(NoticeState);

/// An event that was told, or counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// Tells this record from that of another try.
    id: String,
    ttl: TableTime,
}

#[derive(Debug, Deserialize)]
struct Count {
    count: i64,
}

/// What is known of a notice.
#[derive(Debug, Default)]
struct Known {
    state: Option<NoticeState>,
    left_out: u64,
    is_told: bool,
}

impl Ledger {
    /// Whether a notice would repeat another one.
    ///
    /// # Errors
    ///
    /// The table was not read.
    pub async fn is_repeat(&self, id: &NoticeId, interval: Duration) -> Result<bool, LedgerError> {
        if interval.is_zero() {
            return Ok(false);
        }
        let state: Option<NoticeState> = self.table.get(&Key::notice_state(&id.account, &id.hash)).await?;
        Ok(state.unwrap_or_default().publication(interval, self.now()) == Publication::Repeat)
    }

    /// Claims a notice that is not that of a grant, or counts it as a repeat.
    ///
    /// # Errors
    ///
    /// The table was not read or not written.
    pub async fn claim_notice(&self, id: &NoticeId, interval: Duration) -> Result<ClaimResult, LedgerError> {
        let owner = new_id();
        loop {
            let Known { state, left_out, is_told } = self.known(id).await?;
            if is_told {
                return Ok(ClaimResult::Suppressed);
            }
            if interval.is_zero() {
                return Ok(ClaimResult::Publish { left_out, claim: None });
            }
            let now = self.now();
            let known = state.clone().unwrap_or_default();
            match known.publication(interval, now) {
                Publication::Repeat => {
                    self.count(id, interval).await?;
                    return Ok(ClaimResult::Suppressed);
                }
                Publication::Claimed => sleep(LOOK.mul_f64(0.5 + fastrand::f64())).await,
                Publication::Due => {
                    let claimed = known.claimed_by(&owner, now, self.notice_ttl(interval));
                    let key = Key::notice_state(&id.account, &id.hash);
                    let seen = state.as_ref().map(|state| state.version);
                    if let Put::Done = self.table.put_if_unchanged(&key, seen, &claimed).await? {
                        return Ok(ClaimResult::Publish { left_out, claim: Some(NoticeClaim(claimed)) });
                    }
                }
            }
        }
    }

    /// Records that a notice has gone out; `grant` is what it reports as granted, if that is what it does. What cannot be recorded is
    /// logged: the notice would only go out again.
    pub async fn confirm_notice(
        &self,
        id: &NoticeId,
        grant: Option<(&Principal, &FunctionArn)>,
        left_out: u64,
        interval: Duration,
    ) {
        let recorded = async {
            let mut puts = Vec::new();
            if !interval.is_zero() {
                let key = Key::notice_state(&id.account, &id.hash);
                let sent = NoticeState::sent(new_version(), self.now(), self.notice_ttl(interval));
                puts.push(self.table.write(&key, &sent)?);
            }
            if let Some((principal, function)) = grant {
                let reported = Reported::sent(new_version(), self.now(), self.retained_until());
                puts.push(self.table.write(&Key::reported(principal, function), &reported)?);
            }
            if let Some(key) = self.event_key(id) {
                puts.push(self.table.write(&key, &self.told())?);
            }
            if !puts.is_empty() {
                self.table.write_all(puts, &[]).await?;
            }
            match i64::try_from(left_out).unwrap_or(i64::MAX) {
                0 => Ok(()),
                left_out => {
                    let key = Key::notice_left_out(&id.account, &id.hash);
                    self.table.add(&key, -left_out, self.notice_ttl(interval)).await
                }
            }
        };
        let recorded: Result<(), LedgerError> = recorded.await;
        if let Err(error) = recorded {
            tracing::warn!(%error, "the ledger does not know that a notice has gone out");
        }
    }

    /// Gives a notice back that could not be published, so that another one may; `grant` is what it would have reported as granted.
    pub async fn release_notice(
        &self,
        id: &NoticeId,
        grant: Option<(&Principal, &FunctionArn)>,
        claim: Option<NoticeClaim>,
    ) {
        if let Some((principal, function)) = grant {
            let reported = Reported::released(new_version(), self.retained_until());
            if let Err(error) = self.table.put(&Key::reported(principal, function), &reported).await {
                tracing::warn!(%error, "a grant stays claimed for some seconds");
            }
        }
        let Some(NoticeClaim(state)) = claim else { return };
        let key = Key::notice_state(&id.account, &id.hash);
        let released = self.table.put_if_unchanged(&key, Some(state.version), &state.unclaimed()).await;
        if let Err(error) = released {
            tracing::warn!(%error, "a notice stays claimed for some seconds");
        }
    }

    /// Counts a notice that is not published, unless its event was counted before.
    async fn count(&self, id: &NoticeId, interval: Duration) -> Result<(), LedgerError> {
        if let Some(key) = self.event_key(id)
            && let Put::Changed(_) = self.table.put_if_unchanged(&key, None, &self.told()).await?
        {
            return Ok(());
        }
        self.table.add(&Key::notice_left_out(&id.account, &id.hash), 1, self.notice_ttl(interval)).await
    }

    async fn known(&self, id: &NoticeId) -> Result<Known, LedgerError> {
        let (state_key, count_key) =
            (Key::notice_state(&id.account, &id.hash), Key::notice_left_out(&id.account, &id.hash));
        let (state, count, told) = match self.event_key(id) {
            Some(event_key) => {
                let [state, count, told] = self.table.get_all([&state_key, &count_key, &event_key]).await?;
                (state, count, told)
            }
            None => {
                let [state, count] = self.table.get_all([&state_key, &count_key]).await?;
                (state, count, None)
            }
        };
        let count = self.table.read_found::<Count>(&count_key, count)?;
        Ok(Known {
            state: self.table.read_found(&state_key, state)?,
            left_out: count.map_or(0, |count| count.count.try_into().unwrap_or(0)),
            is_told: told.is_some(),
        })
    }

    fn event_key(&self, id: &NoticeId) -> Option<Key> {
        id.event_id.as_deref().map(|event_id| Key::event(&id.account, event_id, &id.hash))
    }

    fn told(&self) -> Told {
        Told { id: new_id(), ttl: self.now().saturating_add(EVENT_AGE) }
    }

    fn notice_ttl(&self, interval: Duration) -> TableTime {
        self.now().saturating_add(interval.as_secs()).saturating_add(86_400)
    }
}
