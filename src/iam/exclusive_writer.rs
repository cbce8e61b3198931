//! Writes a principal's policy while holding its lock in the ledger, and so without the wait of [`writer`].
//!
//! # How changes survive
//!
//! 1. One writer at a time: it reads, works out the document, notes in the lock what it is about to put, and puts it. A put is
//!    sent only while so much of the lease is left as a put may be on its way ([`ON_ITS_WAY`]).
//! 2. A put that IAM does not answer may still be carried out. The lock is kept until it no longer can be; then the policy is
//!    read, and the put is made again where it is not seen. A writer that fails or dies meanwhile leaves the lock and its note:
//!    whoever comes after the lease reads from the note what was put, and for whom.
//! 3. A read that gives a document known to be superseded lags behind ([`Reading::Stale`]). It is read again until IAM gives the
//!    last one. Where it does not for [`STALE_READ`], somebody has restored the old one by
//!    hand. Any document that the ledger does not know is an edit by hand, and what the writer starts from.
//! 4. One read straight after the put. If another tool has overwritten it by then, it is made again.
//!
//! What remains unprotected: IAM takes no condition and knows nothing of the lock, so that a tool or a person who writes what
//! they read before takes a grant away; an edit that IAM does not show yet when it is read is overwritten. The next denial
//! brings the grant back, and its notice says so.

use crate::iam::error::{CallFailure, IamError, NotDone};
use crate::iam::inline_policies::InlinePolicies;
use crate::iam::writer::{self, PUT_TIMEOUT};
use crate::ledger::error::LedgerError;
use crate::ledger::turn::{ON_ITS_WAY, Turn};
use remediator_core::ledger::{Entry, Reading, STALE_READ};
use remediator_core::policy::quota::Usage;
use remediator_core::policy::{self, POLICY_NAME};
use remediator_core::reason::{Reason, Refusal};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How often a policy is read whose reads lag behind.
const STALE_PAUSE: Duration = Duration::from_millis(250);
/// How often a put is tried that fails transiently.
const MAX_PUTS: u32 = 4;
/// The longest wait between two tries of a put.
const MAX_BACKOFF: Duration = Duration::from_millis(1_600);
/// How long the quota's usage may take longer than the read that it is found out beside.
const USAGE_TIMEOUT: Duration = Duration::from_millis(1_000);

/// Why a policy was not written.
#[derive(Debug)]
pub enum NotWritten {
    /// IAM says so.
    Iam(NotDone),
    /// The ledger failed.
    Ledger(LedgerError),
}

impl NotWritten {
    /// The refusal of a document that is left alone, since `why`.
    pub fn unreadable(why: &str) -> Self {
        let why = format!("{POLICY_NAME} is left alone: {why}");
        Self::Iam(NotDone::Refused(Refusal::new(Reason::UnreadablePolicy, why)))
    }
}

impl From<NotDone> for NotWritten {
    fn from(not_done: NotDone) -> Self {
        Self::Iam(not_done)
    }
}

impl From<IamError> for NotWritten {
    fn from(error: IamError) -> Self {
        Self::Iam(error.into())
    }
}

impl From<LedgerError> for NotWritten {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// The document to start from.
#[derive(Debug)]
pub struct Base {
    /// The document; `None` where the policy does not exist.
    pub document: Option<String>,
    /// What an earlier turn has put that ended before it could say so.
    pub settled: Vec<Entry>,
}

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutResult {
    /// It is confirmed.
    Done {
        /// Whether it is certain that it was IAM who confirmed it.
        by_iam: bool,
    },
    /// It was not put: the quota of the principal's inline policies is used up.
    QuotaExceeded,
    /// It was not put: somebody has edited the policy meanwhile.
    Overtaken,
}

/// Reads the document to start from, again while IAM's reads lag behind.
///
/// # Errors
///
/// IAM or the ledger failed, or the turn is over.
pub async fn read(policies: InlinePolicies<'_>, turn: &mut Turn) -> Result<Base, NotWritten> {
    loop {
        let document = writer::read(policies).await?.document;
        match turn.reading(document.as_deref()) {
            Reading::Current => {
                turn.abandon();
                turn.adopt(document.as_deref());
                return Ok(Base { document, settled: Vec::new() });
            }
            Reading::Intended => {
                let settled = turn.settle_earlier().await?;
                return Ok(Base { document, settled });
            }
            Reading::Stale => {
                tracing::warn!(principal = %policies.principal(), "IAM answers with a policy that was overwritten since");
                turn.keep().await?;
                sleep(STALE_PAUSE).await;
            }
        }
    }
}

/// Puts `document` in the place of `base`; `None` deletes the policy. `entries` is what it grants.
///
/// # Errors
///
/// IAM or the ledger failed, or the turn is over. Where it may have been put, the lock has to be left until its lease ends: whoever
/// comes then finds out.
pub async fn put(
    policies: InlinePolicies<'_>,
    turn: &mut Turn,
    base: Option<&str>,
    document: Option<&str>,
    entries: Vec<Entry>,
) -> Result<PutResult, NotWritten> {
    turn.intend(base, document, entries).await?;
    let mut failures = 0;
    loop {
        // After a failure the connection may be as bad as the one that failed.
        let connection = match failures % 2 {
            0 => policies,
            _ => policies.over_new_connection().await,
        };
        turn.have_time().await?;
        let sent = Instant::now();
        let answer = match document {
            Some(document) => connection.put(document, PUT_TIMEOUT).await,
            None => connection.delete(PUT_TIMEOUT).await.map(|()| true),
        };
        let error = match answer {
            Ok(by_iam) => return Ok(PutResult::Done { by_iam }),
            Err(CallFailure::QuotaExceeded) => {
                turn.abandon();
                return Ok(PutResult::QuotaExceeded);
            }
            Err(CallFailure::Transient(error)) => error,
            Err(CallFailure::Unanswered(error)) => {
                sleep_until(sent + ON_ITS_WAY).await;
                turn.intend_again();
                turn.renew().await?;
                match look_for_put(policies, turn).await? {
                    Some(result) => return Ok(result),
                    None => error,
                }
            }
            Err(
                failure @ (CallFailure::Refused(_)
                | CallFailure::Inconsistent(_)
                | CallFailure::Persistent(_)),
            ) => {
                turn.abandon();
                return Err(NotDone::from(failure).into());
            }
        };
        failures += 1;
        if failures == MAX_PUTS {
            return Err(error.into());
        }
        sleep(backoff(failures)).await;
    }
}

/// Looks whether a put that was not answered was carried out; `None` where it has to be made again.
async fn look_for_put(
    policies: InlinePolicies<'_>,
    turn: &mut Turn,
) -> Result<Option<PutResult>, NotWritten> {
    let document = writer::read(policies).await?.document;
    Ok(match turn.reading(document.as_deref()) {
        Reading::Intended => Some(PutResult::Done { by_iam: true }),
        // Not seen, or not seen yet: the same document once more does no harm.
        Reading::Stale => None,
        Reading::Current if turn.is_base(document.as_deref()) => None,
        Reading::Current => {
            turn.abandon();
            Some(PutResult::Overtaken)
        }
    })
}

/// What became of a put that was confirmed.
#[derive(Debug)]
pub enum LookBack {
    /// The policy holds it, as far as IAM shows yet.
    Written,
    /// It was not IAM who confirmed it: the policy is still the one from before.
    NotWritten,
    /// Somebody else has written another one since.
    Another(Base),
}

/// Reads once what was put, and finds out how much of the quota is used. A put that something in between may have confirmed is
/// believed when it is seen: it is looked for as long as a read may lag behind.
///
/// # Errors
///
/// IAM or the ledger failed, or the turn is over.
pub async fn look_back(
    policies: InlinePolicies<'_>,
    turn: &mut Turn,
    written: Option<&str>,
    by_iam: bool,
) -> Result<(LookBack, Option<Usage>), NotWritten> {
    let asked = timeout(USAGE_TIMEOUT, policies.usage(written));
    let (read, usage) = futures_util::future::join(writer::read(policies), asked).await;
    let mut document = read?.document;
    let began = Instant::now();
    let look = loop {
        let is_earlier = match turn.reading(document.as_deref()) {
            Reading::Intended => break LookBack::Written,
            Reading::Stale => true,
            Reading::Current => turn.is_base(document.as_deref()),
        };
        match (is_earlier, by_iam) {
            (false, _) => break LookBack::Another(Base { document, settled: Vec::new() }),
            (true, true) => break LookBack::Written,
            (true, false) if began.elapsed() > STALE_READ => break LookBack::NotWritten,
            (true, false) => {
                turn.keep().await?;
                sleep(STALE_PAUSE).await;
                document = writer::read(policies).await?.document;
            }
        }
    };
    Ok((look, usage.unwrap_or(None)))
}

/// Returns a document that says the same in fewer characters, where there is one.
pub fn folded(document: &str) -> Option<String> {
    let folded = policy::fold(document);
    (folded.len() < document.len()).then_some(folded)
}

/// Returns a random time that grows with each try.
fn backoff(tries: u32) -> Duration {
    let longest = Duration::from_millis(100).saturating_mul(1 << tries.min(10)).min(MAX_BACKOFF);
    longest.mul_f64(fastrand::f64())
}
