//! The command line: one place from which help, man page and shell completions are made.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use remediator_core::arn::principal::Principal;
use remediator_core::arn::{FunctionArn, is_account};
use std::path::PathBuf;

/// Checks allowlists, explains and plans grants, takes them back, and tries the whole way in a real account.
#[derive(Debug, Parser)]
#[command(name = "remediator", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 no (the list is not valid, a stage was not reached, there is nothing to take back, you said no), \
2 used wrongly, or something could not be read or called, 3 only warnings (check --strict).

Nothing but `plan` without a given policy, `undo` and `canary` calls AWS, with the credentials and the region that the AWS CLI \
would use.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check an allowlist: whether it is valid, and where it is wider than it may be meant
    Check(Check),
    /// Explain what would happen to events, and by which rule and clause
    Explain(Explain),
    /// Explain, and show what would change in the policies
    Plan(Plan),
    /// Take one grant out of a principal's LambdaInvokePermission
    Undo(Undo),
    /// Make a harmless denied invoke in a real account, and see how far it gets
    Canary(Canary),
    /// Write the completions of a shell to the standard output
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the man page to the standard output
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The allowlist's file; `-` for the standard input
    pub(crate) allowlist: PathBuf,
    /// End with the exit code 3 when there are warnings
    #[arg(long)]
    pub(crate) strict: bool,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What events are judged with.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Files with an event each, or an error message; `-`, or none at all, for the standard input
    ///
    /// Taken are EventBridge's events, CloudTrail's records and log files (`{"Records": [...]}`), what a subscription of
    /// CloudWatch Logs sends, and the error message that a denied caller got, with whatever an SDK or a CLI puts around it.
    #[arg(value_name = "EVENT")]
    pub(crate) events: Vec<PathBuf>,
    /// The allowlist's file; `-` for the standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) allowlist: PathBuf,
    /// The account that the function runs in; by default the one that the list speaks of
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(crate) account: Option<String>,
    /// The function's own execution role, which is never granted anything
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub(crate) own_role: Option<Principal>,
    /// The role's ARN for pasted messages, which name the session only; by default the role is taken to have no path
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub(crate) principal: Option<Principal>,
    /// Write JSON: a list with an outcome for each event
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
    /// The policy document that each principal has now, or the answer of `aws iam get-user-policy`; by default IAM is asked
    ///
    /// What other inline policies hold is not known then, and not counted against the quota.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The principals have no such policy yet; IAM is not asked
    #[arg(long, conflicts_with = "policy")]
    pub(crate) no_policy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The user's or role's ARN
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub(crate) principal: Principal,
    /// The function's ARN
    #[arg(long, value_name = "ARN", value_parser = function)]
    pub(crate) function: FunctionArn,
    /// The allowlist's file: tells whether the next denial would grant it again
    #[arg(long, value_name = "FILE")]
    pub(crate) allowlist: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Canary {
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME", default_value = "lambda-invoke-remediator")]
    pub(crate) stack: String,
    /// The function to be denied, by name or ARN; by default the remediator itself, which such a call would not harm
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// The name of the role that is made, called with, and deleted again
    #[arg(long, value_name = "NAME", default_value = "lambda-invoke-remediator-canary", value_parser = role_name)]
    pub(crate) role: String,
    /// How long to wait for each stage, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub(crate) wait: u64,
    /// The permissions boundary to give to the role, where the stack asks for one
    #[arg(long, value_name = "ARN")]
    pub(crate) permissions_boundary: Option<String>,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Really do it: a role is made and deleted, and one call is denied
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
