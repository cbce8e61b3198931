//! `remediator completions`: writes the completions of a shell.

use crate::args::Cli;
use crate::ui::output;
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

pub(crate) fn run(shell: Shell) -> ExitCode {
    // Into memory first: clap_complete panics where a pipe is closed early.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "remediator", &mut text);
    output::write_bytes(&text);
    ExitCode::SUCCESS
}
