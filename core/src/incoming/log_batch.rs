//! What a subscription filter of CloudWatch Logs sends: a batch of log events, packed.
//!
//! The payload is `{"awslogs": {"data": "..."}}`, where the text is base64 of gzip of one JSON object. A [`LogBatch`]
//! repeats what that object says, as far as it can be read; it does not judge, and reading never fails. What is damaged,
//! too much or in a strange form is told in [`LogBatch::unread`], and what was read before it is kept.
//!
//! Log lines are written by anybody, and gzip packs a thousand bytes into one. So no more than a limit is unpacked, which is
//! read one log event at a time, and of an event nothing but its id, time and account is kept unless it may tell of a denial. The
//! type of `aws_lambda_events` is not used: it keeps whatever is unpacked, without a limit, and one entry in a strange form fails
//! the whole batch.
//!
//! A log group can hold lines of many accounts, where CloudWatch Logs centralizes them. Then the subscription filter's
//! `emitSystemFields` has each event say in `extractedFields` where its line comes from: what the batch says of itself is true
//! of the log group, and not of the line. `policyLevel`, which tells an account's policy from a log group's own filter, changes
//! nothing and is not read.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html> for the payload, and
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html> for its fields. The system fields are
//! those of <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>, and
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs_Centralization.html> tells how logs are centralized.

use crate::arn::is_account;
use crate::incoming::error_text::escapes;
use crate::incoming::error_text::mentions;
use crate::rfc3339;
use crate::text::one_line;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::{Formatter, Result as FormatResult};
use std::io::Read;

/// How much is unpacked, and with it about the most memory that reading takes: the smallest function has 128 MB. What is
/// packed is at most [`MAX_PAYLOAD_BYTES`](crate::incoming::cloudtrail::MAX_PAYLOAD_BYTES).
pub const MAX_UNPACKED_BYTES: usize = 32 * 1024 * 1024;

/// How many log events are read: as many as `PutLogEvents` takes at once.
///
/// See <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
pub const MAX_EVENTS: usize = 10_000;

/// The largest log event that is read, as JSON: CloudWatch Logs takes messages of at most 1 MB, and JSON's escapes make
/// them longer. While one is read there are up to three copies of it.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// The longest id or name: CloudWatch Logs gives log groups and streams at most so many characters.
const MAX_NAME_BYTES: usize = 512;

/// The end of the year 9999, the last that RFC 3339 can write.
const MAX_MILLISECONDS: i64 = 253_402_300_799_999;

/// The message type by which CloudWatch Logs tries whether its destination can be reached.
const CONTROL_MESSAGE: &str = "CONTROL_MESSAGE";
const DATA_MESSAGE: &str = "DATA_MESSAGE";

/// A batch of log events. Texts are the batch's own, not yet fit to be shown, and empty ones are left out.
///
/// One without events and without anything unread is a control message, or an empty list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogBatch {
    /// `owner`: the account of the log group.
    pub owner: Option<String>,
    /// `logGroup`.
    pub log_group: Option<String>,
    /// `logStream`.
    pub log_stream: Option<String>,
    /// `logEvents`, one for each entry that was read, in whatever form.
    pub events: Vec<LogEvent>,
    /// Why the rest was not read, where something was not: a clause on one line, fit to be shown. Of several reasons it is
    /// the one that hides most.
    pub unread: Option<String>,
}

/// One entry of `logEvents`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogEvent {
    /// `id`.
    pub id: Option<String>,
    /// `timestamp`, as RFC 3339 writes it.
    pub time: Option<String>,
    /// The account that the line comes from.
    pub account: LineAccount,
    /// `message`, where it may tell of a denial. Other messages are not kept.
    pub message: Option<String>,
}

/// What a log event says of the account that its line comes from, in `@aws.account` of its `extractedFields`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LineAccount {
    /// Nothing. Then it is that of the log group.
    #[default]
    Unstated,
    /// An account id, twelve digits.
    Stated(String),
    /// The field is there, and is no account id: whose line it is cannot be told.
    Strange,
}

impl LogBatch {
    /// Reads the payload of a subscription; `None` where `event` is something else.
    pub fn read(event: &Value) -> Option<Self> {
        let data = event.get("awslogs")?.get("data")?.as_str()?;
        let mut reading = Reading::default();
        let damage = match base64_simd::forgiving_decode_to_vec(data.as_bytes()) {
            Ok(packed) => reading.unpack(&packed).err(),
            Err(_) => Some("`awslogs.data` is not base64".to_owned()),
        };
        Some(reading.end(damage))
    }
}

/// Whether a text may tell of a denial, in whatever state it is. More lets it through than it has to: what a message says is
/// [`sentences`](crate::incoming::error_text::sentences)' business.
fn may_tell_of_a_denial(text: &str) -> bool {
    let is_sentence = text
        .match_indices("authorized")
        .any(|(at, _)| text.get(..at).is_some_and(|before| before.trim_end().ends_with("not")));
    is_sentence || mentions::speaks_of_a_denied_invoke(&escapes::undone(text), 0)
}

fn shown(why: &str) -> String {
    one_line(&why.replace('`', "'"), 128)
}

/// Puts a question mark in the place of each byte that is no UTF-8, so that it costs one character of one line, and not the rest
/// of the batch.
fn make_utf_8(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let Err(error) = std::str::from_utf8(rest) {
        let (_, bad) = rest.split_at_mut(error.valid_up_to());
        let (bad, behind) = bad.split_at_mut(error.error_len().unwrap_or(bad.len()));
        bad.fill(b'?');
        rest = behind;
    }
}

/// What has been read so far. It outlives an error in the middle.
#[derive(Default)]
struct Reading {
    batch: LogBatch,
    message_type: Option<String>,
    seen: Vec<Field>,
    /// How many entries there are, those behind [`MAX_EVENTS`] as well.
    entries: usize,
    /// The first thing in a form that CloudWatch Logs does not write.
    strange: Option<String>,
}

/// The keys that are read.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    MessageType,
    Owner,
    LogGroup,
    LogStream,
    LogEvents,
    #[serde(other)]
    Other,
}

impl Reading {
    /// Reads as far as it goes; the error says why no further.
    fn unpack(&mut self, packed: &[u8]) -> Result<(), String> {
        let mut unpacked = Vec::new();
        let most = u64::try_from(MAX_UNPACKED_BYTES).unwrap_or(u64::MAX);
        // One byte more tells that there is more.
        let end = MultiGzDecoder::new(packed).take(most + 1).read_to_end(&mut unpacked);
        let is_all = unpacked.len() <= MAX_UNPACKED_BYTES;
        unpacked.truncate(MAX_UNPACKED_BYTES);
        make_utf_8(&mut unpacked);
        let mut json = serde_json::Deserializer::from_slice(&unpacked);
        let read = DeserializeSeed::deserialize(Document(self), &mut json).and_then(|()| json.end());
        let unpackable = |why: String| format!("`awslogs.data` cannot be unpacked: {}", shown(&why));
        match end {
            Err(error) => Err(unpackable(error.to_string())),
            Ok(_) if !is_all => {
                Err(unpackable(format!("it is more than the {MAX_UNPACKED_BYTES} bytes that are read")))
            }
            Ok(_) => read.map_err(|error| {
                format!("the unpacked `awslogs.data` cannot be read: {}", shown(&error.to_string()))
            }),
        }
    }

    fn end(self, damage: Option<String>) -> LogBatch {
        let Self { mut batch, message_type, seen, entries, strange } = self;
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
            strange
        };
        if is_control {
            // Its one event is a greeting of CloudWatch Logs, and no log.
            batch.events.clear();
        }
        batch
    }

    /// Keeps the text of a field. Where it stands more than once nobody knows which is meant, and none is kept.
    fn keep(&mut self, field: Field, value: &RawValue) {
        let (name, slot) = match field {
            Field::MessageType => ("messageType", &mut self.message_type),
            Field::Owner => ("owner", &mut self.batch.owner),
            Field::LogGroup => ("logGroup", &mut self.batch.log_group),
            Field::LogStream => ("logStream", &mut self.batch.log_stream),
            Field::LogEvents | Field::Other => return,
        };
        *slot = None;
        if self.seen.contains(&field) {
            self.strange.get_or_insert_with(|| repeated(name));
            return;
        }
        self.seen.push(field);
        match read_name(Some(value)) {
            Ok(text) => *slot = text,
            Err(_) => {
                self.strange.get_or_insert_with(|| strange_form(name));
            }
        }
    }

    /// Keeps one entry, which counts whatever its form is.
    fn add(&mut self, entry: &RawValue) {
        let (event, strange) = read_event(entry);
        if let Some(Strange(field)) = strange {
            let place = self.batch.events.len();
            self.strange.get_or_insert_with(|| strange_form(&format!("logEvents[{place}]{field}")));
        }
        self.batch.events.push(event);
    }
}

fn strange_form(path: &str) -> String {
    format!("`{path}` has a form that CloudWatch Logs does not write")
}

fn repeated(name: &str) -> String {
    format!("`{name}` is there more than once")
}

/// A value, not null, that CloudWatch Logs does not write; the text is the path to it.
struct Strange(&'static str);

/// An entry of `logEvents`, each value still as it came: one in a strange form does not spoil the others.
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

/// The system field among `extractedFields` that is read. What a filter pattern extracts stands beside it, of any size.
#[derive(Deserialize)]
struct ExtractedFields<'a> {
    #[serde(borrow, default, rename = "@aws.account", deserialize_with = "even_null")]
    account: Option<&'a RawValue>,
}

/// A value that is there, null included: null is no account either.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

fn read_event(entry: &RawValue) -> (LogEvent, Option<Strange>) {
    let json = entry.get();
    // A list would be taken for the fields in their order.
    let is_readable = json.len() <= MAX_EVENT_BYTES && json.starts_with('{');
    let entry = is_readable.then(|| serde_json::from_str::<Entry<'_>>(json).ok()).flatten();
    let Some(Entry { id, timestamp, message, extracted_fields }) = entry else {
        return (LogEvent::default(), Some(Strange("")));
    };
    let mut strange = None;
    let mut known = |text: Result<Option<String>, serde_json::Error>, path| {
        text.unwrap_or_else(|_| {
            strange.get_or_insert(Strange(path));
            None
        })
    };
    let event = LogEvent {
        id: known(read_name(id), ".id"),
        time: known(read_time(timestamp), ".timestamp"),
        message: known(read_text(message), ".message").filter(|text| may_tell_of_a_denial(text)),
        account: read_account(extracted_fields),
    };
    if event.account == LineAccount::Strange {
        strange.get_or_insert(Strange(".extractedFields.@aws.account"));
    }
    (event, strange)
}

/// What is no object names no account, as an object without the field.
fn read_account(extracted_fields: Option<&RawValue>) -> LineAccount {
    let Some(json) = extracted_fields.map(RawValue::get).filter(|json| json.starts_with('{')) else {
        return LineAccount::Unstated;
    };
    match serde_json::from_str(json) {
        Ok(ExtractedFields { account: None }) => LineAccount::Unstated,
        Ok(ExtractedFields { account: Some(account) }) => match serde_json::from_str::<String>(account.get())
        {
            Ok(account) if is_account(&account) => LineAccount::Stated(account),
            Ok(_) | Err(_) => LineAccount::Strange,
        },
        // It is there twice, or a key is no text.
        Err(_) => LineAccount::Strange,
    }
}

fn read_text(value: Option<&RawValue>) -> serde_json::Result<Option<String>> {
    let text: Option<String> = value.map(|value| serde_json::from_str(value.get())).transpose()?.flatten();
    Ok(text.filter(|text| !text.is_empty()))
}

/// A text that is short, or none.
fn read_name(value: Option<&RawValue>) -> serde_json::Result<Option<String>> {
    match read_text(value)? {
        Some(name) if name.len() > MAX_NAME_BYTES => Err(Error::custom("it is too long")),
        name => Ok(name),
    }
}

fn read_time(value: Option<&RawValue>) -> serde_json::Result<Option<String>> {
    let milliseconds: Option<i64> =
        value.map(|value| serde_json::from_str(value.get())).transpose()?.flatten();
    let Some(milliseconds) = milliseconds else { return Ok(None) };
    if !(0..=MAX_MILLISECONDS).contains(&milliseconds) {
        return Err(Error::custom("it is no time of RFC 3339"));
    }
    match rfc3339::format(milliseconds) {
        Some(time) => Ok(Some(time)),
        None => Err(Error::custom("it is no time of RFC 3339")),
    }
}

/// The unpacked JSON, an object.
struct Document<'a>(&'a mut Reading);

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
        let Self(reading) = self;
        while let Some(field) = map.next_key()? {
            match field {
                Field::LogEvents => map.next_value_seed(Entries(&mut *reading))?,
                Field::Other => map.next_value::<IgnoredAny>().map(drop)?,
                Field::MessageType | Field::Owner | Field::LogGroup | Field::LogStream => {
                    reading.keep(field, &map.next_value::<Box<RawValue>>()?);
                }
            }
        }
        Ok(())
    }
}

/// The list `logEvents`.
struct Entries<'a>(&'a mut Reading);

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
        let Self(reading) = self;
        if reading.seen.contains(&Field::LogEvents) {
            // Each entry stands for itself, so that both lists are read.
            reading.strange.get_or_insert_with(|| repeated("logEvents"));
        } else {
            reading.seen.push(Field::LogEvents);
        }
        while reading.entries < MAX_EVENTS {
            let Some(entry) = list.next_element::<Box<RawValue>>()? else { return Ok(()) };
            reading.entries += 1;
            reading.add(&entry);
        }
        // The others are counted, and what stands behind the list is still to be read.
        while list.next_element::<IgnoredAny>()?.is_some() {
            reading.entries += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incoming::message::SENTENCE;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;
    use std::io::Write;

    const DENIAL: &str = "User: u is not authorized to perform: lambda:InvokeFunction";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_packed(packed: &[u8]) -> LogBatch {
        let data = base64_simd::STANDARD.encode_to_string(packed);
        LogBatch::read(&json!({ "awslogs": { "data": data } })).unwrap()
    }

    fn read(json: &str) -> LogBatch {
        read_packed(&gzip(json.as_bytes()))
    }

    fn unread(batch: &LogBatch) -> &str {
        batch.unread.as_deref().unwrap_or_default()
    }

    fn batch_of(entries: Value) -> Value {
        json!({
            "messageType": "DATA_MESSAGE",
            "owner": "281502313273",
            "logGroup": "/aws/lambda/remotion",
            "logStream": "2026/09/14/[$LATEST]94fa867e5374431291a7fc14e2f56ae7",
            "subscriptionFilters": ["denials"],
            "logEvents": entries,
        })
    }

    fn entry(message: &str) -> Value {
        json!({ "id": "34622316099697884706540976068822859012661220141643892546", "timestamp": 1_789_427_929_250_i64,
            "message": message })
    }

    fn event(message: Option<&str>) -> LogEvent {
        LogEvent {
            id: Some("34622316099697884706540976068822859012661220141643892546".to_owned()),
            time: Some("2026-09-14T23:18:49.25Z".to_owned()),
            account: LineAccount::Unstated,
            message: message.map(str::to_owned),
        }
    }

    /// The account of a line with these `extractedFields`, and what is said to be unread.
    fn account_of(extracted_fields: &str) -> (LineAccount, Option<String>) {
        let batch = read(&format!(
            r#"{{"owner": "281502313273", "logEvents": [{{"message": {DENIAL:?}, "extractedFields": {extracted_fields}}}]}}"#
        ));
        let [LogEvent { account, message, .. }] = batch.events.as_slice() else { panic!("{batch:?}") };
        assert_eq!((message.as_deref(), batch.owner.as_deref()), (Some(DENIAL), Some("281502313273")));
        (account.clone(), batch.unread)
    }

    #[test]
    fn a_line_has_the_account_that_its_system_field_names() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        for fields in [
            r#"{"@aws.account": "604817392250"}"#.to_owned(),
            r#"{"$ip": "10.0.0.1", "@aws.region": "eu-west-1", "@aws.account": "604817392250", "": null}"#
                .to_owned(),
            r#"{"\u0040aws.account": "\u003604817392250"}"#.to_owned(),
            format!(r#"{{"$x": {deep}, "@aws.account": "604817392250", "@aws.accounts": 7}}"#),
        ] {
            assert_eq!(
                account_of(&fields),
                (LineAccount::Stated("604817392250".to_owned()), None),
                "{fields}"
            );
        }
        // Of lines about something else as well.
        let batch =
            read(r#"{"logEvents": [{"message": "x", "extractedFields": {"@aws.account": "604817392250"}}]}"#);
        let account = LineAccount::Stated("604817392250".to_owned());
        assert_eq!(batch.events, [LogEvent { account, ..LogEvent::default() }]);
    }

    #[test]
    fn a_line_without_the_system_field_has_no_account_of_its_own() {
        for fields in [
            "null",
            "{}",
            r#"{"$account": "604817392250", "aws.account": "604817392250", "@AWS.account": "604817392250"}"#,
            r#"{"x": {"@aws.account": "604817392250"}}"#,
            // What CloudWatch Logs does not write is not looked into.
            "7",
            r#""604817392250""#,
            r#"["604817392250"]"#,
            r#"[{"@aws.account": "604817392250"}]"#,
        ] {
            assert_eq!(account_of(fields), (LineAccount::Unstated, None), "{fields}");
        }
    }

    #[test]
    fn an_account_in_a_strange_form_is_none_and_is_told() {
        let long = format!(r#"{{"@aws.account": "{}"}}"#, "1".repeat(1_000_000));
        for fields in [
            r#"{"@aws.account": null}"#,
            r#"{"@aws.account": ""}"#,
            r#"{"@aws.account": 604817392250}"#,
            r#"{"@aws.account": ["604817392250"]}"#,
            r#"{"@aws.account": {"id": "604817392250"}}"#,
            r#"{"@aws.account": "60481739225"}"#,
            r#"{"@aws.account": "6048173922500"}"#,
            r#"{"@aws.account": " 604817392250"}"#,
            r#"{"@aws.account": "60481739225x"}"#,
            r#"{"@aws.account": "\u0661\u0662\u0663456789012"}"#,
            r#"{"@aws.account": "\ud800"}"#,
            r#"{"@aws.account": "604817392250", "@aws.account": "604817392250"}"#,
            long.as_str(),
        ] {
            let why =
                "`logEvents[0].extractedFields.@aws.account` has a form that CloudWatch Logs does not write";
            assert_eq!(account_of(fields), (LineAccount::Strange, Some(why.to_owned())), "{fields}");
        }
        // Nobody knows which of two is meant, and then nothing of the entry is kept.
        let twice = r#"{"message": "not authorized", "extractedFields": {}, "extractedFields": {}}"#;
        let batch = read(&format!(r#"{{"logEvents": [{twice}]}}"#));
        assert_eq!(batch.events, [LogEvent::default()]);
        assert_eq!(unread(&batch), "`logEvents[0]` has a form that CloudWatch Logs does not write");
    }

    /// What a filter pattern extracts is as large as the line, and none of it is kept.
    #[test]
    fn large_extracted_fields_count_for_the_event_and_are_not_kept() {
        let fields = |length: usize| json!({ "$x": "0".repeat(length), "@aws.account": "604817392250" });
        let entry = |length| json!({ "message": DENIAL, "extractedFields": fields(length) });
        let account = LineAccount::Stated("604817392250".to_owned());
        let kept = LogEvent { account, message: Some(DENIAL.to_owned()), ..LogEvent::default() };
        let batch = read(&batch_of(json!([entry(1_000_000), entry(MAX_EVENT_BYTES), entry(0)])).to_string());
        assert_eq!(batch.events, [kept.clone(), LogEvent::default(), kept]);
        assert_eq!(unread(&batch), "`logEvents[1]` has a form that CloudWatch Logs does not write");
    }

    #[test]
    fn what_is_no_utf_8_costs_one_character() {
        let json =
            batch_of(json!([entry("bad: @"), entry(DENIAL), entry("\u{20ac}\u{1f600} not authorized")]));
        let (before, behind) =
            json.to_string().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        for bad in [&b"\xff"[..], b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\x80\x80"] {
            let batch = read_packed(&gzip(&[before.as_bytes(), bad, behind.as_bytes()].concat()));
            assert_eq!((batch.events.len(), batch.unread), (3, None), "{bad:?}");
            assert_eq!(batch.events[1].message.as_deref(), Some(DENIAL));
            assert_eq!(batch.events[2].message.as_deref(), Some("\u{20ac}\u{1f600} not authorized"));
        }
    }

    #[test]
    fn a_batch_is_read() {
        let expected = LogBatch {
            owner: Some("281502313273".to_owned()),
            log_group: Some("/aws/lambda/remotion".to_owned()),
            log_stream: Some("2026/09/14/[$LATEST]94fa867e5374431291a7fc14e2f56ae7".to_owned()),
            events: vec![event(Some(DENIAL)), event(None)],
            unread: None,
        };
        let entries = json!([entry(DENIAL), entry("REPORT RequestId: 6234bffe\tDuration: 46.84 ms\n")]);
        assert_eq!(read(&batch_of(entries).to_string()), expected);
        assert_eq!(LogBatch { events: Vec::new(), ..expected }, read(&batch_of(json!([])).to_string()));
    }

    #[test]
    fn what_is_no_payload_of_a_subscription_is_told_apart() {
        for event in [
            json!(null),
            json!([]),
            json!({}),
            json!({"awslogs": 1}),
            json!({"awslogs": {}}),
            json!({"awslogs": {"data": {}}}),
            json!({"awslogs": {"data": null}}),
            json!({"detail": {}}),
        ] {
            assert_eq!(LogBatch::read(&event), None, "{event}");
        }
    }

    #[test]
    fn a_message_is_kept_where_it_may_tell_of_a_denial() {
        for text in
            [SENTENCE, "x\nUser: y\tis  not\u{a0} authorized\tto perform:", "{\"m\": \"not authorized\"}"]
        {
            let batch = read(&batch_of(json!([entry(text)])).to_string());
            assert_eq!(batch.events, [event(Some(text))]);
        }
        for text in
            ["", "401 Unauthorized", "authorized", "it is not so, but authorized", "not author\u{131}zed"]
        {
            let batch = read(&batch_of(json!([entry(text)])).to_string());
            assert_eq!((batch.events, batch.unread), (vec![event(None)], None), "{text}");
        }
        // Behind JSON's escapes as well.
        let batch = read(r#"{"logEvents": [{"message": "is n\u006ft \u0061uthorized"}]}"#);
        assert_eq!(batch.events[0].message.as_deref(), Some("is not authorized"));
    }

    #[test]
    fn keys_stand_in_any_order_and_others_are_skipped() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let batch = read(&format!(
            r#"{{"policyLevel": {deep}, "logEvents": [{{"message": {DENIAL:?}, "extractedFields": {deep}}}],
                "subscriptionFilters": 7, "owner": "281502313273", "": null}}"#
        ));
        let event = LogEvent { message: Some(DENIAL.to_owned()), ..LogEvent::default() };
        let owner = Some("281502313273".to_owned());
        assert_eq!(batch, LogBatch { owner, events: vec![event], ..LogBatch::default() });
    }

    #[test]
    fn a_field_in_a_strange_form_is_named_and_the_others_are_kept() {
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        for (key, value) in
            [("owner", json!(281_502_313_273_u64)), ("logGroup", json!([])), ("logStream", json!(long))]
        {
            let mut batch = batch_of(json!([entry(DENIAL)]));
            batch[key] = value;
            let batch = read(&batch.to_string());
            assert_eq!(unread(&batch), format!("`{key}` has a form that CloudWatch Logs does not write"));
            assert_eq!(batch.events, [event(Some(DENIAL))]);
            let missing = [&batch.owner, &batch.log_group, &batch.log_stream].map(Option::is_none);
            assert_eq!(missing, ["owner", "logGroup", "logStream"].map(|name| name == key));
        }
        let mut batch = batch_of(json!([entry(DENIAL)]));
        batch["messageType"] = "`x".into();
        let batch = read(&batch.to_string());
        assert_eq!((unread(&batch), batch.events.len()), ("`messageType` is `\\u{60}x`", 1));
        // Null is nothing.
        let nulls = r#"{"messageType": null, "owner": null, "logEvents": [{"id": null, "message": null}]}"#;
        assert_eq!(read(nulls), LogBatch { events: vec![LogEvent::default()], ..LogBatch::default() });
    }

    #[test]
    fn an_entry_in_a_strange_form_is_one() {
        let denial = json!(DENIAL);
        for (entry, path, keeps) in [
            ("7".to_owned(), "", false),
            ("null".to_owned(), "", false),
            ("1e400".to_owned(), "", false),
            (format!(r#"["1", 2, {denial}]"#), "", false),
            (format!(r#"{{"message": {denial}, "message": {denial}}}"#), "", false),
            (r#"{"message": ["x"]}"#.to_owned(), ".message", false),
            (r#"{"message": "not authorized \ud800"}"#.to_owned(), ".message", false),
            (format!(r#"{{"message": {denial}, "id": 7, "timestamp": "1"}}"#), ".id", true),
            (format!(r#"{{"message": {denial}, "timestamp": 1e400}}"#), ".timestamp", true),
            (format!(r#"{{"message": {denial}, "timestamp": -1}}"#), ".timestamp", true),
            (format!(r#"{{"message": {denial}, "timestamp": 1.5}}"#), ".timestamp", true),
        ] {
            let batch = read(&format!(r#"{{"logEvents": [{{}}, {entry}, {{"message": {denial}}}]}}"#));
            let why = format!("`logEvents[1]{path}` has a form that CloudWatch Logs does not write");
            assert_eq!(unread(&batch), why, "{entry}");
            let messages: Vec<_> = batch.events.iter().map(|event| event.message.is_some()).collect();
            assert_eq!(messages, [false, keeps, true], "{entry}");
        }
    }

    #[test]
    fn what_is_there_more_than_once_is_not_chosen_from() {
        for (key, same) in
            [("owner", "1"), ("logGroup", "g"), ("logStream", "s"), ("messageType", DATA_MESSAGE)]
        {
            let batch =
                read(&format!(r#"{{"{key}": "{same}", "logEvents": [], "{key}": "{same}", "{key}": "x"}}"#));
            let unread = Some(format!("`{key}` is there more than once"));
            assert_eq!(batch, LogBatch { unread, ..LogBatch::default() });
        }
        let batch = read(r#"{"logEvents": [{"id": "1"}], "logEvents": [{"id": "2"}]}"#);
        let ids: Vec<_> = batch.events.iter().map(|event| event.id.as_deref()).collect();
        assert_eq!(
            (ids, unread(&batch)),
            (vec![Some("1"), Some("2")], "`logEvents` is there more than once")
        );
    }

    #[test]
    fn a_control_message_has_no_events() {
        let greeting = entry("CWL CONTROL MESSAGE: Checking health of destination Firehose.");
        let mut batch = batch_of(json!([greeting]));
        batch["messageType"] = CONTROL_MESSAGE.into();
        batch["logGroup"] = "".into();
        let batch = read(&batch.to_string());
        assert_eq!((batch.events, batch.unread, batch.log_group), (vec![], None, None));
        assert_eq!(read(r#"{"messageType": "CONTROL_MESSAGE"}"#), LogBatch::default());
    }

    #[test]
    fn a_batch_without_a_list_says_so() {
        assert_eq!(unread(&read("{}")), "it has no `logEvents`");
        for (json, why) in [
            (r#"{"logEvents": {}}"#, "invalid type: map, expected a list of log events"),
            ("[]", "invalid type: sequence, expected an object with 'logEvents'"),
            ("", "EOF while parsing a value"),
        ] {
            let why = format!("the unpacked `awslogs.data` cannot be read: {why} at line 1 column ");
            assert!(unread(&read(json)).starts_with(&why), "{}", unread(&read(json)));
        }
    }

    #[test]
    fn what_stands_before_the_damage_is_kept() {
        let entries: Vec<Value> = (0..20).map(|number| entry(&format!("{number} {DENIAL}"))).collect();
        let packed = gzip(batch_of(json!(entries)).to_string().as_bytes());
        let whole = read_packed(&packed);
        assert_eq!((whole.events.len(), &whole.unread), (20, &None));
        let mut most = 0;
        for length in 0..packed.len() {
            let cut = read_packed(&packed[..length]);
            assert!(whole.events.starts_with(&cut.events));
            assert!(
                unread(&cut).starts_with("`awslogs.data` cannot be unpacked: "),
                "{length}: {}",
                unread(&cut)
            );
            most = most.max(cut.events.len());
        }
        assert_eq!(most, 20);

        let [.., a, _, _, _, _] = packed.as_slice() else { panic!("it is too short") };
        let mut wrong = packed.clone();
        let at = packed.len() - 5;
        wrong[at] = !a;
        let batch = read_packed(&wrong);
        let why = "`awslogs.data` cannot be unpacked: corrupt gzip stream does not have a matching checksum";
        assert_eq!((unread(&batch), &batch.events), (why, &whole.events));

        for (end, why) in [
            (b"trailing garbage".to_vec(), "`awslogs.data` cannot be unpacked: invalid gzip header"),
            (
                gzip(b" x"),
                "the unpacked `awslogs.data` cannot be read: trailing characters at line 1 column ",
            ),
        ] {
            let batch = read_packed(&[packed.clone(), end].concat());
            assert!(unread(&batch).starts_with(why), "{}", unread(&batch));
            assert_eq!(batch.events, whole.events);
        }
        let json = "{\"logEvents\": [{\"id\": \"1\"}, \u{1b}`\n";
        let batch = read(json);
        let why = "the unpacked `awslogs.data` cannot be read: expected value at line 1 column 29";
        assert_eq!((unread(&batch), batch.events.len()), (why, 1));
    }

    #[test]
    fn data_that_is_not_packed_says_so() {
        let read = |data: &str| LogBatch::read(&json!({ "awslogs": { "data": data } })).unwrap();
        assert_eq!(unread(&read("{}")), "`awslogs.data` is not base64");
        assert_eq!(unread(&read("e30=")), "`awslogs.data` cannot be unpacked: unexpected end of file");
        assert_eq!(unread(&read("")), "`awslogs.data` cannot be unpacked: unexpected end of file");
        assert_eq!(
            unread(&read("eyJsb2dFdmVudHMiOiBbXX0=")),
            "`awslogs.data` cannot be unpacked: invalid gzip header"
        );
        // Line breaks are no damage.
        let data = base64_simd::STANDARD
            .encode_to_string(gzip(batch_of(json!([entry(DENIAL)])).to_string().as_bytes()));
        assert_eq!(read(&data.replace('A', "\nA")), read(&data));
        assert_eq!(read(&data).events.len(), 1);
    }

    #[test]
    fn members_of_one_archive_are_one_text() {
        let json = batch_of(json!([entry(DENIAL)])).to_string();
        let (start, end) = json.split_at(json.len() / 2);
        let members = [gzip(start.as_bytes()), gzip(b""), gzip(end.as_bytes())].concat();
        assert_eq!(read_packed(&members), read(&json));
    }

    /// `start`, and so many million zeros, each a member of its own, so that making them takes no time.
    fn bomb(start: &str, megabytes: usize) -> LogBatch {
        let megabyte = gzip("0".repeat(1024 * 1024).as_bytes());
        read_packed(&[gzip(start.as_bytes()), megabyte.repeat(megabytes)].concat())
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let why = "`awslogs.data` cannot be unpacked: it is more than the 33554432 bytes that are read";
        for start in [
            r#"{"logEvents": [{"id": "1"}, {"message": "not authorized "#,
            r#"{"logEvents": [{"id": "1"}], "x": ""#,
        ] {
            let batch = bomb(start, 64);
            let events = vec![LogEvent { id: Some("1".to_owned()), ..LogEvent::default() }];
            assert_eq!(batch, LogBatch { events, unread: Some(why.to_owned()), ..LogBatch::default() });
        }
    }

    #[test]
    fn a_log_event_that_is_too_long_is_not_kept() {
        let long = format!("not authorized {}", "0".repeat(MAX_EVENT_BYTES));
        let batch = read(&batch_of(json!([entry(&long), entry(DENIAL)])).to_string());
        assert_eq!(unread(&batch), "`logEvents[0]` has a form that CloudWatch Logs does not write");
        assert_eq!(batch.events, [LogEvent::default(), event(Some(DENIAL))]);
    }

    #[test]
    fn a_million_log_events_are_counted() {
        let json = format!(r#"{{"logEvents": [{}1], "owner": "281502313273"}}"#, "{},".repeat(999_999));
        let batch = read(&json);
        let why = "1000000 log events are more than the 10000 that are read";
        assert_eq!((batch.events.len(), unread(&batch)), (MAX_EVENTS, why));
        assert_eq!(batch.owner.as_deref(), Some("281502313273"));
        let json = format!(r#"{{"logEvents": [{}{{}}]}}"#, "{},".repeat(MAX_EVENTS - 1));
        let batch = read(&json);
        assert_eq!((batch.events.len(), batch.unread), (MAX_EVENTS, None));
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (timestamp, time) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (1_789_427_929_000, Some("2026-09-14T23:18:49Z")),
            (1_789_427_929_007, Some("2026-09-14T23:18:49.007Z")),
            (MAX_MILLISECONDS, Some("9999-12-31T23:59:59.999Z")),
            (MAX_MILLISECONDS + 1, None),
            (i64::MIN, None),
            (i64::MAX, None),
        ] {
            let batch = read(&batch_of(json!([{ "timestamp": timestamp }])).to_string());
            assert_eq!(batch.events[0].time.as_deref(), time);
            assert_eq!(batch.unread.is_none(), time.is_some());
        }
    }
}
