//! `remediator check`: whether an allowlist is valid, where it is not, and where it may be wider than its owner meant.
//!
//! In comes a list's text; out come the report, for a person or as JSON, and the exit code.

mod location;
mod warnings;

use crate::NO;
use crate::args::Check;
use crate::input;
use crate::problem::Problem;
use crate::ui::output::{err, out};
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use remediator_core::allowlist::{Allowlist, AllowlistError, RuleAction};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use warnings::warnings;

/// The list is valid, but has warnings, and `--strict` was given.
const WARNED: u8 = 3;

pub(crate) fn run(args: &Check) -> Result<ExitCode, Problem> {
    let text = input::read_text(&args.allowlist)?;
    let document = Document { name: input::display_name(&args.allowlist), text: &text };
    match Allowlist::parse(&text) {
        Ok(list) => {
            let warnings = warnings(&list, &text);
            match args.json {
                true => document.print_json(&list, &warnings),
                false => document.print(&list, &warnings),
            }
            Ok(match args.strict && !warnings.is_empty() {
                true => ExitCode::from(WARNED),
                false => ExitCode::SUCCESS,
            })
        }
        Err(error) => {
            document.print_invalid(&error, args.json);
            Ok(ExitCode::from(NO))
        }
    }
}

/// Something to say about one value of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remark {
    /// The value's path, such as `rules[0].principals[1]`.
    path: String,
    text: String,
    /// The line and the column where the parser stopped.
    position: Option<(usize, usize)>,
}

impl Remark {
    fn of_error(error: &AllowlistError) -> Self {
        let (problem, position) = (error.problem(), error.position());
        // serde_json puts the position into its text as well.
        let text = match (position, problem.rsplit_once(" at line ")) {
            (Some(_), Some((text, _))) => text,
            (_, _) => problem,
        };
        Self { path: error.place().to_owned(), text: text.to_owned(), position }
    }

    /// Returns the value's range where it is a string or a number; otherwise the place where the parser stopped.
    fn range(&self, text: &str) -> Option<Range<usize>> {
        let value = location::find_path(text, &self.path);
        let is_scalar = value
            .clone()
            .and_then(|range| text.get(range))
            .is_some_and(|value| !value.starts_with(['{', '[']));
        match self.position {
            Some(position) if !is_scalar => Some(location::find_position(text, position)),
            Some(_) | None => value,
        }
    }

    fn to_json(&self, text: &str) -> Value {
        let before = self.range(text).and_then(|range| text.get(..range.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let column = before.map(|before| before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        json!({"path": self.path, "line": line, "column": column, "problem": self.text})
    }
}

/// The list that was given.
struct Document<'a> {
    name: String,
    text: &'a str,
}

impl Document<'_> {
    fn print(&self, list: &Allowlist, warnings: &[Remark]) {
        for warning in warnings {
            self.print_remark(Level::WARNING, warning);
        }
        let (name, rules) = (&self.name, counted(list.rules().len(), "rule"));
        out!("`{name}` is valid: {rules}, {}.", counted(warnings.len(), "warning"));
        let arns: Vec<String> = principal_arns(list).into_iter().collect();
        out!("The template's PrincipalArns for it: {}", arns.join(","));
    }

    fn print_json(&self, list: &Allowlist, warnings: &[Remark]) {
        let warnings: Vec<_> = warnings.iter().map(|warning| warning.to_json(self.text)).collect();
        let report = json!({
            "valid": true,
            "rules": list.rules().len(),
            "warnings": warnings,
            "principalArns": principal_arns(list),
        });
        out!("{report:#}");
    }

    fn print_invalid(&self, error: &AllowlistError, as_json: bool) {
        let name = &self.name;
        if self.text.starts_with('\u{feff}') {
            err!("`{name}` begins with a byte order mark, which is not JSON: save the file without one.");
        }
        let remark = Remark::of_error(error);
        if as_json {
            out!("{:#}", json!({"valid": false, "error": remark.to_json(self.text)}));
            return;
        }
        self.print_remark(Level::ERROR, &remark);
        out!("`{name}` is not valid: nothing would be granted with it.");
    }

    /// Prints a remark below the lines of the list that it is about.
    fn print_remark(&self, level: Level<'_>, remark: &Remark) {
        let title = level.primary_title(remark.text.as_str());
        let report = match remark.range(self.text) {
            Some(range) => {
                let annotation = AnnotationKind::Primary.span(range).label(remark.path.as_str());
                title.element(Snippet::source(self.text).path(self.name.as_str()).annotation(annotation))
            }
            None => title.element(Origin::path(self.name.as_str())),
        };
        out!("{}\n", Renderer::styled().render(&[report]));
    }
}

/// Returns a number with its noun, such as `2 rules`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns the principals that grants may go to, for the template's parameter. A rule that only notifies needs no permission to
/// write.
///
/// The parameter's values are separated by commas. A comma in a name becomes `?`, the wildcard for one character.
fn principal_arns(list: &Allowlist) -> BTreeSet<String> {
    let granting = list.rules().iter().filter(|rule| rule.action() == RuleAction::Grant);
    granting.flat_map(|rule| rule.principals()).map(|pattern| pattern.as_str().replace(',', "?")).collect()
}
