//! What ends a command before it can answer: the exit code 2. Each says what the operator can do next.

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use lambda_invoke_remediator::aws::error::explain;
use remediator_core::allowlist::AllowlistError;
use std::error::Error;
use std::fmt;
use std::path::Path;

/// Something could not be read, called or asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Problem(String);

impl Problem {
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }

    pub(crate) fn of_file(path: &Path, error: &std::io::Error) -> Self {
        Self(format!("`{}` cannot be read: {error}", path.display()))
    }

    pub(crate) fn of_list(path: &Path, error: &AllowlistError) -> Self {
        let path = path.display();
        Self(format!(
            "the allowlist `{path}` is not valid: {error} (remediator check {path} shows the place)"
        ))
    }

    /// A call to AWS that failed, with all that the SDK knows of the cause.
    pub(crate) fn of_call<E>(call: &str, error: &SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        Self(format!("{call} failed: {}", explain(call, error)))
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the terminal cannot be used: {error}"))
    }
}
