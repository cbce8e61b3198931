//! Walks both tables against the schema, the documentation and the sample events, and names what is missing where.
//!
//! `UPDATE_EXPECTED=1 cargo test -p remediator-core` writes the documentation's tables.

use super::*;
use crate::incoming::message::{self, DenialKind, DeniedBy};
use crate::notice::layers::Layer;
use crate::outcome::json_name;
use crate::reason::table::NextSteps;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Held while a page is written: tests run at once, and two of them write the same page.
static PAGES: Mutex<()> = Mutex::new(());

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

/// The values of a key in all expected outcomes.
fn shown_by_events(key: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join("events/expected")).unwrap().map(|file| file.unwrap().path());
    let outcomes = files.flat_map(|file| {
        let reply: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        reply.as_array().cloned().unwrap_or_else(|| vec![reply])
    });
    outcomes.filter_map(|outcome| outcome[key].as_str().map(str::to_owned)).collect()
}

/// Compares the names that outcome.schema.json has for an enum with those of its variants.
fn assert_schema_names(definition: &str, names: impl Iterator<Item = String>) {
    let schema: Value = serde_json::from_str(&read("outcome.schema.json")).unwrap();
    let known = schema["$defs"][definition]["oneOf"].as_array().unwrap();
    let known: BTreeSet<&str> = known.iter().map(|name| name["const"].as_str().unwrap()).collect();
    let names: BTreeSet<String> = names.collect();
    for name in &names {
        assert!(known.contains(name.as_str()), "outcome.schema.json: no `{name}`: `make expected` writes it");
    }
    assert_eq!(known.len(), names.len(), "outcome.schema.json has more names than `{definition}`: {known:?}");
}

/// Compares the rows below a table's head with those that the code gives, or writes them.
fn assert_rows(file: &str, head: &str, rows: &[(String, String)]) {
    let _pages = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let text = read(file);
    let (before, rest) = text
        .split_once(&format!("{head}\n|---|---|\n"))
        .unwrap_or_else(|| panic!("{file} has no table {head}"));
    let shown: Vec<&str> = rest.lines().take_while(|line| line.starts_with('|')).collect();
    let wanted: Vec<String> = rows.iter().map(|(name, text)| format!("| `{name}` | {text} |")).collect();
    if std::env::var_os("UPDATE_EXPECTED").is_some() && shown != wanted {
        let after: Vec<&str> = rest.lines().skip(shown.len()).collect();
        let text = format!("{before}{head}\n|---|---|\n{}\n{}\n", wanted.join("\n"), after.join("\n"));
        let new = root().join(format!("target/{}.new", file.replace('/', "-")));
        std::fs::write(&new, text).unwrap();
        return std::fs::rename(&new, root().join(file)).unwrap();
    }
    for (wanted, (name, _)) in wanted.iter().zip(rows) {
        assert!(
            shown.contains(&wanted.as_str()),
            "{file}: `{name}` has no row, or another one: `make expected` writes it"
        );
    }
    for row in &shown {
        assert!(wanted.iter().any(|wanted| wanted == row), "{file}: nothing in the code has the row {row}");
    }
    assert_eq!(shown, wanted, "{file}: the rows have another order");
}

fn next_steps(reason: Reason) -> String {
    let row = reason.row();
    let mut text = match row.next_steps {
        NextSteps::Always(steps) => steps.join(" "),
        NextSteps::BySource { record, text, session } => {
            let session = session.map_or_else(String::new, |session| {
                format!(" **A session of a role:** {}", session.join(" "))
            });
            format!("**CloudTrail's record:** {} **A text:** {}{session}", record.join(" "), text.join(" "))
        }
        NextSteps::ByLayer => {
            return "Only whoever can change [the layer that denied](#layers) can do something about it."
                .to_owned();
        }
    };
    if row.docs != table::REFUSALS {
        let (_, page) = row.docs.split_once('/').unwrap();
        text.push_str(&format!(" [More about it]({})", page.strip_prefix("operations.md").unwrap_or(page)));
    }
    text
}

#[test]
fn each_reason_has_the_name_of_its_row() {
    for reason in Reason::ALL {
        assert_eq!(json_name(reason), reason.row().name);
    }
    assert_schema_names("Reason", Reason::ALL.iter().map(json_name));
}

#[test]
fn each_reason_is_documented() {
    let sentence = |reason: &Reason| (json_name(reason), reason.row().sentence.to_owned());
    let head = "| `reason` | the denial is not cured because |";
    assert_rows("README.md", head, &Reason::ALL.iter().map(sentence).collect::<Vec<_>>());
    let steps = |reason: &Reason| (json_name(reason), next_steps(*reason));
    let is_refused = |reason: &&Reason| reason.row().decided_by != DecidedBy::EventIgnored;
    let refused: Vec<_> = Reason::ALL.iter().filter(is_refused).map(steps).collect();
    assert_rows("docs/operations.md", "| `reason` | what to do |", &refused);
}

#[test]
fn each_anchor_of_the_documentation_leads_somewhere() {
    for reason in Reason::ALL {
        let docs = reason.row().docs;
        let (file, anchor) = docs.split_once('#').unwrap();
        let anchors: Vec<String> = read(file)
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-"))
            .collect();
        assert!(
            anchors.iter().any(|heading| heading == anchor),
            "`{}`: {docs} is no heading",
            json_name(reason)
        );
    }
}

#[test]
fn each_reason_is_shown() {
    let shown = shown_by_events("reason");
    let by_iam = read("tests/it/grants.rs");
    let pages = std::fs::read_dir(root().join("tests/e2e/ledger")).unwrap().map(|file| file.unwrap().path());
    let by_ledger: String = pages
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for reason in Reason::ALL {
        let name = json_name(reason);
        match reason.row().decided_by {
            DecidedBy::Event | DecidedBy::EventIgnored => {
                assert!(shown.contains(&name), "no file in events/ ends in `{name}`");
            }
            DecidedBy::Iam => {
                assert!(
                    !shown.contains(&name),
                    "a file in events/ ends in `{name}`, so it is not IAM's alone"
                );
                assert!(by_iam.contains(&format!("\"{name}\"")), "tests/it/grants.rs does not show `{name}`");
            }
            DecidedBy::Ledger => {
                assert!(
                    by_ledger.contains(&format!("\"{name}\"")),
                    "tests/e2e/ledger does not show `{name}`"
                );
            }
        }
    }
}

#[test]
fn each_layer_is_read_from_a_message() {
    const DENIED: &str = "User: arn:aws:iam::281502313273:user/u is not authorized to perform: lambda:InvokeFunction on resource: \
                          arn:aws:lambda:us-east-1:281502313273:function:fn";
    let cause = |clause: String| {
        let cause = message::parse(&format!("{DENIED} {clause}")).unwrap().cause;
        (cause.denied_by(), cause.denial())
    };
    for denied_by in DeniedBy::ALL {
        let name = json_name(denied_by);
        let is_stated = *denied_by != DeniedBy::Unstated;
        assert_eq!(
            !denied_by.wordings().is_empty(),
            is_stated,
            "`DeniedBy::wordings` has no words for `{name}`"
        );
        for words in denied_by.wordings() {
            for denial in DenialKind::ALL {
                let clause = match denial {
                    DenialKind::Implicit => {
                        format!("because no {words} allows the lambda:InvokeFunction action")
                    }
                    DenialKind::Explicit => format!("with an explicit deny in a {words}"),
                    DenialKind::Unstated => continue,
                };
                assert_eq!(cause(clause.clone()), (*denied_by, *denial), "{clause}");
            }
        }
    }
    assert_eq!(cause(String::new()), (DeniedBy::Unstated, DenialKind::Unstated));
}

#[test]
fn each_layer_is_documented_and_shown() {
    let row = |denied_by: &DeniedBy| {
        let Layer { owner, unread } = Layer::of(*denied_by);
        (json_name(denied_by), [Some(owner), unread].into_iter().flatten().collect::<Vec<_>>().join(" "))
    };
    let rows: Vec<_> = DeniedBy::ALL.iter().map(row).collect();
    assert_rows("docs/operations.md", "| `deniedBy` | what it is, and who can change it |", &rows);
    assert_schema_names("DeniedBy", DeniedBy::ALL.iter().map(json_name));
    assert_schema_names("DenialKind", DenialKind::ALL.iter().map(json_name));
    for (key, names) in [
        ("deniedBy", DeniedBy::ALL.iter().map(json_name).collect::<Vec<_>>()),
        ("denial", DenialKind::ALL.iter().map(json_name).collect()),
    ] {
        let shown = shown_by_events(key);
        for name in names {
            assert!(shown.contains(&name), "no file in events/ ends in `{key}` `{name}`");
        }
    }
}
