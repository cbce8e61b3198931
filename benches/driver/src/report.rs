//! The table and the budgets, as markdown.

use crate::artifact::{Artifact, MOST_ZIPPED};
use crate::figures::{Figures, StepFigures};
use crate::samples::Spread;
use crate::scenario::WARM;
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;

/// The columns of the tables.
pub(crate) const OURS: &str = "remediator";
pub(crate) const FLOOR: &str = "floor";
pub(crate) const PEER: &str = "python";

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) rounds: usize,
    /// In the certificate bundle.
    pub(crate) roots: usize,
    /// By the delay of a call in milliseconds, and by the subject.
    pub(crate) figures: BTreeMap<u64, BTreeMap<&'static str, Figures>>,
    pub(crate) artifacts: BTreeMap<&'static str, Artifact>,
}

type Missing = &'static str;
/// A row's name, and its cell for each subject.
type Row = (String, [Option<String>; 3]);

impl Report {
    pub(crate) fn markdown(&self) -> Result<String, Box<dyn Error>> {
        let mut text = String::new();
        writeln!(
            text,
            "{} processes of each, in turn; {} certificate authorities in one bundle. Times in milliseconds: median \
             (smallest to largest) [99th percentile, which of few values is the largest]. The time that the write \
             protocol deliberately waits is left out but in its own row.\n",
            self.rounds, self.roots
        )?;
        writeln!(text, "### Budgets\n\n| | measured | budget | |\n|---|---|---|---|")?;
        for budget in self.budgets()? {
            let verdict = if budget.is_kept() { "kept" } else { "**missed**" };
            let Budget { name, measured, most } = budget;
            writeln!(text, "| {name} | {measured:.3} | {most:.3} | {verdict} |")?;
        }
        writeln!(text)?;
        for delay in self.figures.keys() {
            writeln!(text, "### {delay} ms a call\n\n| | {OURS} | {FLOOR} | {PEER} |\n|---|---|---|---|")?;
            for (name, values) in self.rows(*delay)? {
                let cells: Vec<String> =
                    values.into_iter().map(|value| value.unwrap_or_else(|| "–".to_owned())).collect();
                writeln!(text, "| {name} | {} |", cells.join(" | "))?;
            }
            writeln!(text)?;
        }
        writeln!(
            text,
            "### Artifact\n\n| | {OURS} | {FLOOR} | {PEER} (handler.py alone) |\n|---|---|---|---|"
        )?;
        for (name, value) in [
            ("zipped, bytes", (|artifact: &Artifact| artifact.zipped) as fn(&Artifact) -> usize),
            ("unzipped, bytes", |artifact| artifact.unzipped),
        ] {
            let cells: Vec<String> = [OURS, FLOOR, PEER]
                .iter()
                .filter_map(|name| self.artifacts.get(name))
                .map(|found| value(found).to_string())
                .collect();
            writeln!(text, "| {name} | {} |", cells.join(" | "))?;
        }
        Ok(text)
    }

    /// Whether each budget is kept, or else which are not.
    pub(crate) fn verdict(&self) -> Result<(), Box<dyn Error>> {
        let missed = self.budgets()?.into_iter().filter(|budget| !budget.is_kept());
        let missed: Vec<_> = missed.map(|budget| budget.name).collect();
        match missed.is_empty() {
            true => Ok(()),
            false => Err(format!("budgets missed: {}", missed.join("; ")).into()),
        }
    }

    fn rows(&self, delay: u64) -> Result<Vec<Row>, Missing> {
        let of = |subject| self.of(delay, subject);
        let all = [of(OURS)?, of(FLOOR)?, of(PEER)?];
        let mut rows = Vec::new();
        let step = |name: &str, value: fn(&StepFigures) -> String| {
            all.map(|figures: &Figures| figures.steps.get(name).map(value))
        };
        let work = |step: &StepFigures| shown(&step.work_ms);
        rows.push(("init".to_owned(), step("init", work)));
        rows.push(("first event".to_owned(), step("first", work)));
        rows.push(("init + first".to_owned(), all.map(|figures| Some(shown(&figures.cold_ms)))));
        rows.push(("first event, beyond its calls".to_owned(), step("first", |step| shown(&step.own_ms))));
        rows.push(("deliberate wait of a grant".to_owned(), step("granted", |step| shown(&step.waited_ms))));
        let hello = step("hello", work);
        rows.push(("warm hello".to_owned(), hello));
        for name in WARM {
            rows.push((format!("warm {name}"), step(name, work)));
        }
        rows.push(("CPU of init".to_owned(), step("init", |step| shown(&step.cpu_ms))));
        rows.push(("CPU of the first event".to_owned(), step("first", |step| shown(&step.cpu_ms))));
        for name in WARM {
            rows.push((format!("CPU of warm {name}"), step(name, |step| shown(&step.cpu_ms))));
        }
        rows.push((
            "peak memory, MiB".to_owned(),
            all.map(|figures| Some(mebibytes(&figures.peak_memory_ki_b))),
        ));
        for (name, of) in
            [("init", "init"), ("first event", "first")].into_iter().chain(WARM.map(|name| (name, name)))
        {
            rows.push((format!("calls and handshakes: {name}"), step(of, calls)));
        }
        Ok(rows)
    }

    fn of(&self, delay: u64, subject: &str) -> Result<&Figures, Missing> {
        self.figures.get(&delay).and_then(|figures| figures.get(subject)).ok_or("a subject was not measured")
    }

    fn budgets(&self) -> Result<[Budget; 4], Missing> {
        let (ours, floor, peer) = (self.of(0, OURS)?, self.of(0, FLOOR)?, self.of(0, PEER)?);
        let cold = ours.cold_ms.median;
        let memory = ours.peak_memory_ki_b.median / floor.peak_memory_ki_b.median;
        let zipped = self.artifacts.get(OURS).ok_or("the artifact was not measured")?.zipped;
        Ok([
            Budget::new("init + first, of the floor's", cold / floor.cold_ms.median, 5.0),
            Budget::new("init + first, of Python's", cold / peer.cold_ms.median, 1.0 / 25.0),
            Budget::new("peak memory, of the floor's", memory, 3.2),
            Budget::new("zipped artifact, MB", megabytes(zipped), megabytes(MOST_ZIPPED)),
        ])
    }
}

struct Budget {
    name: &'static str,
    measured: f64,
    most: f64,
}

impl Budget {
    fn new(name: &'static str, measured: f64, most: f64) -> Self {
        Self { name, measured, most }
    }

    fn is_kept(&self) -> bool {
        self.measured <= self.most
    }
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn shown(spread: &Spread) -> String {
    let Spread { median, p99, min, max, .. } = spread;
    format!("{median:.2} ({min:.2} to {max:.2}) [{p99:.2}]")
}

fn mebibytes(spread: &Spread) -> String {
    let part = |kibibytes: f64| kibibytes / 1_024.0;
    format!("{:.1} ({:.1} to {:.1})", part(spread.median), part(spread.min), part(spread.max))
}

fn calls(step: &StepFigures) -> String {
    let handshakes = step.handshakes.max;
    format!("{} ({}), {handshakes}", step.calls.len(), step.calls.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a floor of 2 ms and 1,000 KiB, and a peer that takes `peer_ms`.
    fn report(cold_ms: f64, peer_ms: f64, memory_ki_b: f64, zipped: usize) -> Report {
        let figures = |cold_ms, memory_ki_b| {
            let of = |value| Spread::of([value]).unwrap();
            let (cold_ms, peak_memory_ki_b) = (of(cold_ms), of(memory_ki_b));
            Figures { steps: BTreeMap::new(), cold_ms, cold_cpu_ms: cold_ms, peak_memory_ki_b }
        };
        let of_all = [
            (OURS, figures(cold_ms, memory_ki_b)),
            (FLOOR, figures(2.0, 1_000.0)),
            (PEER, figures(peer_ms, 50_000.0)),
        ];
        Report {
            rounds: 1,
            roots: 1,
            figures: BTreeMap::from([(0, BTreeMap::from(of_all))]),
            artifacts: BTreeMap::from([(OURS, Artifact { unzipped: 2 * zipped, zipped })]),
        }
    }

    #[test]
    fn budgets_that_are_just_kept() {
        let report = report(10.0, 250.0, 3_200.0, 3_500_000);
        report.verdict().unwrap();
        let text = report.markdown().unwrap();
        assert_eq!((text.matches("| kept |").count(), text.matches("missed").count()), (4, 0));
    }

    #[test]
    fn budgets_that_are_missed() {
        for (report, name) in [
            (report(10.1, 300.0, 3_200.0, 3_500_000), "init + first, of the floor's"),
            (report(10.0, 249.0, 3_200.0, 3_500_000), "init + first, of Python's"),
            (report(10.0, 250.0, 3_201.0, 3_500_000), "peak memory, of the floor's"),
            (report(10.0, 250.0, 3_200.0, 3_500_001), "zipped artifact, MB"),
        ] {
            assert_eq!(report.verdict().unwrap_err().to_string(), format!("budgets missed: {name}"));
            let text = report.markdown().unwrap();
            let row = text.lines().find(|line| line.starts_with(&format!("| {name} | "))).unwrap();
            assert!(row.ends_with(" | **missed** |"), "{row}");
            assert_eq!((text.matches("| kept |").count(), text.matches("missed").count()), (3, 1));
        }
        let missed = report(100.0, 100.0, 10_000.0, 10_000_000).verdict().unwrap_err();
        assert_eq!(missed.to_string().matches("; ").count(), 3);
    }

    #[test]
    fn what_was_not_measured_is_no_budget_kept() {
        let mut report = report(10.0, 250.0, 3_200.0, 3_500_000);
        report.artifacts.clear();
        assert!(report.verdict().is_err());
    }
}
