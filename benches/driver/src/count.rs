//! What does not wobble: instructions, as callgrind counts them, calls and handshakes, against those of a baseline; and
//! sizes, of which the zipped one has a budget.
//!
//! A step's instructions are the difference between two processes, one of which takes the step more often.

use crate::artifact::{Artifact, MOST_ZIPPED};
use crate::backend::Backend;
use crate::certificates::Certificates;
use crate::events;
use crate::scenario::{self, POLICY_NAME, WARM};
use crate::subject::Subject;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The function's binary, as it is deployed.
    #[arg(long)]
    binary: PathBuf,
    /// A bundle of the public certificate authorities.
    #[arg(long)]
    bundle: PathBuf,
    /// What was counted before.
    #[arg(long)]
    baseline: PathBuf,
    /// Write the baseline anew instead of comparing with it.
    #[arg(long)]
    update: bool,
}

/// What was counted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Counts {
    /// Of init, of the first grant, and of each outcome after it; in thousands.
    kilo_instructions: BTreeMap<String, u64>,
    calls: BTreeMap<String, Vec<String>>,
    handshakes: BTreeMap<String, usize>,
    artifact: Artifact,
}

/// How much more than the baseline is a regression, and how much less makes the baseline stale, in percent. Signatures of
/// random keys and the order in which the loopback's packets come make some difference.
const TOLERANCE: u64 = 10;
/// How often a step is taken more in the second process.
const MORE: usize = 3;

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let counts = count(arguments).await?;
    if arguments.update {
        std::fs::write(&arguments.baseline, serde_json::to_string_pretty(&counts)? + "\n")?;
        return Ok(());
    }
    let baseline = std::fs::read_to_string(&arguments.baseline)
        .map_err(|error| format!("{}: {error}; make baseline writes it", arguments.baseline.display()))?;
    let baseline: Counts = serde_json::from_str(&baseline)?;
    let problems = compare(&baseline, &counts);
    println!("{}", table(&baseline, &counts));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(format!("{}\nmake baseline writes the baseline anew", problems.join("\n")).into()),
    }
}

async fn count(arguments: &Arguments) -> Result<Counts, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let certificates = Certificates::new(&arguments.bundle, folder.path())?;
    let (binary, out) = (arguments.binary.canonicalize()?, folder.path().join("callgrind.out"));
    let (binary, out) = (binary.to_string_lossy(), format!("--callgrind-out-file={}", out.display()));
    let command = ["valgrind", "--tool=callgrind", &out, &binary];
    let process = Process { subject: Subject::new("callgrind", &command, folder.path()), certificates };

    let mut counts = Counts {
        kilo_instructions: BTreeMap::new(),
        calls: BTreeMap::new(),
        handshakes: BTreeMap::new(),
        artifact: Artifact::of(Path::new(&*arguments.binary))?,
    };
    let init = process.instructions("refused", 0).await?.total;
    counts.kilo_instructions.insert("init".to_owned(), init / 1_000);
    for name in WARM {
        let once = process.instructions(name, 1).await?;
        let often = process.instructions(name, 1 + MORE).await?;
        if name == "granted" {
            counts.kilo_instructions.insert("first".to_owned(), once.total.saturating_sub(init) / 1_000);
        }
        let each = often.total.saturating_sub(once.total) / (1_000 * MORE as u64);
        counts.kilo_instructions.insert(name.to_owned(), each);
        counts.calls.insert(name.to_owned(), often.calls);
        counts.handshakes.insert(name.to_owned(), once.handshakes);
    }
    Ok(counts)
}

struct Process {
    subject: Subject,
    certificates: Certificates,
}

struct Counted {
    total: u64,
    /// Of the last step.
    calls: Vec<String>,
    /// Of all.
    handshakes: usize,
}

impl Process {
    /// Of a process that takes a step so many times.
    async fn instructions(&self, name: &str, count: usize) -> Result<Counted, Box<dyn Error>> {
        let backend = Backend::start(&self.certificates, Duration::ZERO).await?;
        backend.put_policy(scenario::COVERED, POLICY_NAME, events::policy(1 + MORE));
        let variables = [("ALLOWLIST", events::ALLOWLIST)];
        let (mut running, cost) = self.subject.start(&backend, &self.certificates, &variables).await?;
        let (mut calls, mut handshakes) = (Vec::new(), cost.seen.handshakes);
        if name == "suppressed" && count > 0 {
            // What is repeated has to have been told.
            scenario::take(&mut running, &backend, "refused", 0).await?;
        }
        for number in 0..count {
            let cost = scenario::take(&mut running, &backend, name, number).await?;
            calls = cost.seen.calls.into_iter().map(|call| call.action).collect();
            handshakes += cost.seen.handshakes;
        }
        let log = running.stop().await?;
        let line = log.lines().find_map(|line| line.split_once("Collected : "));
        let (_, total) = line.ok_or_else(|| format!("callgrind counted nothing:\n{log}"))?;
        Ok(Counted { total: total.trim().parse()?, calls, handshakes })
    }
}

/// What is not as it was, or too large.
fn compare(baseline: &Counts, counts: &Counts) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, now) in &counts.kilo_instructions {
        let before = before(&baseline.kilo_instructions, name);
        if now.abs_diff(before) * 100 > before * TOLERANCE {
            problems.push(format!(
                "thousands of instructions of {name}: {now}, and {before} before: more than {TOLERANCE} % apart"
            ));
        }
    }
    if baseline.calls != counts.calls {
        problems.push(format!("calls: {:?}, and {:?} before", counts.calls, baseline.calls));
    }
    if baseline.handshakes != counts.handshakes {
        problems.push(format!("handshakes: {:?}, and {:?} before", counts.handshakes, baseline.handshakes));
    }
    let zipped = counts.artifact.zipped;
    if zipped > MOST_ZIPPED {
        problems
            .push(format!("bytes of the zipped artifact: {zipped}, and at most {MOST_ZIPPED} is the budget"));
    }
    problems
}

fn before(counts: &BTreeMap<String, u64>, name: &str) -> u64 {
    counts.get(name).copied().unwrap_or_default()
}

fn table(baseline: &Counts, counts: &Counts) -> String {
    let mut text = "| | now | before |\n|---|---|---|\n".to_owned();
    let mut row =
        |name: &str, now: String, before: String| text.push_str(&format!("| {name} | {now} | {before} |\n"));
    for (name, now) in &counts.kilo_instructions {
        row(
            &format!("{name}, thousands of instructions"),
            now.to_string(),
            before(&baseline.kilo_instructions, name).to_string(),
        );
    }
    for (name, now) in &counts.calls {
        row(
            &format!("{name}, calls"),
            now.join(" "),
            baseline.calls.get(name).map(|calls| calls.join(" ")).unwrap_or_default(),
        );
    }
    for (name, now) in &counts.handshakes {
        row(
            &format!("{name}, handshakes"),
            now.to_string(),
            baseline.handshakes.get(name).copied().unwrap_or_default().to_string(),
        );
    }
    row("zipped, bytes", counts.artifact.zipped.to_string(), baseline.artifact.zipped.to_string());
    row("unzipped, bytes", counts.artifact.unzipped.to_string(), baseline.artifact.unzipped.to_string());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(kilo_instructions: u64, call: &str, handshakes: usize, zipped: usize) -> Counts {
        let name = || "granted".to_owned();
        Counts {
            kilo_instructions: BTreeMap::from([(name(), kilo_instructions)]),
            calls: BTreeMap::from([(name(), vec![call.to_owned()])]),
            handshakes: BTreeMap::from([(name(), handshakes)]),
            artifact: Artifact { unzipped: 2 * zipped, zipped },
        }
    }

    #[test]
    fn what_is_kept() {
        let baseline = counts(1_000, "Publish", 2, 1_000_000);
        for now in [900, 1_000, 1_100] {
            // Another size is reported, and no problem within the budget.
            assert!(compare(&baseline, &counts(now, "Publish", 2, MOST_ZIPPED)).is_empty());
        }
        assert!(table(&baseline, &counts(1_000, "Publish", 2, 3_000_000)).contains("| 3000000 | 1000000 |"));
    }

    #[test]
    fn what_is_missed() {
        let baseline = counts(1_000, "Publish", 2, 1_000_000);
        for (now, problem) in [
            (counts(899, "Publish", 2, 1_000_000), "thousands of instructions of granted: 899"),
            (counts(1_101, "Publish", 2, 1_000_000), "thousands of instructions of granted: 1101"),
            (counts(1_000, "GetUser", 2, 1_000_000), "calls: "),
            (counts(1_000, "Publish", 3, 1_000_000), "handshakes: "),
            (counts(1_000, "Publish", 2, MOST_ZIPPED + 1), "bytes of the zipped artifact: 3500001"),
        ] {
            let problems = compare(&baseline, &now);
            assert!(matches!(problems.as_slice(), [one] if one.starts_with(problem)), "{problems:?}");
        }
    }
}
