//! Reading of the unpacked JSON, one log event at a time: a malformed entry does not spoil the others.
//!
//! `policyLevel`, which distinguishes an account's policy from a log group's own filter, changes nothing and is not read.
//! See <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html> for the fields.

use crate::incoming::log_batch::entry::{Malformed, read_entry, read_name};
use crate::incoming::log_batch::{LogBatch, MAX_EVENTS};
use crate::text::one_line;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt::{Formatter, Result as FormatResult};

/// The message type by which CloudWatch Logs checks whether it can reach its destination.
pub(super) const CONTROL_MESSAGE: &str = "CONTROL_MESSAGE";
pub(super) const DATA_MESSAGE: &str = "DATA_MESSAGE";

/// A reader of one batch. It keeps what it has read when an error stops it.
#[derive(Default)]
pub(super) struct BatchReader {
    batch: LogBatch,
    message_type: Option<String>,
    seen: Vec<Field>,
    /// The number of entries, including those beyond [`MAX_EVENTS`].
    entries: usize,
    /// A clause about the first malformed or repeated value.
    malformed: Option<String>,
}

/// The keys that are read.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    MessageType,
    Owner,
    LogGroup,
    LogEvents,
    #[serde(other)]
    Other,
}

impl BatchReader {
    /// Reads the unpacked JSON.
    ///
    /// # Errors
    ///
    /// The JSON is damaged; what stands before the damage has been read.
    pub(super) fn read(&mut self, json: &[u8]) -> serde_json::Result<()> {
        let mut json = serde_json::Deserializer::from_slice(json);
        Document(self).deserialize(&mut json)?;
        json.end()
    }

    /// Returns the batch. `damage` is why not all of it was read, if it was not.
    pub(super) fn finish(self, damage: Option<String>) -> LogBatch {
        let Self { mut batch, message_type, seen, entries, malformed } = self;
        let kind = message_type.as_deref().unwrap_or(DATA_MESSAGE);
        let is_control = kind == CONTROL_MESSAGE;
        batch.unread = if damage.is_some() {
            damage
        } else if entries > MAX_EVENTS {
            Some(format!("{entries} log events are more than the {MAX_EVENTS} that are read"))
        } else if !is_control && !seen.contains(&Field::LogEvents) {
            Some("it has no `logEvents`".to_owned())
        } else if !is_control && kind != DATA_MESSAGE {
            Some(format!("`messageType` is `{}`", one_line(kind, 64)))
        } else {
            malformed
        };
        if is_control {
            // Its one event is a greeting of CloudWatch Logs, and not a log line.
            batch.events.clear();
        }
        batch
    }

    /// Keeps the text of a field. A repeated field is ambiguous, and none of its texts is kept.
    fn add_text(&mut self, field: Field, value: &RawValue) {
        let (name, slot) = match field {
            Field::MessageType => ("messageType", &mut self.message_type),
            Field::Owner => ("owner", &mut self.batch.owner),
            Field::LogGroup => ("logGroup", &mut self.batch.log_group),
            Field::LogEvents | Field::Other => return,
        };
        *slot = None;
        if self.seen.contains(&field) {
            self.malformed.get_or_insert_with(|| repeated(name));
            return;
        }
        self.seen.push(field);
        match read_name(Some(value)) {
            Ok(text) => *slot = text,
            Err(_) => {
                self.malformed.get_or_insert_with(|| malformed(name));
            }
        }
    }

    /// Keeps one entry, malformed or not.
    fn add_entry(&mut self, entry: &RawValue) {
        let (event, problem) = read_entry(entry);
        if let Some(Malformed(field)) = problem {
            let place = self.batch.events.len();
            self.malformed.get_or_insert_with(|| malformed(&format!("logEvents[{place}]{field}")));
        }
        self.batch.events.push(event);
    }
}

fn malformed(path: &str) -> String {
    format!("`{path}` has a form that CloudWatch Logs does not write")
}

fn repeated(name: &str) -> String {
    format!("`{name}` is there more than once")
}

/// The unpacked JSON, an object.
struct Document<'a>(&'a mut BatchReader);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut Formatter<'_>) -> FormatResult {
        formatter.write_str("an object with `logEvents`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(reader) = self;
        while let Some(field) = map.next_key()? {
            match field {
                Field::LogEvents => map.next_value_seed(Entries(&mut *reader))?,
                Field::Other => map.next_value::<IgnoredAny>().map(drop)?,
                Field::MessageType | Field::Owner | Field::LogGroup => {
                    reader.add_text(field, &map.next_value::<Box<RawValue>>()?);
                }
            }
        }
        Ok(())
    }
}

/// The list `logEvents`.
struct Entries<'a>(&'a mut BatchReader);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut Formatter<'_>) -> FormatResult {
        formatter.write_str("a list of log events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(reader) = self;
        if reader.seen.contains(&Field::LogEvents) {
            // Each entry stands for itself, so that both lists are read.
            reader.malformed.get_or_insert_with(|| repeated("logEvents"));
        } else {
            reader.seen.push(Field::LogEvents);
        }
        while reader.entries < MAX_EVENTS {
            let Some(entry) = list.next_element::<Box<RawValue>>()? else { return Ok(()) };
            reader.entries += 1;
            reader.add_entry(&entry);
        }
        // The others are counted, and what follows the list is still to be read.
        while list.next_element::<IgnoredAny>()?.is_some() {
            reader.entries += 1;
        }
        Ok(())
    }
}
