//! What a failed call to IAM means: final, to be repeated at once, or to be retried when somebody has mended something.
//!
//! A [`CallFailure`] is about one call, and says whether to repeat it. A [`NotDone`] is about an operation of several calls,
//! and is all that others need to know: a refusal, or an error.

use crate::aws::error::{cause, explain};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use remediator_core::reason::{Reason, Refusal};
use std::time::Duration;

/// IAM's code for both a missing policy and a missing user or role.
const NO_SUCH_ENTITY: &str = "NoSuchEntity";

/// Why an operation on a principal did not succeed.
#[derive(Debug)]
pub enum NotDone {
    /// It never will: a retry would end the same.
    Refused(Refusal),
    /// It may, when it is retried.
    Failed(IamError),
}

impl From<CallFailure> for NotDone {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Refused(refusal) => Self::Refused(refusal),
            CallFailure::QuotaExceeded => Self::Refused(Refusal::new(
                Reason::PolicyFull,
                "the quota for its inline policies is used up",
            )),
            CallFailure::Transient(error)
            | CallFailure::Unanswered(error)
            | CallFailure::Inconsistent(error)
            | CallFailure::Persistent(error) => Self::Failed(error),
        }
    }
}

impl From<IamError> for NotDone {
    fn from(error: IamError) -> Self {
        Self::Failed(error)
    }
}

/// An operation that may or may not have been carried out. A retry finds out.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// The function's role lacks a permission.
    #[error(
        "the function's role is not allowed to call iam:{call} for {principal}; is its ARN among the template's \
         PrincipalArns? {context}"
    )]
    AccessDenied {
        /// The call.
        call: &'static str,
        /// The user or role that it was about.
        principal: String,
        /// The cause.
        context: String,
    },
    /// IAM failed, or was not reached.
    #[error("iam:{call} failed for {principal}: {context}")]
    CallFailed {
        /// The call.
        call: &'static str,
        /// The user or role that it was about.
        principal: String,
        /// The cause.
        context: String,
    },
    /// Each read of the policy took too long for a write to rest on it.
    #[error(
        "nothing more was written for {principal}: each of {reads} reads of its policy took longer than {limit:?}"
    )]
    TooSlow {
        /// The user or role.
        principal: String,
        /// How many reads.
        reads: u32,
        /// How long one may take.
        limit: Duration,
    },
    /// Others kept overwriting what was written.
    #[error(
        "the grant for {principal} was written and did not stay for {time:?}; others write the same policy"
    )]
    NotConfirmed {
        /// The user or role.
        principal: String,
        /// For how long it was written again.
        time: Duration,
    },
}

/// A call that failed.
#[derive(Debug)]
pub enum CallFailure {
    /// Repeating it would end the same, for good.
    Refused(Refusal),
    /// The quota of the principal's inline policies is used up.
    QuotaExceeded,
    /// It was not carried out, and can be repeated soon.
    Transient(IamError),
    /// It can be repeated at once. It may or may not have been carried out.
    Unanswered(IamError),
    /// IAM's answers contradict each other: one of them lags behind a write.
    Inconsistent(IamError),
    /// It fails until somebody mends something, such as the function's role.
    Persistent(IamError),
}

/// An error of IAM that is not sorted yet.
pub(crate) struct RawError {
    call: &'static str,
    code: String,
    is_server_error: bool,
    context: String,
}

impl RawError {
    pub(crate) fn new<E>(call: &'static str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let code = error.code().unwrap_or_default().to_owned();
        let context = match code.as_str() {
            // Not necessarily a failure: a principal's first grant begins with it.
            NO_SUCH_ENTITY => {
                tracing::debug!(call, error = %DisplayErrorContext(error), "IAM does not have it");
                cause(error)
            }
            _ => explain(call, error),
        };
        let is_server_error = error.raw_response().is_some_and(|answer| answer.status().is_server_error());
        Self { call, code, is_server_error, context }
    }

    /// The call that failed.
    pub(crate) fn call(&self) -> &'static str {
        self.call
    }

    /// Whether IAM does not have what the call was about.
    pub(crate) fn is_no_such_entity(&self) -> bool {
        self.code == NO_SUCH_ENTITY
    }

    /// Sorts the error.
    ///
    /// See the errors of <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html> and
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>.
    pub(crate) fn into_failure(self, principal: &str) -> CallFailure {
        let refused = |reason, why: &str| CallFailure::Refused(Refusal::new(reason, why));
        let Self { call, context, .. } = self;
        let principal = principal.to_owned();
        match self.code.as_str() {
            NO_SUCH_ENTITY => {
                tracing::warn!(call, error = context, "an AWS call failed");
                refused(Reason::NoSuchPrincipal, "IAM knows no such user or role (any more)")
            }
            "LimitExceeded" => CallFailure::QuotaExceeded,
            "UnmodifiableEntity" => {
                refused(Reason::ProtectedRole, "only the AWS service that it belongs to can modify it")
            }
            "MalformedPolicyDocument" => refused(
                Reason::UnreadablePolicy,
                "IAM does not accept LambdaInvokePermission with this change; something else in it must be wrong",
            ),
            "AccessDenied" | "AccessDeniedException" => {
                CallFailure::Persistent(IamError::AccessDenied { call, principal, context })
            }
            "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "ConcurrentModification" => {
                CallFailure::Transient(IamError::CallFailed { call, principal, context })
            }
            // No code: there was no answer, or an unreadable one.
            "" | "ServiceFailure" | "ServiceUnavailable" | "InternalFailure" => {
                CallFailure::Unanswered(IamError::CallFailed { call, principal, context })
            }
            _ if self.is_server_error => {
                CallFailure::Unanswered(IamError::CallFailed { call, principal, context })
            }
            _ => CallFailure::Persistent(IamError::CallFailed { call, principal, context }),
        }
    }
}
