//! Any bytes as a subscription's payload: what is kept stands in the unpacked JSON, and what a cut leaves is its start.
//!
//! The first byte says what the others are: the base64 text, what it packs, or the JSON, which is packed here, since no
//! mutation hits upon a checksum.
#![no_main]

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use invariants::is_one_line;
use libfuzzer_sys::fuzz_target;
use remediator_core::incoming::log_batch::{LineAccount, LogBatch, MAX_EVENTS};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{Read, Write};

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        None => {}
        Some((b'T', text)) => {
            let data = String::from_utf8_lossy(text);
            check(
                &read(&data),
                &unpacked(&base64_simd::forgiving_decode_to_vec(data.as_bytes()).unwrap_or_default()),
            );
        }
        Some((b'G', packed)) => check(&read_packed(packed), &unpacked(packed)),
        Some((_, json)) => check_json(json),
    }
});

fn read(data: &str) -> LogBatch {
    let event = json!({ "awslogs": { "data": data } });
    let batch = LogBatch::read(&event).unwrap();
    assert_eq!(Some(&batch), LogBatch::read(&event).as_ref());
    batch
}

fn read_packed(packed: &[u8]) -> LogBatch {
    read(&base64_simd::STANDARD.encode_to_string(packed))
}

/// As much as comes out before an error. Inputs are short, and so is this.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    drop(MultiGzDecoder::new(packed).read_to_end(&mut json));
    json
}

fn check_json(json: &[u8]) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json).unwrap();
    let packed = encoder.finish().unwrap();
    let batch = read_packed(&packed);
    check(&batch, json);

    // Another way to pack the same text.
    let (start, end) = json.split_at(json.len() / 2);
    let members = [start, end].map(|part| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap()
    });
    assert_eq!(read_packed(&members.concat()), batch);

    // The last of a control message's keys may be what makes it one.
    let cut = read_packed(&packed[..packed.len() / 2]);
    assert!(cut.unread.is_some());
    assert!(batch.events.starts_with(&cut.events) || batch.events.is_empty());
}

fn check(batch: &LogBatch, json: &[u8]) {
    assert!(batch.events.len() <= MAX_EVENTS);
    assert!(batch.unread.as_deref().is_none_or(is_one_line));
    let texts = texts(json);
    let stands = |text: &String| !text.is_empty() && texts.contains(text);
    assert!([&batch.owner, &batch.log_group].into_iter().flatten().all(stands));
    for event in &batch.events {
        assert!(event.id.iter().chain(&event.message).all(stands));
        assert!(event.message.as_deref().is_none_or(|message| message.contains("authorized")));
        assert!(event.time.as_deref().is_none_or(|time| is_one_line(time) && time.ends_with('Z')));
        match &event.account {
            LineAccount::Stated(account) => {
                assert!(stands(account) && account.len() == 12);
                assert!(account.bytes().all(|byte| byte.is_ascii_digit()));
            }
            LineAccount::Malformed => assert!(batch.unread.is_some()),
            LineAccount::Unstated => {}
        }
    }
    if batch.unread.is_none() {
        // What is skipped may hold texts and numbers that no value can.
        assert!(serde_json::from_str::<&RawValue>(&String::from_utf8_lossy(json)).is_ok());
        if let Ok(json) = serde_json::from_slice(json) {
            check_whole(batch, &json);
        }
    }
}

/// Every JSON string that begins anywhere in `json`, which need not be JSON.
fn texts(json: &[u8]) -> Vec<String> {
    let quotes = json.iter().enumerate().filter(|(_, byte)| **byte == b'"');
    let text = |at: usize| serde_json::Deserializer::from_slice(&json[at..]).into_iter().next()?.ok();
    quotes.filter_map(|(at, _)| text(at)).collect()
}

/// Where nothing is said to be unread, everything was read.
fn check_whole(batch: &LogBatch, json: &Value) {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    assert_eq!(batch.owner, text(&json["owner"]));
    assert_eq!(batch.log_group, text(&json["logGroup"]));
    if json["messageType"] == "CONTROL_MESSAGE" {
        assert!(batch.events.is_empty());
        return;
    }
    let entries = json["logEvents"].as_array().unwrap();
    assert_eq!(batch.events.len(), entries.len());
    for (event, entry) in batch.events.iter().zip(entries) {
        assert_eq!(event.id, text(&entry["id"]));
        assert_eq!(event.time.is_some(), entry["timestamp"].is_i64());
        let account = match entry["extractedFields"].get("@aws.account") {
            Some(account) => LineAccount::Stated(account.as_str().unwrap().to_owned()),
            None => LineAccount::Unstated,
        };
        assert_eq!(event.account, account);
        let message = text(&entry["message"]);
        if message.as_deref().is_some_and(|message| message.contains("is not authorized to perform: ")) {
            assert_eq!(event.message, message);
        }
    }
}
