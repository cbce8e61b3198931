//! SNS: publishes notices on the topic.

use crate::aws::error::explain;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use remediator_core::notice::Notice;

/// A standard SNS topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The topic's ARN.
    pub arn: String,
    /// The topic's region, in which SNS must be called.
    pub region: String,
}

/// SNS did not accept a notice.
#[derive(Debug, thiserror::Error)]
#[error("the notice was not published to {topic}: {context}")]
pub struct NoticeError {
    topic: String,
    context: String,
}

/// Publishes a notice. Needs `sns:Publish` on the topic.
///
/// # Errors
///
/// SNS did not accept it.
pub async fn publish(notice: Notice, sns: &Client, topic_arn: &str) -> Result<(), NoticeError> {
    let failed = |context: String| NoticeError { topic: topic_arn.to_owned(), context };
    let Notice { subject, message, attributes } = notice;
    let mut call =
        sns.publish().topic_arn(topic_arn).subject(subject).message(message).message_structure("json");
    for (key, value) in attributes {
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
        call = call.message_attributes(key, attribute.map_err(|error| failed(error.to_string()))?);
    }
    call.send().await.map(drop).map_err(|error| failed(explain("sns:Publish", &error)))
}
