//! The log lines that metric filters and alarms read: outcomes, errors, and failed starts.
//!
//! Each is one line of flat JSON, written whatever the log's format and level, since it records what was done.

use remediator_core::outcome::Outcome;
use remediator_core::rfc3339;
use serde::Serialize;
use std::io::Write;
use std::time::{Duration, SystemTime};

/// The `message` of a failed start, and of a runtime that ended.
pub const CANNOT_START: &str = "the function cannot start, or cannot go on";

/// An event that was handled.
#[derive(Debug, Clone, Copy)]
pub struct HandledEvent<'a> {
    /// The invocation's id.
    pub request_id: &'a str,
    /// How long handling it took.
    pub duration: Duration,
    /// The time at which that ended.
    pub ended_at: SystemTime,
}

/// Logs the outcome of an event: `"message": "outcome"` and the fields of the outcome.
pub fn write_outcome(log: &mut impl Write, event: &HandledEvent<'_>, outcome: &Outcome) {
    let line = OutcomeLine {
        level: "INFO",
        message: "outcome",
        request_id: event.request_id,
        duration_ms: milliseconds(event.duration),
        since_denial_ms: milliseconds_since(outcome.event_time.as_deref(), event.ended_at),
        outcome,
    };
    write_line(log, &line);
}

/// Logs the error of an event, after which Lambda retries the event.
pub fn write_error(log: &mut impl Write, event: &HandledEvent<'_>, code: &str, error: &str) {
    let line = ErrorLine {
        level: "ERROR",
        message: "the event is to be tried again",
        request_id: Some(event.request_id),
        duration_ms: milliseconds(event.duration),
        code,
        error,
    };
    write_line(log, &line);
}

/// Logs the error that ends the process.
pub fn write_fatal_error(log: &mut impl Write, code: &str, error: &str) {
    let (level, message) = ("ERROR", CANNOT_START);
    write_line(log, &ErrorLine { level, message, request_id: None, duration_ms: None, code, error });
}

/// An unknown value is left out: a metric filter could take null for a value.
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
    code: &'a str,
    error: &'a str,
}

fn write_line(log: &mut impl Write, line: &impl Serialize) {
    match serde_json::to_string(line) {
        // Unlike println!, does not end the process if the log cannot be written.
        Ok(line) => drop(writeln!(log, "{line}")),
        Err(error) => tracing::error!(error = %error, "a line cannot be logged"),
    }
}

/// Returns the milliseconds from the denial to `end`. `None` if the event states no time, or one after `end`.
fn milliseconds_since(event_time: Option<&str>, end: SystemTime) -> Option<u64> {
    milliseconds(end.duration_since(rfc3339::parse(event_time?)?).ok()?)
}

fn milliseconds(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use remediator_core::incoming::facts::Facts;
    use remediator_core::outcome::{Report, Verdict};
    use remediator_core::reason::{Reason, Refusal};
    use serde_json::{Value, json};

    fn handled_event() -> HandledEvent<'static> {
        // 2026-09-14T23:18:59.250Z
        let ended_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_789_427_939_250);
        HandledEvent { request_id: "7f", duration: Duration::from_micros(3_042_900), ended_at }
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
        write_outcome(&mut log, &handled_event(), &outcome);
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
        let error = "the function timed out while a\nb";
        write_error(&mut log, &handled_event(), "OutOfTime", error);
        let message = "the event is to be tried again";
        let expected = json!({ "level": "ERROR", "message": message, "requestId": "7f", "durationMs": 3_042,
            "code": "OutOfTime", "error": error });
        assert_eq!(only_line(log), expected);
    }

    #[test]
    fn what_ends_the_process_has_a_code() {
        let mut log = Vec::new();
        write_fatal_error(&mut log, "BadConfiguration", "a\nb");
        let expected =
            json!({ "level": "ERROR", "message": CANNOT_START, "code": "BadConfiguration", "error": "a\nb" });
        assert_eq!(only_line(log), expected);
    }
}
