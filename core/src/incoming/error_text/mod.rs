//! The text of an error, from whoever holds it: pasted by hand, published by an application, or found in a log.
//!
//! An [`ErrorText`] says where the text came from and what came with it. It is nobody's word for anything: whom the text
//! names is asked of IAM before anything is granted, see [`identity`](FUNCTION::iam::lookup).

pub mod escapes;
pub mod mentions;
pub mod pieces;
pub mod sentences;

use crate::incoming::source::Source;
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
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html> for the sources, each with the form of its events.
const OF_EVENT_SOURCES: [&str; 44] = [
    "detail-type",
    "Records",
    "eventSource",
    "EventSource",
    "eventSourceArn",
    "eventSourceARN",
    "awslogs",
    "TopicArn",
    // API Gateway, function URLs, Application Load Balancer, VPC Lattice, AppSync
    "requestContext",
    "rawPath",
    "raw_path",
    "methodArn",
    "authorizationToken",
    "stash",
    "channelNamespace",
    // Cognito, Lex, Alexa, Bedrock, Pinpoint, Chime
    "triggerSource",
    "datasetRecords",
    "currentIntent",
    "sessionState",
    "inputTranscript",
    "directive",
    "actionGroup",
    "Endpoints",
    "CallDetails",
    // CloudFormation, CloudWatch, Config, CodePipeline, CodeDeploy
    "RequestType",
    "ResponseURL",
    "transformId",
    "requestData",
    "alarmArn",
    "alarmData",
    "widgetContext",
    "invokingEvent",
    "CodePipeline.job",
    "DeploymentId",
    // S3, Kinesis, MQ, Transfer Family, Redshift, IoT, SageMaker, Kendra, Secrets Manager
    "getObjectContext",
    "invocationId",
    "rmqMessagesByQueue",
    "serverId",
    "external_function",
    "protocolData",
    "claimCertificateId",
    "labelingJobArn",
    "s3ObjectKey",
    "SecretId",
];
/// The same of two keys that each may stand in a log line as well: Alexa, Connect, AppSync.
const PAIRS_OF_EVENT_SOURCES: [[&str; 2]; 3] =
    [["session", "request"], ["Details", "Name"], ["arguments", "info"]];
/// What no sentence crosses: each text in JSON is one by itself.
const BETWEEN: &str = "\n\u{1e}\n";

/// Whether `event` is what one of AWS's event sources sends, or holds it.
pub fn is_of_event_source(event: &Value) -> bool {
    match event {
        Value::Array(items) => items.iter().any(is_of_event_source),
        Value::Object(fields) => {
            OF_EVENT_SOURCES.iter().any(|key| fields.contains_key(*key))
                || PAIRS_OF_EVENT_SOURCES.iter().any(|pair| pair.iter().all(|key| fields.contains_key(*key)))
                || ["event", "input"].iter().any(|key| fields.get(*key).is_some_and(is_of_event_source))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
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

    /// What came with an application's report in EventBridge's envelope, without its text: that is all texts of its `detail`.
    ///
    /// `None` where `event` is none.
    pub fn of_report(event: &'a Value) -> Option<Self> {
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
        Some(Self { source: Source::Report, text: "", account, event_id, event_time, malformed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_has_its_form() {
        let report = |event: &Value| ErrorText::of_report(event).map(|text| text.source);
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
        let text = ErrorText::of_report(&report).unwrap();
        assert_eq!(
            (text.account, text.event_id, text.event_time, text.malformed),
            (Some("281502313273"), Some("7f"), Some("2026-09-14T23:18:49Z"), None)
        );
        report["account"] = json!(281_502_313_273_u64);
        assert_eq!(ErrorText::of_report(&report).unwrap().malformed, Some("account"));
    }

    #[test]
    fn what_an_event_source_sends_is_known() {
        for event in [
            json!({"Records": [{"body": "x"}], "message": "x"}),
            json!([{"messageId": "1", "eventSource": "aws:sqs", "body": "x"}]),
            json!([[{"Records": []}]]),
            json!({"requestContext": {}, "errorMessage": "x"}),
            json!({"eventSource": "states.amazonaws.com", "errorMessage": "x"}),
            json!({"version": "0", "detail-type": "x", "detail": {"errorMessage": "x"}}),
            json!({"triggerSource": "PreSignUp_SignUp", "request": {"x": "x"}}),
            json!({"event": {"Records": []}}),
        ] {
            assert!(is_of_event_source(&event), "{event}");
        }
        for error in [
            json!("Records"),
            json!(["x"]),
            json!({"errorMessage": "x", "errorType": "y", "stackTrace": []}),
            json!({"Error": "Lambda.AWSLambdaException", "Cause": "x"}),
            json!({"level": "ERROR", "message": {"errorMessage": "x"}}),
            json!({"step": {"error": "x"}, "detail": "x"}),
        ] {
            assert!(!is_of_event_source(&error), "{error}");
        }
    }

    #[test]
    fn texts_in_json_stay_apart() {
        let error = json!({"b": ["x", {"c": "y"}], "a": null, "d": 1});
        assert_eq!(texts_of(&error, false), "x\n\u{1e}\ny");
        assert_eq!(texts_of(&json!({"k": "v"}), true), "k\n\u{1e}\nv");
    }
}
