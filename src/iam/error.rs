//! What each error of IAM means: whether it is final, may pass, or waits for somebody to mend something.

use crate::aws::error::{cause, explain};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use remediator_core::reason::{Reason, Refusal};

/// IAM's code for what it does not have, be it a policy or whose policy it would be.
const NO_SUCH_ENTITY: &str = "NoSuchEntity";

/// A call that did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// For good: trying again would end the same.
    Refused(Refusal),
    /// IAM says that the quota is used up.
    Full,
    /// Not by itself: it may or may not have been carried out, and can be tried again at once.
    Passing(IamError),
    /// IAM's answers contradict each other, as long as one of them lags behind a write.
    Lagging(IamError),
    /// Until somebody mends something, such as the function's role.
    Lasting(IamError),
}

/// An error of IAM that is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// IAM does not let the function's role do it.
    #[error(
        "the function's role is not allowed to call iam:{call} for {principal}; is its ARN among the template's \
         PrincipalArns? {context}"
    )]
    AccessDenied {
        /// The call.
        call: &'static str,
        /// For whom.
        principal: String,
        /// The cause.
        context: String,
    },
    /// IAM failed, or was not reached.
    #[error("iam:{call} failed for {principal}: {context}")]
    CallFailed {
        /// The call.
        call: &'static str,
        /// For whom.
        principal: String,
        /// The cause.
        context: String,
    },
}

/// An error of IAM, before it is known what it means.
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
            // Not yet a failure: a principal's first grant begins with it.
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

    /// Whether IAM does not know what was asked for.
    pub(crate) fn is_no_such_entity(&self) -> bool {
        self.code == NO_SUCH_ENTITY
    }

    /// Sorts IAM's errors.
    ///
    /// See the errors of <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html> and
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>.
    pub(crate) fn into_failure(self, principal: &str) -> Failure {
        let refused = |reason, why: &str| Failure::Refused(Refusal::new(reason, why));
        let Self { call, context, .. } = self;
        let principal = principal.to_owned();
        match self.code.as_str() {
            NO_SUCH_ENTITY => {
                tracing::warn!(call, error = context, "an AWS call failed");
                refused(Reason::NoSuchPrincipal, "IAM knows no such user or role (any more)")
            }
            "LimitExceeded" => Failure::Full,
            "UnmodifiableEntity" => {
                refused(Reason::ProtectedRole, "only the AWS service that it belongs to can modify it")
            }
            "MalformedPolicyDocument" => refused(
                Reason::UnreadablePolicy,
                "IAM does not accept LambdaInvokePermission with the function added; something else in it must be wrong",
            ),
            "AccessDenied" | "AccessDeniedException" => {
                Failure::Lasting(IamError::AccessDenied { call, principal, context })
            }
            // No code: there was no answer, or none that could be read.
            ""
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "ServiceFailure"
            | "ConcurrentModification"
            | "ServiceUnavailable"
            | "InternalFailure" => Failure::Passing(IamError::CallFailed { call, principal, context }),
            _ if self.is_server_error => Failure::Passing(IamError::CallFailed { call, principal, context }),
            _ => Failure::Lasting(IamError::CallFailed { call, principal, context }),
        }
    }
}
