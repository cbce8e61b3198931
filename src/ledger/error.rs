//! Errors of the ledger. Each means: try again, or mend the table or the function's role. Nothing is ever written without it.

use crate::aws::error::explain;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The ledger could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// DynamoDB failed, or was not reached.
    #[error("environment variable LEDGER_TABLE: dynamodb:{call} failed on `{table}`: {context}")]
    Unavailable {
        /// The call.
        call: &'static str,
        /// The table.
        table: String,
        /// The cause.
        context: String,
    },
    /// The function's role lacks a permission.
    #[error(
        "environment variable LEDGER_TABLE: the function's role is not allowed to call dynamodb:{call} on `{table}`: {context}"
    )]
    AccessDenied {
        /// The call.
        call: &'static str,
        /// The table.
        table: String,
        /// The cause.
        context: String,
    },
    /// There is no such table, or it has other keys.
    #[error(
        "environment variable LEDGER_TABLE: `{table}` is no ledger: {context}; expected a DynamoDB table with the partition key \
         pk (S) and the sort key sk (S), by its name or ARN"
    )]
    NoLedger {
        /// The table.
        table: String,
        /// The cause.
        context: String,
    },
    /// An item has a form that the function does not write.
    #[error("environment variable LEDGER_TABLE: the item `{key}` of `{table}` cannot be read: {context}")]
    Unreadable {
        /// The partition key and the sort key.
        key: String,
        /// The table.
        table: String,
        /// The cause.
        context: String,
    },
    /// The lock was lost: it took too long, and another writer has it.
    #[error("the lock of the policy of {principal} was lost to another writer")]
    LockLost {
        /// The user or role.
        principal: String,
    },
}

impl LedgerError {
    /// Sorts the error of a call.
    ///
    /// See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.
    pub(super) fn new<E>(call: &'static str, table: &str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let context = explain(&format!("dynamodb:{call}"), error);
        let table = table.to_owned();
        match error.code().unwrap_or_default() {
            "AccessDenied" | "AccessDeniedException" | "UnrecognizedClientException" => {
                Self::AccessDenied { call, table, context }
            }
            "ResourceNotFoundException" | "ValidationException" => Self::NoLedger { table, context },
            _ => Self::Unavailable { call, table, context },
        }
    }

    /// Returns the stable code, which an alarm or a metric filter can match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AccessDenied { .. } => "LedgerAccessDenied",
            Self::NoLedger { .. } => "BadConfiguration",
            Self::Unavailable { .. } | Self::Unreadable { .. } | Self::LockLost { .. } => "LedgerUnavailable",
        }
    }

    /// Whether another start would end the same.
    pub fn stops_the_start(&self) -> bool {
        match self {
            Self::AccessDenied { .. } | Self::NoLedger { .. } => true,
            Self::Unavailable { .. } | Self::Unreadable { .. } | Self::LockLost { .. } => false,
        }
    }
}
