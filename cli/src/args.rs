//! The command line. Help, man page and shell completions are made from it.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use lambda_invoke_remediator::config::DEFAULT_RETENTION_DAYS;
use lambda_invoke_remediator::ledger::LedgerLocation;
use remediator_core::arn::principal::Principal;
use remediator_core::arn::{FunctionArn, is_account};
use std::path::PathBuf;

/// Checks allowlists, explains and plans grants, takes them back, and tests a deployed stack.
#[derive(Debug, Parser)]
#[command(name = "remediator", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 the answer is no (the list is not valid, a stage was not reached, there is nothing to take back, you \
declined); 2 the command line is wrong, or something could not be read or called; 3 valid with warnings (check --strict).

Only `plan` without a given policy, `undo` and `canary` call AWS. They use the credentials and the region that the AWS CLI \
would use.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check whether an allowlist is valid, and where it may be wider than you mean
    Check(Check),
    /// Explain what the function would do with events, and by which rule
    Explain(Explain),
    /// Explain events, and show what would change in the policies
    Plan(Plan),
    /// Remove one grant from a principal's LambdaInvokePermission
    Undo(Undo),
    /// Test a deployed stack: make one harmless call that is denied, and follow it
    Canary(Canary),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The allowlist file; `-` for the standard input
    pub(crate) allowlist: PathBuf,
    /// Exit with code 3 if there are warnings
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Events, and what they are judged by.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Files with events or error messages; `-`, or no file at all, for the standard input
    ///
    /// A file may hold an EventBridge event, CloudTrail records or a CloudTrail log file (`{"Records": [...]}`), a batch of a
    /// CloudWatch Logs subscription, or the error message of a denied call, with whatever an SDK or a CLI puts around it.
    #[arg(value_name = "EVENT")]
    pub(crate) events: Vec<PathBuf>,
    /// The allowlist file; `-` for the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) allowlist: PathBuf,
    /// The function's own account [default: the account of the list's functions]
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(crate) account: Option<String>,
    /// The function's own execution role, which is never granted anything
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub(crate) own_role: Option<Principal>,
    /// The role behind the sessions in pasted messages [default: the role of that name, without a path]
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub(crate) principal: Option<Principal>,
    /// Print JSON: a list with one outcome for each event
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) events: Events,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) events: Events,
    /// Plan on this policy document, or this answer of `aws iam get-user-policy`, instead of asking IAM
    ///
    /// The quota then counts this document alone, without the principal's other inline policies.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Plan as if the principals had no such policy, instead of asking IAM
    #[arg(long, conflicts_with = "policy")]
    pub(crate) no_policy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The ARN of the user or role
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub(crate) principal: Principal,
    /// The ARN of the function
    #[arg(long, value_name = "ARN", value_parser = function)]
    pub(crate) function: FunctionArn,
    /// The allowlist file, to say whether the next denial would grant it again
    #[arg(long, value_name = "FILE")]
    pub(crate) allowlist: Option<PathBuf>,
    /// The ledger of the function, if it has one: the name or ARN of the DynamoDB table
    ///
    /// The undo then takes its turn with the function, and is recorded: what was denied before it grants nothing any more.
    #[arg(long, value_name = "TABLE", value_parser = ledger)]
    pub(crate) ledger: Option<LedgerLocation>,
    /// Do not ask for confirmation
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Canary {
    /// The CloudFormation stack to test
    #[arg(long, value_name = "NAME", default_value = "lambda-invoke-remediator")]
    pub(crate) stack: String,
    /// The function to call, by name or ARN [default: the remediator itself, where such a call does no harm]
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// The name of the role to create, to call with and to delete again
    #[arg(long, value_name = "NAME", default_value = "lambda-invoke-remediator-canary", value_parser = role_name)]
    pub(crate) role: String,
    /// How long to wait for each stage, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub(crate) wait: u64,
    /// The permissions boundary of the role [default: the stack's RequiredPermissionsBoundary]
    #[arg(long, value_name = "ARN")]
    pub(crate) permissions_boundary: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Confirm: create and delete the role, and make the call
    #[arg(long)]
    pub(crate) yes: bool,
}

fn account(text: &str) -> Result<String, String> {
    is_account(text).then(|| text.to_owned()).ok_or_else(|| "an account id is twelve digits".to_owned())
}

fn principal(text: &str) -> Result<Principal, String> {
    Principal::parse(text)
        .ok_or_else(|| "not the ARN of an IAM user or role, arn:aws:iam::ACCOUNT:role/PATH/NAME".to_owned())
}

fn ledger(text: &str) -> Result<LedgerLocation, String> {
    LedgerLocation::parse(text, DEFAULT_RETENTION_DAYS).ok_or_else(|| {
        "neither the name of a DynamoDB table nor its ARN, arn:aws:dynamodb:REGION:ACCOUNT:table/NAME"
            .to_owned()
    })
}

fn function(text: &str) -> Result<FunctionArn, String> {
    FunctionArn::parse(text).ok_or_else(|| {
        "not the ARN of a Lambda function, arn:aws:lambda:REGION:ACCOUNT:function:NAME".to_owned()
    })
}

fn role_name(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    match (1..=64).contains(&text.len()) && text.bytes().all(is_name) {
        true => Ok(text.to_owned()),
        false => Err("a role's name is 1 to 64 letters, digits and +=,.@_-".to_owned()),
    }
}
