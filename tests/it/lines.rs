//! Batches of a log's lines: each line has its outcome, whatever the others are, and a log admits nothing but what a rule
//! admits from logs.

use crate::fake_aws::{Call, FakeAws, invoke_each};
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_invoke_remediator::outcome::Outcome;
use serde_json::{Value, json};
use std::io::Write;

const BATCH: &str = "arn:aws:iam::281502313273:user/shop-batch";
const QUOTE: &str = "arn:aws:lambda:us-east-1:281502313273:function:price-quote";
const LIST: &str = r#"{"rules": [
    {"id": "shop", "principals": ["arn:aws:iam::281502313273:user/shop-*"], "sources": ["log"],
     "functions": ["arn:aws:lambda:us-east-1:281502313273:function:price-*"]},
    {"id": "others", "principals": ["arn:aws:iam::281502313273:user/*"],
     "functions": ["arn:aws:lambda:us-east-1:281502313273:function:*"]}
]}"#;

fn denied(who: &str, function: &str) -> String {
    format!(
        "[ERROR] User: {who} is not authorized to perform: lambda:InvokeFunction on resource: {function} because no \
         identity-based policy allows the lambda:InvokeFunction action"
    )
}

fn packed(json: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(json.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn payload(gzip: &[u8]) -> Vec<u8> {
    let data = base64_simd::STANDARD.encode_to_string(gzip);
    json!({"awslogs": {"data": data}}).to_string().into_bytes()
}

fn batch(owner: &str, events: &[Value]) -> Vec<u8> {
    let json = json!({
        "messageType": "DATA_MESSAGE", "owner": owner, "logGroup": "/shop", "logStream": "1",
        "subscriptionFilters": ["x"], "logEvents": events,
    });
    payload(&packed(&json.to_string()))
}

fn lines(messages: &[String]) -> Vec<u8> {
    let event = |(index, message): (usize, &String)| json!({"id": format!("line-{index}"), "timestamp": 1_789_427_929_250_i64, "message": message});
    batch("281502313273", &messages.iter().enumerate().map(event).collect::<Vec<_>>())
}

fn told(outcomes: &[Outcome]) -> Vec<String> {
    let one = |outcome: &Outcome| {
        assert_eq!(json!(outcome)["source"], "log");
        let json = json!(outcome);
        json["reason"].as_str().or(json["outcome"].as_str()).unwrap().to_owned()
    };
    outcomes.iter().map(one).collect()
}

#[tokio::test(start_paused = true)]
async fn every_line_has_its_outcome() {
    let garbage =
        ["", "\u{0}\u{fffd}", "is not authorized to perform: ", "User: is not authorized to perform: x"];
    let mut messages: Vec<String> = garbage.map(str::to_owned).into();
    messages.push(denied(BATCH, QUOTE));
    messages.push(denied(BATCH, QUOTE));
    messages.push(denied("arn:aws:iam::281502313273:user/mallory", QUOTE));
    messages.push(denied(BATCH, "arn:aws:lambda:us-east-1:281502313273:function:*"));
    messages.push(denied(BATCH, QUOTE).replace(
        "because no identity-based policy allows the lambda:InvokeFunction action",
        "with an explicit deny in a session policy",
    ));
    messages.push(denied(BATCH, &QUOTE.replace("quote", "list")));
    let aws = FakeAws::default();
    let outcomes = invoke_each(&aws.remediator(&[("ALLOWLIST", LIST)]), &lines(&messages)).await.unwrap();
    assert_eq!(
        told(&outcomes),
        [
            "not_a_denied_invoke",
            "not_a_denied_invoke",
            "not_a_denied_invoke",
            "other_action",
            "granted",
            "already_granted",
            "not_allowlisted",
            "untrusted_resource",
            "not_identity_based",
            "granted",
        ]
    );
    for (index, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.event_id, Some(format!("line-{index}")));
        assert_eq!(outcome.event_time.as_deref(), Some("2026-09-14T23:18:49.25Z"));
    }
    assert!(outcomes[6].summary.contains("the rule `others` matches, but does not admit the source `log`"));
    let resources = aws.policy("user/shop-batch").unwrap()["Statement"][0]["Resource"].clone();
    assert_eq!(resources.as_array().unwrap().len(), 4);
    assert_eq!(aws.policy("user/mallory"), None);
}

#[tokio::test(start_paused = true)]
async fn a_bad_entry_or_a_damaged_batch_loses_nothing_else() {
    let good = json!({"id": "good", "timestamp": 1, "message": denied(BATCH, QUOTE)});
    let entries = [
        json!(null),
        json!(7),
        json!({"message": 7}),
        json!({"id": [], "timestamp": "x", "message": {}}),
        good,
    ];
    let aws = FakeAws::default();
    let outcomes =
        invoke_each(&aws.remediator(&[("ALLOWLIST", LIST)]), &batch("281502313273", &entries)).await.unwrap();
    let told_first = told(&outcomes);
    assert_eq!(
        told_first[..5],
        [
            "not_a_denied_invoke",
            "not_a_denied_invoke",
            "not_a_denied_invoke",
            "not_a_denied_invoke",
            "granted"
        ]
    );
    // And that something is strange is told as well.
    assert_eq!(told_first[5..], ["contradictory_event"]);

    // Cut off in the middle: what came before it is handled.
    let many: Vec<Value> = (0..2_000)
        .map(|index| json!({"id": format!("{:x}", u64::from(index as u32).wrapping_mul(0x9e37_79b9_7f4a_7c15)), "timestamp": index, "message": denied(BATCH, QUOTE)}))
        .collect();
    let json = json!({"owner": "281502313273", "messageType": "DATA_MESSAGE", "logEvents": many}).to_string();
    let whole = packed(&json);
    let outcomes = invoke_each(
        &FakeAws::default().remediator(&[("ALLOWLIST", LIST)]),
        &payload(&whole[..whole.len() / 2]),
    )
    .await
    .unwrap();
    let told = told(&outcomes);
    assert!((100..2_000).contains(&told.len()), "{}", told.len());
    assert_eq!((told[0].as_str(), told.last().map(String::as_str)), ("granted", Some("contradictory_event")));
    for damaged in [&b""[..], b"no gzip", &whole[..5]] {
        let outcomes = invoke_each(&FakeAws::default().remediator(&[]), &payload(damaged)).await.unwrap();
        assert_eq!(outcomes.len(), 1);
        assert_eq!(json!(outcomes[0])["reason"], "contradictory_event");
    }
}

/// A line that fails is tried again with its batch, and the others are handled meanwhile.
#[tokio::test(start_paused = true)]
async fn a_line_that_fails_does_not_keep_the_others() {
    let other = "arn:aws:iam::281502313273:user/shop-other";
    let messages = [denied(BATCH, QUOTE), denied(other, QUOTE)];
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", LIST)]);
    aws.fail("GetUser", "ServiceFailure", "one of them");
    let error = invoke_each(&remediator, &lines(&messages)).await.unwrap_err();
    assert_eq!(error.code(), "IamCallFailed");
    assert!(error.to_string().starts_with("1 of 2 lines failed"), "{error}");
    assert_eq!((aws.puts(), aws.published().len()), (1, 1));
    let mut again = told(&invoke_each(&remediator, &lines(&messages)).await.unwrap());
    again.sort();
    assert_eq!(again, ["already_granted", "granted"]);
}

#[tokio::test(start_paused = true)]
async fn a_log_of_another_account_brings_nothing_about() {
    let event = json!({"id": "1", "timestamp": 1, "message": denied(BATCH, QUOTE)});
    let aws = FakeAws::default();
    for (owner, reason) in [("111122223333", "contradictory_event"), ("x", "contradictory_event")] {
        let outcomes =
            invoke_each(&aws.remediator(&[("ALLOWLIST", LIST)]), &batch(owner, std::slice::from_ref(&event)))
                .await;
        assert_eq!(told(&outcomes.unwrap()), [reason]);
    }
    assert_eq!(aws.calls(), []);
}

/// Of a storm in one batch each pair is asked about and granted once; pairs do not wait for each other.
#[tokio::test(start_paused = true)]
async fn a_storm_in_one_batch() {
    let who = |user: usize| format!("arn:aws:iam::281502313273:user/shop-{user}");
    let messages: Vec<String> = (0..4_000).map(|index| denied(&who(index % 16), QUOTE)).collect();
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", LIST)]);
    let began = tokio::time::Instant::now();
    let outcomes = invoke_each(&remediator, &lines(&messages)).await.unwrap();
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert_eq!(outcomes.len(), 4_000);
    assert_eq!(told(&outcomes).iter().filter(|outcome| *outcome == "granted").count(), 16);
    assert_eq!((aws.puts(), aws.published().len()), (16, 16));
    let asked = aws.calls().iter().filter(|call| matches!(call, Call::Identify { .. })).count();
    assert!(asked <= 32, "{asked}");
}

/// What is refused anyway waits until what may be granted is.
#[tokio::test(start_paused = true)]
async fn a_flood_of_refusals_does_not_come_first() {
    let mut messages: Vec<String> =
        (0..50).map(|account| denied(&format!("arn:aws:iam::{account:012}:user/x"), QUOTE)).collect();
    messages.push(denied(BATCH, QUOTE));
    let aws = FakeAws::default();
    let outcomes = invoke_each(&aws.remediator(&[("ALLOWLIST", LIST)]), &lines(&messages)).await.unwrap();
    assert_eq!(told(&outcomes).last().map(String::as_str), Some("granted"));
    assert_eq!(aws.0.lock().unwrap().published_before, Some(0));
}
