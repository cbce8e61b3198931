//! Everything in one run: the subjects take turns, so that whatever slows the machine slows them all.

use crate::artifact::Artifact;
use crate::backend::Backend;
use crate::certificates::Certificates;
use crate::figures::Figures;
use crate::report::{FLOOR, OURS, PEER, Report};
use crate::scenario::{self, Repeats, Run};
use crate::subject::Subject;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The function's binary.
    #[arg(long)]
    binary: PathBuf,
    /// Hello world on the same runtime.
    #[arg(long)]
    floor: PathBuf,
    /// A Python that has awslambdaric and boto3.
    #[arg(long)]
    python: PathBuf,
    /// The folder with the peer's handler.py.
    #[arg(long)]
    peer: PathBuf,
    /// A bundle of the public certificate authorities.
    #[arg(long)]
    bundle: PathBuf,
    /// How many processes of each subject, for each delay.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// Grants in a process after the first; each takes the watch of the write protocol.
    #[arg(long, default_value_t = 5)]
    granted: usize,
    /// Of each other outcome in a process.
    #[arg(long, default_value_t = 50)]
    others: usize,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
}

/// How long AWS takes for a call, in milliseconds.
pub(crate) const DELAYS: [u64; 2] = [0, 10];

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&arguments.output)?;
    let folder = tempfile::tempdir()?;
    let certificates = Certificates::new(&arguments.bundle, folder.path())?;
    let text = |path: &PathBuf| path.canonicalize().map(|path| path.to_string_lossy().into_owned());
    let ours = Subject::new(OURS, &[&text(&arguments.binary)?], folder.path());
    let floor = Subject::new(FLOOR, &[&text(&arguments.floor)?], folder.path());
    // Not resolved: a virtual environment is known by the path of its link.
    let python = std::path::absolute(&arguments.python)?.to_string_lossy().into_owned();
    let peer = Subject::new(PEER, &[&python, "-m", "awslambdaric", "handler.handler"], &arguments.peer);
    let repeats = Repeats { granted: arguments.granted, others: arguments.others };

    let mut runs: BTreeMap<(u64, &str), Vec<Run>> = BTreeMap::new();
    for round in 0..=arguments.rounds {
        for delay in DELAYS {
            // Each has a backend of its own: what one was granted shall not be there for the next.
            let backend = || Backend::start(&certificates, Duration::from_millis(delay));
            // The round before the first warms the page cache, and is not counted.
            let repeats = if round == 0 { Repeats { granted: 0, others: 1 } } else { repeats };
            let of_round = [
                (FLOOR, scenario::greet(&floor, &backend().await?, &certificates, repeats.others).await?),
                (OURS, scenario::remediate(&ours, &backend().await?, &certificates, repeats).await?),
                (PEER, scenario::remediate(&peer, &backend().await?, &certificates, repeats).await?),
            ];
            for (name, run) in of_round.into_iter().filter(|_| round > 0) {
                runs.entry((delay, name)).or_default().push(run);
            }
        }
        eprintln!("round {round} of {}", arguments.rounds);
    }
    let mut figures: BTreeMap<u64, BTreeMap<&str, Figures>> = BTreeMap::new();
    for ((delay, name), runs) in &runs {
        figures.entry(*delay).or_default().insert(name, Figures::of(runs).ok_or("there was no round")?);
    }
    let artifacts = BTreeMap::from([
        (OURS, Artifact::of(&arguments.binary)?),
        (FLOOR, Artifact::of(&arguments.floor)?),
        (PEER, Artifact::of(&arguments.peer.join("handler.py"))?),
    ]);
    let report = Report { rounds: arguments.rounds, roots: certificates.roots, figures, artifacts };
    let table = report.markdown()?;
    std::fs::write(arguments.output.join("bench.json"), serde_json::to_string_pretty(&report)? + "\n")?;
    std::fs::write(arguments.output.join("bench.md"), &table)?;
    println!("{table}");
    report.verdict()
}
