//! `remediator undo`: takes one function out of a principal's `LambdaInvokePermission`.
//!
//! It writes by the function's own rule: only on what was read a moment before, and watched afterwards for as long as another
//! writer may rest on what it read earlier. See the library's `grant` for why that holds.

use crate::args::Undo;
use crate::diff::diff;
use crate::output::{err, out};
use crate::problem::Problem;
use crate::{NO, aws, check};
use aws_sdk_iam::config::Builder;
use aws_sdk_iam::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use dialoguer::Confirm;
use lambda_invoke_remediator::iam::error::Failure;
use lambda_invoke_remediator::iam::inline_policies::InlinePolicies;
use lambda_invoke_remediator::iam::writer::{KNOWLEDGE_MAX_AGE, PUT_TIMEOUT, SETTLE};
use remediator_core::allowlist::{Allowlist, RuleAction};
use remediator_core::arn::principal::PrincipalKind;
use remediator_core::incoming::source::Source;
use remediator_core::policy::{self, POLICY_NAME, Removal};
use std::io::IsTerminal;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// How often a policy is read again that others write at the same time, or that IAM does not answer for.
const TRIES: u32 = 10;

/// A policy that was deleted, as a document.
const NOTHING_LEFT: &str = r#"{"Statement":[]}"#;

pub(crate) async fn run(undo: &Undo) -> Result<ExitCode, Problem> {
    let Undo { principal, function, .. } = undo;
    let iam = aws_sdk_iam::Client::new(&aws::config().await?);
    let eraser = Eraser { iam: &iam, undo };
    let Some(shown) = eraser.read().await? else {
        out!("{principal} has no {POLICY_NAME}: there is nothing to take back.");
        return Ok(ExitCode::from(NO));
    };
    let removal = eraser.removal(&shown)?;
    if removal == Removal::NotListed {
        out!(
            "{POLICY_NAME} of {principal} has no grant of {function} by the remediator: there is nothing to take back."
        );
        eraser.say_what_still_allows(&shown)?;
        return Ok(ExitCode::from(NO));
    }
    out!("{}", diff(&principal.to_string(), Some(&shown), after(&removal)));
    eraser.say_what_still_allows(after(&removal).unwrap_or(NOTHING_LEFT))?;
    say_what_grants_again(undo)?;
    if !undo.yes && !confirmed()? {
        out!("Nothing was changed.");
        return Ok(ExitCode::from(NO));
    }
    eraser.erase(shown).await
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

fn after(removal: &Removal) -> Option<&str> {
    match removal {
        Removal::Write(document) => Some(document),
        Removal::Delete | Removal::NotListed => None,
    }
}

fn say_what_grants_again(undo: &Undo) -> Result<(), Problem> {
    let Some(path) = &undo.allowlist else {
        out!("As long as the allowlist admits it, the next denial grants it again.");
        return Ok(());
    };
    let list = Allowlist::parse(&check::read(path)?).map_err(|error| Problem::of_list(path, &error))?;
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

struct Eraser<'a> {
    iam: &'a aws_sdk_iam::Client,
    undo: &'a Undo,
}

impl Eraser<'_> {
    async fn read(&self) -> Result<Option<String>, Problem> {
        for tries in 1.. {
            match InlinePolicies::new(self.iam, &self.undo.principal).get().await {
                Err(Failure::Lagging(_) | Failure::Passing(_)) if tries < TRIES => pause().await,
                Err(failure) => return Err(aws::problem_of(failure)),
                Ok(document) => return Ok(document),
            }
        }
        Ok(None)
    }

    fn removal(&self, document: &str) -> Result<Removal, Problem> {
        policy::remove(document, &self.undo.function, SystemTime::now()).map_err(|why| {
            Problem::new(format!("{POLICY_NAME} of {} is left alone: {why}", self.undo.principal))
        })
    }

    fn say_what_still_allows(&self, document: &str) -> Result<(), Problem> {
        if policy::may_allow(document, &self.undo.function).map_err(Problem::new)? {
            out!(
                "Another statement of the policy may still allow it, perhaps on a condition; that is not touched."
            );
        }
        Ok(())
    }

    /// Takes out what was `shown`, and stops where the policy says something else by then.
    async fn erase(&self, shown: String) -> Result<ExitCode, Problem> {
        let Undo { principal, function, yes, .. } = self.undo;
        let mut shown = Some(shown);
        let mut is_watched = true;
        for _ in 0..TRIES {
            let since = Instant::now();
            let now = self.read().await?;
            let Some(document) = now.as_deref() else { break };
            let removal = self.removal(document)?;
            if removal == Removal::NotListed {
                break;
            }
            if shown.as_deref().is_some_and(|shown| shown != document) {
                out!("The policy has changed meanwhile:\n");
                out!("{}", diff(&principal.to_string(), Some(document), after(&removal)));
                if !yes && !confirmed()? {
                    out!("Nothing was changed.");
                    return Ok(ExitCode::from(NO));
                }
                shown = now;
                continue;
            }
            if since.elapsed() > KNOWLEDGE_MAX_AGE {
                continue;
            }
            is_watched = false;
            if let Err(problem) = self.write(&removal).await? {
                err!("trying again: {problem}");
                pause().await;
                continue;
            }
            // From here on the document is another one, by our own hand.
            shown = None;
            tokio::time::sleep(SETTLE).await;
            is_watched = true;
        }
        if !is_watched {
            tokio::time::sleep(SETTLE).await;
        }
        let left = self.read().await?.unwrap_or_else(|| NOTHING_LEFT.to_owned());
        let stays = self.removal(&left)? != Removal::NotListed;
        if stays {
            return Err(Problem::new(format!(
                "{function} is still in the policy of {principal}, or is there again: somebody else writes it at the same time. \
                 Take it out of the allowlist first"
            )));
        }
        out!("The grant is taken back; IAM takes some seconds to spread that.");
        self.say_what_still_allows(&left)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The inner error may pass; whether the write was carried out, the next read tells.
    async fn write(&self, removal: &Removal) -> Result<Result<(), Problem>, Problem> {
        match removal {
            Removal::Write(document) => {
                match InlinePolicies::new(self.iam, &self.undo.principal).put(document, PUT_TIMEOUT).await {
                    Ok(()) => Ok(Ok(())),
                    Err(failure @ Failure::Passing(_)) => Ok(Err(aws::problem_of(failure))),
                    Err(failure) => Err(aws::problem_of(failure)),
                }
            }
            Removal::Delete => self.delete().await,
            Removal::NotListed => Ok(Ok(())),
        }
    }

    /// Once, like a put: a repeated deletion would rest on what was read before.
    async fn delete(&self) -> Result<Result<(), Problem>, Problem> {
        let name = self.undo.principal.name();
        let timeouts =
            TimeoutConfig::builder().connect_timeout(PUT_TIMEOUT).operation_timeout(PUT_TIMEOUT).build();
        let once = Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let (code, text) = match self.undo.principal.kind() {
            PrincipalKind::User => {
                let call = self.iam.delete_user_policy().user_name(name).policy_name(POLICY_NAME);
                match call.customize().config_override(once).send().await {
                    Ok(_) => return Ok(Ok(())),
                    Err(error) => (error.code().map(str::to_owned), DisplayErrorContext(error).to_string()),
                }
            }
            PrincipalKind::Role => {
                let call = self.iam.delete_role_policy().role_name(name).policy_name(POLICY_NAME);
                match call.customize().config_override(once).send().await {
                    Ok(_) => return Ok(Ok(())),
                    Err(error) => (error.code().map(str::to_owned), DisplayErrorContext(error).to_string()),
                }
            }
        };
        let problem = Problem::new(format!("the policy was not deleted: {text}"));
        match code.as_deref() {
            Some("AccessDenied" | "AccessDeniedException" | "UnmodifiableEntity") => Err(problem),
            // It is gone already.
            Some("NoSuchEntity") => Ok(Ok(())),
            Some(_) | None => Ok(Err(problem)),
        }
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(200 + fastrand::u64(0..300))).await;
}
