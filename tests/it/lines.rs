//! Batches of a log's lines: each line has its outcome, whatever the others are, and a log admits nothing but what a rule
//! admits from logs.

use crate::fake_aws::{Call, FakeAws, invoke_each, invoke_logged, invoke_with_time};
use flate2::Compression;
use flate2::write::GzEncoder;
use remediator_core::outcome::Outcome;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

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
    batch_of_group("/shop", json!(owner), events)
}

fn batch_of_group(log_group: &str, owner: Value, events: &[Value]) -> Vec<u8> {
    let json = json!({
        "messageType": "DATA_MESSAGE", "owner": owner, "logGroup": log_group, "logStream": "1",
        "subscriptionFilters": ["x"], "policyLevel": "ACCOUNT_LEVEL_POLICY", "logEvents": events,
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

const OTHER_ACCOUNT: &str = "604817392250";

/// In a log group to which the lines of many accounts are centralized, each line's own account counts.
#[tokio::test(start_paused = true)]
async fn a_line_is_of_the_account_that_it_states() {
    let ours = denied(BATCH, QUOTE);
    let theirs = ours.replace("281502313273", OTHER_ACCOUNT);
    let line = |message: &str, fields: Value| json!({"message": message, "extractedFields": fields});
    let named = |account: &str| json!({"@aws.account": account, "@aws.region": "eu-west-1", "$x": "y"});
    for (owner, message, fields, expected) in [
        // The log group is ours, the line is not.
        ("281502313273", &theirs, named(OTHER_ACCOUNT), &["other_account"][..]),
        ("281502313273", &ours, named(OTHER_ACCOUNT), &["contradictory_event"]),
        ("281502313273", &theirs, named("281502313273"), &["contradictory_event"]),
        // The caller runs in another region than the function does.
        ("281502313273", &ours, named("281502313273"), &["granted"]),
        // It is not the log group's account that counts.
        (OTHER_ACCOUNT, &ours, named("281502313273"), &["granted"]),
        (OTHER_ACCOUNT, &theirs, named("281502313273"), &["contradictory_event"]),
        // Nothing is stated.
        ("281502313273", &ours, json!({"@aws.region": "us-east-1"}), &["granted"]),
        ("281502313273", &theirs, json!({}), &["contradictory_event"]),
        // What is stated cannot be read: never the log group's account in its place. The batch says so as well.
        (
            "281502313273",
            &ours,
            json!({"@aws.account": null}),
            &["contradictory_event", "contradictory_event"],
        ),
        (
            "281502313273",
            &ours,
            json!({"@aws.account": 281_502_313_273_u64}),
            &["contradictory_event", "contradictory_event"],
        ),
        ("281502313273", &ours, named("2815-0231-3273"), &["contradictory_event", "contradictory_event"]),
    ] {
        let aws = FakeAws::default();
        let payload = batch(owner, &[line(message, fields.clone())]);
        let outcomes = invoke_each(&aws.remediator(&[("ALLOWLIST", LIST)]), &payload).await.unwrap();
        assert_eq!(told(&outcomes), expected, "{owner} {fields} {message}");
        assert_eq!(aws.puts(), usize::from(expected == ["granted"]), "{owner} {fields} {message}");
        assert_eq!(aws.calls().is_empty(), expected != ["granted"], "{owner} {fields} {message}");
    }
}

/// One line decides nothing about the others of its batch.
#[tokio::test(start_paused = true)]
async fn lines_of_several_accounts_come_in_one_batch() {
    let ours = denied(BATCH, QUOTE);
    let theirs = ours.replace("281502313273", OTHER_ACCOUNT);
    let events = [
        json!({"message": theirs, "extractedFields": {"@aws.account": OTHER_ACCOUNT}}),
        json!({"message": "started", "extractedFields": {"@aws.account": OTHER_ACCOUNT}}),
        json!({"message": ours, "extractedFields": {"@aws.account": []}}),
        json!({"message": ours, "extractedFields": {"@aws.account": "281502313273"}}),
        json!({"message": ours}),
    ];
    let aws = FakeAws::default();
    let outcomes =
        invoke_each(&aws.remediator(&[("ALLOWLIST", LIST)]), &batch("281502313273", &events)).await.unwrap();
    let all = told(&outcomes);
    assert_eq!(all[..3], ["other_account", "not_a_denied_invoke", "contradictory_event"], "{outcomes:?}");
    let mut granted = all[3..5].to_vec();
    granted.sort();
    assert_eq!(granted, ["already_granted", "granted"]);
    assert_eq!(all[5..], ["contradictory_event"]);
    let accounts: Vec<_> = outcomes[..2].iter().map(|outcome| outcome.account.as_deref()).collect();
    assert_eq!(accounts, [Some(OTHER_ACCOUNT); 2]);
    let why = "`extractedFields.@aws.account` has a form that CloudWatch Logs does not write";
    assert!(outcomes[2].summary.contains(why), "{}", outcomes[2].summary);
}

const OWN_LOG: &str = "/remediator/own";
const PHRASE: &str = "is not authorized to perform: lambda:InvokeFunction";

fn of_own_log(messages: &[String]) -> Vec<u8> {
    let events: Vec<Value> = messages.iter().map(|message| json!({"id": "1", "message": message})).collect();
    batch_of_group(OWN_LOG, json!("281502313273"), &events)
}

/// What the function logs of its own lines comes to it as the next ones: at most once, whatever the subscription takes.
#[tokio::test(start_paused = true)]
async fn a_loop_through_the_own_log_ends() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", LIST), ("AWS_LAMBDA_LOG_GROUP_NAME", OWN_LOG)]);
    let messages = vec![denied(BATCH, QUOTE), "REPORT".to_owned(), denied(BATCH, QUOTE)];
    let (outcomes, logged) = invoke_logged(&remediator, &of_own_log(&messages)).await;
    let outcomes = outcomes.unwrap();
    assert_eq!(told(&outcomes), ["contradictory_event"]);
    assert_eq!((aws.calls(), aws.published().len()), (vec![], 1));
    let summary = &outcomes[0].summary;
    assert!(summary.contains("the function's own log group `/remediator/own`"), "{summary}");
    assert!(summary.contains("exclude that log group from the subscription"), "{summary}");
    assert_eq!(logged.len(), 1);
    assert!(!logged[0].contains(PHRASE) && !logged[0].contains("authorized"), "{}", logged[0]);

    // A filter that takes every line brings that one, and Lambda's.
    let mut lines = logged;
    lines.push("{\"type\": \"platform.report\"}".to_owned());
    let (outcomes, logged) = invoke_logged(&remediator, &of_own_log(&lines)).await;
    let outcomes = outcomes.unwrap();
    assert_eq!((told(&outcomes), logged), (vec!["contradictory_event".to_owned()], vec![]));
    assert_eq!(json!(outcomes[0])["notice"], "suppressed");
    assert_eq!((aws.calls(), aws.published().len()), (vec![], 1));
}

/// A filter that takes every line makes Lambda invoke the function without end: of that somebody is told, and nothing logged.
#[tokio::test(start_paused = true)]
async fn own_lines_about_something_else_are_told_and_not_logged() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", LIST), ("AWS_LAMBDA_LOG_GROUP_NAME", OWN_LOG)]);
    let lines = ["REPORT".to_owned()];
    // Not even that it could not be told, which is no error either: three tries would log more.
    aws.fail("Publish", "AuthorizationError", PHRASE);
    let (outcomes, logged) = invoke_logged(&remediator, &of_own_log(&lines)).await;
    assert_eq!((outcomes.unwrap(), logged), (vec![], vec![]));
    for published in ["published", "suppressed"] {
        let (outcomes, logged) = invoke_logged(&remediator, &of_own_log(&lines)).await;
        let outcomes = outcomes.unwrap();
        assert_eq!((told(&outcomes), logged), (vec!["contradictory_event".to_owned()], vec![]));
        assert_eq!(json!(outcomes[0])["notice"], published);
    }
    assert_eq!((aws.calls(), aws.published().len()), (vec![], 1));
}

/// SNS's words stay out of the log: a subscription for denials of any kind would bring them back, three times for each.
#[tokio::test(start_paused = true)]
async fn what_keeps_a_notice_of_the_own_log_back_is_not_logged() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", LIST), ("AWS_LAMBDA_LOG_GROUP_NAME", OWN_LOG)]);
    aws.fail("Publish", "AuthorizationError", PHRASE);
    let (outcomes, logged) = invoke_logged(&remediator, &of_own_log(&[denied(BATCH, QUOTE)])).await;
    let error = outcomes.unwrap_err();
    assert_eq!((error.code(), logged.len()), ("NoticeNotSent", 1));
    for text in [&format!("{error} {error:?}"), &logged[0]] {
        assert!(!text.contains("authorized"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn which_log_group_is_the_own_one() {
    let event = json!({"id": "1", "message": denied(BATCH, QUOTE)});
    let named = json!({"id": "1", "message": denied(BATCH, QUOTE), "extractedFields": {"@aws.account": OTHER_ACCOUNT}});
    let own = ("AWS_LAMBDA_LOG_GROUP_NAME", OWN_LOG);
    let by_default = ("AWS_LAMBDA_FUNCTION_NAME", "remediator");
    for (variable, log_group, owner, event, is_own) in [
        (own, OWN_LOG, json!("281502313273"), &event, true),
        (by_default, "/aws/lambda/remediator", json!("281502313273"), &event, true),
        (own, "/remediator/own2", json!("281502313273"), &event, false),
        (own, "/remediator/OWN", json!("281502313273"), &event, false),
        (by_default, "/aws/lambda/other", json!("281502313273"), &event, false),
        (("MODE", "enforce"), "", json!("281502313273"), &event, false),
        // A line of another account, centralized to the own log group: what is logged of it comes back, too.
        (own, OWN_LOG, json!("281502313273"), &named, true),
        // A log group of another account, that has the same name.
        (own, OWN_LOG, json!(OTHER_ACCOUNT), &event, false),
        // Whose it is cannot be told: one refusal too many ends.
        (own, OWN_LOG, json!(null), &event, true),
        (own, OWN_LOG, json!("x"), &event, true),
        (own, OWN_LOG, json!(281_502_313_273_u64), &event, true),
    ] {
        let aws = FakeAws::default();
        let payload = batch_of_group(log_group, owner.clone(), std::slice::from_ref(event));
        let outcomes =
            invoke_each(&aws.remediator(&[("ALLOWLIST", LIST), variable]), &payload).await.unwrap();
        let found = outcomes.iter().any(|outcome| outcome.summary.contains("own log group"));
        assert_eq!(found, is_own, "{log_group} {owner} {outcomes:?}");
        assert!(!is_own || outcomes.len() == 1);
        assert_eq!(aws.calls().is_empty(), is_own || owner == OTHER_ACCOUNT, "{log_group} {owner}");
    }
}

/// CloudWatch Logs tries whether the function can be reached, whatever log group it is for.
#[tokio::test(start_paused = true)]
async fn a_batch_of_the_own_log_without_lines_is_nothing() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("AWS_LAMBDA_LOG_GROUP_NAME", OWN_LOG)]);
    let control = json!({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": OWN_LOG,
        "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE: not authorized"}]});
    for payload in [of_own_log(&[]), payload(&packed(&control.to_string()))] {
        let (outcomes, logged) = invoke_logged(&remediator, &payload).await;
        assert_eq!((outcomes.unwrap(), logged), (vec![], vec![]));
    }
    assert!(aws.published().is_empty());
    // What cannot be read may tell of a denial.
    let cut = json!({"owner": "281502313273", "logGroup": OWN_LOG}).to_string();
    let (outcomes, logged) = invoke_logged(&remediator, &payload(&packed(&cut))).await;
    assert_eq!((told(&outcomes.unwrap()), logged.len()), (vec!["contradictory_event".to_owned()], 1));
}

/// A program prints one error in pieces, a line each: one is told, whatever stands first. Others are others.
#[tokio::test(start_paused = true)]
async fn pieces_of_one_printed_error_bring_one_notice() {
    let whole = denied(BATCH, QUOTE);
    let cut = format!("    │ └ '{}...", &whole[..150]);
    let shorter = format!("    └ '{}...{}'", &whole[..80], &whole[whole.len() - 60..]);
    let text = |line: &str| line.to_owned();
    for (messages, told_of) in [
        (vec![text(&whole), text(&cut), text(&shorter)], vec!["granted"]),
        (vec![text(&cut), text("  File x.py, line 3"), text(&whole), text(&shorter)], vec!["granted"]),
        (vec![text(&cut), text(&shorter)], vec!["untrusted_resource"]),
        (vec![text(&whole), cut.replace("shop-batch", "another")], vec!["granted", "untrusted_resource"]),
        // Not marked as cut: another function, perhaps.
        (vec![text(&whole[..150]), text(&whole[..151])], vec!["untrusted_resource", "untrusted_resource"]),
    ] {
        let aws = FakeAws::default();
        let variables = [("ALLOWLIST", LIST), ("NOTICE_INTERVAL", "0")];
        let outcomes = invoke_each(&aws.remediator(&variables), &lines(&messages)).await.unwrap();
        assert_eq!(outcomes.len(), messages.len());
        let told: Vec<_> = told(&outcomes).into_iter().filter(|told| told != "not_a_denied_invoke").collect();
        assert_eq!(told, told_of, "{messages:#?}");
        assert_eq!(aws.published().len(), told_of.len(), "{messages:#?}");
    }
}

/// Each line that runs out of time names what it was at itself; those that had no turn are counted, and not logged.
#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_batch_names_the_line_that_it_met() {
    let functions: Vec<String> = (0..9).map(|index| QUOTE.replace("quote", &index.to_string())).collect();
    let mut messages: Vec<String> = functions.iter().map(|function| denied(BATCH, function)).collect();
    messages.push("something else".to_owned());
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", LIST)]);
    let (outcomes, log) = invoke_with_time(&remediator, &lines(&messages), Duration::from_secs(1)).await;
    let error = outcomes.unwrap_err();
    assert_eq!(error.code(), "OutOfTime");
    assert!(error.to_string().starts_with("9 of 10 lines failed"), "{error}");
    assert_eq!(log.len(), 8);
    for (index, function) in functions.iter().enumerate() {
        let of_line = log.iter().filter(|line| line.contains(&format!("while adding {function} to")));
        assert_eq!(of_line.count(), usize::from(index < 8), "{log:?}");
    }
    assert!(error.to_string().contains(&format!("while adding {} to", functions[0])), "{error}");
}
