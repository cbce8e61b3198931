//! Texts that lead a reader astray: each kind was once granted what it does not say, passed over in silence, or told untruly.

use crate::fake_aws::{FakeAws, invoke, invoke_each};
use serde_json::{Value, json};

const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";
const REASON: &str = " because no identity-based policy allows the lambda:InvokeFunction action";
/// As wide as a list can be.
const WIDE: &str = r#"{"rules": [{
    "id": "wide", "sources": ["cloudtrail", "manual", "report", "log"],
    "principals": ["arn:aws:iam::281502313273:user/*", "arn:aws:iam::281502313273:role/*"],
    "functions": ["arn:aws:lambda:us-east-1:281502313273:function:*"]
}]}"#;

fn denied(who: &str, function: &str, reason: &str) -> String {
    format!("User: {who} is not authorized to perform: lambda:InvokeFunction on resource: {function}{reason}")
}

fn whole() -> String {
    denied(USER, FUNCTION, REASON)
}

async fn outcome(payload: Value) -> Value {
    let aws = FakeAws::default();
    let variables = [("ALLOWLIST", WIDE), ("MODE", "dry-run")];
    json!(invoke(&aws.remediator(&variables), payload.to_string().as_bytes()).await.unwrap())
}

async fn assert_refused(payload: Value) {
    let told = outcome(payload.clone()).await;
    assert_eq!(told["outcome"], "refused", "{payload:#}: {told:#}");
}

/// A denial beside the whole one, of somebody else or for another reason, that is broken in its words.
#[tokio::test(start_paused = true)]
async fn another_denial_beside_a_whole_one_is_no_copy() {
    let other = denied("arn:aws:iam::281502313273:user/other", &format!("{FUNCTION}-2"), REASON);
    let boundary = whole().replace("identity-based policy", "permissions boundary");
    for beside in [
        other.replace("authorized", "author\nized"),
        boundary.replace("authorized", "autho\nrized"),
        boundary.replace("perform:", "perform"),
        boundary.split_once("not autho").unwrap().1.to_owned(),
        denied(USER, FUNCTION, " with an explicit"),
        denied(USER, FUNCTION, " with an explicit\n12:31 deny in a service control policy"),
        denied(USER, FUNCTION, " because no\npermissions boundary allows the lambda:InvokeFun"),
        denied(USER, FUNCTION, "\nwith an explicit"),
        boundary.replace("resource", "re\nsource"),
        boundary.replace("resource", "ressource"),
        boundary.split_once("clip-").unwrap().1.to_owned(),
        format!("and{}", boundary.split_once(FUNCTION).unwrap().1),
        boundary.replace(USER, "...").replace(" on resource", "\non resource"),
        "The request was explicitly denied by a service control policy".to_owned(),
        "with an explict deny".to_owned(),
    ] {
        assert_refused(json!(format!("{}\n{beside}", whole()))).await;
        assert_refused(json!(format!("{beside}\n{}", whole()))).await;
    }
    let clocked = "12:31 User: A is not\n12:31 authorized to perform: lambda:InvokeFunction on\n12:31 resource: FN\n12:31 with an \
                   explicit\n12:31 deny in a service control policy";
    assert_refused(json!(format!("{}\n{clocked}", whole()))).await;
    assert_eq!(outcome(json!(whole())).await["outcome"], "would_grant");
}

/// What stands apart in JSON is not put together, and what stands beside an `errorMessage` counts.
#[tokio::test(start_paused = true)]
async fn texts_in_json_are_not_put_together() {
    let (head, reason) = (denied(USER, FUNCTION, ""), REASON.trim_start());
    for apart in [
        json!({"message": head, "reason": reason}),
        json!({"message": denied(USER, "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-", ""), "b": reason}),
        json!({"error": ["User: ", USER, whole().split_once(USER).unwrap().1], "message": ""}),
        json!({"errorMessage": whole(), "cause": {"errorMessage": denied(USER, FUNCTION, " with an explicit deny in a service control policy")}}),
        json!([head, reason]),
    ] {
        assert_refused(apart).await;
    }
    for error in [
        json!({"errorMessage": "Invoke failed", "cause": {"errorMessage": whole()}}),
        json!({"errorMessage": "boom", "trace": [format!("Caused by: {}", whole())]}),
        json!({"detail": whole()}),
        json!({"level": 50, "err": {"message": whole(), "stack": format!("{}\n at x", whole())}, "msg": "failed"}),
    ] {
        assert_eq!(outcome(error.clone()).await["outcome"], "would_grant", "{error}");
    }
}

/// What others put into an event of an event source is told, and never granted.
#[tokio::test(start_paused = true)]
async fn an_event_of_an_event_source_is_told_and_not_granted() {
    for event in [
        json!({"Records": [{"eventSource": "aws:sqs", "body": whole()}]}),
        json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": whole()}}]}),
        json!([{"messageId": "1", "eventSource": "aws:sqs", "body": whole()}]),
        json!({"requestContext": {"http": {}}, "rawPath": "/", "body": whole()}),
        json!({"errorMessage": whole(), "requestContext": {}}),
        json!({"authorizationToken": whole(), "methodArn": "x"}),
        json!({"raw_path": "/", "body": whole()}),
        json!({"arguments": {"text": whole()}, "info": {}}),
        json!({"currentIntent": {}, "inputTranscript": whole()}),
        json!({"alarmArn": "x", "alarmData": {"state": {"reason": whole()}}}),
        json!({"event": {"Records": [{"body": whole()}]}}),
        json!({"session": {}, "request": {"intent": {"value": whole()}}}),
        json!({"detail-type": "lambda invoke denied", "source": "shop", "detail": {"errorMessage": whole()}}),
        json!({whole(): 1}),
    ] {
        assert_refused(event).await;
    }
}

/// A name may end in a character that also ends a sentence, a line or a list's mark.
#[tokio::test(start_paused = true)]
async fn a_name_loses_none_of_its_characters() {
    for name in ["sammy.davis.jr.", "ann,", "ann-", "ann="] {
        let who = format!("arn:aws:iam::281502313273:user/{name}");
        assert_eq!(outcome(json!(denied(&who, FUNCTION, REASON))).await["principal"], who);
        let mut event: Value = serde_json::from_slice(include_bytes!("../../events/user.json")).unwrap();
        event["detail"]["userIdentity"]["arn"] = json!(who);
        event["detail"]["userIdentity"]["userName"] = json!(name);
        event["detail"]["errorMessage"] = json!(denied(&who, FUNCTION, REASON));
        let told = outcome(event).await;
        assert_eq!((&told["outcome"], &told["principal"]), (&json!("would_grant"), &json!(who)), "{told:#}");
    }
    for text in [
        denied(USER, &format!("{FUNCTION}."), REASON),
        denied(USER, &format!("{FUNCTION}.."), REASON),
        denied(USER, &format!("{FUNCTION}\n-"), REASON),
        denied(USER, &format!("{FUNCTION}\n*"), REASON),
        denied(&format!("{USER}\n-"), FUNCTION, REASON),
        denied(&format!("{USER}`"), FUNCTION, REASON),
        denied(&format!("{USER}.."), FUNCTION, REASON).replace("remotion_user..", "remotion_user..."),
    ] {
        let told = outcome(json!(text)).await;
        assert!(told["outcome"] == "refused" || told["principal"] != USER, "{text}: {told:#}");
    }
    let dash = format!("{FUNCTION}-");
    assert_eq!(outcome(json!(denied(USER, &dash, REASON))).await["function"], dash);
}

/// An action that was cut or broken is not another action.
#[tokio::test(start_paused = true)]
async fn a_broken_action_is_not_another() {
    let explicit = denied(USER, FUNCTION, " with an explicit deny in a service control policy");
    let cut = |end: &str| format!("User: {USER} is not authorized to perform: {end}");
    for text in [
        explicit.replace("Invoke", "Invoke\n"),
        cut("lambda:Invoke [...]"),
        cut("lambda:Invok (truncated...)"),
        cut("lambda:InvokeFu<truncated>"),
        cut("lambda:Invok'+79"),
        cut("lambda:InvokeFu$"),
        cut("lambda:Invok\n2026-09-14 the next line"),
        format!("| {} | ERROR |", cut("lambda:Invok")),
        json!({"m": cut("lambda:Invok"), "level": "error"}).to_string(),
        denied(USER, FUNCTION, "").replace("Function on", "Functon on"),
        denied(USER, FUNCTION, "").replace("InvokeFunction", "Invoke-\nFunction"),
        denied(USER, FUNCTION, "").replace("InvokeFunction", "Invoke\u{ad}Function"),
        format!("User: {USER} is not authorized to perform: s3:GetObject on resource: x\n{}", explicit.replace("Invoke", "Invoke\n")),
        cut(""),
        "AccessDeniedException: An error occurred when calling the InvokeWithResponseStream operation: User: arn:aws:iam::2815".to_owned(),
        "Sep 14 00:10:09 host app[123]: User: x is not\nSep 14 00:10:10 host app[123]: authorized to perform: lambda:InvokeFunction on resource: y".to_owned(),
        "│ is not autho  │ 12:30 │\n│ rized to perf │ 12:31 │\n│ orm: lambda:I │ 12:32 │\n│ nvokeFunction │ 12:33 │".to_owned(),
    ] {
        assert_refused(json!(text)).await;
    }
    for other in ["lambda:GetFunction", "s3:GetObject", "lambda:InvokeWebFunctionEndpoint"] {
        let told = outcome(json!(format!("{} on resource: x", cut(other)))).await;
        assert_eq!(
            (&told["outcome"], &told["reason"]),
            (&json!("ignored"), &json!("other_action")),
            "{other}"
        );
        assert!(told["summary"].as_str().unwrap().contains(other));
    }
}

/// Nobody is called a service, or an impossible user, who is only not named in full; and no name that was cut is named.
#[tokio::test(start_paused = true)]
async fn what_is_told_of_a_broken_text_is_true() {
    for text in [
        whole().split_once("user/").unwrap().1.to_owned(),
        whole().replace(USER, "<b>arn</b>"),
        whole().replace("281502313273:user", "***:user"),
        whole().replace("ffmpeg-clip-cutter", "ffmpeg- clip-cutter") + " (Service: Lambda, Status Code: 403)",
        whole()
            .replace("ffmpeg-clip-cutter", "ffmpeg-\tclip-cutter")
            .replace("identity-based policy", "permissions boundary"),
    ] {
        let told = outcome(json!(text)).await;
        assert_eq!(
            (&told["reason"], &told["function"]),
            (&json!("untrusted_resource"), &Value::Null),
            "{text}: {told:#}"
        );
    }
    // A word of a deny in a name is none.
    let audit = whole().replace("ffmpeg", "explicit-deny");
    assert_eq!(outcome(json!(audit)).await["outcome"], "would_grant");
    let beside = outcome(json!(format!("{}\nhelp: is there an explicit deny?", whole()))).await;
    assert_eq!((&beside["reason"], &beside["deniedBy"]), (&json!("not_identity_based"), &json!("unstated")));
    assert!(beside["summary"].as_str().unwrap().contains("speaks of an explicit deny"), "{beside:#}");
}

/// A copy that was cut is none, however its program marks it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_was_cut_is_no_other_denial() {
    let php = format!(
        "{{\"Message\":\"{} (truncated...)\n AccessDeniedException (client): {} - {{\"Message\":\"{}\"}}",
        &whole()[..110],
        whole(),
        whole()
    );
    assert_eq!(outcome(json!(php)).await["outcome"], "would_grant");
    for mark in [
        " [...]",
        " (...)",
        "\u{2026} (truncated)",
        "... 90 more characters",
        "... [90 more]",
        "... (+90 more characters)",
        "[truncated 90 chars]",
    ] {
        for at in [100, 150] {
            let text = format!("msg = '{}{mark}'\n{}", &whole()[..at], whole());
            assert_eq!(outcome(json!(text)).await["outcome"], "would_grant", "{text}");
        }
    }
}

/// What programs and people put behind and around a whole sentence.
#[tokio::test(start_paused = true)]
async fn what_follows_the_reason_makes_no_difference() {
    let literal =
        whole().replace("is not", "is '\n  'not").replace(": arn:aws:lambda", ": '\n  'arn:aws:lambda");
    for text in [
        format!("{{'Message': '{literal}'}}"),
        format!("{}. Please check the IAM policy of the role.", whole()),
        format!("{} policy=retry attempt=1", whole()),
        format!("{} - not retrying because attempts=3", whole()),
        format!("{}\n", whole()).repeat(300),
    ] {
        assert_eq!(outcome(json!(text)).await["outcome"], "would_grant", "{text}");
    }
    for text in [
        format!("{} and no permissions boundary allows it", whole()),
        format!("{}, but something denies it", whole()),
    ] {
        assert_refused(json!(text)).await;
    }
}

/// A line of a log is passed over only as what it can be alone: a piece, in a drawn frame, of what another line tells.
#[tokio::test(start_paused = true)]
async fn no_line_of_a_log_is_silenced_by_another() {
    let of = |who: &str, function: &str, reason: &str| denied(who, function, reason);
    let role = "arn:aws:sts::281502313273:assumed-role/clip/job";
    let batch = |messages: &[String]| {
        use std::io::Write;
        let events: Vec<_> = messages.iter().map(|message| json!({"id": "1", "message": message})).collect();
        let text = json!({"messageType": "DATA_MESSAGE", "owner": "281502313273", "logGroup": "/x", "logEvents": events});
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.to_string().as_bytes()).unwrap();
        let data = base64_simd::STANDARD.encode_to_string(encoder.finish().unwrap());
        json!({"awslogs": {"data": data}}).to_string()
    };
    for messages in [
        ["User: ... is not authorized to perform: lambda:InvokeFunction".to_owned(), of(role, FUNCTION, "")],
        [whole(), "AccessDeniedException calling Lambda Invoke operation: User: arn:aws:sts::281502313273:assumed-role/clip...".to_owned()],
        [whole(), format!("{}...", of(USER, "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-", ""))],
        [whole(), of(USER, FUNCTION, " with an explic")],
        ["User: arn:aws:iam::281502313273:user/r... is not authorized to perform: lambda:InvokeFunction".to_owned(), of(USER, FUNCTION, "x...")],
    ] {
        let aws = FakeAws::default();
        let variables = [("ALLOWLIST", WIDE), ("MODE", "dry-run"), ("NOTICE_INTERVAL", "0")];
        let outcomes = invoke_each(&aws.remediator(&variables), batch(&messages).as_bytes()).await.unwrap();
        let told: Vec<_> = outcomes.iter().map(|outcome| json!(outcome)["outcome"].clone()).collect();
        assert!(!told.contains(&json!("ignored")) && told.len() == 2, "{messages:#?}: {told:?}");
    }
    // Split by a log driver, one half at least is told.
    for at in ["is not", "is not author", "perform:", "perform: lambda:", "Function on"] {
        let place = whole().find(at).unwrap() + at.len();
        let aws = FakeAws::default();
        let halves = [whole()[..place].to_owned(), whole()[place..].to_owned()];
        let outcomes =
            invoke_each(&aws.remediator(&[("ALLOWLIST", WIDE)]), batch(&halves).as_bytes()).await.unwrap();
        assert!(outcomes.iter().any(|outcome| json!(outcome)["outcome"] == "refused"), "{at}");
    }
}

/// Each way of a text asks for the whole one, in the outcome as well as in the notice.
#[tokio::test(start_paused = true)]
async fn every_way_asks_for_the_whole_text() {
    let text = denied(USER, FUNCTION, "");
    let report = json!({"detail-type": "Lambda Invoke Denied", "source": "shop", "account": "281502313273", "detail": {"errorMessage": text}});
    for (payload, source) in
        [(json!(text), "manual"), (json!({"errorMessage": text}), "manual"), (report, "report")]
    {
        let told = outcome(payload).await;
        assert_eq!((&told["reason"], &told["source"]), (&json!("untrusted_resource"), &json!(source)));
        assert!(told["summary"].as_str().unwrap().contains("hand in all of it"), "{told:#}");
    }
}

/// Texts that are not whole and differ are told each; the same one again is not.
#[tokio::test(start_paused = true)]
async fn broken_denials_do_not_silence_each_other() {
    let aws = FakeAws::default();
    let remediator = aws.remediator(&[("ALLOWLIST", WIDE)]);
    for (text, notice) in [
        (denied(USER, FUNCTION, ""), "published"),
        (denied(USER, &format!("{FUNCTION}-2"), ""), "published"),
        (format!("23:18:49 failed: {}", denied(USER, FUNCTION, "")), "suppressed"),
        (denied("arn:aws:iam::281502313273:user/rem...", FUNCTION, ""), "published"),
        (denied("arn:aws:iam::281502313273:user/som...", FUNCTION, ""), "published"),
    ] {
        let told = json!(invoke(&remediator, json!(text).to_string().as_bytes()).await.unwrap());
        assert_eq!(
            (&told["reason"], &told["notice"]),
            (&json!("untrusted_resource"), &json!(notice)),
            "{text}"
        );
    }
}

/// JSON in JSON three deep, an HTML page, a mail of several parts, lines in another order.
#[tokio::test(start_paused = true)]
async fn what_a_text_was_packed_into_is_undone() {
    let mut deep = whole();
    for _ in 0..3 {
        deep = json!({"message": deep, "level": "ERROR"}).to_string();
    }
    let page = format!(
        "<html><body><pre class=\"exception_value\">An error &#x27;x&#x27;: {}</pre>\n<td>msg</td><td class=\"code\"><pre>&quot;{}&quot;</pre></td>",
        whole().replace('/', "&#x2F;"),
        whole().replace(':', "&#58;"),
    );
    let mail = format!(
        "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"===12==\"\n\n--===12==\n\
         Content-Transfer-Encoding: quoted-printable\n\n{}\n\n--===12==--\n",
        quoted_printable::encode_to_str(whole()).replace("\r\n", "\n")
    );
    let reversed = format!("    at deny (policy.js:2)\n    at allow (policy.js:1)\n{}\nTraceback:", whole());
    for text in [deep, page, mail, reversed] {
        assert_eq!(outcome(json!(text)).await["outcome"], "would_grant", "{text}");
    }
}

/// Where AWS tells more is in the notice, as its own address and no other.
#[tokio::test(start_paused = true)]
async fn a_notice_holds_the_link_to_the_details() {
    let (aws, id) = (FakeAws::default(), "k3denyboundarybecause7q2x");
    let event = include_bytes!("../../events/authorization-details.json");
    invoke(&aws.remediator(&[]), event).await.unwrap();
    let page = format!(
        "https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1#/authorization-details/{id}"
    );
    let published = &aws.published()[0].bodies;
    assert!(published["email"].contains(&format!("Details at AWS    {page}\n")), "{}", published["email"]);
    let chat: Value = serde_json::from_str(&published["https"]).unwrap();
    assert!(chat["content"]["nextSteps"].to_string().contains(&page), "{chat:#}");
}
