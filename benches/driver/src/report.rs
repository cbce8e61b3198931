//! The table and the budgets, as markdown.

use crate::artifact::Artifact;
use crate::figures::{Figures, StepFigures};
use crate::measure::{FLOOR, OURS, PEER};
use crate::samples::Spread;
use crate::scenario::WARM;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

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
    pub(crate) fn markdown(&self) -> Result<String, Box<dyn std::error::Error>> {
        let mut text = String::new();
        writeln!(
            text,
            "{} processes of each, in turn; {} certificate authorities in one bundle. Times in milliseconds: median \
             (smallest to largest) [99th percentile, which of few values is the largest]. The time that the write protocol deliberately waits is left out but \
             in its own row.\n",
            self.rounds, self.roots
        )?;
        for delay in self.figures.keys() {
            writeln!(text, "## {delay} ms a call\n\n| | {OURS} | {FLOOR} | {PEER} |\n|---|---|---|---|")?;
            for (name, values) in self.rows(*delay)? {
                let cells: Vec<String> =
                    values.into_iter().map(|value| value.unwrap_or_else(|| "–".to_owned())).collect();
                writeln!(text, "| {name} | {} |", cells.join(" | "))?;
            }
            writeln!(text)?;
        }
        writeln!(
            text,
            "## Artifact\n\n| | {OURS} | {FLOOR} | {PEER} (handler.py alone) |\n|---|---|---|---|"
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
        writeln!(text, "\n## Budgets\n\n| | measured | budget | |\n|---|---|---|---|")?;
        for Budget { name, measured, most } in self.budgets()? {
            let verdict = if measured <= most { "kept" } else { "**missed**" };
            writeln!(text, "| {name} | {measured:.4} | {most:.4} | {verdict} |")?;
        }
        Ok(text)
    }

    /// The budgets that are not kept.
    pub(crate) fn missed(&self) -> Result<Vec<&'static str>, Missing> {
        let is_missed = |budget: &Budget| budget.measured > budget.most;
        Ok(self.budgets()?.into_iter().filter(is_missed).map(|budget| budget.name).collect())
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

    fn budgets(&self) -> Result<Vec<Budget>, Missing> {
        let (ours, floor, peer) = (self.of(0, OURS)?, self.of(0, FLOOR)?, self.of(0, PEER)?);
        let step = |figures: &'_ Figures, name: &str| {
            figures
                .steps
                .get(name)
                .map(|step| (step.work_ms.median, step.own_ms.median))
                .ok_or("a step was not measured")
        };
        let (granted, _) = step(ours, "granted")?;
        let (of_peer, _) = step(peer, "granted")?;
        let (_, beyond) = step(self.of(10, OURS)?, "first")?;
        let zipped = self.artifacts.get(OURS).ok_or("the artifact was not measured")?.zipped;
        let cold = ours.cold_ms.median;
        let memory = ours.peak_memory_ki_b.median / floor.peak_memory_ki_b.median;
        Ok(vec![
            Budget::new("init + first, of the floor's", cold / floor.cold_ms.median, 3.2),
            Budget::new("init + first, of Python's", cold / peer.cold_ms.median, 1.0 / 60.0),
            Budget::new("warm granted, of Python's", granted / of_peer, 0.25),
            Budget::new("peak memory, of the floor's", memory, 2.3),
            Budget::new("zipped artifact, MB", zipped as f64 / 1e6, 2.3),
            Budget::new("first event with 10 ms a call, beyond its calls, ms", beyond, 3.0),
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
