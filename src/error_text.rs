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

/// What AWS's own event sources put at the top of what they send to a function. Others choose what is in such an event, so
/// that none of it is a text that somebody gave by hand.
const OF_EVENT_SOURCES: [&str; 16] = [
    "detail",
    "detail-type",
    "Records",
    "records",
    "awslogs",
    "requestContext",
    "rawPath",
    "triggerSource",
    "RequestType",
    "ResponseURL",
    "invokingEvent",
    "CodePipeline.job",
    "invocationId",
    "eventSource",
    "TopicArn",
    "sessionState",
];

/// All texts in the JSON that an SDK or a logger made of an error, each on lines of its own; `None` where `event` is what an
/// event source sends.
pub fn printed(event: &Value) -> Option<String> {
    let is_of_event_source = |value: &Value| OF_EVENT_SOURCES.iter().any(|key| value.get(key).is_some());
    let parts = event.as_array().map_or(std::slice::from_ref(event), Vec::as_slice);
    if parts.iter().any(is_of_event_source) {
        return None;
    }
    let mut texts = Vec::new();
    collect_texts(event, &mut texts);
    Some(texts.join("\n"))
}

/// Values are no deeper than JSON's reader goes.
fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect_texts(field, texts)),
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

    /// Reads a text by itself, an object with `errorMessage`, or an application's report in EventBridge's envelope.
    ///
    /// `None` where `event` is none of these.
    pub fn read(event: &'a Value) -> Option<Self> {
        if let Value::String(text) = event {
            return Some(Self::manual(text));
        }
        let fields = event.as_object()?;
        let Some(detail_type) = fields.get("detail-type") else {
            let text = fields.get("errorMessage").filter(|_| !fields.contains_key("detail"))?;
            return text.as_str().map(Self::manual);
        };
        // AWS's own sources are not to be had, so that nobody publishes these.
        let source = fields.get("source").and_then(Value::as_str)?;
        if detail_type != DETAIL_TYPE || source == "aws" || source.starts_with("aws.") {
            return None;
        }
        // A report without a text is one that tells nothing.
        let text =
            fields.get("detail").and_then(|detail| detail.get("errorMessage")?.as_str()).unwrap_or_default();
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
    fn each_way_has_its_form() {
        let read = |event: &Value| ErrorText::read(event).map(|text| (text.source, text.text.to_owned()));
        let manual = Some((Source::Manual, "x".to_owned()));
        assert_eq!(read(&json!("x")), manual);
        assert_eq!(read(&json!({"errorMessage": "x"})), manual);
        assert_eq!(read(&json!({"errorMessage": "x", "errorType": "y", "stackTrace": []})), manual);
        let report =
            json!({"detail-type": DETAIL_TYPE, "source": "shop", "detail": {"errorMessage": "x", "more": 1}});
        assert_eq!(read(&report), Some((Source::Report, "x".to_owned())));
        for empty in [
            json!({"detail-type": DETAIL_TYPE, "source": "shop", "detail": {"errorMessage": ["x"]}}),
            json!({"detail-type": DETAIL_TYPE, "source": "shop", "errorMessage": "x"}),
        ] {
            assert_eq!(read(&empty), Some((Source::Report, String::new())));
        }
        for other in [
            json!({}),
            json!(null),
            json!(["x"]),
            json!({"errorMessage": 1}),
            json!({"errorMessage": "x", "detail": {}}),
            json!({"detail-type": DETAIL_TYPE, "detail": {"errorMessage": "x"}}),
            json!({"detail-type": DETAIL_TYPE, "source": "aws.lambda", "detail": {"errorMessage": "x"}}),
            json!({"detail-type": "lambda invoke denied", "source": "shop", "detail": {"errorMessage": "x"}}),
        ] {
            assert_eq!(read(&other), None, "{other}");
        }
    }

    #[test]
    fn what_an_event_source_sends_is_no_text() {
        for event in [
            json!({"Records": [{"body": "x"}]}),
            json!([{"messageId": "1", "eventSource": "aws:sqs", "body": "x"}]),
            json!({"requestContext": {}, "body": "x"}),
            json!({"version": "0", "detail-type": "x", "detail": {"errorMessage": "x"}}),
            json!({"triggerSource": "PreSignUp_SignUp", "request": {"x": "x"}}),
        ] {
            assert_eq!(printed(&event), None, "{event}");
        }
        for (error, text) in [
            (json!({"Error": "Lambda.AWSLambdaException", "Cause": "x"}), "Lambda.AWSLambdaException\nx"),
            (json!({"level": 50, "err": {"message": "x", "stack": ["y", null]}}), "x\ny"),
            (json!(["x", {"y": "z"}]), "x\nz"),
        ] {
            assert_eq!(printed(&error).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_came_with_a_report_is_kept() {
        let mut report = json!({
            "detail-type": DETAIL_TYPE, "source": "shop", "detail": {"errorMessage": "x"},
            "account": "281502313273", "id": "7f", "time": "2026-09-14T23:18:49Z",
        });
        let text = ErrorText::read(&report).unwrap();
        assert_eq!(
            (text.account, text.event_id, text.event_time, text.malformed),
            (Some("281502313273"), Some("7f"), Some("2026-09-14T23:18:49Z"), None)
        );
        report["account"] = json!(281_502_313_273_u64);
        assert_eq!(ErrorText::read(&report).unwrap().malformed, Some("account"));
    }
}
