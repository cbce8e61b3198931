//! The write protocol: reads a principal's policy, changes it, writes it, and watches that the change stays.
//!
//! The function's grant and the operator's undo are both a [`Change`], which works out an [`Edit`] of the document that was
//! read. What is written when is decided here alone.
//!
//! # How changes of several writers survive
//!
//! `PutUserPolicy` and `PutRolePolicy` overwrite the whole document and take no condition, so that of two writers who read the
//! same document one loses the change: whoever writes last wins. The calls that the function may make offer no lock. So the
//! protocol rests on time:
//!
//! 1. A document is written only while what it rests on is young: the put is sent at most [`KNOWLEDGE_MAX_AGE`] after its
//!    read *began* (a slower writer reads again), and has [`PUT_TIMEOUT`] to be answered. The SDK never repeats a put, since
//!    that would write on old knowledge. So what a writer writes is at most as old as both together.
//! 2. After its last write a writer watches for [`SETTLE`], and makes a change again that got lost. Only when the change is
//!    in the document at the end of that time is it done. The time is longer than the two of rule 1 and twice
//!    [`STALE_READ`]: another writer's read may lag behind, and so may our last look.
//!
//! Why it holds: another write can undo ours only if it rests on a read from before ours. When we have settled, every such
//! write has been made, and we saw the document after it. Whoever reads later reads our change and keeps it.
//!
//! What it assumes: that a put which is not answered in time is carried out by then, or not at all (one that is carried out
//! later is still made up for while the other writer watches); that a read is not staler than [`STALE_READ`] (IAM is
//! eventually consistent and states no bound); that other writers of this policy follow the same protocol. A person who edits
//! the policy in the console over minutes does not, and can take grants away: a later denial brings them back, and its notice
//! says so ([`memory`](crate::memory)).
//!
//! A change that the first read finds made is taken as made, on that one read: whoever wrote it watches it.
//!
//! Where it ends: after [`GIVE_UP_AFTER`] of writing and losing it gives up with an error (Lambda then retries the event, the
//! operator's tool says so), and never reports a change that was not seen to stay.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.

use crate::iam::error::{CallFailure, IamError, NotDone};
use crate::iam::inline_policies::InlinePolicies;
use remediator_core::policy::quota::Usage;
use remediator_core::policy::{self, POLICY_NAME};
use remediator_core::reason::{Reason, Refusal};
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// The greatest age of a read that a put may rest on, from the read's beginning until the put is sent.
pub const KNOWLEDGE_MAX_AGE: Duration = Duration::from_millis(1_000);
/// The time that a put has to be answered.
pub const PUT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How far behind a write a read may lag.
pub const STALE_READ: Duration = Duration::from_millis(500);
/// How long a change has to stay before it counts as made.
pub const SETTLE: Duration = Duration::from_millis(3_250);
/// How long a lost change is made again before it is given up.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

const _: () = assert!(
    SETTLE.as_millis() > KNOWLEDGE_MAX_AGE.as_millis() + PUT_TIMEOUT.as_millis() + 2 * STALE_READ.as_millis(),
    "a writer must watch for longer than another may take"
);

/// When the policy is looked at between a write and the end of [`SETTLE`], so that a lost change is made again soon. More
/// looks did not bring ten writers to an end any sooner.
const LOOKS: [Duration; 1] = [Duration::from_millis(300)];
/// How long after the end of the watch the usage may still come, where there are many other policies to read.
const USAGE_GRACE: Duration = Duration::from_millis(2_000);
/// The longest wait before a lost change is made again. It is random: writers who met once should not meet again.
const MAX_BACKOFF: Duration = Duration::from_millis(400);

/// How often a read is repeated that took too long for a write to rest on it.
const MAX_SLOW_READS: u32 = 5;
/// How often the policy is read while IAM's answers contradict each other.
const MAX_INCONSISTENT_READS: u32 = 5;
/// How often a write is tried that fails transiently.
const MAX_WRITES: u32 = 4;

/// A change to a principal's policy. It is worked out anew on each document that is read.
pub trait Change {
    /// What is known of a document that needs no edit.
    type Done;

    /// Whether the usage of the quota is of interest, which costs a call for each other policy.
    const REPORTS_USAGE: bool;

    /// Works out the edit that a document needs; `None` stands for a policy that does not exist.
    ///
    /// # Errors
    ///
    /// Says why the document is left alone, as a clause about "it".
    fn edit(&self, document: Option<&str>) -> Result<Edit<Self::Done>, String>;

    /// Called before each write with the resources that it adds, since it may be carried out whatever IAM answers.
    fn before_write(&self, added: &[String]);

    /// Called after each write that IAM has confirmed.
    fn after_write(&self);
}

/// What a document needs.
#[derive(Debug)]
pub enum Edit<Done> {
    /// Nothing: it says already what it should.
    Nothing(Done),
    /// Another document in its place.
    Put {
        /// The document.
        document: String,
        /// The resources that it adds.
        added: Vec<String>,
    },
    /// The policy's deletion: IAM accepts no document without a statement.
    Delete,
}

/// What became of a change.
#[derive(Debug)]
pub enum Written<Done> {
    /// Nothing was written: the policy needed no edit.
    Nothing(Done),
    /// The policy was written, and the change was seen to stay.
    Stays {
        /// What the last look found.
        done: Done,
        /// The resources that were added.
        added: Vec<String>,
        /// How full the principal's inline policies are now, where that was asked for and found out.
        usage: Option<Usage>,
    },
}

/// A document, and when the read began that it came from.
#[derive(Debug)]
pub struct Snapshot {
    /// The document; `None` where the policy does not exist.
    pub document: Option<String>,
    since: Instant,
}

/// Reads the policy, and again while IAM's answers contradict each other.
///
/// # Errors
///
/// As [`InlinePolicies::get`].
pub async fn read(policies: InlinePolicies<'_>) -> Result<Snapshot, NotDone> {
    let mut tries = 1;
    loop {
        let since = Instant::now();
        match policies.get().await {
            Ok(document) => return Ok(Snapshot { document, since }),
            Err(CallFailure::Inconsistent(_)) if tries < MAX_INCONSISTENT_READS => {
                sleep(backoff(tries + 2, 4 * MAX_BACKOFF)).await;
                tries += 1;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// Works out the edit that the policy needs, and writes nothing.
///
/// # Errors
///
/// Refuses a policy that cannot be understood.
pub async fn preview<C: Change>(policies: InlinePolicies<'_>, change: &C) -> Result<Edit<C::Done>, NotDone> {
    Ok(Writer { policies, change }.read().await?.edit)
}

/// Makes the change, and returns when it was seen to stay.
///
/// # Errors
///
/// Refuses a policy that cannot be understood or has no room. After any error the change may or may not have been made.
pub async fn write<C: Change>(policies: InlinePolicies<'_>, change: &C) -> Result<Written<C::Done>, NotDone> {
    Writer { policies, change }.run().await
}

struct Writer<'a, C> {
    policies: InlinePolicies<'a>,
    change: &'a C,
}

/// The edit that a snapshot needs.
struct Known<Done> {
    snapshot: Snapshot,
    edit: Edit<Done>,
}

impl<C: Change> Writer<'_, C> {
    async fn run(&self) -> Result<Written<C::Done>, NotDone> {
        let started = Instant::now();
        let mut known = self.read().await?;
        let added = match known.edit {
            Edit::Nothing(done) => return Ok(Written::Nothing(done)),
            Edit::Put { ref added, .. } => added.clone(),
            Edit::Delete => Vec::new(),
        };
        for losses in 1.. {
            self.write(known).await?;
            if let Some((done, usage)) = self.watch().await? {
                return Ok(Written::Stays { done, added, usage });
            }
            if started.elapsed() > GIVE_UP_AFTER {
                break;
            }
            sleep(backoff(losses, MAX_BACKOFF)).await;
            known = self.read().await?;
        }
        let principal = self.policies.principal().to_string();
        Err(IamError::NotConfirmed { principal, time: GIVE_UP_AFTER }.into())
    }

    /// Reads the policy, and works out the edit that it needs.
    async fn read(&self) -> Result<Known<C::Done>, NotDone> {
        let snapshot = read(self.policies).await?;
        let edit = self.change.edit(snapshot.document.as_deref()).map_err(|why| {
            let why = format!("{POLICY_NAME} is left alone: {why}");
            NotDone::Refused(Refusal::new(Reason::UnreadablePolicy, why))
        })?;
        Ok(Known { snapshot, edit })
    }

    /// Writes the edit, or what is worked out anew when the read is too old or the write failed.
    async fn write(&self, mut known: Known<C::Done>) -> Result<(), NotDone> {
        let mut is_folded = false;
        let mut failures = 0;
        loop {
            // After a failure the connection of the read in between may be as bad as the one that failed, or else a new one may
            // be what is slow: they take turns.
            let policies = match failures % 2 {
                0 => self.policies,
                _ => self.policies.over_new_connection().await,
            };
            known = self.renew(known).await?;
            let answer = match &known.edit {
                Edit::Nothing(_) => return Ok(()),
                Edit::Put { document, added } => {
                    let text = match is_folded {
                        true => Cow::Owned(policy::fold(document)),
                        false => Cow::Borrowed(document),
                    };
                    self.change.before_write(added);
                    policies.put(&text, PUT_TIMEOUT).await.map(drop)
                }
                Edit::Delete => {
                    self.change.before_write(&[]);
                    policies.delete(PUT_TIMEOUT).await
                }
            };
            match answer {
                Ok(()) => {
                    self.change.after_write();
                    return Ok(());
                }
                Err(CallFailure::QuotaExceeded) if !is_folded && known.edit.can_be_folded() => {
                    is_folded = true;
                }
                Err(CallFailure::QuotaExceeded) => return Err(NotDone::Refused(full(self.policies).await)),
                Err(CallFailure::Transient(error) | CallFailure::Unanswered(error)) => {
                    failures += 1;
                    if failures == MAX_WRITES {
                        return Err(error.into());
                    }
                    sleep(backoff(failures + 2, 4 * MAX_BACKOFF)).await;
                    // It may have been carried out all the same.
                    known = self.read().await?;
                }
                Err(
                    failure @ (CallFailure::Refused(_)
                    | CallFailure::Inconsistent(_)
                    | CallFailure::Persistent(_)),
                ) => {
                    return Err(failure.into());
                }
            }
        }
    }

    /// Returns what is known, read again until it is young enough to write on.
    async fn renew(&self, mut known: Known<C::Done>) -> Result<Known<C::Done>, NotDone> {
        for _ in 0..MAX_SLOW_READS {
            if known.snapshot.since.elapsed() <= KNOWLEDGE_MAX_AGE {
                return Ok(known);
            }
            known = self.read().await?;
        }
        let principal = self.policies.principal().to_string();
        Err(IamError::TooSlow { principal, reads: MAX_SLOW_READS, limit: KNOWLEDGE_MAX_AGE }.into())
    }

    /// Watches for [`SETTLE`] what was written, and meanwhile finds out the usage. `None` as soon as the change is lost.
    async fn watch(&self) -> Result<Option<(C::Done, Option<Usage>)>, NotDone> {
        let written = Instant::now();
        let mut document = None;
        for look in LOOKS {
            sleep_until(written + look.mul_f64(0.5 + fastrand::f64())).await;
            let known = self.read().await?;
            match known.edit {
                Edit::Nothing(_) => document = known.snapshot.document,
                Edit::Put { .. } | Edit::Delete => return Ok(None),
            }
        }
        let usage = match C::REPORTS_USAGE {
            true => {
                // What cannot be found out in time is not worth an error.
                let asked = self.policies.usage(document.as_deref());
                timeout_at(written + SETTLE + USAGE_GRACE, asked).await.unwrap_or(None)
            }
            false => None,
        };
        let is_late_by = written.elapsed().saturating_sub(SETTLE);
        sleep_until(written + SETTLE).await;
        // How much of the invocation's duration had to pass anyway: docs/performance.md leaves it out where it compares.
        let waited_ms = written.elapsed().saturating_sub(is_late_by).as_secs_f64() * 1_000.0;
        tracing::info!(waitedMs = waited_ms, "LambdaInvokePermission was watched");
        Ok(match self.read().await?.edit {
            Edit::Nothing(done) => Some((done, usage)),
            Edit::Put { .. } | Edit::Delete => None,
        })
    }
}

/// Returns the refusal when the quota is used up.
pub(crate) async fn full(policies: InlinePolicies<'_>) -> Refusal {
    let usage = timeout(SETTLE, policies.usage(None)).await;
    let why = match usage.unwrap_or(None) {
        Some(Usage { used, quota }) => format!(
            "its inline policies hold {used} of {quota} characters (all of them together, white space left out), which \
             leaves no room for this function"
        ),
        None => "the quota for its inline policies is used up (all of them together, white space left out)"
            .to_owned(),
    };
    Refusal::new(Reason::PolicyFull, why)
}

impl<Done> Edit<Done> {
    /// Whether it puts a document that says the same in fewer characters when it is folded.
    fn can_be_folded(&self) -> bool {
        match self {
            Self::Put { document, .. } => policy::fold(document).len() < document.len(),
            Self::Nothing(_) | Self::Delete => false,
        }
    }
}

/// Returns a random time that grows with each try, up to `max`.
fn backoff(tries: u32, max: Duration) -> Duration {
    let longest = Duration::from_millis(50).saturating_mul(1 << tries.min(10)).min(max);
    longest.mul_f64(fastrand::f64())
}
