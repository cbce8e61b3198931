//! Every file in `events/` through the handler: the reply, the requests to IAM, and the notice.

use crate::fake_aws::{Call, FakeAws, TOPIC, invoke_each};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn events() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

fn expected_path(event: &Path) -> PathBuf {
    event.parent().unwrap().join("expected").join(event.file_name().unwrap())
}

#[tokio::test(start_paused = true)]
async fn every_event_ends_as_expected() {
    for path in events() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let aws = FakeAws::default();
        let is_batch = name.starts_with("log-");
        let payload = std::fs::read(&path).unwrap();
        let outcomes = invoke_each(&aws.remediator(&[]), &payload).await;
        let outcomes = outcomes.unwrap_or_else(|error| panic!("{name}: {error}"));
        let reply = if is_batch { json!(outcomes) } else { json!(outcomes[0]) };

        let expected = expected_path(&path);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            // All are written before the first is looked at: `make expected` runs the tests once more.
            std::fs::write(&expected, format!("{reply:#}\n")).unwrap();
            continue;
        }
        let text = std::fs::read_to_string(&expected).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(reply, serde_json::from_str::<Value>(&text).unwrap(), "{name}");
        // What a batch leads to is looked at in tests/it/lines.rs.
        if !is_batch {
            assert_requests_fit(&name, &aws, &reply);
        }
    }
}

/// What is written is the pair of the one function that the reply names, and only when it says `granted`.
fn assert_requests_fit(name: &str, aws: &FakeAws, reply: &Value) {
    let published = aws.published();
    match reply["outcome"].as_str().unwrap() {
        "granted" => {
            let arn = reply["principal"].as_str().unwrap();
            let (kind, rest) = arn.split_once(":281502313273:").unwrap().1.split_once('/').unwrap();
            let principal = format!("{kind}/{}", rest.rsplit('/').next().unwrap());
            let policy = "LambdaInvokePermission".to_owned();
            let function = reply["function"].as_str().unwrap();
            let get = Call::Get { principal: principal.clone(), policy: policy.clone() };
            let document = json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Action": ["lambda:InvokeFunction"],
                    "Resource": [function, format!("{function}:*")],
                }],
            });
            let put = Call::Put { principal, policy, document };
            let calls = aws.policy_calls();
            assert_eq!(calls[..2], [get.clone(), put], "{name}");
            assert!(calls.len() > 2 && calls[2..].iter().all(|call| *call == get), "{name}");
        }
        "refused" | "ignored" => assert_eq!(aws.calls(), [], "{name}"),
        other => panic!("{name}: {other}"),
    }
    if reply["outcome"] == "ignored" {
        assert_eq!(reply["notice"], "none", "{name}");
        assert!(published.is_empty(), "{name}");
        return;
    }
    assert_eq!((reply["notice"].as_str(), published.len()), (Some("published"), 1), "{name}");
    let notice = &published[0];
    assert_eq!((notice.topic.as_str(), notice.structure.as_str()), (TOPIC, "json"), "{name}");
    assert!(notice.subject.len() < 100, "{name}: {}", notice.subject);
    assert!(
        notice.subject.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()),
        "{name}: {}",
        notice.subject
    );
    for key in ["outcome", "reason", "account", "region", "source"] {
        assert_eq!(notice.attributes.get(key).map(String::as_str), reply[key].as_str(), "{name}: {key}");
    }
    for protocol in ["sqs", "lambda", "http"] {
        let mut body: Value = serde_json::from_str(&notice.bodies[protocol]).unwrap();
        let undo = body.as_object_mut().unwrap().remove("undo").unwrap();
        assert_eq!(body.as_object_mut().unwrap().remove("leftOut"), Some(json!(0)), "{name}");
        assert_eq!(body.as_object_mut().unwrap().remove("expires"), Some(Value::Null), "{name}");
        assert_eq!(&body, reply, "{name}");
        assert_eq!(undo.as_array().unwrap().is_empty(), reply["outcome"] != "granted", "{name}");
    }
    assert_chat_fits(name, &serde_json::from_str(&notice.bodies["https"]).unwrap(), reply);
    for protocol in ["default", "email"] {
        let text = &notice.bodies[protocol];
        let (summary, facts) = text.split_once("\n\n").unwrap();
        assert_eq!(summary.replace('\n', " "), reply["summary"], "{name}");
        let (facts, prose) = facts.split_once("\nWhat to do next\n").unwrap();
        let prose = prose.lines().filter(|line| !line.starts_with("remediator "));
        for line in summary.lines().chain(prose) {
            assert!(line.len() <= 72 || line.contains('`') || !line.trim().contains(' '), "{name}: {line}");
        }
        assert!(facts.lines().all(|line| line.get(17..18) == Some(" ")), "{name}: {facts}");
        assert!(
            text.bytes().all(|byte| byte == b'\n' || byte == b' ' || byte.is_ascii_graphic()),
            "{name}: {text}"
        );
        assert_eq!(text.lines().filter(|line| line.starts_with("Outcome  ")).count(), 1, "{name}: {text}");
        for key in ["principal", "function", "rule", "eventTime", "eventId", "account", "region"] {
            if let Some(value) = reply[key].as_str() {
                assert!(text.contains(value), "{name}: {key}");
            }
        }
    }
}

/// A custom notification of Amazon Q Developer, from which the outcome can be read back.
fn assert_chat_fits(name: &str, chat: &Value, reply: &Value) {
    assert_eq!((&chat["version"], &chat["source"]), (&json!("1.0"), &json!("custom")), "{name}");
    assert_eq!(chat["content"]["textType"], "client-markdown", "{name}");
    let context = chat["metadata"]["additionalContext"].as_object().unwrap();
    let read_back = |text: &Value| match text.as_str().unwrap() {
        "null" => Value::Null,
        text if text.trim_start_matches('\\') == "null" => json!(text.strip_prefix('\\').unwrap()),
        text => json!(text),
    };
    for (key, value) in reply.as_object().unwrap() {
        assert_eq!(&read_back(&context[key]), value, "{name}: {key}");
    }
    assert_eq!(context.len(), reply.as_object().unwrap().len(), "{name}");
    let arns = [&reply["principal"], &reply["function"]];
    let arns: Vec<_> = arns.into_iter().filter(|arn| !arn.is_null()).cloned().collect();
    assert_eq!(chat["metadata"]["relatedResources"], json!(arns), "{name}");
    assert_eq!(chat["metadata"].get("threadId").is_some(), !arns.is_empty(), "{name}");
    let steps = chat["content"]["nextSteps"].to_string();
    assert_eq!(steps.contains("`remediator undo "), reply["outcome"] == "granted", "{name}: {steps}");
    // Nothing that is usual has to be escaped.
    assert!(name == "hostile-texts" || !chat.to_string().contains("\\\\u{"), "{name}: {chat:#}");
    for key in ["principal", "function", "account", "region"] {
        if let Some(value) = reply[key].as_str() {
            assert!(chat["content"]["description"].as_str().unwrap().contains(value), "{name}: {key}");
        }
    }
}

#[test]
fn every_expectation_has_its_event() {
    let names = |files: Vec<PathBuf>| -> BTreeSet<_> {
        files.into_iter().map(|path| path.file_name().unwrap().to_owned()).collect()
    };
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("events/expected");
    let expected = std::fs::read_dir(expected).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names(events()), names(expected));
}
