//! `remediator man`: writes one page for the tool and all its commands.

use crate::args::Cli;
use crate::problem::Problem;
use crate::ui::output;
use clap::CommandFactory;
use clap_mangen::Man;
use std::io::Write;
use std::process::ExitCode;

pub(crate) fn run() -> Result<ExitCode, Problem> {
    output::write_bytes(&page()?);
    Ok(ExitCode::SUCCESS)
}

/// Renders the tool's description, then each command with its options.
fn page() -> std::io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let page = Man::new(command.clone());
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = subcommand.get_name().to_uppercase();
        let part = Man::new(subcommand.clone());
        writeln!(text, ".SH {name}")?;
        let mut options = Vec::new();
        part.render_synopsis_section(&mut options)?;
        part.render_description_section(&mut options)?;
        part.render_options_section(&mut options)?;
        // A command's sections become subsections of the page.
        text.extend(String::from_utf8_lossy(&options).replace(".SH ", ".SS ").into_bytes());
    }
    page.render_extra_section(&mut text)?;
    page.render_version_section(&mut text)?;
    Ok(text)
}
