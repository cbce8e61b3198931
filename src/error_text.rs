//! The text of an error, from whoever holds it: pasted by hand, published by an application, or found in a log.
//!
//! An [`ErrorText`] says where the text came from and what came with it. It is nobody's word for anything: whom the text
//! names is asked of IAM before anything is granted, see [`identity`](crate::identity).

use crate::source::Source;
use serde_json::Value;

/// The `detail-type` of an application's report.
pub const DETAIL_TYPE: &str = "Lambda Invoke Denied";

/// A text that may tell of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorText<'a> {
    /// The way on which it came in.
    pub source: Source,
    /// The text, with whatever an SDK put around the message.
    pub text: &'a str,
    /// The account that the report was published in, or that the line was logged in.
    pub account: Option<&'a str>,
    /// EventBridge's id of the report, or CloudWatch's of the line.
    pub event_id: Option<&'a str>,
    /// When it was published or logged, RFC 3339.
    pub event_time: Option<&'a str>,
    /// The first field that is there in a form that it never has.
    pub malformed: Option<&'static str>,
}

/// Keys under which errors, and the loggers that print them, keep a text.
const OF_TEXTS: [&str; 22] = [
    "errorMessage",
    "message",
    "Message",
    "msg",
    "MESSAGE",
    "error",
    "err",
    "Error",
    "cause",
    "Cause",
    "exception",
    "stack",
    "stackTrace",
    "trace",
    "event",
    "detail",
    "log",
    "textPayload",
    "short_message",
    "full_message",
    "exc_info",
    "@m",
];
/// Keys under which they keep an error as an object.
const OF_ERRORS: [&str; 10] =
    ["message", "Message", "error", "err", "Error", "cause", "Cause", "exception", "fields", "jsonPayload"];
/// All that an answer of a program has, such as that of a function behind an API.
const OF_ANSWERS: [&str; 4] = ["body", "statusCode", "headers", "isBase64Encoded"];
/// What AWS's own event sources put at the top of what they send to a function.
const OF_EVENT_SOURCES: [&str; 12] = [
    "detail-type",
    "Records",
    "records",
    "awslogs",
    "requestContext",
    "rawPath",
    "triggerSource",
    "RequestType",
    "ResponseURL",
    "eventSource",
    "TopicArn",
    "methodArn",
];
/// What no sentence crosses: each text in JSON is one by itself.
const BETWEEN: &str = "\n\u{1e}\n";

/// Whether `event` has the form of an error, as an SDK or a logger makes JSON of it, and none of what AWS's event sources send.
///
/// What is in an event of those was chosen by others, so that none of it is a text that somebody gave by hand. They are many, and
/// some send any JSON: so it is the form of an error that is asked for.
pub fn is_error(event: &Value) -> bool {
    let Some(fields) = event.as_object() else { return false };
    let has = |keys: &[&str], is_such: fn(&Value) -> bool| {
        keys.iter().any(|key| fields.get(*key).is_some_and(is_such))
    };
    let is_of_event_source =
        OF_EVENT_SOURCES.iter().any(|key| fields.contains_key(*key)) || has(&["detail"], Value::is_object);
    let is_answer =
        || has(&["body"], Value::is_string) && fields.keys().all(|key| OF_ANSWERS.contains(&key.as_str()));
    !is_of_event_source
        && (is_answer() || has(&OF_TEXTS, Value::is_string) || has(&OF_ERRORS, Value::is_object))
}

/// All texts in a JSON value, each on lines of its own; those that are keys as well, where `with_keys`.
pub fn texts_of(value: &Value, with_keys: bool) -> String {
    let mut texts = Vec::new();
    collect_texts(value, with_keys, &mut texts);
    texts.join(BETWEEN)
}

/// Values are no deeper than JSON's reader goes.
fn collect_texts<'a>(value: &'a Value, with_keys: bool, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, with_keys, texts)),
        Value::Object(fields) => {
            for (key, field) in fields {
                texts.extend(with_keys.then_some(key.as_str()));
                collect_texts(field, with_keys, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl<'a> ErrorText<'a> {
    /// A text that somebody gave by hand.
    pub fn manual(text: &'a str) -> Self {
        Self {
            source: Source::Manual,
            text,
            account: None,
            event_id: None,
            event_time: None,
            malformed: None,
        }
    }

    /// What came with an application's report in EventBridge's envelope, and `text`, which is the texts of its `detail`.
    ///
    /// `None` where `event` is none.
    pub fn of_report(event: &'a Value, text: &'a str) -> Option<Self> {
        let fields = event.as_object()?;
        // AWS's own sources are not to be had, so that nobody publishes these.
        let source = fields.get("source").and_then(Value::as_str)?;
        let detail_type = fields.get("detail-type")?;
        if detail_type != DETAIL_TYPE || source == "aws" || source.starts_with("aws.") {
            return None;
        }
        let mut malformed = None;
        let mut field = |key: &'static str| match fields.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.as_str()),
            Some(_) => {
                malformed.get_or_insert(key);
                None
            }
        };
        let (account, event_id, event_time) = (field("account"), field("id"), field("time"));
        Some(Self { source: Source::Report, text, account, event_id, event_time, malformed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_has_its_form() {
        let report = |event: &Value| ErrorText::of_report(event, "x").map(|text| text.source);
        assert_eq!(report(&json!({"detail-type": DETAIL_TYPE, "source": "shop"})), Some(Source::Report));
        for other in [
            json!({}),
            json!("x"),
            json!({"detail-type": DETAIL_TYPE}),
            json!({"detail-type": DETAIL_TYPE, "source": "aws.lambda"}),
            json!({"detail-type": "lambda invoke denied", "source": "shop"}),
        ] {
            assert_eq!(report(&other), None, "{other}");
        }
    }

    #[test]
    fn what_came_with_a_report_is_kept() {
        let mut report = json!({
            "detail-type": DETAIL_TYPE, "source": "shop", "account": "281502313273", "id": "7f",
            "time": "2026-09-14T23:18:49Z",
        });
        let text = ErrorText::of_report(&report, "x").unwrap();
        assert_eq!(
            (text.account, text.event_id, text.event_time, text.malformed),
            (Some("281502313273"), Some("7f"), Some("2026-09-14T23:18:49Z"), None)
        );
        report["account"] = json!(281_502_313_273_u64);
        assert_eq!(ErrorText::of_report(&report, "x").unwrap().malformed, Some("account"));
    }

    #[test]
    fn what_an_event_source_sends_is_no_text() {
        for event in [
            json!({"Records": [{"body": "x"}], "message": "x"}),
            json!([{"messageId": "1", "eventSource": "aws:sqs", "body": "x"}]),
            json!({"requestContext": {}, "errorMessage": "x"}),
            json!({"eventSource": "states.amazonaws.com", "errorMessage": "x"}),
            json!({"version": "0", "detail-type": "x", "detail": {"errorMessage": "x"}}),
            json!({"detail": {"message": "x"}}),
            json!({"triggerSource": "PreSignUp_SignUp", "request": {"x": "x"}}),
            json!({"authorizationToken": "x", "methodArn": "x", "message": "x"}),
            json!({"event": {"Records": []}}),
            json!({"currentIntent": {}, "inputTranscript": "x"}),
            json!({"directive": {"payload": "x"}}),
            json!({"alarmData": {"state": "x"}}),
            json!({"body": "x", "raw_path": "/"}),
            json!("x"),
            json!(["x"]),
        ] {
            assert!(!is_error(&event), "{event}");
        }
        for error in [
            json!({"errorMessage": "x", "errorType": "y", "stackTrace": []}),
            json!({"errorMessage": "Invoke failed", "cause": {"errorMessage": "x"}}),
            json!({"Error": "Lambda.AWSLambdaException", "Cause": "x"}),
            json!({"Message": "x"}),
            json!({"level": 50, "err": {"message": "x"}}),
            json!({"level": "ERROR", "message": {"errorMessage": "x"}}),
            json!({"detail": "x"}),
            json!({"statusCode": 500, "body": "x"}),
        ] {
            assert!(is_error(&error), "{error}");
        }
    }

    #[test]
    fn texts_in_json_stay_apart() {
        let error = json!({"b": ["x", {"c": "y"}], "a": null, "d": 1});
        assert_eq!(texts_of(&error, false), "x\n\u{1e}\ny");
        assert_eq!(texts_of(&json!({"k": "v"}), true), "k\n\u{1e}\nv");
    }
}
