//! Texts as people and programs left them, each with the right answer in `tests/real-texts/cases.json`: what is not whole
//! is refused, what is refused is told, and what is whole is read exactly.

use crate::arn::FunctionArn;
use crate::incoming::payload::Payload;
use crate::incoming::{self, Event};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const OWN_ACCOUNT: &str = "281502313273";

fn folder() -> PathBuf {
    std::env::var_os("REAL_TEXTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/real-texts"), PathBuf::from)
}

/// What would be granted, if the list admitted everybody to everything.
fn granted(payload: &Payload) -> Vec<(String, String)> {
    let grants = incoming::read(payload).into_events().into_iter().filter_map(|event| match event {
        Event::Denial(denial)
            if denial.cause().is_curable() && denial.function().account() == OWN_ACCOUNT =>
        {
            Some((denial.caller().arn().unwrap(), denial.function().to_string()))
        }
        Event::Denial(_) | Event::Refused(_) | Event::Ignored(_) => None,
    });
    grants.collect()
}

fn is_silent(payload: &Payload) -> bool {
    incoming::read(payload).into_events().iter().all(|event| matches!(event, Event::Ignored(_)))
}

/// As bytes of an invocation, and as a JSON string.
fn payloads(text: &str) -> Vec<Payload> {
    let as_text = Payload::Json(json!(text));
    match Payload::from_slice(text.as_bytes()) {
        Payload::NotJson(_) => vec![as_text],
        payload if text.contains("awslogs") => vec![payload],
        payload => vec![payload, as_text],
    }
}

#[test]
fn each_has_the_right_answer() {
    let cases: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap();
    let (mut wrong, mut refused) = (Vec::new(), Vec::new());
    for case in &cases {
        let [file, verdict, principal, function] =
            ["file", "verdict", "principal", "function"].map(|key| case[key].as_str().unwrap());
        let text = String::from_utf8_lossy(&std::fs::read(folder().join(file)).unwrap()).into_owned();
        for payload in payloads(&text) {
            let granted = granted(&payload);
            let unqualified = FunctionArn::parse(function).map_or(function.to_owned(), |arn| arn.to_string());
            let right = [(principal.to_owned(), unqualified)];
            let is_right = match verdict {
                "G" | "G?" => granted.is_empty() || granted == right,
                "R" | "I" => granted.is_empty(),
                other => panic!("{file}: {other}"),
            };
            if !is_right {
                wrong.push(format!("{file} ({verdict}): grants {granted:?}"));
            }
            if verdict != "I" && is_silent(&payload) {
                wrong.push(format!("{file} ({verdict}): is ignored"));
            }
            if verdict == "G" && granted.is_empty() {
                refused.push(format!("{file}: {:?}", incoming::read(&payload).into_events().first()));
            }
        }
    }
    assert!(wrong.is_empty() && refused.is_empty(), "wrong: {wrong:#?}\nrefused: {refused:#?}");
}
