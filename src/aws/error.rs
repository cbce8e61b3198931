//! What an AWS call that failed says of its cause.

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use std::error::Error;

/// The error's cause on one line; all that the SDK knows of it goes to the log.
pub fn explain<E>(call: &str, error: &SdkError<E>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    tracing::warn!(call, error = %DisplayErrorContext(error), "an AWS call failed");
    cause(error)
}

/// The error's cause on one line, down to the last source.
pub fn cause<E>(error: &SdkError<E>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let mut text = error.to_string();
    if let Some(code) = error.code() {
        text.push_str(&format!(": {code}: {}", error.message().unwrap_or("no message")));
        return text;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
