//! How long the decision core takes, and how that grows with the allowlist.
//!
//! `event` is the whole way of the seed's event, from JSON values or from bytes to the decision; `decide` asks lists of
//! different lengths about its denial; `load` reads these lists and makes their index.

use criterion::{AxisScale, BenchmarkId, Criterion, PlotConfiguration};
use decision_core_bench::{ACCOUNT, EVENT, Rules, SIZES};
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::principal::Principal;
use remediator_core::decision::{Admitted, Decision, Judgement, OwnIdentity, admit};
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::payload::Payload;
use remediator_core::incoming::{self, Event, Incoming};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, SystemTime};

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .nresamples(10_000)
        .configure_from_args();
    let own = own_identity();
    event(&mut criterion, &own)?;
    decide(&mut criterion, &own)?;
    load(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

/// The way of one event, with a short list.
fn event(criterion: &mut Criterion, own: &OwnIdentity) -> Done {
    let list = Allowlist::parse(include_str!("../../../allowlist.example.json"))?;
    if !matches!(whole_way(&Payload::from_slice(EVENT), own, &list), Some(Decision::Grant(_))) {
        return Err("the example's list does not admit the seed's event".into());
    }
    let parsed = Payload::Json(serde_json::from_slice(EVENT)?);
    let mut group = criterion.benchmark_group("event");
    group.bench_function("from values", |bencher| {
        bencher.iter(|| whole_way(black_box(&parsed), own, &list));
    });
    group.bench_function("from bytes", |bencher| {
        bencher.iter(|| whole_way(&Payload::from_slice(black_box(EVENT)), own, &list));
    });
    group.finish();
    Ok(())
}

/// The list alone, asked about the seed's denial.
fn decide(criterion: &mut Criterion, own: &OwnIdentity) -> Done {
    let denial = seed_denial()?;
    let admitted = admit(denial, own).map_err(|rejection| rejection.refusal.why)?;
    let mut group = criterion.benchmark_group("decide");
    group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
    for rules in [
        Rules::Exact,
        Rules::Prefixes,
        Rules::PrefixesOfOthers,
        Rules::Suffixes,
        Rules::Infixes,
        Rules::Mixed,
    ] {
        for size in SIZES {
            let list = Allowlist::parse(&rules.list(size))?;
            let is_granted = matches!(decided(&admitted, &list), Some(Decision::Grant(_)));
            if is_granted == (rules == Rules::PrefixesOfOthers) {
                return Err(format!("{} of {size} rules decides otherwise", rules.name()).into());
            }
            group.bench_with_input(BenchmarkId::new(rules.name(), size), &list, |bencher, list| {
                bencher.iter(|| decided(black_box(&admitted), list));
            });
        }
    }
    group.finish();
    Ok(())
}

/// From the document's text to a list that can be asked.
fn load(criterion: &mut Criterion) -> Done {
    let mut group = criterion.benchmark_group("load");
    group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
    group.sample_size(20);
    for rules in [Rules::Exact, Rules::Prefixes, Rules::Mixed] {
        for size in SIZES {
            let text = rules.list(size);
            Allowlist::parse(&text)?;
            group.bench_with_input(BenchmarkId::new(rules.name(), size), &text, |bencher, text| {
                bencher.iter_with_large_drop(|| Allowlist::parse(text));
            });
        }
    }
    group.finish();
    Ok(())
}

fn whole_way(payload: &Payload, own: &OwnIdentity, list: &Allowlist) -> Option<Decision> {
    match incoming::read(payload) {
        Incoming::Event(Event::Denial(denial)) => decided(&admit(denial, own).ok()?, list),
        Incoming::Event(_) | Incoming::Lines(_) => None,
    }
}

fn decided(admitted: &Admitted, list: &Allowlist) -> Option<Decision> {
    match admitted.judge(list, SystemTime::UNIX_EPOCH) {
        Judgement::Decided(decision) => Some(decision),
        Judgement::NeedsIdentity(_) => None,
    }
}

fn seed_denial() -> Result<Denial, Box<dyn Error>> {
    match incoming::read(&Payload::from_slice(EVENT)) {
        Incoming::Event(Event::Denial(denial)) => Ok(denial),
        Incoming::Event(_) | Incoming::Lines(_) => Err("the seed's event is no denial".into()),
    }
}

fn own_identity() -> OwnIdentity {
    OwnIdentity {
        partition: "aws".to_owned(),
        account: ACCOUNT.to_owned(),
        role: Principal::parse(&format!("arn:aws:iam::{ACCOUNT}:role/lambda-invoke-remediator")),
    }
}
