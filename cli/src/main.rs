//! The operator's tool of the lambda-invoke-remediator, for a laptop and for CI.
//!
//! It decides nothing by itself: reading, deciding and merging are those of the function's own library, so that what it
//! shows is what the function would do. What it adds is the way to and from a person: files and pasted texts in, tables,
//! differences and exit codes out.

mod args;
mod aws;
mod canary;
mod check;
mod diff;
mod events;
mod explain;
mod function_log;
mod interrupts;
mod output;
mod pasted;
mod plan;
mod problem;
mod span;
mod stack;
mod throwaway;
mod trails;
mod undo;
mod verdict;
mod warnings;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use output::err;
use problem::Problem;
use std::io::Write;
use std::process::ExitCode;

/// The list is not valid, a stage was not reached, there is nothing to take back, somebody said no.
const NO: u8 = 1;
/// Something could not be read or called; clap ends with the same code where the command line is wrong.
const FAILED: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(_) if output::is_lost() => {
            err!("error: the output could not be written");
            ExitCode::from(FAILED)
        }
        Ok(code) => code,
        Err(problem) => {
            err!("{}error:{} {}", diff::RED, diff::PLAIN, output::Harmless(&problem.to_string()));
            ExitCode::from(FAILED)
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Check(check) => check::run(&check),
        Command::Explain(explain) => explain::run(&explain),
        Command::Plan(plan) => plan::run(&plan).await,
        Command::Undo(undo) => undo::run(&undo).await,
        Command::Canary(canary) => canary::run(&canary).await,
        Command::Completions { shell } => {
            // Into memory first: a pipe that is closed early is no reason to panic.
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "remediator", &mut text);
            write_out(&text)
        }
        Command::Man => write_out(&man_page().map_err(Problem::from)?),
    }
}

/// One page: the command, and its subcommands with their options.
fn man_page() -> std::io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = subcommand.get_name().to_uppercase();
        let part = clap_mangen::Man::new(subcommand.clone());
        writeln!(text, ".SH {name}")?;
        let mut options = Vec::new();
        part.render_synopsis_section(&mut options)?;
        part.render_description_section(&mut options)?;
        part.render_options_section(&mut options)?;
        // Sections of the part become subsections of the page.
        text.extend(String::from_utf8_lossy(&options).replace(".SH ", ".SS ").into_bytes());
    }
    page.render_extra_section(&mut text)?;
    page.render_version_section(&mut text)?;
    Ok(text)
}

fn write_out(text: &[u8]) -> Result<ExitCode, Problem> {
    match std::io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}
