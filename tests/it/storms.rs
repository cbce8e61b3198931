//! A caller that is denied tries again: what a storm of denials costs, and what of it is told.

use crate::fake_aws::{Call, FakeAws, invoke};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const USER: &[u8] = include_bytes!("../../events/user.json");
const REFUSED: &[u8] = include_bytes!("../../events/not-allowlisted.json");

#[tokio::test(start_paused = true)]
async fn ten_thousand_denials_are_one_write_and_one_notice() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[]);
    assert_eq!(json!(invoke(&remediator, USER).await.unwrap())["notice"], "published");
    for _ in 1..10_000 {
        let reply = json!(invoke(&remediator, USER).await.unwrap());
        assert_eq!((&reply["outcome"], &reply["notice"]), (&json!("already_granted"), &json!("suppressed")));
        assert_eq!(reply["rule"], "remotion-clips");
    }
    let reads = aws.calls().iter().filter(|call| matches!(call, Call::Get { .. })).count();
    assert_eq!((aws.puts(), aws.published().len()), (1, 1));
    assert!(reads < 10, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_once_in_the_interval() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[]);
    for expected in ["published", "suppressed", "suppressed"] {
        assert_eq!(json!(invoke(&remediator, REFUSED).await.unwrap())["notice"], expected);
    }
    assert_eq!(aws.published().len(), 1);
    // A notice that was not sent is not told.
    aws.fail("Publish", "InternalError", "no");
    let other = String::from_utf8_lossy(REFUSED).replace("stranger", "another-stranger");
    assert_eq!(invoke(&remediator, other.as_bytes()).await.unwrap_err().code(), "NoticeNotSent");
    assert_eq!(json!(invoke(&remediator, other.as_bytes()).await.unwrap())["notice"], "published");
}

#[tokio::test(start_paused = true)]
async fn the_next_notice_says_how_many_were_left_out() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("NOTICE_INTERVAL", "60")]);
    let mut left_out = 0;
    for _ in 0..10 {
        left_out += u64::from(json!(invoke(&remediator, REFUSED).await.unwrap())["notice"] == "suppressed");
        aws.wait(Duration::from_secs(6));
    }
    assert_eq!(json!(invoke(&remediator, REFUSED).await.unwrap())["notice"], "published");
    let notice = &aws.published()[1];
    let body: Value = serde_json::from_str(&notice.bodies["sqs"]).unwrap();
    assert_eq!(left_out, 9);
    assert_eq!(body["leftOut"], left_out);
    assert!(
        notice.bodies["email"].contains(&format!("{left_out} more like this")),
        "{}",
        notice.bodies["email"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_denial_clearly_after_the_grant_is_told_as_such() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[]);
    invoke(&remediator, USER).await.unwrap();
    let at = |after: u64| {
        let time = aws_smithy_types::DateTime::from(SystemTime::now() + Duration::from_secs(after));
        let mut event: Value = serde_json::from_slice(USER).unwrap();
        event["detail"]["eventTime"] =
            json!(time.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap());
        event.to_string().into_bytes()
    };
    // Within the time that IAM takes to spread the grant it is one of the storm.
    assert_eq!(json!(invoke(&remediator, &at(30)).await.unwrap())["notice"], "suppressed");
    let reply = json!(invoke(&remediator, &at(120)).await.unwrap());
    assert_eq!((&reply["outcome"], &reply["notice"]), (&json!("already_granted"), &json!("published")));
    let notice = &aws.published()[1];
    assert!(notice.subject.starts_with("Granted, still denied: "), "{}", notice.subject);
    let text = notice.bodies["email"].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("The grant is in place, and still something denies")
            && text.contains("permissions boundary"),
        "{text}"
    );
    assert_eq!(json!(invoke(&remediator, &at(180)).await.unwrap())["notice"], "suppressed");
}

#[tokio::test(start_paused = true)]
async fn a_written_grant_whose_notice_was_lost_is_told() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[]);
    invoke(&remediator, USER).await.unwrap();
    // Somebody takes it away; it is written again, and the notice gets lost.
    aws.0.lock().unwrap().policies.clear();
    aws.0.lock().unwrap().before = None;
    let late = String::from_utf8_lossy(USER).replace("2026-09-14", "2999-09-14");
    aws.fail("Publish", "InternalError", "no");
    assert_eq!(invoke(&remediator, late.as_bytes()).await.unwrap_err().code(), "NoticeNotSent");
    let reply = json!(invoke(&remediator, late.as_bytes()).await.unwrap());
    assert_eq!((&reply["outcome"], &reply["notice"]), (&json!("granted"), &json!("published")));
    assert_eq!((aws.puts(), aws.published().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_iam_refused_to_write_is_not_told_as_written() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("NOTICE_INTERVAL", "0")]);
    aws.fail("PutUserPolicy", "LimitExceeded", "full");
    assert_eq!(json!(invoke(&remediator, USER).await.unwrap())["reason"], "policy_full");
    // Somebody makes room and adds it by hand.
    let by_hand =
        json!({"Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}}).to_string();
    aws.0.lock().unwrap().policies.insert("user/remotion_user".to_owned(), by_hand);
    assert_eq!(json!(invoke(&remediator, USER).await.unwrap())["outcome"], "already_granted");
}

#[tokio::test(start_paused = true)]
async fn another_layer_is_told() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[]);
    let boundary = include_bytes!("../../events/explicit-permissions-boundary.json");
    let control = include_bytes!("../../events/explicit-service-control-policy.json");
    for (event, expected) in
        [(&boundary[..], "published"), (&control[..], "published"), (&boundary[..], "suppressed")]
    {
        assert_eq!(json!(invoke(&remediator, event).await.unwrap())["notice"], expected);
    }
}
