//! The events that a person has at hand: files, the standard input, CloudTrail's log files, pasted messages.
//!
//! Each becomes the payload that the function would get for it: JSON as written, anything else as a JSON string that holds the
//! text, which is how somebody gives a text to the function.

use crate::input::{display_name, is_standard_input};
use crate::problem::Problem;
use crate::ui::output::err;
use flate2::read::MultiGzDecoder;
use remediator_core::incoming::payload::Payload;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// One payload, and where it comes from.
#[derive(Debug)]
pub(crate) struct GivenEvent {
    /// The file, and the place in it where it holds several.
    pub(crate) name: String,
    /// The payload that the function would be invoked with.
    pub(crate) payload: Payload,
    /// What the reader should know: how the payload differs from an EventBridge event.
    pub(crate) note: Option<String>,
}

const RECORD: &str = "a CloudTrail record, without EventBridge's envelope";
const LIST: &str = "a list: the function takes one event at a time, and reads a list as one text";
/// The most that a packed file may hold: far more than CloudTrail's log files do.
const MAX_UNPACKED_BYTES: u64 = 512 * 1024 * 1024;
/// The first bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the named files, or the standard input where none is named.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<GivenEvent>, Problem> {
    let standard_input = [PathBuf::from("-")];
    let paths = if paths.is_empty() { &standard_input } else { paths };
    let mut events = Vec::new();
    for path in paths {
        let bytes = match is_standard_input(path) {
            true => read_standard_input(path)?,
            false => std::fs::read(path).map_err(|error| Problem::of_file(path, &error))?,
        };
        let bytes = unpack(bytes).map_err(|error| Problem::of_file(path, &error))?;
        events.extend(split(&display_name(path), &bytes));
    }
    Ok(events)
}

fn read_standard_input(path: &Path) -> Result<Vec<u8>, Problem> {
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

/// Unpacks a file if it is packed, as CloudTrail's log files are.
fn unpack(bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    if !bytes.starts_with(&GZIP_MAGIC) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes.as_slice()).take(MAX_UNPACKED_BYTES).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// Splits a file into events: CloudTrail's records, lines with an event each, or the whole as one event or text.
fn split(name: &str, bytes: &[u8]) -> Vec<GivenEvent> {
    // Editors on Windows write a byte order mark, which does not belong to the text.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = &*decode(bytes);
    if let Some(records) = records(text) {
        let event = |(index, record): (usize, &RawValue)| GivenEvent {
            name: format!("{name} Records[{index}]"),
            payload: Payload::from_slice(record.get().as_bytes()),
            note: Some(RECORD.to_owned()),
        };
        return records.into_iter().enumerate().map(event).collect();
    }
    if let Some(events) = events_on_lines(text) {
        let event = |(index, payload)| of_payload(format!("{name} [{index}]"), payload);
        return events.into_iter().enumerate().map(event).collect();
    }
    vec![match Payload::from_slice(text.as_bytes()) {
        Payload::NotJson(why) => of_text(name.to_owned(), text, &why),
        payload => of_payload(name.to_owned(), payload),
    }]
}

/// Decodes UTF-8, or what PowerShell writes on Windows. A byte that is neither costs a character, not the text.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let decode_units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            rest.chunks_exact(2).filter_map(|pair| Some(unit(pair.try_into().ok()?))).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => decode_units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => decode_units(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes),
    }
}

/// Returns the records of a CloudTrail log file, each as its text: the limits on an event hold for one record.
///
/// An object with a `detail` is an event to the function, whatever else it holds.
fn records(text: &str) -> Option<Vec<&RawValue>> {
    let fields: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    if fields.contains_key("detail") {
        return None;
    }
    serde_json::from_str(fields.get("Records")?.get()).ok()
}

/// Returns the events of a file with one on each line, as log tools write them. Lines that are not events are one text.
fn events_on_lines(text: &str) -> Option<Vec<Payload>> {
    let values: Result<Vec<&RawValue>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let values = values.ok()?.into_iter().map(|value| Payload::from_slice(value.get().as_bytes()));
    let payloads: Vec<Payload> = values.collect();
    (payloads.len() > 1 && payloads.iter().all(is_event)).then_some(payloads)
}

/// Returns the event of JSON that is taken as written.
fn of_payload(name: String, payload: Payload) -> GivenEvent {
    let note = match &payload {
        Payload::Json(Value::Array(_)) => Some(LIST),
        Payload::Json(value) if is_record(value) => Some(RECORD),
        Payload::Json(_) | Payload::Unreadable(_) | Payload::NotJson(_) => None,
    };
    GivenEvent { name, payload, note: note.map(str::to_owned) }
}

/// Returns the event of a text: a JSON string, so that the limits on an event hold for that. `why` says why it is not JSON.
fn of_text(name: String, text: &str, why: &str) -> GivenEvent {
    let looks_like_json = text.trim_start().starts_with(['{', '[', '"']);
    let note = looks_like_json.then(|| format!("it is not JSON, so it is read as a text: {why}"));
    GivenEvent { name, payload: Payload::from_slice(json!(text).to_string().as_bytes()), note }
}

/// Whether a payload is one of several events, and not a line of a log.
fn is_event(payload: &Payload) -> bool {
    match payload {
        Payload::Json(value) => {
            is_record(value) || ["detail", "awslogs"].iter().any(|key| value.get(key).is_some())
        }
        Payload::Unreadable(_) => true,
        Payload::NotJson(_) => false,
    }
}

/// Whether a value is a CloudTrail record without EventBridge's envelope.
fn is_record(value: &Value) -> bool {
    value.get("detail").is_none() && value.get("eventSource").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<GivenEvent> {
        split("x", text.as_bytes())
    }

    fn json_of(event: &GivenEvent) -> &Value {
        match &event.payload {
            Payload::Json(value) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn json_is_taken_as_written() {
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
        assert_eq!(json_of(&split("x", b"\xffx")[0]), &json!("\u{fffd}x"));
        assert_eq!(json_of(&split("x", b"\xff\xfex\0y\0")[0]), &json!("xy"));
        assert_eq!(json_of(&split("x", b"\xfe\xff\0x\0y")[0]), &json!("xy"));
    }

    /// Whoever pastes it gives it to the function in a JSON string, and the function reads it with the same code.
    #[test]
    fn text_that_is_not_json_is_a_text_whatever_it_begins_with() {
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
    fn the_message_is_found_in_the_error_of_any_sdk() {
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
    fn each_record_is_an_event_of_its_own() {
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
