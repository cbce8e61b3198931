//! Measures the function as Lambda would run it: `measure` takes times beside the floor and the peer, `grow` sends one
//! process many events, `count` counts what does not wobble and compares it with what was counted before.

mod artifact;
mod backend;
mod certificates;
mod count;
mod events;
mod figures;
mod grow;
mod measure;
mod report;
mod runtime_api;
mod samples;
mod scenario;
mod subject;

use clap::Parser;
use std::error::Error;

#[derive(Parser)]
#[command(about, version)]
enum Command {
    /// Take times, and write them to target/bench/.
    Measure(measure::Arguments),
    /// Send one process many events.
    Grow(grow::Arguments),
    /// Count instructions, calls and bytes, and compare them with the baseline.
    Count(count::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    match Command::parse() {
        Command::Measure(arguments) => measure::run(&arguments).await,
        Command::Grow(arguments) => grow::run(&arguments).await,
        Command::Count(arguments) => count::run(&arguments).await,
    }
}
