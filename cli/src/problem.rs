//! The errors that end a command before it can answer, with exit code 2. Each says what the operator can do next.

use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use lambda_invoke_remediator::aws::error::cause;
use lambda_invoke_remediator::iam::error::{IamError, NotDone};
use remediator_core::allowlist::AllowlistError;
use std::error::Error;
use std::fmt;
use std::path::Path;

/// An error for the operator: something could not be read, called or asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Problem(String);

impl Problem {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }

    /// Creates the problem of a file, or of the standard input, that cannot be read.
    pub(crate) fn of_file(path: &Path, error: &std::io::Error) -> Self {
        Self(format!("`{}` cannot be read: {error}", path.display()))
    }

    /// Creates the problem of an allowlist that is not valid.
    pub(crate) fn of_list(path: &Path, error: &AllowlistError) -> Self {
        let path = path.display();
        Self(format!(
            "the allowlist `{path}` is not valid: {error} (`remediator check {path}` shows the place)"
        ))
    }

    /// Creates the problem of a call to AWS that failed, such as `iam:CreateRole`, with all that the SDK says of the cause.
    pub(crate) fn of_call<E>(call: &str, error: &SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        Self(format!("{call} failed: {}", cause(error)))
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(format!("the terminal cannot be used: {error}"))
    }
}

impl From<NotDone> for Problem {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Refused(refusal) => Self::new(refusal.why),
            NotDone::Failed(error) => error.into(),
        }
    }
}

impl From<IamError> for Problem {
    fn from(error: IamError) -> Self {
        match error {
            // The function's own words are about its role.
            IamError::AccessDenied { call, principal, context } => {
                Self::new(format!("you are not allowed to call iam:{call} for {principal}: {context}"))
            }
            error @ (IamError::CallFailed { .. }
            | IamError::TooSlow { .. }
            | IamError::NotConfirmed { .. }) => Self::new(error),
        }
    }
}
