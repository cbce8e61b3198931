//! A grant by way of the ledger: remembered, wished for, or written for oneself and for all who wait.
//!
//! Who has the principal's lock takes the wishes of all others along in one put. Who has it not leaves a wish and looks what
//! becomes of it; when the lock gets free first, it takes that. A wish is no permission: each is decided by the allowlist of the
//! environment that writes it.

use crate::config::Mode;
use crate::handler::Remediator;
use crate::handler::error::HandlerError;
use crate::handler::invocation::Progress;
use crate::handler::shared_write::{Concluded, Request};
use crate::iam::grant;
use crate::ledger::error::LedgerError;
use crate::ledger::{Ledger, Recalled, WishState};
use crate::memory::PROPAGATION;
use remediator_core::decision::{Grant, OwnIdentity, decide_again};
use remediator_core::incoming::facts::Facts;
use remediator_core::incoming::source::Source;
use remediator_core::ledger::{Answer, Entry, GrantRecord, Origin, TableTime, Wish, taken_back};
use remediator_core::outcome::{Report, Verdict};
use remediator_core::policy::lease::Expiry;
use remediator_core::policy::quota::Usage;
use remediator_core::reason::{Reason, Refusal};
use remediator_core::rfc3339;
use std::cell::Cell;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many calls whoever has the lock makes until a wish is answered, about.
const CALLS_OF_A_TURN: u32 = 6;

/// How long after a wish was left, or looked at, it is looked at again: least and most.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_millis(1_000);

/// For how long a pair that was seen covered is believed to be, in an answer that is not published.
const FRESH: TableTime = 60;

impl Remediator {
    /// Adds the function to the policy, unless it is covered or was taken back.
    pub(super) async fn grant_with_ledger(
        &self,
        ledger: &Ledger,
        (grant, facts): (&Grant, &Facts),
        own: &OwnIdentity,
        progress: &Progress,
    ) -> Result<Concluded, HandlerError> {
        progress.at("reading the ledger");
        let recalled = ledger.recall(grant.principal(), grant.function()).await?;
        let origin = Origin {
            rule: grant.rule().to_owned(),
            // A denial has one. Without it, nothing that was taken back is granted.
            source: facts.source.unwrap_or(Source::Cloudtrail),
            event_id: facts.event_id.clone(),
            event_time: facts.event_time.clone(),
            asked_by: facts.asked_by.clone(),
        };
        if origin.is_taken_back(recalled.undo.as_ref()) {
            return Ok(Verdict::Refused(taken_back()).into());
        }
        let entry = Entry {
            function: grant.function().to_string(),
            origin,
            expires: grant.expiry().map(|expiry| expiry.to_string()),
            added: Vec::new(),
            taken_away: self.times_taken_away(ledger, &recalled, grant),
            wish: None,
        };
        let request = Request { ledger, grant, own, entry, recalled };
        if let Some(verdict) = self.answer_from_ledger(&request, facts).await? {
            return Ok(verdict.into());
        }
        if self.config.mode == Mode::DryRun {
            return Ok(grant::make(&self.clients, grant, Mode::DryRun, &|_| (), &Cell::new(false))
                .await?
                .into());
        }
        progress.at(format!("waiting to write the policy of {}", grant.principal()));
        let Concluded { verdict, afterwards } = self.write_or_wish(&request, progress).await?;
        let verdict = match verdict {
            Verdict::AlreadyGranted { is_listed, expires } => {
                self.verdict_when_covered(&request, facts, is_listed, expires).await?
            }
            other @ (Verdict::Granted { .. }
            | Verdict::WouldGrant { .. }
            | Verdict::StillDenied { .. }
            | Verdict::Refused(_)
            | Verdict::Ignored(_)) => other,
        };
        Ok(Concluded { verdict, afterwards })
    }

    /// Returns how often somebody has taken the grant away, this time included; 0 where nobody has, as far as is known.
    fn times_taken_away(&self, ledger: &Ledger, recalled: &Recalled, grant: &Grant) -> u64 {
        let Some(record) = &recalled.grant else { return 0 };
        // A read that lags behind takes nothing away.
        let is_settled = ledger.now().saturating_sub(record.since) > PROPAGATION.as_secs();
        match is_settled && record.suffices_for(grant, self.now()) {
            true => record.taken_away.saturating_add(1),
            false => 0,
        }
    }

    /// Answers a repeat without asking IAM. `None` unless the notice would be suppressed: an answer from memory is never
    /// published.
    async fn answer_from_ledger(
        &self,
        request: &Request<'_>,
        facts: &Facts,
    ) -> Result<Option<Verdict>, HandlerError> {
        let Request { ledger, grant, .. } = request;
        let Some(record) = &request.recalled.grant else { return Ok(None) };
        let is_fresh = record.is_fresh(ledger.now(), FRESH);
        if !is_fresh || request.recalled.unreported().is_some() || !record.suffices_for(grant, self.now()) {
            return Ok(None);
        }
        let verdict = verdict_on(record, facts);
        let report = Report { facts: facts.clone(), verdict, rule: Some(grant.rule().to_owned()) };
        let id = self.notice_id(&report);
        let is_repeat = ledger.is_repeat(&id, self.config.notice_interval).await?;
        Ok(is_repeat.then_some(report.verdict))
    }

    /// Writes the grant, or has it written by whoever has the lock.
    async fn write_or_wish(
        &self,
        request: &Request<'_>,
        progress: &Progress,
    ) -> Result<Concluded, HandlerError> {
        let Request { ledger, grant, .. } = request;
        let principal = grant.principal();
        let mut waiter = ledger.line_up(principal);
        waiter.see(request.recalled.lock.clone());
        let mut wish: Option<Wish> = None;
        let mut is_refused = false;
        // A call to the ledger takes as long for others. Where everybody is slow, looking often only makes it slower.
        let asked = Instant::now();
        let mut pause: Option<Duration> = None;
        loop {
            if let Some(turn) = waiter.try_turn().await? {
                progress.at(format!("adding {} to the policy of {principal}", grant.function()));
                let wish_id = wish.as_ref().map(|wish| wish.id.as_str());
                match self.write_for_all(request, wish_id, turn).await {
                    Ok(concluded) => {
                        if let Some(wish) = wish {
                            ledger.forget_wish(principal, &wish.id).await;
                        }
                        return Ok(concluded);
                    }
                    // The turn took too long, and was over. Whatever it has put is in its note.
                    Err(HandlerError::Ledger(LedgerError::LockLost { .. })) => {
                        tracing::warn!(%principal, "the turn at a policy was over, and another is waited for");
                        progress.at(format!("waiting to write the policy of {principal}"));
                        waiter.look().await?;
                    }
                    Err(error) => return Err(error),
                }
            }
            match &wish {
                None if is_refused => waiter.look().await?,
                None => wish = Some(ledger.wish(principal, request.entry.clone()).await?),
                Some(Wish { id, .. }) => {
                    let WishState { waits, answer, lock } = ledger.look_for_answer(principal, id).await?;
                    waiter.see(lock);
                    match answer {
                        Some(answer) => {
                            if let Some(verdict) = verdict_of(answer, request) {
                                return Ok(verdict.into());
                            }
                            // The other's list may be another one than ours by now. Ours is asked again.
                            if let Some(refusal) = self.refused_by_now(request).await? {
                                return Ok(Verdict::Refused(refusal).into());
                            }
                            (wish, is_refused) = (None, true);
                        }
                        None if waits => {}
                        // It is very old, or somebody took it away: it is left anew.
                        None => wish = None,
                    }
                }
            }
            let wait = match pause {
                None => per_call(asked) * CALLS_OF_A_TURN,
                Some(last) => last * 3 / 2,
            };
            let wait = wait.clamp(MIN_PAUSE, MAX_PAUSE);
            // A look that was too early is soon followed by another.
            pause = Some(pause.map_or(wait / 4, |_| wait));
            sleep(wait.mul_f64(0.8 + fastrand::f64() * 0.3)).await;
        }
    }

    /// Asks the own allowlist again, and whether the grant was taken back meanwhile.
    async fn refused_by_now(&self, request: &Request<'_>) -> Result<Option<Refusal>, HandlerError> {
        let Request { ledger, grant, own, entry, .. } = request;
        let recalled = ledger.recall(grant.principal(), grant.function()).await?;
        if entry.origin.is_taken_back(recalled.undo.as_ref()) {
            return Ok(Some(taken_back()));
        }
        let list = self.allowlist.current(self.now()).await?;
        let pair = (grant.principal(), grant.function(), entry.origin.source);
        let is_admitted = decide_again(pair, own, &list, self.now()).is_some();
        let why =
            "the allowlist has changed, and no rule of it matches this principal and this function any more";
        Ok((!is_admitted).then(|| Refusal::new(Reason::NotAllowlisted, why)))
    }

    /// Returns the verdict on a pair that the policy covers, and records that it does.
    async fn verdict_when_covered(
        &self,
        request: &Request<'_>,
        facts: &Facts,
        is_listed: bool,
        expires: Option<Expiry>,
    ) -> Result<Verdict, HandlerError> {
        let Request { ledger, grant, entry, .. } = request;
        let (principal, function) = (grant.principal(), grant.function());
        let recalled = loop {
            // Somebody may have written it since it was recalled.
            let recalled = ledger.recall(principal, function).await?;
            let (Some(added), Some(record)) = (recalled.unreported(), &recalled.grant) else {
                break recalled;
            };
            if recalled.is_being_reported(ledger.now()) {
                // What was delivered twice waits for the other, whose invocation may have failed.
                if record.origin.as_ref().is_none_or(|origin| origin.event_id != entry.origin.event_id) {
                    break recalled;
                }
                sleep(MIN_PAUSE.mul_f64(1.0 + fastrand::f64())).await;
            } else if ledger.claim_report(principal, function, recalled.reported.as_ref()).await? {
                // Written by an invocation that did not get as far as to notify of it.
                let (added, taken_away) = (added.clone(), record.taken_away);
                return Ok(Verdict::Granted { added, usage: None, expires, taken_away });
            }
        };
        let now = ledger.now();
        let known = recalled.grant.filter(|record| record.expiry() == expires);
        let is_known = known.is_some();
        let record = match known {
            Some(record) => GrantRecord { seen: now, is_listed, ttl: ledger.retained_until(), ..record },
            None => GrantRecord {
                principal: principal.to_string(),
                function: function.to_string(),
                origin: None,
                granted_at: None,
                expires: expires.map(|expiry| expiry.to_string()),
                since: now,
                seen: now,
                is_listed,
                added: None,
                taken_away: 0,
                ttl: ledger.retained_until(),
            },
        };
        ledger.record_coverage(principal, function, &record, is_known).await?;
        Ok(verdict_on(&record, facts))
    }
}

/// Returns the verdict on a pair that is covered, by its record.
fn verdict_on(record: &GrantRecord, facts: &Facts) -> Verdict {
    let (is_listed, expires) = (record.is_listed, record.expiry());
    let denied_at = facts.event_time.as_deref().and_then(rfc3339::parse);
    match record.is_clearly_before(denied_at, PROPAGATION) {
        true => Verdict::StillDenied { is_listed, expires },
        false => Verdict::AlreadyGranted { is_listed, expires },
    }
}

/// Returns how long one call took of the two that were made since `asked`: for the lock and for the wish.
fn per_call(asked: Instant) -> Duration {
    asked.elapsed() / 2
}

/// Returns the verdict that another one's answer to a wish comes to; `None` where its list does not admit the wish.
fn verdict_of(answer: Answer, request: &Request<'_>) -> Option<Verdict> {
    match answer {
        Answer::Granted { added, expires, usage } => {
            let usage = usage.map(|(used, quota)| Usage { used, quota });
            let expires = expires.as_deref().and_then(Expiry::parse);
            Some(Verdict::Granted { added, usage, expires, taken_away: request.entry.taken_away })
        }
        Answer::Covered { is_listed, expires } => {
            let expires = expires.as_deref().and_then(Expiry::parse);
            Some(Verdict::AlreadyGranted { is_listed, expires })
        }
        Answer::Refused => None,
    }
}
