//! `remediator explain`: what would happen to events, and by which rule and clause.

use crate::args::Explain;
use crate::check;
use crate::events;
use crate::output::out;
use crate::problem::Problem;
use crate::verdict::{Case, own_identity};
use comfy_table::{ContentArrangement, Table, presets};
use console::Term;
use remediator_core::allowlist::Allowlist;
use remediator_core::text::one_line;
use serde_json::Value;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Where the output is no terminal.
const WIDTH: u16 = 120;

pub(crate) fn run(explain: &Explain) -> Result<ExitCode, Problem> {
    let (list, cases) = judge(&explain.events)?;
    if explain.events.json {
        let all: Vec<Value> = cases.iter().map(|case| case.to_json(&list)).collect();
        out!("{:#}", Value::from(all));
    } else {
        out!("{}", table(&cases, &list));
    }
    Ok(ExitCode::SUCCESS)
}

/// The list, and the cases of all events.
pub(crate) fn judge(args: &crate::args::Events) -> Result<(Allowlist, Vec<Case>), Problem> {
    let is_input = |path: &Path| path.to_str() == Some("-");
    if is_input(&args.allowlist) && (args.events.is_empty() || args.events.iter().any(|path| is_input(path)))
    {
        return Err(Problem::new(
            "the allowlist and an event cannot both come from the standard input: name a file",
        ));
    }
    let text = check::read(&args.allowlist)?;
    let list = Allowlist::parse(&text).map_err(|error| Problem::of_list(&args.allowlist, &error))?;
    let own = own_identity(args, &list)?;
    let role = args.principal.as_ref();
    let events = events::read(args)?.into_iter();
    let cases = events.flat_map(|event| Case::all(event, &list, &own, role)).collect();
    Ok((list, cases))
}

/// One row for each event, as wide as the terminal.
fn table(cases: &[Case], list: &Allowlist) -> Table {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_width(width());
    table.set_header(["Event", "Outcome", "Why", "Rule and clause"]);
    for case in cases {
        table.add_row([one_line(case.name(), 512), outcome(case), why(case, list), clause(case, list)]);
    }
    table
}

/// How wide a table may be.
pub(crate) fn width() -> u16 {
    Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| columns.max(60))
}

/// `refused (not_allowlisted)`.
pub(crate) fn outcome(case: &Case) -> String {
    use remediator_core::outcome::name;
    let outcome = case.outcome();
    match outcome.reason {
        Some(reason) => format!("{} ({})", name(outcome.outcome), name(reason)),
        None => name(outcome.outcome),
    }
}

pub(crate) fn why(case: &Case, list: &Allowlist) -> String {
    let mut lines = vec![case.outcome().summary];
    lines.extend(case.near_misses(list).into_iter().take(3).map(|miss| format!("Near: {miss}.")));
    lines.extend(case.note().map(|note| format!("Note: {note}.")));
    lines.join("\n")
}

/// The rule, and of its patterns the parts that a person looks at; JSON has them whole.
pub(crate) fn clause(case: &Case, list: &Allowlist) -> String {
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
