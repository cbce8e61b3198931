//! The events that a person has at hand: files, the standard input, CloudTrail's own log files, pasted messages.
//!
//! Each becomes the payload that the function would get for it. What is wrapped or made up for that is said in a note, so
//! that nobody takes it for what EventBridge delivered.

use crate::args::Events;
use crate::output::err;
use crate::pasted;
use crate::problem::Problem;
use lambda_invoke_remediator::event::Payload;
use lambda_invoke_remediator::principal::Principal;
use serde_json::{Value, json};
use std::io::{IsTerminal, Read};
use std::path::Path;

/// One event, and where it comes from.
#[derive(Debug)]
pub(crate) struct Event {
    /// The file, and the place in it where it holds several.
    pub(crate) name: String,
    /// What the function would get.
    pub(crate) payload: Payload,
    /// What was done to it to get there.
    pub(crate) note: Option<&'static str>,
}

const RECORD: &str = "a CloudTrail record: taken as EventBridge would deliver it";

/// Reads all that is named, or the standard input.
pub(crate) fn read(args: &Events) -> Result<Vec<Event>, Problem> {
    let from_input = vec!["-".into()];
    let paths = if args.events.is_empty() { &from_input } else { &args.events };
    let mut events = Vec::new();
    for path in paths {
        let (name, bytes) = match path.to_str() {
            Some("-") => ("standard input".to_owned(), read_input(path)?),
            Some(_) | None => {
                let bytes = std::fs::read(path).map_err(|error| Problem::of_file(path, &error))?;
                (path.display().to_string(), bytes)
            }
        };
        events.extend(from_bytes(&name, &bytes, args.principal.as_ref()));
    }
    Ok(events)
}

fn read_input(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        err!("Paste an event or an error message, then press Ctrl-D on a line of its own.");
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| Problem::of_file(path, &error))?;
    Ok(bytes)
}

fn from_bytes(name: &str, bytes: &[u8], role: Option<&Principal>) -> Vec<Event> {
    let one = |payload, note| vec![Event { name: name.to_owned(), payload, note }];
    match Payload::from_slice(bytes) {
        Payload::Json(value) => from_json(name, value, role),
        Payload::NotJson(why) => {
            match std::str::from_utf8(bytes).ok().and_then(|text| pasted::event(text, role)) {
                Some((event, note)) => one(Payload::Json(event), Some(note)),
                None => one(Payload::NotJson(why), None),
            }
        }
        unreadable @ Payload::Unreadable(_) => one(unreadable, None),
    }
}

fn from_json(name: &str, value: Value, role: Option<&Principal>) -> Vec<Event> {
    let one = |payload, note| vec![Event { name: name.to_owned(), payload: Payload::Json(payload), note }];
    match value {
        Value::Object(mut fields) if fields.get("Records").is_some_and(Value::is_array) => {
            let records = fields.remove("Records").and_then(|records| match records {
                Value::Array(records) => Some(records),
                _ => None,
            });
            let events = records.unwrap_or_default().into_iter().enumerate().map(|(index, record)| Event {
                name: format!("{name} Records[{index}]"),
                payload: Payload::Json(wrapped(record)),
                note: Some(RECORD),
            });
            events.collect()
        }
        Value::Object(fields) if fields.contains_key("eventSource") && !fields.contains_key("detail") => {
            one(wrapped(Value::Object(fields)), Some(RECORD))
        }
        Value::Object(fields) if !fields.contains_key("detail") => {
            match fields
                .get("errorMessage")
                .and_then(Value::as_str)
                .and_then(|text| pasted::event(text, role))
            {
                Some((event, note)) => one(event, Some(note)),
                None => one(Value::Object(fields), None),
            }
        }
        Value::String(text) => match pasted::event(&text, role) {
            Some((event, note)) => one(event, Some(note)),
            None => one(Value::String(text), None),
        },
        other => one(other, None),
    }
}

/// A record in the envelope that EventBridge puts around it.
///
/// See <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>.
fn wrapped(record: Value) -> Value {
    json!({
        "source": "aws.lambda",
        "detail-type": "AWS API Call via CloudTrail",
        "account": record.get("recipientAccountId"),
        "region": record.get("awsRegion"),
        "time": record.get("eventTime"),
        "resources": [],
        "detail": record,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Event> {
        from_bytes("x", text.as_bytes(), None)
    }

    fn json_of(event: &Event) -> &Value {
        match &event.payload {
            Payload::Json(value) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_stay_as_they_are() {
        for text in [
            r#"{"detail":{"eventSource":"lambda.amazonaws.com"}}"#,
            "{}",
            "[]",
            "null",
            r#"{"Records":1}"#,
            "\"x\"",
        ] {
            let [event] = &read(text)[..] else { panic!("{text}") };
            assert_eq!(json_of(event).to_string(), text);
            assert_eq!(event.note, None);
        }
        assert!(matches!(read("no JSON")[0].payload, Payload::NotJson(_)));
        assert!(matches!(from_bytes("x", b"\xff", None)[0].payload, Payload::NotJson(_)));
    }

    #[test]
    fn records_are_wrapped_each_by_itself() {
        let record = json!({"eventSource": "lambda.amazonaws.com", "recipientAccountId": "281502313273", "awsRegion": "us-east-1"});
        let many = read(&json!({"Records": [record, 5]}).to_string());
        let names: Vec<&str> = many.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["x Records[0]", "x Records[1]"]);
        for event in [&many[0], &read(&record.to_string())[0]] {
            assert_eq!(json_of(event)["detail"], record);
            assert_eq!(json_of(event)["account"], "281502313273");
            assert_eq!(event.note, Some(RECORD));
        }
    }
}
