//! The turn of a writer: one put for its own grant and for all that others wish for.

use crate::handler::Remediator;
use crate::handler::error::HandlerError;
use crate::iam::error::{IamError, NotDone};
use crate::iam::exclusive_writer::{self, Base, LookBack, NotWritten, PutResult};
use crate::iam::inline_policies::InlinePolicies;
use crate::iam::writer::full;
use crate::ledger::error::LedgerError;
use crate::ledger::turn::Turn;
use crate::ledger::{Ledger, Recalled};
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::Principal;
use remediator_core::decision::{Grant, OwnIdentity, decide_again};
use remediator_core::incoming::source::Source;
use remediator_core::ledger::{Entry, OwnResult, Plan, Wish, plan};
use remediator_core::outcome::Verdict;
use remediator_core::policy::lease::Expiry;
use remediator_core::policy::quota::Usage;
use remediator_core::policy::{Merge, merge};
use std::time::SystemTime;
use tokio::time::Instant;

/// How often a put is made again that another tool overwrites at once.
const MAX_LOSSES: u32 = 5;

/// One grant, and what is known of it.
pub(super) struct Request<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) grant: &'a Grant,
    pub(super) own: &'a OwnIdentity,
    /// What is recorded of it.
    pub(super) entry: Entry,
    pub(super) recalled: Recalled,
}

/// What became of a grant.
pub(super) struct Concluded {
    pub(super) verdict: Verdict,
    /// What is to be done beside the notice.
    pub(super) afterwards: Option<Afterwards>,
}

impl From<Verdict> for Concluded {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, afterwards: None }
    }
}

/// What is left to do for a grant that was written, beside its notice.
pub(super) struct Afterwards {
    turn: Turn,
    ledger: Ledger,
    principal: Principal,
    entries: Vec<Entry>,
    answered: Vec<Wish>,
    usage: Option<Usage>,
}

impl Afterwards {
    /// Records what was written, and answers the wishes.
    ///
    /// # Errors
    ///
    /// Not all was recorded. The lock then stays with its note of what was put, and whoever comes after its lease records it.
    pub(super) async fn record(&mut self) -> Result<(), LedgerError> {
        let answered = std::mem::take(&mut self.answered);
        self.ledger.record(&self.principal, &self.entries, answered, self.usage).await
    }

    /// Frees the lock.
    pub(super) async fn end(self) {
        end(self.turn).await;
    }
}

/// Whether a document that somebody else has written since covers all that was to be granted.
fn still_covers(found: &Base, entries: &[Entry], now: SystemTime) -> bool {
    entries.iter().all(|entry| {
        let expiry = entry.expires.as_deref().and_then(Expiry::parse);
        FunctionArn::parse(&entry.function).is_some_and(|function| {
            let merged = merge(found.document.as_deref(), &function, expiry, now);
            matches!(merged, Ok(Merge::Covered { .. }))
        })
    })
}

/// What a turn came to.
enum InTurn {
    /// A put.
    Written { own: Verdict, plan: Box<Plan>, usage: Option<Usage> },
    /// None.
    Nothing(Verdict),
}

/// Frees the lock. One that stays is free when its lease ends.
async fn end(turn: Turn) {
    if let Err(error) = turn.end().await {
        tracing::warn!(%error, "the lock of a policy stays until its lease ends");
    }
}

impl Remediator {
    /// Writes the grant, and what others wish for, in one put. Unless something is left to do afterwards, the lock is free then; but
    /// where the ledger failed, it stays until its lease ends.
    pub(super) async fn write_for_all(
        &self,
        request: &Request<'_>,
        wish: Option<&str>,
        mut turn: Turn,
    ) -> Result<Concluded, HandlerError> {
        match self.write_in_turn(request, wish, &mut turn).await {
            Ok(InTurn::Written { own, plan, usage }) => {
                let Plan { entries, mut answered, taken, .. } = *plan;
                answered.extend(taken);
                let (ledger, principal) = (request.ledger.clone(), request.grant.principal().clone());
                let mut afterwards = Afterwards { turn, ledger, principal, entries, answered, usage };
                match own {
                    Verdict::Granted { .. } => Ok(Concluded { verdict: own, afterwards: Some(afterwards) }),
                    Verdict::AlreadyGranted { .. }
                    | Verdict::WouldGrant { .. }
                    | Verdict::StillDenied { .. }
                    | Verdict::Refused(_)
                    | Verdict::Ignored(_) => {
                        afterwards.record().await?;
                        afterwards.end().await;
                        Ok(own.into())
                    }
                }
            }
            Ok(InTurn::Nothing(verdict)) => {
                end(turn).await;
                Ok(verdict.into())
            }
            Err(NotWritten::Ledger(error)) => Err(error.into()),
            // No put is on its way any more.
            Err(NotWritten::Iam(not_done)) => {
                end(turn).await;
                match not_done {
                    NotDone::Refused(refusal) => Ok(Verdict::Refused(refusal).into()),
                    NotDone::Failed(error) => Err(error.into()),
                }
            }
        }
    }

    async fn write_in_turn(
        &self,
        request: &Request<'_>,
        own_wish: Option<&str>,
        turn: &mut Turn,
    ) -> Result<InTurn, NotWritten> {
        let Request { ledger, grant, .. } = request;
        let (clients, principal) = (&self.clients, grant.principal());
        let policies = InlinePolicies::of(clients, principal);
        let (mut takes_wishes, mut is_folded) = (true, false);
        let began = Instant::now();
        let mut losses = 0;
        let (mut base, mut settled): (Option<Base>, Vec<Entry>) = (None, Vec::new());
        loop {
            let Base { document, settled: settled_now } = match base.take() {
                Some(base) => base,
                None => exclusive_writer::read(policies, turn).await?,
            };
            let pending = ledger.pending(principal).await?;
            let wishes = ledger.record_settled(principal, &settled_now, pending.wishes).await?;
            settled.extend(settled_now);
            let is_own = |wish: &Wish| own_wish == Some(wish.id.as_str());
            let wishes = wishes.into_iter().filter(|wish| takes_wishes && !is_own(wish)).collect();
            let plan = {
                let list = self.allowlist.current(self.now()).await;
                let decide = |function: &FunctionArn, source: Source| {
                    // Without a list nothing is taken along. Our own was decided on before.
                    let list = list.as_ref().ok()?;
                    decide_again((principal, function, source), request.own, list, self.now())
                };
                let own = (*grant, &request.entry);
                plan(document.as_deref(), own, wishes, &pending.undone, ledger.now(), decide)
                    .map_err(|why| NotWritten::unreadable(&why))?
            };
            let Some(next) = plan.document.clone() else {
                let verdict = self.answer_without_put(request, plan, &settled).await?;
                return Ok(InTurn::Nothing(verdict));
            };
            let next = match is_folded {
                true => exclusive_writer::folded(&next).unwrap_or(next),
                false => next,
            };
            let put =
                exclusive_writer::put(policies, turn, document.as_deref(), Some(&next), plan.entries.clone())
                    .await?;
            let by_iam = match put {
                PutResult::Done { by_iam } => by_iam,
                PutResult::Overtaken => continue,
                PutResult::QuotaExceeded => {
                    let is_for_others = plan.is_for_others();
                    if !is_folded && exclusive_writer::folded(&next).is_some() {
                        is_folded = true;
                    } else if is_for_others {
                        // Each then hears for itself that there is no room.
                        takes_wishes = false;
                    } else {
                        return Err(NotDone::Refused(full(policies).await).into());
                    }
                    base = Some(Base { document, settled: Vec::new() });
                    continue;
                }
            };
            log_written(&plan, principal.as_str());
            let (look, usage) = match exclusive_writer::look_back(policies, turn, Some(&next), by_iam).await {
                Ok(looked) => looked,
                // Whether it was written is found out from the lock's note.
                Err(error) if !by_iam => return Err(error),
                Err(error) => {
                    // It was written. Whoever tries again reports it.
                    turn.settle();
                    ledger.record(principal, &plan.entries, plan.taken, None).await?;
                    return Err(error);
                }
            };
            let lost = match look {
                LookBack::Written => None,
                LookBack::NotWritten => Some(Base { document, settled: Vec::new() }),
                LookBack::Another(found) if still_covers(&found, &plan.entries, grant.decided_at()) => {
                    turn.settle();
                    turn.adopt(found.document.as_deref());
                    None
                }
                LookBack::Another(found) => Some(found),
            };
            if let Some(found) = lost {
                losses += 1;
                if losses > MAX_LOSSES {
                    let principal = principal.to_string();
                    return Err(IamError::NotConfirmed { principal, time: began.elapsed() }.into());
                }
                turn.abandon();
                base = Some(found);
                continue;
            }
            turn.settle();
            let own = match &plan.own {
                OwnResult::Added(added) => granted(request, added.clone(), usage),
                OwnResult::Covered { is_listed, expires } => {
                    Verdict::AlreadyGranted { is_listed: *is_listed, expires: *expires }
                }
                OwnResult::Refused(refusal) => Verdict::Refused(refusal.clone()),
            };
            return Ok(InTurn::Written { own, plan: Box::new(plan), usage });
        }
    }

    /// Answers the wishes of a plan that needs no put, and says what is known of the own grant.
    async fn answer_without_put(
        &self,
        request: &Request<'_>,
        plan: Plan,
        settled: &[Entry],
    ) -> Result<Verdict, NotWritten> {
        let Request { ledger, grant, .. } = request;
        if !plan.answered.is_empty() {
            ledger.record(grant.principal(), &[], plan.answered, None).await?;
        }
        let own_entry = settled.iter().find(|entry| is_same_event(entry, &request.entry));
        Ok(match (plan.own, own_entry) {
            (OwnResult::Covered { .. }, Some(entry)) => granted(request, entry.added.clone(), None),
            (OwnResult::Covered { is_listed, expires }, None) => {
                Verdict::AlreadyGranted { is_listed, expires }
            }
            (OwnResult::Refused(refusal), _) => Verdict::Refused(refusal),
            // A plan without a document adds nothing.
            (OwnResult::Added(added), _) => granted(request, added, None),
        })
    }
}

fn granted(request: &Request<'_>, added: Vec<String>, usage: Option<Usage>) -> Verdict {
    let (expires, taken_away) = (request.grant.expiry(), request.entry.taken_away);
    Verdict::Granted { added, usage, expires, taken_away }
}

fn is_same_event(entry: &Entry, own: &Entry) -> bool {
    entry.function == own.function && entry.origin.event_id == own.origin.event_id
}

/// The log says what was done even if the notice, or the rest of this invocation, gets lost.
fn log_written(plan: &Plan, principal: &str) {
    for entry in &plan.entries {
        tracing::info!(
            principal,
            function = entry.function,
            rule = entry.origin.rule,
            expires = entry.expires,
            "LambdaInvokePermission was written"
        );
    }
}
