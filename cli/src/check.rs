//! `remediator check`: whether an allowlist is valid, with the place where it is not, and what it may not be meant to say.

use crate::args::Check;
use crate::output::{err, out};
use crate::problem::Problem;
use crate::warnings::{Warning, warnings};
use crate::{NO, span};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use remediator_core::allowlist::{Allowlist, AllowlistError, RuleAction};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Read;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

/// Valid, but not as narrow as `--strict` wants it.
const WARNED: u8 = 3;

pub(crate) fn run(check: &Check) -> Result<ExitCode, Problem> {
    let text = read(&check.allowlist)?;
    let name = match check.allowlist.to_str() {
        Some("-") => "standard input".to_owned(),
        Some(_) | None => check.allowlist.display().to_string(),
    };
    let list = match Allowlist::parse(&text) {
        Ok(list) => list,
        Err(error) => {
            if text.starts_with('\u{feff}') {
                err!(
                    "`{name}` begins with a byte order mark, which is no part of JSON: save it without one."
                );
            }
            say_invalid(&name, &text, &error, check.json);
            return Ok(ExitCode::from(NO));
        }
    };
    let warnings = warnings(&list, &text);
    if check.json {
        let told: Vec<_> =
            warnings.iter().map(|warning| place(&text, &warning.path, None, &warning.text)).collect();
        let report = json!({
            "valid": true,
            "rules": list.rules().len(),
            "warnings": told,
            "principalArns": principal_arns(&list),
        });
        out!("{report:#}");
    } else {
        for warning in &warnings {
            show(Level::WARNING, &name, &text, span::of_path(&text, &warning.path), warning);
        }
        let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        out!(
            "`{name}` is valid: {}, {}.",
            count(list.rules().len(), "rule"),
            count(warnings.len(), "warning"),
        );
        let arns: Vec<String> = principal_arns(&list).into_iter().collect();
        out!("The template's PrincipalArns for it: {}", arns.join(","));
    }
    Ok(match check.strict && !warnings.is_empty() {
        true => ExitCode::from(WARNED),
        false => ExitCode::SUCCESS,
    })
}

/// Reads a list's file, or the standard input.
pub(crate) fn read(path: &Path) -> Result<String, Problem> {
    if path.to_str() == Some("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        return read.map(|_| text).map_err(|error| Problem::of_file(path, &error));
    }
    std::fs::read_to_string(path).map_err(|error| Problem::of_file(path, &error))
}

/// The principals that grants may go to; what rules only tell about needs no right to write. A name may hold a comma, which
/// stands between the values of the template's parameter; the wildcard for one character is as near as it gets.
fn principal_arns(list: &Allowlist) -> BTreeSet<String> {
    let granting = list.rules().iter().filter(|rule| rule.action() == RuleAction::Grant);
    granting.flat_map(|rule| rule.principals()).map(|pattern| pattern.as_str().replace(',', "?")).collect()
}

fn say_invalid(name: &str, text: &str, error: &AllowlistError, as_json: bool) {
    if as_json {
        let place = place(text, error.place(), error.position(), problem(error));
        out!("{:#}", json!({"valid": false, "error": place}));
        return;
    }
    let span = span_of(text, error.place(), error.position());
    let warning = Warning { path: error.place().to_owned(), text: problem(error).to_owned() };
    show(Level::ERROR, name, text, span, &warning);
    out!("`{name}` is not valid: nothing would be granted with it.");
}

/// The part itself where it is a text or a number; otherwise where the reading stopped.
fn span_of(text: &str, path: &str, position: Option<(usize, usize)>) -> Option<Range<usize>> {
    let part = span::of_path(text, path);
    let is_small =
        part.clone().and_then(|part| text.get(part)).is_some_and(|part| !part.starts_with(['{', '[']));
    match position {
        Some(position) if !is_small => Some(span::of_position(text, position)),
        Some(_) | None => part,
    }
}

/// What is wrong, without the position that serde_json adds: it is shown.
fn problem(error: &AllowlistError) -> &str {
    let problem = error.problem();
    match (error.position(), problem.rsplit_once(" at line ")) {
        (Some(_), Some((problem, _))) => problem,
        (_, _) => problem,
    }
}

fn place(text: &str, path: &str, position: Option<(usize, usize)>, what: &str) -> serde_json::Value {
    let start = span_of(text, path, position).map(|span| span.start);
    let before = start.and_then(|start| text.get(..start));
    let line = before.map(|before| before.matches('\n').count() + 1);
    let column = before.map(|before| before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    json!({"path": path, "line": line, "column": column, "problem": what})
}

fn show(level: Level<'_>, name: &str, text: &str, span: Option<Range<usize>>, warning: &Warning) {
    let title = level.primary_title(warning.text.as_str());
    let report = match span {
        Some(span) => {
            let annotation = AnnotationKind::Primary.span(span).label(warning.path.as_str());
            title.element(Snippet::source(text).path(name).annotation(annotation))
        }
        None => title.element(annotate_snippets::Origin::path(name)),
    };
    out!("{}\n", Renderer::styled().render(&[report]));
}
