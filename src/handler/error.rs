//! The errors that an invocation ends with. Each means: try again, or raise the alarm.

use crate::allowlist_source::AllowlistUnreadable;
use crate::iam::error::IamError;
use crate::ledger::error::LedgerError;
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
    /// The ledger failed. Nothing is written without it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
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
    /// The function timed out.
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

/// The step of a line that had no turn before the timeout.
const WAITED: &str = "the line waited for its turn";

impl HandlerError {
    /// Returns the stable code, which an alarm or a metric filter can match.
    pub fn code(&self) -> &'static str {
        self.error_code().as_str()
    }

    /// The error of a line that had no turn before the timeout.
    pub(super) fn waited() -> Self {
        Self::OutOfTime(WAITED.to_owned())
    }

    /// Whether it is that of a line that had no turn.
    pub(super) fn is_wait(&self) -> bool {
        matches!(self, Self::OutOfTime(step) if step == WAITED)
    }

    fn error_code(&self) -> ErrorCode {
        match self {
            Self::AllowlistUnreadable(_) => ErrorCode::AllowlistUnreadable,
            Self::Iam(IamError::AccessDenied { .. }) => ErrorCode::IamAccessDenied,
            Self::Iam(IamError::CallFailed { .. }) => ErrorCode::IamCallFailed,
            Self::Iam(IamError::TooSlow { .. }) => ErrorCode::IamTooSlow,
            Self::Iam(IamError::NotConfirmed { .. }) => ErrorCode::GrantNotConfirmed,
            Self::Ledger(LedgerError::AccessDenied { .. }) => ErrorCode::LedgerAccessDenied,
            Self::Ledger(
                LedgerError::Unavailable { .. }
                | LedgerError::NoLedger { .. }
                | LedgerError::Unreadable { .. }
                | LedgerError::LockLost { .. },
            ) => ErrorCode::LedgerUnavailable,
            Self::NoticeNotSent(_) | Self::OwnLogNotNotified => ErrorCode::NoticeNotSent,
            Self::OwnAccountUnknown(_) => ErrorCode::OwnAccountUnknown,
            Self::OutOfTime(_) => ErrorCode::OutOfTime,
            Self::Lines { first, .. } => first.error_code(),
        }
    }
}

/// The stable code of an error: the reply's `errorType` and the log line's `code`. docs/operations.md says what to do at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// IAM did not answer, or with an error that may pass.
    IamCallFailed,
    /// IAM refuses the function's call.
    IamAccessDenied,
    /// IAM took so long that nothing could be written safely.
    IamTooSlow,
    /// Somebody kept overwriting the policy.
    GrantNotConfirmed,
    /// DynamoDB did not answer, or with an error that may pass.
    LedgerUnavailable,
    /// DynamoDB refuses the function's call.
    LedgerAccessDenied,
    /// SNS refused the notice.
    NoticeNotSent,
    /// There is no list to decide on.
    AllowlistUnreadable,
    /// Neither the invoked function's ARN nor the own role's tells the account.
    OwnAccountUnknown,
    /// The function timed out.
    OutOfTime,
}

remediator_core::list_variants!(ErrorCode {
    IamCallFailed,
    IamAccessDenied,
    IamTooSlow,
    GrantNotConfirmed,
    LedgerUnavailable,
    LedgerAccessDenied,
    NoticeNotSent,
    AllowlistUnreadable,
    OwnAccountUnknown,
    OutOfTime,
});

impl ErrorCode {
    /// Returns the code as the reply and the log have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IamCallFailed => "IamCallFailed",
            Self::IamAccessDenied => "IamAccessDenied",
            Self::IamTooSlow => "IamTooSlow",
            Self::GrantNotConfirmed => "GrantNotConfirmed",
            Self::LedgerUnavailable => "LedgerUnavailable",
            Self::LedgerAccessDenied => "LedgerAccessDenied",
            Self::NoticeNotSent => "NoticeNotSent",
            Self::AllowlistUnreadable => "AllowlistUnreadable",
            Self::OwnAccountUnknown => "OwnAccountUnknown",
            Self::OutOfTime => "OutOfTime",
        }
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self { error_type: error.code().to_owned(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_code_is_documented() {
        let page = include_str!("../../docs/operations.md");
        let (_, errors) = page.split_once("\n## Errors\n").unwrap();
        let (errors, _) = errors.split_once("\n## ").unwrap();
        let (_, readme) = include_str!("../../README.md")
            .split_once("[`errorType`](docs/operations.md#errors) is one of ")
            .unwrap();
        let (readme, _) = readme.split_once('.').unwrap();
        for code in ErrorCode::ALL {
            let code = code.as_str();
            assert!(
                errors.contains(&format!("\n| `{code}` | ")),
                "docs/operations.md, Errors: no row for `{code}`"
            );
            assert!(readme.contains(&format!("`{code}`")), "README.md, errorType: no `{code}`");
        }
        let names: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!((names.len(), readme.matches('`').count()), (ErrorCode::ALL.len(), 2 * names.len()));
    }
}
