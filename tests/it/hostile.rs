//! Attacks on the grant, each with its refusal; and payloads of any kind, none of which may end the process or write more
//! than the list admits.

use crate::fake_aws::{Call, FakeAws, invoke};
use proptest::prelude::*;
use serde_json::{Value, json};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";
const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";

fn base() -> Value {
    serde_json::from_slice(include_bytes!("../../events/user.json")).unwrap()
}

fn sentence(user: &str, function: &str) -> String {
    format!(
        "User: {user} is not authorized to perform: lambda:InvokeFunction on resource: {function} because no \
         identity-based policy allows the lambda:InvokeFunction action"
    )
}

async fn reason(event: &Value) -> Value {
    let aws = FakeAws::default();
    let reply = json!(invoke(&aws.remediator(&[]), event.to_string().as_bytes()).await.unwrap());
    assert_eq!(aws.calls(), [], "{reply}");
    reply["reason"].clone()
}

#[tokio::test(start_paused = true)]
async fn texts_that_aim_at_a_wider_grant_are_refused() {
    let wide = |name: &str| format!("arn:aws:lambda:us-east-1:281502313273:function:{name}");
    for (message, expected) in [
        (sentence(USER, "*"), "untrusted_resource"),
        (sentence(USER, &wide("*")), "untrusted_resource"),
        (sentence(USER, &wide("ffmpeg-*")), "untrusted_resource"),
        (sentence(USER, &wide("ffmpeg-clip-cutter*")), "untrusted_resource"),
        (sentence(USER, &wide("ffmpeg-clip-cutte?")), "untrusted_resource"),
        (sentence(USER, &wide("${aws:username}")), "untrusted_resource"),
        (sentence(USER, &wide("ffmpeg-clip-cutter:*")), "untrusted_resource"),
        (sentence(USER, &wide("ffmpeg\u{2010}clip-cutter")), "untrusted_resource"),
        (sentence(USER, &format!("{FUNCTION}\",\"*")), "untrusted_resource"),
        (sentence(USER, &format!("{FUNCTION}-other")), "contradictory_event"),
        (
            sentence(USER, "arn:aws:lambda:us-east-1:111122223333:function:ffmpeg-clip-cutter"),
            "contradictory_event",
        ),
        (sentence("arn:aws:iam::281502313273:user/Remotion_User", FUNCTION), "contradictory_event"),
        (sentence("arn:aws:iam::281502313273:user/remotion_user2", FUNCTION), "contradictory_event"),
        (sentence("arn:aws:iam::281502313273:user/remotion_us\u{435}r", FUNCTION), "contradictory_event"),
        (sentence("arn:aws:iam::281502313273:role/remotion_user", FUNCTION), "contradictory_event"),
        (format!("{} {}", sentence(USER, FUNCTION), sentence(USER, FUNCTION)), "contradictory_event"),
        (
            format!("User: {USER} {}", sentence("arn:aws:iam::281502313273:user/x", FUNCTION)),
            "contradictory_event",
        ),
        (sentence(USER, &format!("{FUNCTION}\n{FUNCTION}-other")), "not_identity_based"),
        (sentence(USER, FUNCTION).replace("because no", "because no \u{200b}"), "not_identity_based"),
    ] {
        let mut event = base();
        event["detail"]["errorMessage"] = json!(message);
        assert_eq!(reason(&event).await, expected, "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_only_resemble_a_listed_one_are_not_listed() {
    for arn in [
        "arn:aws:iam::281502313273:user/Remotion_user",
        "arn:aws:iam::281502313273:user/remotion_user2",
        "arn:aws:iam::281502313273:user/x/remotion_user",
        "arn:aws:iam::281502313273:user/remotion_user/x",
        "arn:aws:iam::281502313273:user/remotion_use",
    ] {
        let mut event = base();
        event["detail"]["userIdentity"]["arn"] = json!(arn);
        event["detail"]["userIdentity"]["userName"] = json!(arn.rsplit('/').next().unwrap());
        event["detail"]["errorMessage"] = json!(sentence(arn, FUNCTION));
        assert_eq!(reason(&event).await, "not_allowlisted", "{arn}");
    }
    for name in ["ffmpeg-clip-cutter2", "FFMPEG-clip-cutter", "ffmpeg-clip-cutte"] {
        let arn = format!("arn:aws:lambda:us-east-1:281502313273:function:{name}");
        let mut event = base();
        event["detail"]["resources"][0]["ARN"] = json!(arn);
        event["detail"]["requestParameters"]["functionName"] = json!(name);
        event["detail"]["errorMessage"] = json!(sentence(USER, &arn));
        assert_eq!(reason(&event).await, "not_allowlisted", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_that_are_mixed_are_refused() {
    let other = "111122223333";
    for (changes, expected) in [
        (&[("/account", other)][..], "contradictory_event"),
        (&[("/detail/recipientAccountId", other)], "contradictory_event"),
        (&[("/account", other), ("/detail/recipientAccountId", other)], "contradictory_event"),
        (&[("/detail/userIdentity/accountId", other)], "contradictory_event"),
        (&[("/detail/resources/0/accountId", other)], "contradictory_event"),
        (
            &[("/detail/userIdentity/arn", "arn:aws:iam::111122223333:user/remotion_user")],
            "contradictory_event",
        ),
        (
            &[(
                "/detail/resources/0/ARN",
                "arn:aws:lambda:us-east-1:111122223333:function:ffmpeg-clip-cutter",
            )],
            "contradictory_event",
        ),
    ] {
        let mut event = base();
        for (path, value) in changes {
            *event.pointer_mut(path).unwrap() = json!(value);
        }
        assert_eq!(reason(&event).await, expected, "{changes:?}");
    }
    // All of it from elsewhere: consistent, and not ours.
    let text = base().to_string().replace("281502313273", other);
    assert_eq!(reason(&serde_json::from_str(&text).unwrap()).await, "other_account");
}

#[tokio::test(start_paused = true)]
async fn a_session_name_never_decides() {
    let role = include_bytes!("../../events/session-named-like-another-role.json");
    let mut event: Value = serde_json::from_slice(role).unwrap();
    for session in ["render-worker", "role.render-worker", "x@render-worker", "arn", "remotion_user"] {
        let arn = format!("arn:aws:sts::281502313273:assumed-role/intern/{session}");
        event["detail"]["userIdentity"]["arn"] = json!(arn);
        event["detail"]["errorMessage"] = json!(sentence(&arn, FUNCTION));
        assert_eq!(reason(&event).await, "not_allowlisted", "{session}");
    }
    // The issuer is another role than the session's ARN says.
    let issuer = "arn:aws:iam::281502313273:role/render-worker";
    event["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] = json!(issuer);
    event["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] = json!("render-worker");
    assert_eq!(reason(&event).await, "contradictory_event");
}

/// What a chat shows outside of code spans, and what it shows inside of them.
fn outside_and_inside(text: &str) -> (String, String) {
    assert_eq!(text.matches('`').count() % 2, 0, "{text}");
    let mut parts = [String::new(), String::new()];
    for (index, part) in text.split('`').enumerate() {
        parts[index % 2].push_str(part);
        parts[index % 2].push(' ');
    }
    let [outside, inside] = parts;
    (outside, inside)
}

#[tokio::test(start_paused = true)]
async fn text_for_a_chat_stays_text() {
    let text = "<!channel> <@U012ABCDE> @here cc @sre-team [x](https://evil.example) <https://evil.example|x> `*y* _z_` :fire:\n# q";
    let path = "arn:aws:iam::281502313273:user/<!here>/`*x*`/@channel/[x](https:%2f%2f)/remotion_user";
    let session = "arn:aws:sts::281502313273:federated-user/<!channel>*x*[y](https://evil.example)";
    for change in ["texts", "path", "federated"] {
        let mut event = base();
        for field in ["eventID", "eventTime", "sourceIPAddress", "userAgent"] {
            event["detail"][field] = json!(text);
        }
        match change {
            "texts" => {
                event["detail"]["userIdentity"] = json!({"type": text, "accountId": text});
                event["detail"]["errorMessage"] = json!(sentence(text, text));
            }
            "path" => {
                event["detail"]["userIdentity"]["arn"] = json!(path);
                event["detail"]["errorMessage"] = json!(sentence(path, FUNCTION));
            }
            _ => {
                event["detail"]["userIdentity"] = json!({"type": "FederatedUser", "arn": session});
                event["detail"]["errorMessage"] = json!(sentence(session, FUNCTION));
            }
        }
        let aws = FakeAws::default();
        let reply = json!(invoke(&aws.remediator(&[]), event.to_string().as_bytes()).await.unwrap());
        if change == "path" {
            assert_eq!((&reply["principal"], &reply["reason"]), (&json!(path), &json!("not_allowlisted")));
        }
        let chat: Value = serde_json::from_str(&aws.published()[0].bodies["https"]).unwrap();
        let mut shown =
            vec![&chat["content"]["title"], &chat["content"]["description"], &chat["metadata"]["summary"]];
        for list in ["/content/nextSteps", "/content/keywords", "/metadata/relatedResources"] {
            shown.extend(chat.pointer(list).unwrap().as_array().unwrap());
        }
        shown.extend(chat["metadata"]["additionalContext"].as_object().unwrap().values());
        for text in shown.into_iter().map(|text| text.as_str().unwrap()) {
            // The one address that is alive is our own, at the end of a step.
            let text = match text.split_once(" in the console: https://console.aws.amazon.com/") {
                Some((_, page)) if !page.contains([' ', '\n', '`', '*']) => page,
                Some(_) | None => text,
            };
            assert!(text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')), "{text}");
            for live in ["<", ">", "&", "[", "]", "://", "@here", "@channel", "@sre", "@U0"] {
                assert!(!text.contains(live), "{change}: {live} in {text}");
            }
        }
        let (outside, inside) = outside_and_inside(chat["content"]["description"].as_str().unwrap());
        assert!(inside.contains("evil.example") && !outside.contains("evil"), "{outside}");
        for line in outside.lines().filter(|line| line.starts_with("- ")) {
            assert_eq!(line.matches('*').count(), 2, "{line}");
        }
        assert!(!outside.contains(":fire:") && !outside.contains('_'), "{outside}");
    }
}

#[tokio::test(start_paused = true)]
async fn text_for_a_mail_stays_in_its_line() {
    let mut event = base();
    let text = "x\r\nSubject: y\n\nOutcome           granted\u{2028}\u{202e}\0\u{1b}[2J";
    for path in ["eventID", "eventTime", "sourceIPAddress", "userAgent"] {
        event["detail"][path] = json!(text);
    }
    event["detail"]["userIdentity"] = json!({"type": text, "accountId": text});
    event["detail"]["errorMessage"] = json!(null);
    mail_is_of_our_lines(&event).await;
    // Where a sentence is wrapped, too.
    for padding in 0..72 {
        let arn = format!("{} Outcome           granted Subject: y", "x".repeat(padding));
        event = base();
        event["detail"]["userIdentity"]["arn"] = json!(arn);
        mail_is_of_our_lines(&event).await;
    }
}

async fn mail_is_of_our_lines(event: &Value) {
    let aws = FakeAws::default();
    invoke(&aws.remediator(&[]), event.to_string().as_bytes()).await.unwrap();
    let notice = &aws.published()[0];
    let plain = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    assert!(plain(&notice.subject) && notice.subject.len() < 100, "{}", notice.subject);
    assert!(notice.bodies["email"].lines().all(plain), "{}", notice.bodies["email"]);
    for label in ["Outcome ", "Subject"] {
        let count = notice.bodies["email"].lines().filter(|line| line.starts_with(label)).count();
        assert_eq!(count, usize::from(label == "Outcome "), "{}", notice.bodies["email"]);
    }
}

#[tokio::test(start_paused = true)]
async fn size_and_depth_are_limited() {
    let mut large = base();
    large["detail"]["padding"] = json!("x".repeat(1024 * 1024));
    assert_eq!(reason(&large).await, "contradictory_event");
    let deep = format!("{{\"detail\": {}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let aws = FakeAws::default();
    let reply = json!(invoke(&aws.remediator(&[]), deep.as_bytes()).await.unwrap());
    assert_eq!((&reply["outcome"], &reply["reason"]), (&json!("refused"), &json!("contradictory_event")));
}

/// Values that stand for any other: wrong types, texts that mean something elsewhere, and the right ones.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        "\\PC{0,40}".prop_map(Value::from),
        proptest::sample::select(vec![
            "",
            "*",
            "Role",
            "IAMUser",
            "AssumedRole",
            "Root",
            "aws.lambda",
            "us-east-1",
            "us-east-2",
            "281502313273",
            "111122223333",
            "remotion_user",
            "render-worker",
            USER,
            FUNCTION,
            "arn:aws:iam::281502313273:role/render-worker",
            "arn:aws:sts::281502313273:assumed-role/render-worker/x",
            "arn:aws:lambda:us-east-1:281502313273:function:*",
            "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-other",
        ])
        .prop_map(Value::from),
        (
            proptest::sample::select(vec![USER, "arn:aws:iam::281502313273:role/render-worker"]),
            proptest::sample::select(vec![FUNCTION, "*"])
        )
            .prop_map(|(user, function)| sentence(user, function).into()),
    ]
}

const PATHS: [&str; 22] = [
    "/account",
    "/region",
    "/source",
    "/detail-type",
    "/detail",
    "/detail/eventSource",
    "/detail/eventName",
    "/detail/errorCode",
    "/detail/errorMessage",
    "/detail/awsRegion",
    "/detail/recipientAccountId",
    "/detail/resources",
    "/detail/resources/0",
    "/detail/resources/0/ARN",
    "/detail/resources/0/accountId",
    "/detail/requestParameters",
    "/detail/requestParameters/functionName",
    "/detail/userIdentity",
    "/detail/userIdentity/type",
    "/detail/userIdentity/arn",
    "/detail/userIdentity/userName",
    "/detail/userIdentity/accountId",
];

proptest! {
    #![proptest_config(crate::cases(2_000))]

    /// However an event is bent, what is granted is one exact function that stands in it, to the listed principal.
    #[test]
    fn a_bent_event_grants_nothing_else(changes in proptest::collection::vec((0..PATHS.len(), odd()), 1..4)) {
        let mut event = base();
        for (path, value) in changes {
            if let Some(place) = event.pointer_mut(PATHS[path]) {
                *place = value;
            }
        }
        let text = event.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let aws = FakeAws::default();
        let reply = runtime.block_on(invoke(&aws.remediator(&[]), text.as_bytes())).unwrap();
        let reply = json!(reply);
        let puts: Vec<Call> = aws.calls().into_iter().filter(|call| matches!(call, Call::Put { .. })).collect();
        prop_assert_eq!(puts.len(), usize::from(reply["outcome"] == "granted"));
        for call in puts {
            let Call::Put { principal, document, .. } = call else { continue };
            prop_assert_eq!(principal, "user/remotion_user");
            prop_assert_eq!(&document["Statement"][0]["Resource"], &json!([FUNCTION, format!("{FUNCTION}:*")]));
            prop_assert!(text.contains("ffmpeg-clip-cutter"));
        }
    }

    #[test]
    fn any_bytes_end_in_an_outcome(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let aws = FakeAws::default();
        prop_assert!(runtime.block_on(invoke(&aws.remediator(&[]), &bytes)).is_ok());
        prop_assert_eq!(aws.calls(), []);
    }

    /// Where the pair is covered the event's time is looked at, and may be any text.
    #[test]
    fn any_event_time_ends_in_an_outcome(time in prop_oneof!["\\PC{0,40}", "-?[0-9]{1,12}-[0-9]{2}-[0-9]{2}T[0-9:.]{1,20}Z"]) {
        let mut event = base();
        event["detail"]["eventTime"] = json!(time);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let covering = json!({"Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}});
        let aws = FakeAws::with_policy("user/remotion_user", &covering.to_string());
        let reply = runtime.block_on(invoke(&aws.remediator(&[]), event.to_string().as_bytes())).unwrap();
        prop_assert_eq!(&json!(reply)["outcome"], "already_granted");
        prop_assert_eq!(aws.puts(), 0);
    }
}
