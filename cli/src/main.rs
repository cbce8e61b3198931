//! The operator's tool of the lambda-invoke-remediator, for a laptop and for CI.
//!
//! It decides nothing by itself: it reads, judges and merges with the function's own code, so that it shows what the function
//! would do. It adds what a person needs: files and pasted texts in; tables, differences and exit codes out.

mod args;
mod aws;
mod cases;
mod commands;
mod input;
mod problem;
mod ui;

use args::{Cli, Command};
use clap::Parser;
use commands::{canary, check, completions, explain, man, plan, undo};
use problem::Problem;
use std::io::Write as _;
use std::process::ExitCode;
use ui::output::{self, err};
use ui::style::{PLAIN, RED};

/// The answer is no: the list is not valid, a stage was not reached, there is nothing to take back, or the operator declined.
const NO: u8 = 1;
/// Something could not be read or called. clap ends with the same code where the command line is wrong.
const FAILED: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(code) if output::flush() => code,
        Ok(_) => {
            err!("error: the output could not be written");
            ExitCode::from(FAILED)
        }
        Err(problem) => {
            err!("{RED}error:{PLAIN} {}", output::Escaped(&problem.to_string()));
            ExitCode::from(FAILED)
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Plan(args) => plan::run(&args).await,
        Command::Undo(args) => undo::run(&args).await,
        Command::Canary(args) => canary::run(&args).await,
        Command::Completions { shell } => Ok(completions::run(shell)),
        Command::Man => man::run(),
    }
}
