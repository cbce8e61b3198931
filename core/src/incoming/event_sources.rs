//! The events that AWS's own event sources send to a function. Strangers choose the texts in them.

use serde_json::Value;

/// The top-level keys of the events that AWS's own event sources send to a function. Strangers choose the texts in such an event,
/// so that none of them is a text that somebody pasted.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html> for the sources, each with the form of its events.
const KEYS: [&str; 44] = [
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
/// Pairs of such keys, of which each alone may be a log line's: Alexa, Connect, AppSync.
const KEY_PAIRS: [[&str; 2]; 3] = [["session", "request"], ["Details", "Name"], ["arguments", "info"]];

/// Whether one of AWS's event sources sends `event`, or an event within it.
pub(super) fn is_from_event_source(event: &Value) -> bool {
    match event {
        Value::Array(items) => items.iter().any(is_from_event_source),
        Value::Object(fields) => {
            KEYS.iter().any(|key| fields.contains_key(*key))
                || KEY_PAIRS.iter().any(|pair| pair.iter().all(|key| fields.contains_key(*key)))
                || ["event", "input"].iter().any(|key| fields.get(*key).is_some_and(is_from_event_source))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            assert!(is_from_event_source(&event), "{event}");
        }
        for error in [
            json!("Records"),
            json!(["x"]),
            json!({"errorMessage": "x", "errorType": "y", "stackTrace": []}),
            json!({"Error": "Lambda.AWSLambdaException", "Cause": "x"}),
            json!({"level": "ERROR", "message": {"errorMessage": "x"}}),
            json!({"step": {"error": "x"}, "detail": "x"}),
        ] {
            assert!(!is_from_event_source(&error), "{error}");
        }
    }
}
