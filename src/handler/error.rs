//! The errors that an invocation ends with. Each means: try again, or raise the alarm.

use crate::allowlist_source::AllowlistUnreadable;
use crate::iam::error::IamError;
use crate::sns::NoticeError;
use lambda_runtime::Diagnostic;

/// Why an event is to be tried again, or an alarm to go off. Each has one stable code, the reply's `errorType`.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// There is no list to decide on.
    #[error(transparent)]
    AllowlistUnreadable(#[from] AllowlistUnreadable),
    /// IAM failed, or what was written did not stay.
    #[error(transparent)]
    Iam(#[from] IamError),
    /// The notice was not sent. The retried event leads to it.
    #[error(transparent)]
    NoticeNotSent(#[from] NoticeError),
    /// The notice of lines of the own log was not sent. Of the reason nothing is said: it could hold the words for which that
    /// log is subscribed, and each try would log them again.
    #[error("the notice was not published that this function is invoked with lines of its own log")]
    OwnLogNotNotified,
    /// Neither the invoked function's ARN nor the own role's tells the account.
    #[error(
        "the own account is not known: `{0}`, by which the function was invoked, may be what an emulator makes up, and \
         OWN_ROLE_ARN is not set; set it to the ARN of the function's execution role, arn:PARTITION:iam::ACCOUNT:role/PATH/NAME"
    )]
    OwnAccountUnknown(String),
    /// The function's timeout came first.
    #[error("the function timed out while {0}")]
    OutOfTime(String),
    /// Some of a log's lines failed; the others were handled.
    #[error("{failed} of {of} lines failed, the first since {first}")]
    Lines {
        /// How many failed.
        failed: usize,
        /// How many there are.
        of: usize,
        /// Why the first of them did.
        first: Box<HandlerError>,
    },
}

impl HandlerError {
    /// A code that an alarm or a metric filter can match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AllowlistUnreadable(_) => "AllowlistUnreadable",
            Self::Iam(IamError::AccessDenied { .. }) => "IamAccessDenied",
            Self::Iam(IamError::CallFailed { .. }) => "IamCallFailed",
            Self::Iam(IamError::TooSlow { .. }) => "IamTooSlow",
            Self::Iam(IamError::NotConfirmed { .. }) => "GrantNotConfirmed",
            Self::NoticeNotSent(_) | Self::OwnLogNotNotified => "NoticeNotSent",
            Self::OwnAccountUnknown(_) => "OwnAccountUnknown",
            Self::OutOfTime(_) => "OutOfTime",
            Self::Lines { first, .. } => first.code(),
        }
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self { error_type: error.code().to_owned(), error_message: error.to_string() }
    }
}
