//! One environment for a long time: how many events it takes in a second, the driver's own work included, and whether its
//! memory grows.

use crate::backend::Backend;
use crate::certificates::Certificates;
use crate::events;
use crate::scenario::{self, POLICY_NAME};
use crate::subject::{Running, Subject};
use serde::Serialize;
use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The function's binary.
    #[arg(long)]
    binary: PathBuf,
    /// A bundle of the public certificate authorities.
    #[arg(long)]
    bundle: PathBuf,
    /// How many events of each stream.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
}

/// How often the memory is looked at.
const LOOKS: usize = 20;
/// A grant takes the watch of the write protocol, and so a stream of them is short.
const GRANTS: usize = 5;

/// What a stream of events did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stream {
    name: &'static str,
    events: usize,
    per_second: f64,
    /// What the process had after each part of the stream, in KiB.
    memory_ki_b: Vec<u64>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&arguments.output)?;
    let folder = tempfile::tempdir()?;
    let certificates = Certificates::new(&arguments.bundle, folder.path())?;
    let binary = arguments.binary.canonicalize()?;
    let subject = Subject::new("remediator", &[&binary.to_string_lossy()], folder.path());
    let backend = Backend::start(&certificates, Duration::ZERO).await?;
    backend.put_policy(scenario::COVERED, POLICY_NAME, events::policy(1));
    let (mut running, _) =
        subject.start(&backend, &certificates, &[("ALLOWLIST", events::ALLOWLIST)]).await?;
    let mut streams = Vec::new();
    for (title, step, count) in [
        ("distinct denials, refused and told", "refused", arguments.events),
        ("repeats of one denial", "suppressed", arguments.events),
        ("distinct denials, granted", "granted", GRANTS),
    ] {
        streams.push(stream(&mut running, &backend, title, step, count).await?);
        eprintln!("{title}: done");
    }
    let (peak, _) = running.memory()?;
    running.stop().await?;
    let table = table(&streams, peak);
    std::fs::write(arguments.output.join("grow.json"), serde_json::to_string_pretty(&streams)? + "\n")?;
    std::fs::write(arguments.output.join("grow.md"), &table)?;
    println!("{table}");
    Ok(())
}

async fn stream(
    running: &mut Running<'_>,
    backend: &Backend,
    name: &'static str,
    step: &str,
    count: usize,
) -> Result<Stream, Box<dyn Error>> {
    if step == "suppressed" {
        // The first of them is told, if it was forgotten under all the others.
        drop(running.invoke(events::unlisted(0)).await?);
    }
    let mut memory = Vec::new();
    let begun = Instant::now();
    for number in 0..count {
        scenario::take(running, backend, step, number).await?;
        if (number + 1) % (count / LOOKS).max(1) == 0 {
            memory.push(running.memory()?.1);
            running.forget_log();
        }
    }
    Ok(Stream {
        name,
        events: count,
        per_second: count as f64 / begun.elapsed().as_secs_f64(),
        memory_ki_b: memory,
    })
}

fn table(streams: &[Stream], peak: u64) -> String {
    let mut text = "| stream | events | a second | memory after the first look, KiB | after half | after all |\n|---|---|---|---|---|---|\n".to_owned();
    for Stream { name, events, per_second, memory_ki_b } in streams {
        let at = |place: usize| memory_ki_b.get(place).map(u64::to_string).unwrap_or_default();
        let (half, last) =
            (at((memory_ki_b.len() / 2).saturating_sub(1)), at(memory_ki_b.len().saturating_sub(1)));
        text.push_str(&format!("| {name} | {events} | {per_second:.1} | {} | {half} | {last} |\n", at(0)));
    }
    text.push_str(&format!("\nPeak of the process: {peak} KiB.\n"));
    text
}
