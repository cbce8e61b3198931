use super::entry::{MAX_EVENT_BYTES, MAX_MILLISECONDS, MAX_NAME_BYTES};
use super::reader::{CONTROL_MESSAGE, DATA_MESSAGE};
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
        assert_eq!(account_of(&fields), (LineAccount::Stated("604817392250".to_owned()), None), "{fields}");
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
        assert_eq!(account_of(fields), (LineAccount::Malformed, Some(why.to_owned())), "{fields}");
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
    let json = batch_of(json!([entry("bad: @"), entry(DENIAL), entry("\u{20ac}\u{1f600} not authorized")]));
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
    for text in [SENTENCE, "x\nUser: y\tis  not\u{a0} authorized\tto perform:", "{\"m\": \"not authorized\"}"]
    {
        let batch = read(&batch_of(json!([entry(text)])).to_string());
        assert_eq!(batch.events, [event(Some(text))]);
    }
    for text in ["", "401 Unauthorized", "authorized", "it is not so, but authorized", "not author\u{131}zed"]
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
    for (key, value) in [("owner", json!(281_502_313_273_u64)), ("logGroup", json!(long))] {
        let mut batch = batch_of(json!([entry(DENIAL)]));
        batch[key] = value;
        let batch = read(&batch.to_string());
        assert_eq!(unread(&batch), format!("`{key}` has a form that CloudWatch Logs does not write"));
        assert_eq!(batch.events, [event(Some(DENIAL))]);
        let missing = [&batch.owner, &batch.log_group].map(Option::is_none);
        assert_eq!(missing, ["owner", "logGroup"].map(|name| name == key));
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
    for (key, same) in [("owner", "1"), ("logGroup", "g"), ("messageType", DATA_MESSAGE)] {
        let batch =
            read(&format!(r#"{{"{key}": "{same}", "logEvents": [], "{key}": "{same}", "{key}": "x"}}"#));
        let unread = Some(format!("`{key}` is there more than once"));
        assert_eq!(batch, LogBatch { unread, ..LogBatch::default() });
    }
    let batch = read(r#"{"logEvents": [{"id": "1"}], "logEvents": [{"id": "2"}]}"#);
    let ids: Vec<_> = batch.events.iter().map(|event| event.id.as_deref()).collect();
    assert_eq!((ids, unread(&batch)), (vec![Some("1"), Some("2")], "`logEvents` is there more than once"));
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
        (gzip(b" x"), "the unpacked `awslogs.data` cannot be read: trailing characters at line 1 column "),
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
    let data =
        base64_simd::STANDARD.encode_to_string(gzip(batch_of(json!([entry(DENIAL)])).to_string().as_bytes()));
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
