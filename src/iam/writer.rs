//! The edge to IAM: reads the inline policy, adds the function, writes it, and watches that it stays.
//!
//! It does what a [`Grant`] says and nothing else; the merge itself is [`policy`](remediator_core::policy)'s.
//!
//! # How grants of several writers survive
//!
//! `PutUserPolicy` and `PutRolePolicy` overwrite the whole document and take no condition, so that two writers who read the
//! same document lose one of their grants, whoever writes last wins. There is no lock to be had from the calls that the
//! function may make. So it rests on time:
//!
//! 1. A document is written only while what it rests on is young: the put is sent at most [`KNOWLEDGE_MAX_AGE`] after its
//!    read *began* (a slower writer reads again), and has [`PUT_TIMEOUT`] to be answered. The SDK never repeats a put, since
//!    that would write on old knowledge. So what a writer writes is at most as old as both together.
//! 2. After its last write a writer watches for [`SETTLE`] and adds again what is missing. Only when the function is in the
//!    document at the end of that time is it `granted`. The time is longer than the two of rule 1 and twice [`STALE_READ`]:
//!    another writer's read may lag behind, and so may our last look.
//!
//! Why it holds: another write can take our grant away only if it rests on a read from before our write. When we have
//! settled, every such write has been made, and we saw the document after it. Whoever reads later reads our grant and keeps
//! it.
//!
//! What it assumes: that a put which is not answered in time is carried out by then, or not at all (one that is carried out
//! later is still made up for while the other writer watches); that a read is not staler than [`STALE_READ`] (IAM is
//! eventually consistent and states no bound); that other writers of this policy keep the same rule. A person who edits the
//! policy in the console over minutes does not, and can take grants away: a later denial brings them back, and its notice
//! tells of that ([`repeats`](crate::memory)).
//!
//! A function that is found in the policy at the first read is `already_granted`, on that one read: whoever wrote it
//! watches it.
//!
//! A grant that runs out ([`lease`](remediator_core::policy::lease)) is written and watched like any other: what it is until was decided once, so
//! that a write that is made again says the same. What counts as run out goes by the time of that decision, too. A lease
//! that runs out while it is read is found again by the next denial.
//!
//! Where it ends: after [`GIVE_UP_AFTER`] of writing and losing it gives up with an error, and Lambda tries the event again;
//! never with a grant that was not seen to stay.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.

use crate::aws::clients::Clients;
use crate::config::Mode;
use crate::iam::error::{Failure, IamError};
use crate::iam::inline_policies::InlinePolicies;
use remediator_core::decision::Grant;
use remediator_core::outcome::Verdict;
use remediator_core::policy::lease::Expiry;
use remediator_core::policy::quota::Usage;
use remediator_core::policy::{self, Merge, POLICY_NAME};
use remediator_core::reason::{Reason, Refusal};
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// How long before a put is sent the read may have begun that it rests on.
pub const KNOWLEDGE_MAX_AGE: Duration = Duration::from_millis(1_000);
/// How long a put may take to be answered.
pub const PUT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How far behind a write a read may be.
pub const STALE_READ: Duration = Duration::from_millis(500);
/// How long a grant has to stay before it is believed.
pub const SETTLE: Duration = Duration::from_millis(3_250);
/// How long is tried before it is left to Lambda's retry.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

const _: () = assert!(
    SETTLE.as_millis() > KNOWLEDGE_MAX_AGE.as_millis() + PUT_TIMEOUT.as_millis() + 2 * STALE_READ.as_millis(),
    "a writer must watch for longer than another may take"
);

/// When the policy is looked at between a write and the end of [`SETTLE`], so that a lost grant is added again soon. More
/// looks did not bring ten writers to an end any sooner.
const LOOKS: [Duration; 1] = [Duration::from_millis(300)];
/// How long after the end of the watch the usage may still come, where there are many other policies to read.
const USAGE_GRACE: Duration = Duration::from_millis(2_000);
/// Before a lost grant is added again, up to so long is waited, at random: writers who met once shall not meet again.
const MAX_BACKOFF: Duration = Duration::from_millis(400);

/// A read that takes so long that nothing can be written on it is repeated, up to so often.
const MAX_SLOW_READS: u32 = 5;
/// How often is read while IAM's answers contradict each other.
const MAX_LAGGING_READS: u32 = 5;
/// How often a put is tried whose failure may pass.
const MAX_PUTS: u32 = 4;

/// A grant that may or may not have been written. To be tried again: a second try finds out.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// IAM failed.
    #[error(transparent)]
    Iam(#[from] IamError),
    /// Reads took too long for anything to be written on them.
    #[error(
        "nothing was written for {principal}: each of {MAX_SLOW_READS} reads of its policy took longer than {KNOWLEDGE_MAX_AGE:?}"
    )]
    TooSlow {
        /// For whom.
        principal: String,
    },
    /// Others kept overwriting what was written.
    #[error(
        "the grant for {principal} was written and did not stay for {GIVE_UP_AFTER:?}; others write the same policy"
    )]
    NotConfirmed {
        /// For whom.
        principal: String,
    },
}

enum Stop {
    Refused(Refusal),
    Failed(GrantError),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match GrantError::of(failure) {
            Ok(refusal) => Self::Refused(refusal),
            Err(error) => Self::Failed(error),
        }
    }
}

impl GrantError {
    /// The error that a failure is, or the refusal, where it is final.
    pub(crate) fn of(failure: Failure) -> Result<Refusal, Self> {
        match failure {
            Failure::Refused(refusal) => Ok(refusal),
            Failure::Full => {
                Ok(Refusal::new(Reason::PolicyFull, "the quota for its inline policies is used up"))
            }
            Failure::Passing(error) | Failure::Lagging(error) | Failure::Lasting(error) => Err(error.into()),
        }
    }
}

/// Makes the grant. `on_write` is called with what is added before each put, since that may be carried out whatever is
/// heard of it.
pub async fn apply(
    clients: &Clients,
    grant: &Grant,
    mode: Mode,
    on_write: &dyn Fn(&[String]),
) -> Result<Verdict, GrantError> {
    let policies = InlinePolicies::new(&clients.iam, grant.principal());
    match (Writer { policies, grant, on_write }).run(mode).await {
        Ok(granted) => Ok(granted),
        Err(Stop::Refused(refusal)) => Ok(Verdict::Refused(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// What a read says, and when the read began.
struct Known {
    document: Option<String>,
    merge: Merge,
    since: Instant,
}

/// What watching a grant that stays has found.
struct Watched {
    usage: Option<Usage>,
    expires: Option<Expiry>,
}

struct Writer<'a> {
    policies: InlinePolicies<'a>,
    grant: &'a Grant,
    on_write: &'a dyn Fn(&[String]),
}

impl Writer<'_> {
    async fn run(&self, mode: Mode) -> Result<Verdict, Stop> {
        let started = Instant::now();
        let mut known = self.read().await?;
        let added = match &known.merge {
            Merge::Covered { is_listed, expires } => {
                return Ok(Verdict::AlreadyGranted { is_listed: *is_listed, expires: *expires });
            }
            Merge::Write { .. } if mode == Mode::DryRun => {
                return Ok(Verdict::WouldGrant { expires: self.grant.expiry() });
            }
            Merge::Write { added, .. } => added.clone(),
        };
        for losses in 1.. {
            self.write(known).await?;
            if let Some(Watched { usage, expires }) = self.stays().await? {
                return Ok(Verdict::Granted { added, usage, expires, taken_away: 0 });
            }
            if started.elapsed() > GIVE_UP_AFTER {
                break;
            }
            sleep(backoff(losses, MAX_BACKOFF)).await;
            known = self.read().await?;
        }
        Err(Stop::Failed(GrantError::NotConfirmed { principal: self.grant.principal().to_string() }))
    }

    /// Reads the policy, and again while IAM's answers contradict each other.
    async fn read(&self) -> Result<Known, Stop> {
        let mut since = Instant::now();
        let mut answer = self.policies.get().await;
        let mut tries = 1;
        while let Err(Failure::Lagging(_)) = answer
            && tries < MAX_LAGGING_READS
        {
            sleep(backoff(tries + 2, 4 * MAX_BACKOFF)).await;
            tries += 1;
            since = Instant::now();
            answer = self.policies.get().await;
        }
        let document = answer?;
        let grant = self.grant;
        let merge = policy::merge(document.as_deref(), grant.function(), grant.expiry(), grant.decided_at());
        let merge = merge.map_err(|why| {
            Stop::Refused(Refusal::new(
                Reason::UnreadablePolicy,
                format!("{POLICY_NAME} is left alone: {why}"),
            ))
        })?;
        Ok(Known { document, merge, since })
    }

    /// Writes the grant into what is known, or into what is read again when that is too old or the put failed.
    async fn write(&self, mut known: Known) -> Result<(), Stop> {
        let mut is_folded = false;
        let mut failures = 0;
        loop {
            // After a failure the connection of the read in between may be as bad as the one that failed, or else a new one may
            // be what is slow: they take turns.
            let policies = match failures % 2 {
                0 => self.policies,
                _ => self.policies.over_new_connection().await,
            };
            known = self.young(known).await?;
            let Merge::Write { document, added } = &known.merge else {
                return Ok(());
            };
            let text = match is_folded {
                true => Cow::Owned(policy::fold(document)),
                false => Cow::Borrowed(document),
            };
            (self.on_write)(added);
            match policies.put(&text, PUT_TIMEOUT).await {
                Ok(()) => {
                    // What is done is in the log even if the notice, or the rest of this invocation, gets lost.
                    tracing::info!(
                        principal = %self.grant.principal(),
                        function = %self.grant.function(),
                        rule = self.grant.rule(),
                        expires = self.grant.expiry().map(tracing::field::display),
                        "LambdaInvokePermission was written"
                    );
                    return Ok(());
                }
                Err(Failure::Full) if !is_folded && policy::fold(document).len() < document.len() => {
                    is_folded = true
                }
                Err(Failure::Full) => return Err(Stop::Refused(self.full().await)),
                Err(Failure::Passing(error)) => {
                    failures += 1;
                    if failures == MAX_PUTS {
                        return Err(Stop::Failed(error.into()));
                    }
                    sleep(backoff(failures + 2, 4 * MAX_BACKOFF)).await;
                    // It may have been carried out all the same.
                    known = self.read().await?;
                }
                Err(failure @ (Failure::Refused(_) | Failure::Lagging(_) | Failure::Lasting(_))) => {
                    return Err(failure.into());
                }
            }
        }
    }

    /// What is known, read again until it is young enough to write on.
    async fn young(&self, mut known: Known) -> Result<Known, Stop> {
        for _ in 0..MAX_SLOW_READS {
            if known.since.elapsed() <= KNOWLEDGE_MAX_AGE {
                return Ok(known);
            }
            known = self.read().await?;
        }
        Err(Stop::Failed(GrantError::TooSlow { principal: self.grant.principal().to_string() }))
    }

    /// Watches for [`SETTLE`] what was written, and meanwhile finds out the usage; `None` as soon as the grant is lost.
    async fn stays(&self) -> Result<Option<Watched>, Stop> {
        let written = Instant::now();
        let mut ours = None;
        for look in LOOKS {
            sleep_until(written + look.mul_f64(0.5 + fastrand::f64())).await;
            let known = self.read().await?;
            match known.merge {
                Merge::Covered { .. } => ours = known.document,
                Merge::Write { .. } => return Ok(None),
            }
        }
        // What cannot be found out in time is not worth an error.
        let asked = self.policies.usage(ours.as_deref());
        let usage = timeout_at(written + SETTLE + USAGE_GRACE, asked).await.unwrap_or(None);
        let is_late_by = written.elapsed().saturating_sub(SETTLE);
        sleep_until(written + SETTLE).await;
        // How much of the invocation's duration had to pass anyway: docs/performance.md leaves it out where it compares.
        let waited_ms = written.elapsed().saturating_sub(is_late_by).as_secs_f64() * 1_000.0;
        tracing::info!(waitedMs = waited_ms, "LambdaInvokePermission was watched");
        Ok(match self.read().await?.merge {
            Merge::Covered { expires, .. } => Some(Watched { usage, expires }),
            Merge::Write { .. } => None,
        })
    }

    /// The refusal when the quota is used up.
    async fn full(&self) -> Refusal {
        let usage = timeout(SETTLE, self.policies.usage(None)).await;
        let why = match usage.unwrap_or(None) {
            Some(Usage { used, quota }) => format!(
                "its inline policies hold {used} of {quota} characters (all of them together, white space left out), which \
                 leaves no room for this function"
            ),
            None => {
                "the quota for its inline policies is used up (all of them together, white space left out)"
                    .to_owned()
            }
        };
        Refusal::new(Reason::PolicyFull, why)
    }
}

/// A random time that grows with each try, up to `max`.
fn backoff(tries: u32, max: Duration) -> Duration {
    let longest = Duration::from_millis(50).saturating_mul(1 << tries.min(10)).min(max);
    longest.mul_f64(fastrand::f64())
}
