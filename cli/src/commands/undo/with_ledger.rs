//! The undo where the function has a ledger: it takes its turn with the function, and is recorded.
//!
//! What was denied before it grants nothing any more, whether it comes late, twice or out of a waiter.

use crate::NO;
use crate::args::Undo;
use crate::commands::undo::{EMPTY, agreed, removal, say_what_still_allows, show};
use crate::problem::Problem;
use crate::ui::output::out;
use lambda_invoke_remediator::iam::exclusive_writer::{self, LookBack, NotWritten, PutResult};
use lambda_invoke_remediator::iam::inline_policies::InlinePolicies;
use lambda_invoke_remediator::ledger::Ledger;
use lambda_invoke_remediator::ledger::turn::Turn;
use remediator_core::policy::{self, Removal};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// How long the tool waits for its turn.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

/// How often a policy is taken up again that others change at the same time.
const MAX_ROUNDS: u32 = 10;

/// What became of a turn.
enum Round {
    /// The grant is gone.
    Gone {
        /// Whether another statement may still allow the function.
        may_allow: bool,
    },
    /// The operator has not seen this document.
    NotShown(String),
    /// Somebody has written it at the same time.
    Overtaken,
}

/// Reads the policy in a turn, so that no writer is about to put the grant, and IAM's reads do not lag behind. Where the grant is
/// not in it, the undo is recorded.
pub(crate) async fn read(
    policies: InlinePolicies<'_>,
    ledger: &Ledger,
    undo: &Undo,
) -> Result<Option<String>, Problem> {
    let mut turn = wait_for_turn(ledger, undo).await?;
    let found = settled_document(policies, ledger, &mut turn, undo).await;
    let recorded = match &found {
        Ok(document) if !is_listed(document.as_deref(), undo) => {
            ledger.record_undo(&undo.principal, &undo.function).await.map_err(NotWritten::Ledger)
        }
        Ok(_) | Err(_) => Ok(()),
    };
    // Where the ledger failed, the lock stays, with its note of what was put.
    if !matches!((&found, &recorded), (Err(NotWritten::Ledger(_)), _) | (_, Err(_))) {
        turn.end().await.map_err(Problem::new)?;
    }
    recorded.map_err(problem)?;
    let found = found.map_err(problem)?;
    if !is_listed(found.as_deref(), undo) {
        out!("The ledger has it: what was denied before now grants nothing.");
    }
    Ok(found)
}

fn is_listed(document: Option<&str>, undo: &Undo) -> bool {
    // One that cannot be understood is left alone, as is said when it is shown.
    let removal = policy::remove(document.unwrap_or(EMPTY), &undo.function, SystemTime::now());
    removal.is_ok_and(|removal| removal != Removal::NotListed)
}

/// Reads the document to start from, and records what an earlier turn has put.
async fn settled_document(
    policies: InlinePolicies<'_>,
    ledger: &Ledger,
    turn: &mut Turn,
    undo: &Undo,
) -> Result<Option<String>, NotWritten> {
    let base = exclusive_writer::read(policies, turn).await?;
    if !base.settled.is_empty() {
        let wishes = ledger.pending(&undo.principal).await?.wishes;
        ledger.record_settled(&undo.principal, &base.settled, wishes).await?;
    }
    Ok(base.document)
}

fn problem(error: NotWritten) -> Problem {
    match error {
        NotWritten::Iam(not_done) => not_done.into(),
        NotWritten::Ledger(error) => Problem::new(error),
    }
}

/// Takes the grant out of the policy that was `shown`, and shows and asks again where the policy is another one by then.
pub(crate) async fn take_back(
    policies: InlinePolicies<'_>,
    ledger: &Ledger,
    undo: &Undo,
    mut shown: String,
) -> Result<ExitCode, Problem> {
    let mut has_written = false;
    for _ in 0..MAX_ROUNDS {
        let mut turn = wait_for_turn(ledger, undo).await?;
        let round = in_turn(policies, ledger, &mut turn, (undo, &shown), &mut has_written).await;
        // Where IAM failed no put is on its way any more; where the ledger did, the lock is free when its lease ends.
        if !matches!(round, Err(NotWritten::Ledger(_))) {
            turn.end().await.map_err(Problem::new)?;
        }
        match round {
            Ok(Round::Gone { may_allow }) => {
                out!(
                    "The grant is taken back, and the ledger has it; IAM takes some seconds to spread that."
                );
                say_what_still_allows(may_allow);
                return Ok(ExitCode::SUCCESS);
            }
            Ok(Round::NotShown(document)) => {
                out!("The policy has changed meanwhile:\n");
                show(undo, &document, &removal(undo, &document)?);
                if !agreed(undo)? {
                    return Ok(ExitCode::from(NO));
                }
                shown = document;
            }
            Ok(Round::Overtaken) => {}
            Err(error) => return Err(problem(error)),
        }
    }
    Err(Problem::new(format!(
        "{} is still in the policy of {}, or is there again: somebody else writes it at the same time",
        undo.function, undo.principal
    )))
}

async fn wait_for_turn(ledger: &Ledger, undo: &Undo) -> Result<Turn, Problem> {
    let (mut waiter, began) = (ledger.line_up(&undo.principal), Instant::now());
    loop {
        if let Some(turn) = waiter.try_turn().await.map_err(Problem::new)? {
            return Ok(turn);
        }
        if began.elapsed() > PATIENCE {
            return Err(Problem::new(format!(
                "nothing was changed: others have been writing the policy of {} for {PATIENCE:?}",
                undo.principal
            )));
        }
        sleep(LOOK).await;
        waiter.look().await.map_err(Problem::new)?;
    }
}

async fn in_turn(
    policies: InlinePolicies<'_>,
    ledger: &Ledger,
    turn: &mut Turn,
    (undo, shown): (&Undo, &str),
    has_written: &mut bool,
) -> Result<Round, NotWritten> {
    let (principal, function) = (&undo.principal, &undo.function);
    let base = settled_document(policies, ledger, turn, undo).await?;
    let document = base.as_deref().unwrap_or(EMPTY);
    let unreadable = |why: String| NotWritten::unreadable(&why);
    let now = SystemTime::now();
    let next = match policy::remove(document, function, now).map_err(unreadable)? {
        Removal::NotListed => {
            ledger.record_undo(principal, function).await?;
            let may_allow = policy::may_allow(document, function).map_err(unreadable)?;
            return Ok(Round::Gone { may_allow });
        }
        Removal::Write(_) | Removal::Delete if !*has_written && document != shown => {
            return Ok(Round::NotShown(document.to_owned()));
        }
        Removal::Write(document) => Some(document),
        Removal::Delete => None,
    };
    // First, so that nothing from before brings the grant back meanwhile.
    ledger.record_undo(principal, function).await?;
    let put = exclusive_writer::put(policies, turn, base.as_deref(), next.as_deref(), Vec::new()).await?;
    let by_iam = match put {
        PutResult::Done { by_iam } => {
            *has_written = true;
            by_iam
        }
        PutResult::Overtaken | PutResult::QuotaExceeded => return Ok(Round::Overtaken),
    };
    match exclusive_writer::look_back(policies, turn, next.as_deref(), by_iam).await?.0 {
        LookBack::Written => {}
        LookBack::NotWritten | LookBack::Another(_) => {
            turn.abandon();
            return Ok(Round::Overtaken);
        }
    }
    turn.settle();
    let may_allow = policy::may_allow(next.as_deref().unwrap_or(EMPTY), function).map_err(unreadable)?;
    Ok(Round::Gone { may_allow })
}
