//! The events that a person has at hand: files, the standard input, CloudTrail's own log files, pasted messages.
//!
//! Each becomes the payload that the function would get for it, and is read by the function's own code: JSON as it is, anything
//! else as a text, as somebody gives it to the function in a JSON string.

use crate::args::Events;
use crate::output::err;
use crate::problem::Problem;
use flate2::read::MultiGzDecoder;
use remediator_core::incoming::payload::Payload;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;
use std::io::{IsTerminal, Read};
use std::path::Path;

/// One event, and where it comes from.
#[derive(Debug)]
pub(crate) struct Event {
    /// The file, and the place in it where it holds several.
    pub(crate) name: String,
    /// What the function would get.
    pub(crate) payload: Payload,
    /// What was done to it to get there, or what is wrong with it.
    pub(crate) note: Option<String>,
}

const RECORD: &str = "a CloudTrail record, without EventBridge's envelope";
const LIST: &str = "a list: the function takes one event at a time, and a list for one text";
/// CloudTrail's log files are far smaller.
const MAX_UNPACKED_BYTES: u64 = 512 * 1024 * 1024;

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
        let bytes = unpacked(bytes).map_err(|error| Problem::of_file(path, &error))?;
        events.extend(from_bytes(&name, &bytes));
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
    match bytes.is_empty() {
        true => Err(Problem::new(
            "the standard input is empty: name files with events, or paste an error message",
        )),
        false => Ok(bytes),
    }
}

/// CloudTrail's log files are packed.
fn unpacked(bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes.as_slice()).take(MAX_UNPACKED_BYTES).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

fn from_bytes(name: &str, bytes: &[u8]) -> Vec<Event> {
    // Editors on Windows write a byte order mark, which is no part of the text.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let one = |payload, note| vec![Event { name: name.to_owned(), payload, note }];
    let text = &*decoded(bytes);
    // The limits on an event are those of the JSON in which somebody gives a text to the function.
    let pasted = |note| one(Payload::from_slice(json!(text).to_string().as_bytes()), note);
    if let Some(records) = records(text) {
        let named = records.into_iter().enumerate();
        let event = |(index, record): (usize, &RawValue)| Event {
            name: format!("{name} Records[{index}]"),
            payload: Payload::from_slice(record.get().as_bytes()),
            note: Some(RECORD.to_owned()),
        };
        return named.map(event).collect();
    }
    // One event on each line, as log tools write them. Lines that are no events are one text.
    let values: Result<Vec<&RawValue>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let payloads = |values: Vec<&RawValue>| -> Vec<Payload> {
        values.iter().map(|value| Payload::from_slice(value.get().as_bytes())).collect()
    };
    match values.map(payloads) {
        Ok(payloads) if payloads.len() > 1 && payloads.iter().all(is_event) => {
            let event = |(index, payload)| from_payload(format!("{name} [{index}]"), payload);
            payloads.into_iter().enumerate().map(event).collect()
        }
        Ok(_) | Err(_) => match Payload::from_slice(text.as_bytes()) {
            // As the function gets it from somebody who puts it into JSON for it.
            Payload::NotJson(why) => {
                let looks_so = text.trim_start().starts_with(['{', '[', '"']);
                let note = looks_so.then(|| format!("it is not JSON, and so a text: {why}"));
                pasted(note)
            }
            payload => vec![from_payload(name.to_owned(), payload)],
        },
    }
}

/// The text of a file: UTF-8, or what PowerShell writes on Windows. What is neither costs a character, and not the text.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            rest.chunks_exact(2).filter_map(|pair| Some(unit(pair.try_into().ok()?))).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes),
    }
}

/// The records of a log file, each as its text: the limits on an event are those of one record. What has a `detail` is an
/// event to the function, whatever else it holds.
fn records(text: &str) -> Option<Vec<&RawValue>> {
    let fields: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    if fields.contains_key("detail") {
        return None;
    }
    serde_json::from_str(fields.get("Records")?.get()).ok()
}

fn from_payload(name: String, payload: Payload) -> Event {
    let note = match &payload {
        Payload::Json(Value::Array(_)) => Some(LIST),
        Payload::Json(value) if is_record(value) => Some(RECORD),
        Payload::Json(_) | Payload::Unreadable(_) | Payload::NotJson(_) => None,
    };
    Event { name, payload, note: note.map(str::to_owned) }
}

/// Whether it is one of several events, and not a line of a log.
fn is_event(payload: &Payload) -> bool {
    match payload {
        Payload::Json(value) => {
            is_record(value) || ["detail", "awslogs"].iter().any(|key| value.get(key).is_some())
        }
        Payload::Unreadable(_) => true,
        Payload::NotJson(_) => false,
    }
}

/// Whether it is CloudTrail's record without the envelope that EventBridge puts around it.
fn is_record(value: &Value) -> bool {
    value.get("detail").is_none() && value.get("eventSource").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Event> {
        from_bytes("x", text.as_bytes())
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
            "null",
            r#"{"Records":1}"#,
            r#"{"Records":[],"detail":{}}"#,
            "\"x\"",
        ] {
            let [event] = &read(text)[..] else { panic!("{text}") };
            assert_eq!(json_of(event).to_string(), text);
            assert_eq!(event.note, None);
        }
        assert_eq!(json_of(&from_bytes("x", b"\xffx")[0]), &json!("\u{fffd}x"));
        assert_eq!(json_of(&from_bytes("x", b"\xff\xfex\0y\0")[0]), &json!("xy"));
        assert_eq!(json_of(&from_bytes("x", b"\xfe\xff\0x\0y")[0]), &json!("xy"));
    }

    /// The function gets it in a JSON string from whoever pastes it, and reads it with the same code.
    #[test]
    fn what_is_no_json_is_a_text_whatever_it_begins_with() {
        for text in [
            "no JSON",
            "[ERROR] clip failed",
            "[2026-09-14, 00:10:09 UTC] {taskinstance.py:2890} ERROR",
            "{\n  clip: 7,\n",
            "\"quoted\" and more",
            "{\"level\": \"INFO\"}\nand a line",
            "{\"level\": \"INFO\"}\n{\"level\": \"ERROR\"}",
        ] {
            let [event] = &read(text)[..] else { panic!("{text}") };
            assert_eq!(json_of(event), &json!(text));
            assert_eq!(event.note.is_some(), text != "no JSON", "{text}");
        }
        let [event] = &read("\u{feff}{\"detail\":1}")[..] else { panic!() };
        assert_eq!(json_of(event), &json!({"detail": 1}));
    }

    #[test]
    fn every_line_and_every_record_is_an_event() {
        let names = |text: &str| read(text).into_iter().map(|event| event.name).collect::<Vec<_>>();
        assert_eq!(names("{\"detail\":1}\n{\"detail\":2}\n"), ["x [0]", "x [1]"]);
        // Each is small enough, all together are not.
        let record = json!({"eventSource": "x", "long": "y".repeat(600_000)});
        let many = read(&json!({"Records": [record, record, record]}).to_string());
        assert_eq!(many.len(), 3);
        assert!(many.iter().all(|event| matches!(event.payload, Payload::Json(_))));
    }

    #[test]
    fn the_message_is_found_in_whatever_an_sdk_makes_of_it() {
        let message =
            "User: arn:aws:iam::281502313273:user/a is not authorized to perform: lambda:InvokeFunction";
        for value in [
            json!(message),
            json!({"Message": message}),
            json!({"name": "AccessDeniedException", "message": message, "$fault": "client"}),
            json!({"Error": "Lambda.AccessDeniedException", "Cause": format!("{message} (Service: Lambda)")}),
            json!({"error": {"Code": "x", "errorMessage": message}}),
        ] {
            let [event] = &read(&value.to_string())[..] else { panic!("{value}") };
            let [event] = &remediator_core::incoming::read(&event.payload).into_events()[..] else {
                panic!()
            };
            assert_eq!(
                event.facts().principal.as_deref(),
                Some("arn:aws:iam::281502313273:user/a"),
                "{value}"
            );
        }
    }

    #[test]
    fn records_are_taken_each_by_itself() {
        let record = json!({"eventSource": "lambda.amazonaws.com", "recipientAccountId": "281502313273", "awsRegion": "us-east-1"});
        let many = read(&json!({"Records": [record, 5]}).to_string());
        let names: Vec<&str> = many.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["x Records[0]", "x Records[1]"]);
        for event in [&many[0], &read(&record.to_string())[0]] {
            assert_eq!(json_of(event), &record);
            assert_eq!(event.note.as_deref(), Some(RECORD));
        }
    }
}
