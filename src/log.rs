//! What the function writes to its log about an event, beside the runtime's own lines.
//!
//! An outcome is logged whatever the log's format and level: it is the record of what was done.

use crate::handler::HandlerError;
use crate::outcome::Outcome;
use serde::Serialize;
use std::io::Write;

/// Logs how the way of an event ended.
pub fn write(log: &mut impl Write, request_id: &str, handled: &Result<Outcome, HandlerError>) {
    match handled {
        Ok(outcome) => write_outcome(log, request_id, outcome),
        Err(error) => {
            tracing::error!(request_id, code = error.code(), error = %error, "the event is to be tried again");
        }
    }
}

/// One line of JSON: `"message": "outcome"` and the fields of the outcome.
fn write_outcome(log: &mut impl Write, request_id: &str, outcome: &Outcome) {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Line<'a> {
        level: &'static str,
        message: &'static str,
        request_id: &'a str,
        #[serde(flatten)]
        outcome: &'a Outcome,
    }

    match serde_json::to_string(&Line { level: "INFO", message: "outcome", request_id, outcome }) {
        // Not println!: a log that cannot be written to must not end the process.
        Ok(line) => drop(writeln!(log, "{line}")),
        Err(error) => tracing::error!(error = %error, "the outcome cannot be logged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::Facts;
    use crate::outcome::Verdict;
    use crate::refusal::{Reason, Refusal};
    use serde_json::{Value, json};

    #[test]
    fn the_line_holds_the_outcome() {
        let facts = Facts { event_id: Some("a\nb\"c".to_owned()), ..Facts::default() };
        let verdict = Verdict::Refused(Refusal::new(Reason::OwnRole, "why"));
        let outcome = Outcome::new(&facts, &verdict, None);
        let mut log = Vec::new();
        write(&mut log, "7f", &Ok(outcome.clone()));
        let log = String::from_utf8(log).unwrap();
        assert_eq!(log.lines().count(), 1);
        let line: Value = serde_json::from_str(&log).unwrap();
        assert_eq!((&line["message"], &line["requestId"]), (&json!("outcome"), &json!("7f")));
        for (key, value) in json!(outcome).as_object().unwrap() {
            assert_eq!(&line[key], value);
        }
    }
}
