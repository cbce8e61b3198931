//! `remediator undo`: takes one function out of a principal's `LambdaInvokePermission`.
//!
//! It writes by the function's own protocol ([`writer`]): only on what was read a moment before, and watched for as long as
//! another writer may rest on an earlier read. Asking stands outside: what the operator has not seen counts as nothing to be
//! done, so that the protocol ends, and begins again after the answer.

mod with_ledger;

use crate::args::Undo;
use crate::input::allowlist;
use crate::problem::Problem;
use crate::ui::diff::diff;
use crate::ui::output::out;
use crate::{NO, aws};
use aws_config::SdkConfig;
use aws_smithy_types::retry::RetryConfig;
use dialoguer::Confirm;
use lambda_invoke_remediator::iam::error::{IamError, NotDone};
use lambda_invoke_remediator::iam::inline_policies::InlinePolicies;
use lambda_invoke_remediator::iam::writer::{self, Change, Edit, Written};
use lambda_invoke_remediator::ledger::Ledger;
use remediator_core::allowlist::RuleAction;
use remediator_core::incoming::source::Source;
use remediator_core::policy::{self, POLICY_NAME, Removal};
use std::cell::Cell;
use std::io::IsTerminal;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// How often a policy is shown that others change at the same time.
const MAX_SHOWN: u32 = 10;

/// How often a read is tried that IAM does not answer: a person would only start the command again.
const READ_ATTEMPTS: u32 = 10;
const READ_BACKOFF: Duration = Duration::from_millis(500);

/// A policy that does not exist, as a document.
const EMPTY: &str = r#"{"Statement":[]}"#;

pub(crate) async fn run(undo: &Undo) -> Result<ExitCode, Problem> {
    let Undo { principal, function, .. } = undo;
    let config = aws::config().await?;
    let iam = client(&config);
    let ledger = undo.ledger.as_ref().map(|location| Ledger::new(&config, location, SystemTime::now));
    let policies = InlinePolicies::new(&iam, principal);
    let found = match &ledger {
        Some(ledger) => with_ledger::read(policies, ledger, undo).await?,
        None => writer::read(policies).await?.document,
    };
    let Some(document) = found else {
        out!("{principal} has no {POLICY_NAME}: there is nothing to take back.");
        return Ok(ExitCode::from(NO));
    };
    let removal = removal(undo, &document)?;
    if removal == Removal::NotListed {
        out!(
            "{POLICY_NAME} of {principal} has no grant of {function} by the remediator: there is nothing to take back."
        );
        say_what_still_allows(may_allow(undo, &document)?);
        return Ok(ExitCode::from(NO));
    }
    show(undo, &document, &removal);
    say_what_still_allows(may_allow(undo, after(&removal).unwrap_or(EMPTY))?);
    say_what_grants_again(undo)?;
    if !agreed(undo)? {
        return Ok(ExitCode::from(NO));
    }
    match &ledger {
        Some(ledger) => with_ledger::take_back(policies, ledger, undo, document).await,
        None => take_back(policies, undo, document).await,
    }
}

/// Returns a client that tries for some seconds to read; what is written is never repeated by it.
fn client(config: &SdkConfig) -> aws_sdk_iam::Client {
    let retries = RetryConfig::standard().with_max_attempts(READ_ATTEMPTS).with_max_backoff(READ_BACKOFF);
    let config = aws_sdk_iam::config::Builder::from(config).retry_config(retries);
    aws_sdk_iam::Client::from_conf(config.build())
}

/// Takes the grant out of the policy that was `shown`, and shows and asks again where the policy is another one by then.
async fn take_back(
    policies: InlinePolicies<'_>,
    undo: &Undo,
    mut shown: String,
) -> Result<ExitCode, Problem> {
    for _ in 0..MAX_SHOWN {
        let undoing = Undoing { undo, shown, has_written: Cell::new(false) };
        let found = match writer::write(policies, &undoing).await {
            Ok(Written::Nothing(found) | Written::Stays { done: found, .. }) => found,
            Err(NotDone::Failed(IamError::NotConfirmed { .. })) => break,
            Err(not_done) => return Err(not_done.into()),
        };
        match found {
            Found::Gone { may_allow } => {
                out!("The grant is taken back; IAM takes some seconds to spread that.");
                say_what_still_allows(may_allow);
                return Ok(ExitCode::SUCCESS);
            }
            Found::NotShown(document) => {
                out!("The policy has changed meanwhile:\n");
                show(undo, &document, &removal(undo, &document)?);
                if !agreed(undo)? {
                    return Ok(ExitCode::from(NO));
                }
                shown = document;
            }
        }
    }
    Err(Problem::new(format!(
        "{} is still in the policy of {}, or is there again: somebody else writes it at the same time. Take it out of the \
         allowlist first",
        undo.function, undo.principal
    )))
}

/// One function removed from a policy that the operator has seen.
struct Undoing<'a> {
    undo: &'a Undo,
    shown: String,
    /// From then on the policy is another one by our own hand, and nothing is asked any more.
    has_written: Cell<bool>,
}

/// A policy from which nothing is to be removed.
enum Found {
    /// The grant is not in it.
    Gone {
        /// Whether another statement may still allow the function.
        may_allow: bool,
    },
    /// The grant is in it, but the operator has not seen this document.
    NotShown(String),
}

impl Change for Undoing<'_> {
    type Done = Found;
    const REPORTS_USAGE: bool = false;

    fn edit(&self, document: Option<&str>) -> Result<Edit<Found>, String> {
        let document = document.unwrap_or(EMPTY);
        let function = &self.undo.function;
        let is_agreed = self.has_written.get() || document == self.shown;
        Ok(match policy::remove(document, function, SystemTime::now())? {
            Removal::NotListed => {
                Edit::Nothing(Found::Gone { may_allow: policy::may_allow(document, function)? })
            }
            Removal::Write(_) | Removal::Delete if !is_agreed => {
                Edit::Nothing(Found::NotShown(document.to_owned()))
            }
            Removal::Write(document) => Edit::Put { document, added: Vec::new() },
            Removal::Delete => Edit::Delete,
        })
    }

    fn before_write(&self, _: &[String]) {}

    fn after_write(&self) {
        self.has_written.set(true);
    }
}

fn removal(undo: &Undo, document: &str) -> Result<Removal, Problem> {
    policy::remove(document, &undo.function, SystemTime::now())
        .map_err(|why| Problem::new(format!("{POLICY_NAME} of {} is left alone: {why}", undo.principal)))
}

fn may_allow(undo: &Undo, document: &str) -> Result<bool, Problem> {
    policy::may_allow(document, &undo.function).map_err(Problem::new)
}

fn show(undo: &Undo, document: &str, removal: &Removal) {
    out!("{}", diff(&undo.principal.to_string(), Some(document), after(removal)));
}

fn after(removal: &Removal) -> Option<&str> {
    match removal {
        Removal::Write(document) => Some(document),
        Removal::Delete | Removal::NotListed => None,
    }
}

/// Whether the operator wants what was shown; says so if not.
fn agreed(undo: &Undo) -> Result<bool, Problem> {
    let is_agreed = undo.yes || confirmed()?;
    if !is_agreed {
        out!("Nothing was changed.");
    }
    Ok(is_agreed)
}

fn confirmed() -> Result<bool, Problem> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::new(
            "there is no terminal to ask on, so nothing was changed: --yes takes the answer",
        ));
    }
    let asked = Confirm::new().with_prompt("Take it back?").default(false).interact();
    asked.map_err(|error| Problem::new(format!("nothing was changed: {error}")))
}

fn say_what_grants_again(undo: &Undo) -> Result<(), Problem> {
    let Some(path) = &undo.allowlist else {
        out!("As long as the allowlist admits it, the next denial grants it again.");
        return Ok(());
    };
    let list = allowlist::read(path)?;
    let grants = |source: &Source| match list.rule_for(*source, &undo.principal, &undo.function) {
        Ok(rule) => (rule.action() == RuleAction::Grant).then_some(rule),
        Err(_) => None,
    };
    match Source::ALL.iter().find_map(grants) {
        Some(rule) => {
            let term = rule.expires_after().map_or_else(String::new, |lease| format!(", for {lease}"));
            out!(
                "The rule `{}` of the allowlist admits it: the next denial grants it again{term}.",
                rule.id()
            );
        }
        None => out!("The allowlist does not admit it."),
    }
    Ok(())
}

fn say_what_still_allows(may_allow: bool) {
    if may_allow {
        out!(
            "Another statement of the policy may still allow it, perhaps on a condition; that is not touched."
        );
    }
}
