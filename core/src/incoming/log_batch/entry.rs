//! One entry of `logEvents`.

use crate::arn::is_account;
use crate::incoming::error_text::{escapes, fuzzy};
use crate::incoming::log_batch::{LineAccount, LogEvent};
use crate::rfc3339;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::value::RawValue;

/// The largest log event that is read, as JSON: CloudWatch Logs takes messages of at most 1 MB, and JSON's escapes make
/// them longer. While one is read there are up to three copies of it.
pub(super) const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// The longest id or name: CloudWatch Logs gives log groups and streams at most so many characters.
pub(super) const MAX_NAME_BYTES: usize = 512;

/// The end of the year 9999, the last that RFC 3339 can write.
pub(super) const MAX_MILLISECONDS: i64 = 253_402_300_799_999;

/// A value, not null, that CloudWatch Logs does not write; the text is its path in the entry.
pub(super) struct Malformed(pub(super) &'static str);

/// The fields of an entry that are read. Each value is still raw JSON, so that a malformed one does not spoil the others.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow, rename = "extractedFields")]
    extracted_fields: Option<&'a RawValue>,
}

/// The system field among `extractedFields` that is read. The fields that a filter pattern extracts stand beside it, of any size.
#[derive(Deserialize)]
struct ExtractedFields<'a> {
    #[serde(borrow, default, rename = "@aws.account", deserialize_with = "even_null")]
    account: Option<&'a RawValue>,
}

/// Reads a value that is present, null included: null is not an account.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Reads one entry, and names the first malformed value in it.
pub(super) fn read_entry(entry: &RawValue) -> (LogEvent, Option<Malformed>) {
    let json = entry.get();
    // Serde would take a list for the fields in their order.
    let is_readable = json.len() <= MAX_EVENT_BYTES && json.starts_with('{');
    let entry = is_readable.then(|| serde_json::from_str::<Entry<'_>>(json).ok()).flatten();
    let Some(Entry { id, timestamp, message, extracted_fields }) = entry else {
        return (LogEvent::default(), Some(Malformed("")));
    };
    let mut malformed = None;
    let mut or_malformed = |text: Result<Option<String>, serde_json::Error>, path| {
        text.unwrap_or_else(|_| {
            malformed.get_or_insert(Malformed(path));
            None
        })
    };
    let event = LogEvent {
        id: or_malformed(read_name(id), ".id"),
        time: or_malformed(read_time(timestamp), ".timestamp"),
        message: or_malformed(read_text(message), ".message").filter(|text| may_hold_a_denial(text)),
        account: read_account(extracted_fields),
    };
    if event.account == LineAccount::Malformed {
        malformed.get_or_insert(Malformed(".extractedFields.@aws.account"));
    }
    (event, malformed)
}

/// Reads the account of a line. A value that is not an object names no account, like an object without the field.
fn read_account(extracted_fields: Option<&RawValue>) -> LineAccount {
    let Some(json) = extracted_fields.map(RawValue::get).filter(|json| json.starts_with('{')) else {
        return LineAccount::Unstated;
    };
    match serde_json::from_str(json) {
        Ok(ExtractedFields { account: None }) => LineAccount::Unstated,
        Ok(ExtractedFields { account: Some(account) }) => match serde_json::from_str::<String>(account.get())
        {
            Ok(account) if is_account(&account) => LineAccount::Stated(account),
            Ok(_) | Err(_) => LineAccount::Malformed,
        },
        // The field stands there twice, or a key is not valid text.
        Err(_) => LineAccount::Malformed,
    }
}

fn read_text(value: Option<&RawValue>) -> serde_json::Result<Option<String>> {
    let text: Option<String> = value.map(|value| serde_json::from_str(value.get())).transpose()?.flatten();
    Ok(text.filter(|text| !text.is_empty()))
}

/// Reads a text of at most [`MAX_NAME_BYTES`].
pub(super) fn read_name(value: Option<&RawValue>) -> serde_json::Result<Option<String>> {
    match read_text(value)? {
        Some(name) if name.len() > MAX_NAME_BYTES => Err(Error::custom("it is too long")),
        name => Ok(name),
    }
}

/// Reads a time in milliseconds, and returns it as RFC 3339 writes it.
fn read_time(value: Option<&RawValue>) -> serde_json::Result<Option<String>> {
    let milliseconds: Option<i64> =
        value.map(|value| serde_json::from_str(value.get())).transpose()?.flatten();
    let Some(milliseconds) = milliseconds else { return Ok(None) };
    let time = (0..=MAX_MILLISECONDS).contains(&milliseconds).then(|| rfc3339::format(milliseconds));
    match time.flatten() {
        Some(time) => Ok(Some(time)),
        None => Err(Error::custom("it is not a time of RFC 3339")),
    }
}

/// Whether a text may hold a denial, in whatever state it is. This lets through more than is necessary:
/// [`ParsedText`](crate::incoming::error_text::parsed::ParsedText) reads the text itself.
fn may_hold_a_denial(text: &str) -> bool {
    let mut words = text.match_indices("authorized");
    let is_sentence =
        words.any(|(at, _)| text.get(..at).is_some_and(|before| before.trim_end().ends_with("not")));
    is_sentence || fuzzy::mentions_denied_invoke(&escapes::unescape(text), 0)
}
