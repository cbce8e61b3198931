//! What the function writes to its log about an event, beside the runtime's own lines.
//!
//! An outcome and an error are logged whatever the log's format and level: they are the record of what was done, and the
//! template's metric filters and alarms read them. Hence each is one line of flat JSON.

use crate::allowlist_source::AllowlistUnreadable;
use crate::config::ConfigError;
use crate::handler::HandlerError;
use remediator_core::outcome::Outcome;
use remediator_core::rfc3339;
use serde::Serialize;
use std::error::Error;
use std::io::Write;
use std::time::{Duration, SystemTime};

/// One event's handling, as its end knows it.
#[derive(Debug, Clone, Copy)]
pub struct Handling<'a> {
    /// The invocation's id.
    pub request_id: &'a str,
    /// How long it took.
    pub took: Duration,
    /// When it was over.
    pub ended: SystemTime,
}

/// Logs how the way of an event ended: `"message": "outcome"` and the fields of the outcome, or a `code` and the error.
pub fn write(log: &mut impl Write, handling: &Handling<'_>, handled: Result<&Outcome, &HandlerError>) {
    let &Handling { request_id, took, ended } = handling;
    let duration_ms = milliseconds(took);
    match handled {
        Ok(outcome) => {
            let since_denial_ms = since(outcome.event_time.as_deref(), ended);
            let (level, message) = ("INFO", "outcome");
            write_line(
                log,
                &OutcomeLine { level, message, request_id, duration_ms, since_denial_ms, outcome },
            );
        }
        Err(error) => write_line(
            log,
            &ErrorLine {
                level: "ERROR",
                message: "the event is to be tried again",
                request_id: Some(request_id),
                duration_ms,
                code: error.code(),
                error: error.to_string(),
            },
        ),
    }
}

/// The `message` of what ends the process.
pub const CANNOT_START: &str = "the function cannot start, or cannot go on";

/// Logs what ends the process: what stopped the cold start, or the runtime.
pub fn write_failure(log: &mut impl Write, error: &(dyn Error + 'static)) {
    let line = ErrorLine {
        level: "ERROR",
        message: CANNOT_START,
        request_id: None,
        duration_ms: None,
        code: failure_code(error),
        error: error.to_string(),
    };
    write_line(log, &line);
}

/// Like [`HandlerError::code`]: a list that cannot be read has the same code, whenever that comes to light.
pub fn failure_code(error: &(dyn Error + 'static)) -> &'static str {
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        error.code()
    } else if error.is::<AllowlistUnreadable>() {
        "AllowlistUnreadable"
    } else {
        "RuntimeFailed"
    }
}

/// What is not known is left out: a null could be taken for a value by a metric filter.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutcomeLine<'a> {
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_denial_ms: Option<u64>,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorLine<'a> {
    level: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    code: &'static str,
    error: String,
}

fn write_line(log: &mut impl Write, line: &impl Serialize) {
    match serde_json::to_string(line) {
        // Not println!: a log that cannot be written to must not end the process.
        Ok(line) => drop(writeln!(log, "{line}")),
        Err(error) => tracing::error!(error = %error, "a line cannot be logged"),
    }
}

/// From the denial until then; unknown where the event has no time, or one that is still to come.
fn since(event_time: Option<&str>, then: SystemTime) -> Option<u64> {
    milliseconds(then.duration_since(rfc3339::parse(event_time?)?).ok()?)
}

fn milliseconds(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use remediator_core::incoming::facts::Facts;
    use remediator_core::outcome::{Report, Verdict};
    use remediator_core::reason::{Reason, Refusal};
    use serde_json::{Value, json};

    fn handling() -> Handling<'static> {
        // 2026-09-14T23:18:59.250Z
        let ended = SystemTime::UNIX_EPOCH + Duration::from_millis(1_789_427_939_250);
        Handling { request_id: "7f", took: Duration::from_micros(3_042_900), ended }
    }

    fn only_line(log: Vec<u8>) -> Value {
        let log = String::from_utf8(log).unwrap();
        assert_eq!(log.lines().count(), 1);
        serde_json::from_str(&log).unwrap()
    }

    fn line(facts: &Facts) -> (Value, Outcome) {
        let verdict = Verdict::Refused(Refusal::new(Reason::OwnRole, "why"));
        let outcome = Outcome::new(&Report::new(facts.clone(), verdict));
        let mut log = Vec::new();
        write(&mut log, &handling(), Ok(&outcome));
        (only_line(log), outcome)
    }

    #[test]
    fn the_line_holds_the_outcome() {
        let (line, outcome) = line(&Facts { event_id: Some("a\nb\"c".to_owned()), ..Facts::default() });
        assert_eq!((&line["message"], &line["requestId"]), (&json!("outcome"), &json!("7f")));
        assert_eq!(line["durationMs"], json!(3_042));
        for (key, value) in json!(outcome).as_object().unwrap() {
            assert_eq!(&line[key], value);
        }
    }

    #[test]
    fn the_time_since_the_denial_is_known_or_left_out() {
        let since = |time: Option<&str>| {
            let (line, _) = line(&Facts { event_time: time.map(str::to_owned), ..Facts::default() });
            line.get("sinceDenialMs").cloned()
        };
        assert_eq!(since(Some("2026-09-14T23:18:49Z")), Some(json!(10_250)));
        assert_eq!(since(Some("2026-09-14T23:19:00Z")), None);
        assert_eq!(since(Some("yesterday")), None);
        assert_eq!(since(None), None);
    }

    #[test]
    fn an_error_has_its_code() {
        let mut log = Vec::new();
        write(&mut log, &handling(), Err(&HandlerError::OutOfTime("a\nb".to_owned())));
        let error = "the function timed out while a\nb";
        let message = "the event is to be tried again";
        let expected = json!({ "level": "ERROR", "message": message, "requestId": "7f", "durationMs": 3_042,
            "code": "OutOfTime", "error": error });
        assert_eq!(only_line(log), expected);
    }

    #[test]
    fn what_ends_the_process_has_a_code() {
        let code = |error: &(dyn Error + 'static)| {
            let mut log = Vec::new();
            write_failure(&mut log, error);
            let line = only_line(log);
            assert_eq!(line["error"], json!(error.to_string()));
            line["code"].as_str().unwrap().to_owned()
        };
        let missing = |name: &str| {
            let get = |asked: &str| (asked != name).then(|| "ssm:/a".to_owned());
            Config::read(get).unwrap_err()
        };
        let (name, context) = ("/a".to_owned(), "no".to_owned());
        assert_eq!(code(&AllowlistUnreadable::Ssm { name, context }), "AllowlistUnreadable");
        assert_eq!(code(&missing("ALLOWLIST")), "AllowlistUnreadable");
        assert_eq!(code(&missing("TOPIC_ARN")), "BadConfiguration");
        assert_eq!(code(&std::io::Error::other("gone")), "RuntimeFailed");
    }
}
