//! What IAM, SNS and SSM can answer, and what becomes of it.

use crate::fake_aws::{ALLOWLIST, Call, FakeAws, OWN_FUNCTION, TOPIC, invoke, invoke_as};
use lambda_invoke_remediator::allowlist_source::{AllowlistSource, MAX_AGE};
use lambda_invoke_remediator::aws::clients::{Clients, shared_config};
use lambda_invoke_remediator::aws::https::Https;
use lambda_invoke_remediator::config::Config;
use lambda_invoke_remediator::handler::HandlerError;
use remediator_core::outcome::Outcome;
use remediator_core::policy::lease::{Expiry, Lease};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const USER: &[u8] = include_bytes!("../../events/user.json");
const ROLE: &[u8] = include_bytes!("../../events/role-with-path.json");
const REFUSED: &[u8] = include_bytes!("../../events/not-allowlisted.json");
const PRINCIPAL: &str = "user/remotion_user";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";

async fn run(aws: &FakeAws, event: &[u8]) -> Value {
    json!(invoke(&aws.remediator(&[]), event).await.unwrap())
}

async fn error(aws: &FakeAws, event: &[u8]) -> HandlerError {
    invoke(&aws.remediator(&[]), event).await.unwrap_err()
}

fn undo(aws: &FakeAws) -> Vec<String> {
    let body: Value = serde_json::from_str(&aws.published().last().unwrap().bodies["sqs"]).unwrap();
    serde_json::from_value(body["undo"].clone()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_second_denial_is_already_granted() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("NOTICE_INTERVAL", "0")]);
    assert_eq!(json!(invoke(&remediator, USER).await.unwrap())["outcome"], "granted");
    let again = json!(invoke(&remediator, USER).await.unwrap());
    assert_eq!((&again["outcome"], &again["reason"]), (&json!("already_granted"), &json!(null)));
    assert_eq!(again["rule"], "remotion-clips");
    assert_eq!(aws.puts(), 1);
    assert_eq!(undo(&aws).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_edited_policy_keeps_all_that_it_has() {
    let before = json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "WorkHours", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": FUNCTION,
             "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
            {"Effect": "Deny", "NotAction": "lambda:*", "Resource": "*"},
            {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": "arn:aws:lambda:us-east-1:281502313273:function:other"},
        ],
    });
    let aws = FakeAws::with_policy(PRINCIPAL, &before.to_string());
    assert_eq!(run(&aws, USER).await["outcome"], "granted");
    let mut expected = before;
    expected["Statement"][2]["Resource"] =
        json!(["arn:aws:lambda:us-east-1:281502313273:function:other", FUNCTION, format!("{FUNCTION}:*")]);
    assert_eq!(aws.policy(PRINCIPAL), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_covers_and_is_not_offered_for_undo() {
    let policy = json!({"Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}});
    let aws = FakeAws::with_policy(PRINCIPAL, &policy.to_string());
    assert_eq!(run(&aws, USER).await["outcome"], "already_granted");
    assert_eq!((aws.puts(), undo(&aws).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn percent_signs_and_pluses_come_through() {
    let policy = json!({"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::a+b%20c \u{e9}"}]});
    let aws = FakeAws::with_policy(PRINCIPAL, &policy.to_string());
    assert_eq!(run(&aws, USER).await["outcome"], "granted");
    assert_eq!(aws.policy(PRINCIPAL).unwrap()["Statement"][0], policy["Statement"][0]);
}

#[tokio::test(start_paused = true)]
async fn iams_final_errors_are_outcomes() {
    for (operation, code, message, reason) in [
        (
            "ListUserPolicies",
            "NoSuchEntity",
            "The user with name remotion_user cannot be found.",
            "no_such_principal",
        ),
        ("PutUserPolicy", "NoSuchEntity", "", "no_such_principal"),
        ("PutUserPolicy", "LimitExceeded", "Maximum policy size of 2048 bytes exceeded", "policy_full"),
        ("PutUserPolicy", "UnmodifiableEntity", "", "protected_role"),
        ("PutUserPolicy", "MalformedPolicyDocument", "", "unreadable_policy"),
    ] {
        let aws = FakeAws::default();
        aws.fail(operation, code, message);
        let reply = run(&aws, USER).await;
        assert_eq!((&reply["outcome"], &reply["reason"]), (&json!("refused"), &json!(reason)), "{code}");
        assert_eq!(
            (&reply["rule"], &reply["notice"]),
            (&json!("remotion-clips"), &json!("published")),
            "{code}"
        );
        assert_eq!((aws.puts(), aws.published().len()), (0, 1), "{code}");
        assert_eq!(undo(&aws), Vec::<String>::new(), "{code}");
    }
    let aws = FakeAws::default();
    aws.fail("ListRolePolicies", "NoSuchEntity", "The role with name render-stitcher cannot be found.");
    assert_eq!(run(&aws, ROLE).await["reason"], "no_such_principal");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_lags_behind_erases_nothing() {
    let foreign = json!({"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let aws = FakeAws::with_policy(PRINCIPAL, &json!({"Statement": [foreign]}).to_string());
    aws.fail(
        "GetUserPolicy",
        "NoSuchEntity",
        "The user policy with name LambdaInvokePermission cannot be found.",
    );
    assert_eq!(run(&aws, USER).await["outcome"], "granted");
    assert_eq!(aws.policy(PRINCIPAL).unwrap()["Statement"][0], foreign);

    let aws = FakeAws::with_policy(PRINCIPAL, &json!({"Statement": [foreign]}).to_string());
    for _ in 0..5 {
        aws.fail("GetUserPolicy", "NoSuchEntity", "");
    }
    let error = error(&aws, USER).await;
    assert_eq!((error.code(), aws.puts()), ("IamCallFailed", 0));
    assert!(
        error.to_string().contains("IAM lists LambdaInvokePermission, and says that there is none"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_policy_is_left_alone() {
    let aws = FakeAws::with_policy(PRINCIPAL, "{\"Statement\": 1}");
    let reply = run(&aws, USER).await;
    assert_eq!((&reply["outcome"], &reply["reason"]), (&json!("refused"), &json!("unreadable_policy")));
    assert_eq!(aws.puts(), 0);
}

#[tokio::test(start_paused = true)]
async fn iams_other_errors_are_retried_by_lambda() {
    for (operation, code, error_code) in [
        ("GetUserPolicy", "ServiceFailure", "IamCallFailed"),
        ("GetUserPolicy", "InvalidClientTokenId", "IamCallFailed"),
        ("GetUserPolicy", "AccessDenied", "IamAccessDenied"),
        ("PutUserPolicy", "InvalidInput", "IamCallFailed"),
        ("PutUserPolicy", "AccessDenied", "IamAccessDenied"),
    ] {
        let aws = FakeAws::default();
        aws.fail(operation, code, "the cause");
        let error = error(&aws, USER).await;
        assert_eq!(error.code(), error_code, "{code}");
        let text = error.to_string();
        assert!(
            text.contains(operation) && text.contains("the cause") && text.contains("remotion_user"),
            "{text}"
        );
        assert!(aws.published().is_empty(), "{code}");
        // The retried event ends well.
        assert_eq!(run(&aws, USER).await["outcome"], "granted", "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_notice_is_made_up_for() {
    let aws = FakeAws::default();
    aws.fail("Publish", "NotFound", "Topic does not exist");
    let error = error(&aws, USER).await;
    assert_eq!(error.code(), "NoticeNotSent");
    assert!(
        error.to_string().contains(TOPIC) && error.to_string().contains("Topic does not exist"),
        "{error}"
    );
    // Another environment finds it covered; the same one knows that it wrote it: tests/it/storms.rs.
    let reply = run(&aws, USER).await;
    assert_eq!((&reply["outcome"], &reply["notice"]), (&json!("already_granted"), &json!("published")));
    assert_eq!((aws.puts(), aws.published().len()), (1, 1));

    aws.fail("Publish", "AuthorizationError", "no");
    assert_eq!(self::error(&aws, REFUSED).await.code(), "NoticeNotSent");
    assert_eq!(run(&aws, REFUSED).await["reason"], "not_allowlisted");
}

#[tokio::test(start_paused = true)]
async fn dry_run_writes_nothing() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("MODE", "dry-run")]);
    let reply = json!(invoke(&remediator, USER).await.unwrap());
    assert_eq!((&reply["outcome"], &reply["notice"]), (&json!("would_grant"), &json!("published")));
    assert_eq!(reply["rule"], "remotion-clips");
    assert_eq!(aws.puts(), 0);
    assert!(aws.published()[0].subject.contains("dry-run"));
    assert_eq!(undo(&aws), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_back_does_no_harm() {
    let aws = FakeAws::default();
    aws.0.lock().unwrap().stale_reads = 3;
    assert_eq!(run(&aws, USER).await["outcome"], "granted");
    // It looks like a loss, and the same is written again.
    let puts: Vec<Call> = aws.calls().into_iter().filter(|call| matches!(call, Call::Put { .. })).collect();
    assert!(puts.iter().all(|put| *put == puts[0]), "{puts:?}");
}

#[tokio::test(start_paused = true)]
async fn what_never_stays_is_no_grant() {
    let aws = FakeAws::default();
    aws.0.lock().unwrap().stale_reads = usize::MAX;
    assert_eq!(error(&aws, USER).await.code(), "GrantNotConfirmed");
    assert!(aws.published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_put_that_fails_in_passing_is_made_again_on_a_new_read() {
    for code in ["Throttling", "ServiceFailure", "ConcurrentModification", "RequestLimitExceeded"] {
        let aws = FakeAws::default();
        aws.fail("PutUserPolicy", code, "for now");
        assert_eq!(run(&aws, USER).await["outcome"], "granted", "{code}");
        let kinds: Vec<bool> =
            aws.policy_calls().iter().map(|call| matches!(call, Call::Put { .. })).collect();
        // A read, the put that failed and is not among the calls, a read, a put.
        assert_eq!(kinds[..3], [false, false, true], "{code}");
    }
    let aws = FakeAws::default();
    for _ in 0..4 {
        aws.fail("PutUserPolicy", "Throttling", "for long");
    }
    let error = error(&aws, USER).await;
    assert_eq!(error.code(), "IamCallFailed");
    assert!(
        error.to_string().contains("iam:PutUserPolicy") && error.to_string().contains("for long"),
        "{error}"
    );
    assert_eq!(aws.policy("user/remotion_user"), None);
}

#[tokio::test(start_paused = true)]
async fn a_full_policy_is_folded_before_it_is_given_up() {
    let document = json!({"Statement": {
        "Effect": "Allow", "Action": "lambda:InvokeFunction",
        "Resource": ["arn:aws:lambda:us-east-1:281502313273:function:a", "arn:aws:lambda:us-east-1:281502313273:function:a*"],
    }});
    let aws = FakeAws::with_policy(PRINCIPAL, &document.to_string());
    aws.fail("PutUserPolicy", "LimitExceeded", "Maximum policy size of 2048 bytes exceeded");
    assert_eq!(run(&aws, USER).await["outcome"], "granted");
    let expected =
        json!(["arn:aws:lambda:us-east-1:281502313273:function:a*", FUNCTION, format!("{FUNCTION}:*")]);
    assert_eq!(aws.policy(PRINCIPAL).unwrap()["Statement"]["Resource"], expected);

    let aws = FakeAws::with_policy(PRINCIPAL, &document.to_string());
    for _ in 0..2 {
        aws.fail("PutUserPolicy", "LimitExceeded", "Maximum policy size of 2048 bytes exceeded");
    }
    let reply = run(&aws, USER).await;
    assert_eq!(reply["reason"], "policy_full");
    assert_eq!(aws.policy(PRINCIPAL), Some(document));
}

#[tokio::test(start_paused = true)]
async fn a_full_policy_says_how_full() {
    let aws = FakeAws::default();
    aws.0.lock().unwrap().other_usage = 2_000;
    aws.fail("PutUserPolicy", "LimitExceeded", "Maximum policy size of 2048 bytes exceeded");
    let reply = run(&aws, USER).await;
    assert_eq!(reply["reason"], "policy_full");
    let text = aws.published()[0].bodies["email"].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("hold 2000 of 2048 characters") && text.contains("Make room"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_leaves_little_room_says_so() {
    for (event, other_usage, is_told) in
        [(USER, 1_000, false), (USER, 1_500, true), (ROLE, 1_500, false), (ROLE, 9_700, true)]
    {
        let aws = FakeAws::default();
        aws.0.lock().unwrap().other_usage = other_usage;
        assert_eq!(run(&aws, event).await["outcome"], "granted");
        let text = aws.published()[0].bodies["email"].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains("little room"), is_told, "{other_usage}: {text}");
    }
}

/// The example's list with a lease on its first rule, and when a grant by it that is made now runs out.
fn leasing(days: &str) -> (String, String) {
    let mut list: Value = serde_json::from_str(ALLOWLIST).unwrap();
    list["rules"][0]["expiresAfter"] = json!(days);
    let lease = Lease::try_from(days.to_owned()).unwrap();
    (list.to_string(), Expiry::new(lease, SystemTime::now()).to_string())
}

fn until(end: &str, function: &str) -> Value {
    json!({"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [function, format!("{function}:*")],
           "Condition": {"DateLessThan": {"aws:CurrentTime": end}}})
}

/// The last notice: its machine-readable body, and the words of its mail.
fn told(aws: &FakeAws) -> (Value, String) {
    let bodies = aws.published().last().unwrap().bodies.clone();
    let mail = bodies["email"].split_whitespace().collect::<Vec<_>>().join(" ");
    (serde_json::from_str(&bodies["sqs"]).unwrap(), mail)
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_written_watched_and_told() {
    let (list, end) = leasing("30d");
    for stale_reads in [0, 3] {
        let aws = FakeAws::default();
        // A grant that seems to be lost is added again, until the same time.
        aws.0.lock().unwrap().stale_reads = stale_reads;
        let remediator = aws.remediator(&[("ALLOWLIST", &list), ("NOTICE_INTERVAL", "0")]);
        let reply = json!(invoke(&remediator, USER).await.unwrap());
        assert_eq!(reply["outcome"], "granted");
        assert_eq!(
            reply["summary"],
            format!(
                "user/remotion_user may invoke ffmpeg-clip-cutter now: it was added to LambdaInvokePermission, until {end}."
            )
        );
        assert_eq!(reply.as_object().unwrap().len(), 16);
        let document = json!({"Version": "2012-10-17", "Statement": [until(&end, FUNCTION)]});
        assert_eq!(aws.policy(PRINCIPAL), Some(document));
        assert!(aws.puts() > usize::from(stale_reads > 0));
        let (body, mail) = told(&aws);
        assert_eq!((&body["expires"], undo(&aws).len()), (&json!(end), 1));
        assert!(
            mail.contains(&format!("Expires {end} ")) && mail.contains(&format!("expires at {end}")),
            "{mail}"
        );
        let chat: Value = serde_json::from_str(&aws.published()[0].bodies["https"]).unwrap();
        let description = chat["content"]["description"].as_str().unwrap();
        assert!(description.contains(&format!("\n- *Expires:* `{end}`\n")), "{description}");
        assert!(chat["content"]["nextSteps"].to_string().contains("renews it"));
        assert_eq!(chat["metadata"]["additionalContext"].as_object().unwrap().len(), 16);

        // Inside it, it is covered; and long after it was made something else denies.
        let puts = aws.puts();
        let again = json!(invoke(&remediator, USER).await.unwrap());
        assert_eq!(again["outcome"], "already_granted");
        assert!(again["summary"].as_str().unwrap().contains(&format!("already, until {end}: nothing")));
        assert_eq!((told(&aws).0["expires"].as_str(), undo(&aws).len()), (Some(end.as_str()), 1));
        let later = SystemTime::now() + Duration::from_secs(600);
        let later =
            aws_smithy_types::DateTime::from(later).fmt(aws_smithy_types::date_time::Format::DateTime);
        let mut event: Value = serde_json::from_slice(USER).unwrap();
        event["detail"]["eventTime"] = json!(later.unwrap());
        let still = json!(invoke(&remediator, event.to_string().as_bytes()).await.unwrap());
        assert!(
            still["summary"].as_str().unwrap().contains(&format!("covers it, until {end}: another layer")),
            "{still}"
        );
        assert_eq!((aws.puts(), aws.published().len()), (puts, 3));
        // A denial after the end is none of something else, whatever the clocks say of each other.
        event["detail"]["eventTime"] = json!(end);
        let at_its_end = json!(invoke(&remediator, event.to_string().as_bytes()).await.unwrap());
        assert!(!at_its_end["summary"].as_str().unwrap().contains("another layer"), "{at_its_end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_run_out_is_renewed() {
    let (list, end) = leasing("1d");
    let foreign = json!({"Sid": "ByHand", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": FUNCTION,
                         "Condition": {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}});
    let old = until("2020-01-01T00:00:00Z", FUNCTION);
    let before = json!({"Version": "2012-10-17", "Statement": [old, foreign, until("2020-01-02T00:00:00Z", &format!("{FUNCTION}-2"))]});
    let aws = FakeAws::with_policy(PRINCIPAL, &before.to_string());
    let remediator = aws.remediator(&[("ALLOWLIST", &list)]);
    let reply = json!(invoke(&remediator, USER).await.unwrap());
    assert_eq!((&reply["outcome"], &reply["notice"]), (&json!("granted"), &json!("published")));
    let expected = json!({"Version": "2012-10-17", "Statement": [foreign, until(&end, FUNCTION)]});
    assert_eq!(aws.policy(PRINCIPAL), Some(expected));

    // By hand again, while this environment remembers the grant: the next look finds out, and the renewal is told.
    aws.0.lock().unwrap().policies.insert(PRINCIPAL.to_owned(), before.to_string());
    let remediator = aws.remediator(&[("ALLOWLIST", &list)]);
    assert_eq!(json!(invoke(&remediator, USER).await.unwrap())["outcome"], "granted");
}

#[tokio::test(start_paused = true)]
async fn a_lease_does_for_a_lease_and_not_for_a_grant_for_good() {
    let (list, _) = leasing("1d");
    let there = until("2999-01-01T00:00:00Z", FUNCTION);
    let document =
        json!({"Version": "2012-10-17", "Statement": [there, until("2020-01-01T00:00:00Z", FUNCTION)]});
    let aws = FakeAws::with_policy(PRINCIPAL, &document.to_string());
    let reply = json!(invoke(&aws.remediator(&[("ALLOWLIST", &list)]), USER).await.unwrap());
    assert_eq!((&reply["outcome"], aws.puts()), (&json!("already_granted"), 0));
    assert_eq!(told(&aws).0["expires"], "2999-01-01T00:00:00Z");

    let reply = run(&aws, USER).await;
    assert_eq!(reply["outcome"], "granted");
    assert!(!reply["summary"].as_str().unwrap().contains("until"));
    assert_eq!(told(&aws).0["expires"], Value::Null);
    let for_good = json!({"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [FUNCTION, format!("{FUNCTION}:*")]});
    assert_eq!(aws.policy(PRINCIPAL).unwrap()["Statement"], json!([there, for_good]));
    // From then on it covers a lease as well.
    let reply = json!(invoke(&aws.remediator(&[("ALLOWLIST", &list)]), USER).await.unwrap());
    assert_eq!((&reply["outcome"], &told(&aws).0["expires"]), (&json!("already_granted"), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_until_when_it_would_be() {
    let (list, end) = leasing("7d");
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", &list), ("MODE", "dry-run")]);
    let reply = json!(invoke(&remediator, USER).await.unwrap());
    assert_eq!(reply["outcome"], "would_grant");
    assert!(
        reply["summary"].as_str().unwrap().contains(&format!("user/remotion_user, until {end}; nothing")),
        "{reply}"
    );
    let (body, mail) = told(&aws);
    assert_eq!(body["expires"], end.as_str());
    assert!(mail.contains(&format!("Expires {end} ")) && !mail.contains("renews it"), "{mail}");
    assert_eq!(aws.puts(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_in_ssm_is_read_again_when_it_is_a_minute_old() {
    let aws = FakeAws::default();
    aws.0.lock().unwrap().parameter = Some(ALLOWLIST.to_owned());
    let location = Config::read(|name| {
        [("ALLOWLIST", "ssm:/remediator/allowlist"), ("TOPIC_ARN", TOPIC)]
            .into_iter()
            .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
    });
    let source = AllowlistSource::new(&location.unwrap().allowlist, aws.clients().ssm.as_ref());
    let start = SystemTime::now();
    let reads = || aws.calls().len();
    for (after, expected) in [(0, 1), (59, 1), (60, 1), (61, 2), (121, 2), (122, 3)] {
        source.current(start + Duration::from_secs(after)).await.unwrap();
        assert_eq!(reads(), expected, "after {after} s");
    }
    // A clock that was set back says nothing about the age.
    source.current(start).await.unwrap();
    assert_eq!(reads(), 4);
    assert_eq!(aws.calls()[0], Call::GetParameter { name: "/remediator/allowlist".to_owned() });

    // A list that cannot be read is not replaced by the last one.
    aws.fail("GetParameter", "InternalServerError", "no");
    let late = start + MAX_AGE + Duration::from_secs(1);
    assert!(source.current(late).await.is_err());
    aws.0.lock().unwrap().parameter = Some("{\"rules\": []}".to_owned());
    assert!(source.current(late).await.unwrap_err().to_string().contains("rules: the list is empty"));
    assert!(source.current(start).await.is_err());
    // What is no list may be a secret, and is not told.
    for secret in ["\"hunter2\"", "1234567", "hunter2"] {
        aws.0.lock().unwrap().parameter = Some(secret.to_owned());
        let text = source.current(late).await.unwrap_err().to_string();
        assert!(text.contains("`/remediator/allowlist` holds no JSON object"), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("1234567"), "{text}");
    }
    aws.0.lock().unwrap().parameter = Some(ALLOWLIST.to_owned());
    assert!(source.current(late).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_without_a_list() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", "ssm:/remediator/allowlist")]);
    assert!(remediator.start().await.is_err());
    for event in [USER, REFUSED] {
        assert_eq!(invoke(&remediator, event).await.unwrap_err().code(), "AllowlistUnreadable");
    }
    assert!(aws.published().is_empty());
    assert_eq!(aws.puts(), 0);
    aws.0.lock().unwrap().parameter = Some(ALLOWLIST.to_owned());
    assert_eq!(json!(invoke(&remediator, USER).await.unwrap())["outcome"], "granted");
}

#[tokio::test(start_paused = true)]
async fn the_own_account_comes_from_the_invoked_function() {
    let reason = |reply: Result<Outcome, HandlerError>| json!(reply.unwrap())["reason"].clone();
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("MODE", "dry-run")]);
    let elsewhere = OWN_FUNCTION.replace("281502313273", "111122223333");
    assert_eq!(reason(invoke_as(&remediator, USER, &elsewhere).await), "other_account");
    let elsewhere = OWN_FUNCTION.replace("aws:lambda:us-east-1", "aws-cn:lambda:cn-north-1");
    assert_eq!(reason(invoke_as(&remediator, USER, &elsewhere).await), "other_account");
    let alias = format!("{OWN_FUNCTION}:live");
    assert_eq!(reason(invoke_as(&remediator, USER, &alias).await), Value::Null);
    // An emulator's placeholder tells nothing, the own role does; `sam local` makes up an ARN.
    assert_eq!(reason(invoke_as(&remediator, USER, "function-arn").await), Value::Null);
    let made_up = OWN_FUNCTION.replace("281502313273", "123456789012");
    assert_eq!(reason(invoke_as(&remediator, USER, &made_up).await), "other_account");
    let in_sam = aws.remediator(&[("MODE", "dry-run"), ("AWS_SAM_LOCAL", "true")]);
    assert_eq!(reason(invoke_as(&in_sam, USER, &made_up).await), Value::Null);
}

/// What AWS's Runtime Interface Emulator gives to every function.
const OF_THE_EMULATOR: &str = "arn:aws:lambda:us-east-1:012345678912:function:test_function";

#[tokio::test(start_paused = true)]
async fn the_account_of_awss_emulator_is_set_aside_for_that_of_the_own_role() {
    let reason = |reply: Result<Outcome, HandlerError>| json!(reply.unwrap())["reason"].clone();
    let text = std::str::from_utf8(USER).unwrap().replace("281502313273", "012345678912");
    let of_that_account = text.as_bytes();
    let list = &ALLOWLIST.replace("281502313273", "012345678912");
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("MODE", "dry-run")]);
    assert_eq!(reason(invoke_as(&remediator, USER, OF_THE_EMULATOR).await), Value::Null);
    // That account's own denials do not come in by it, also where the list has them.
    let remediator = aws.remediator(&[("MODE", "dry-run"), ("ALLOWLIST", list)]);
    assert_eq!(reason(invoke_as(&remediator, of_that_account, OF_THE_EMULATOR).await), "other_account");
    // If it is the own one, the own role is of it as well, and the same counts.
    let role = "arn:aws:iam::012345678912:role/remediator";
    let at_home = aws.remediator(&[("MODE", "dry-run"), ("ALLOWLIST", list), ("OWN_ROLE_ARN", role)]);
    assert_eq!(reason(invoke_as(&at_home, of_that_account, OF_THE_EMULATOR).await), Value::Null);
    assert_eq!(reason(invoke_as(&at_home, USER, OF_THE_EMULATOR).await), "other_account");
}

#[tokio::test(start_paused = true)]
async fn without_any_account_nothing_is_decided() {
    let aws = FakeAws::default();
    let config = Config::read(|name| {
        [("ALLOWLIST", ALLOWLIST), ("TOPIC_ARN", TOPIC)]
            .into_iter()
            .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
    });
    let remediator =
        lambda_invoke_remediator::handler::Remediator::new(config.unwrap(), aws.clients(), None, aws.clock());
    for made_up in ["function-arn", OF_THE_EMULATOR] {
        let error = invoke_as(&remediator, USER, made_up).await.unwrap_err();
        assert_eq!(error.code(), "OwnAccountUnknown");
        let text = error.to_string();
        assert!(
            text.contains(made_up) && text.contains("set it to the ARN of the function's execution role")
        );
    }
    assert!(aws.calls().is_empty() && aws.published().is_empty());
}

#[tokio::test(start_paused = true)]
async fn sns_and_ssm_are_called_where_their_arns_say() {
    let config = Config::read(|name| {
        [
            ("ALLOWLIST", "ssm:arn:aws:ssm:eu-west-1:281502313273:parameter/list"),
            ("TOPIC_ARN", "arn:aws:sns:eu-central-1:281502313273:denials"),
        ]
        .into_iter()
        .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
    });
    let config = config.unwrap();
    let shared = shared_config(&Https::new().unwrap());
    let clients = Clients::new(&shared, &config.topic.region, config.allowlist.ssm_region());
    assert_eq!(clients.sns.config().region().unwrap().as_ref(), "eu-central-1");
    assert_eq!(clients.ssm.unwrap().config().region().unwrap().as_ref(), "eu-west-1");
}
