//! The text of an AWS call's error.

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use std::error::Error;

/// Returns the error's causes on one line, and logs everything that the SDK knows of it. `call` is such as `sns:Publish`.
pub fn explain<E>(call: &str, error: &SdkError<E>) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
{
    tracing::warn!(call, error = %DisplayErrorContext(error), "an AWS call failed");
    cause(error)
}

/// Returns the error's causes on one line: AWS's code and message, or if there was no answer each source down to the last.
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
