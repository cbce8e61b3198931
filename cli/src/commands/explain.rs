//! `remediator explain`: shows what would happen to events, and by which rule and clause.

use crate::args::Explain;
use crate::cases::{self, Case};
use crate::problem::Problem;
use crate::ui::output::out;
use crate::ui::table;
use comfy_table::Table;
use remediator_core::allowlist::Allowlist;
use remediator_core::text::one_line;
use serde_json::Value;
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &Explain) -> Result<ExitCode, Problem> {
    let (list, cases) = cases::judge(&args.events)?;
    if args.events.json {
        let all: Vec<Value> = cases.iter().map(|case| case.to_json(&list)).collect();
        out!("{:#}", Value::from(all));
    } else {
        out!("{}", table_of(&cases, &list));
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds a table with one row for each event.
fn table_of(cases: &[Case], list: &Allowlist) -> Table {
    let mut table = table::new(["Event", "Outcome", "Why", "Rule and clause"]);
    for case in cases {
        let why = case.explanation(list).join("\n");
        table.add_row([one_line(case.name(), 512), case.outcome_and_reason(), why, clause(case, list)]);
    }
    table
}

/// Returns the rule that decided, with what a person looks for in its patterns. JSON has the patterns whole.
fn clause(case: &Case, list: &Allowlist) -> String {
    let Some(rule) = case.outcome().rule else {
        return String::new();
    };
    let Some(clause) = case.clause(list) else {
        return rule;
    };
    let principal = clause.principal.splitn(6, ':').nth(5).unwrap_or_default();
    let mut function = clause.function.split(':');
    let (region, name) = (function.nth(3).unwrap_or_default(), function.next_back().unwrap_or_default());
    format!("{rule}\n{principal}\n{name} in {region}")
}
