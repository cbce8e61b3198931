//! What all runs together say: a spread for each step of each subject.

use crate::samples::Spread;
use crate::scenario::Run;
use crate::subject::Cost;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Of one subject with one delay.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figures {
    pub(crate) steps: BTreeMap<&'static str, StepFigures>,
    /// Init and first together, run by run, in milliseconds.
    pub(crate) cold_ms: Spread,
    pub(crate) cold_cpu_ms: Spread,
    pub(crate) peak_memory_ki_b: Spread,
}

/// Of one step. Times are in milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepFigures {
    /// Without deliberate waits.
    pub(crate) work_ms: Spread,
    /// Beyond the time in which a call was under way, deliberate waits left out.
    pub(crate) own_ms: Spread,
    pub(crate) waited_ms: Spread,
    pub(crate) cpu_ms: Spread,
    /// The calls of the last run, in order.
    pub(crate) calls: Vec<String>,
    pub(crate) handshakes: Spread,
}

impl Figures {
    /// `None` where there was no run.
    pub(crate) fn of(runs: &[Run]) -> Option<Self> {
        let mut costs: BTreeMap<&'static str, Vec<&Cost>> = BTreeMap::new();
        for (name, cost) in runs.iter().flat_map(|run| &run.steps) {
            costs.entry(name).or_default().push(cost);
        }
        let cold = |value: fn(&Cost) -> f64| {
            Spread::of(runs.iter().map(|run| run.steps.iter().take(2).map(|(_, cost)| value(cost)).sum()))
        };
        let steps = costs.into_iter().map(|(name, costs)| Some((name, StepFigures::of(&costs)?)));
        Some(Self {
            steps: steps.collect::<Option<_>>()?,
            cold_ms: cold(work)?,
            cold_cpu_ms: cold(|cost| milliseconds(cost.cpu))?,
            peak_memory_ki_b: Spread::of(runs.iter().map(|run| run.peak_memory as f64))?,
        })
    }
}

impl StepFigures {
    fn of(costs: &[&Cost]) -> Option<Self> {
        let spread = |value: fn(&Cost) -> f64| Spread::of(costs.iter().map(|cost| value(cost)));
        Some(Self {
            work_ms: spread(work)?,
            own_ms: spread(own)?,
            waited_ms: spread(|cost| milliseconds(cost.waited))?,
            cpu_ms: spread(|cost| milliseconds(cost.cpu))?,
            calls: costs.last()?.seen.calls.iter().map(|call| call.action.clone()).collect(),
            handshakes: spread(|cost| cost.seen.handshakes as f64)?,
        })
    }
}

fn work(cost: &Cost) -> f64 {
    milliseconds(cost.wall.saturating_sub(cost.waited))
}

/// What is left when the backend's time is taken off as well; calls inside a deliberate wait are part of that.
fn own(cost: &Cost) -> f64 {
    let put = cost.seen.calls.iter().find(|call| call.action == "PutUserPolicy").map(|call| call.answered);
    let is_inside = |at| put.is_some_and(|put| at > put && at < put + cost.waited);
    let calls = cost.seen.calls.iter().filter(|call| !is_inside(call.arrived));
    let answering: Duration = calls.map(|call| call.answered - call.arrived).sum();
    milliseconds(cost.wall.saturating_sub(cost.waited).saturating_sub(answering))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
