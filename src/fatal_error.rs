//! Why the function cannot start, or cannot go on.

use crate::allowlist_source::AllowlistUnreadable;
use crate::config::ConfigError;
use crate::ledger::error::LedgerError;

/// The process ends: the cold start failed, or the runtime did. The error's text is that of its cause.
#[derive(Debug, thiserror::Error)]
pub enum FatalError {
    /// A variable is missing or has a bad value.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no list to decide on.
    #[error(transparent)]
    AllowlistUnreadable(#[from] AllowlistUnreadable),
    /// There is no such ledger, or the function's role may not use it.
    #[error(transparent)]
    Ledger(LedgerError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The Lambda runtime ended with an error.
    #[error(transparent)]
    Runtime(lambda_runtime::Error),
}

impl FatalError {
    /// Returns the stable code that an alarm or a metric filter can match. An unreadable list has the same code as in
    /// [`HandlerError`](crate::handler::HandlerError).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(error) => error.code(),
            Self::AllowlistUnreadable(_) => "AllowlistUnreadable",
            Self::Ledger(error) => error.code(),
            Self::Tls(_) | Self::Runtime(_) => "RuntimeFailed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn each_has_a_code_and_the_text_of_its_cause() {
        let missing = |name: &str| {
            let get = |asked: &str| (asked != name).then(|| "ssm:/a".to_owned());
            Config::read(get).unwrap_err()
        };
        let unreadable = || AllowlistUnreadable::Ssm { name: "/a".to_owned(), context: "no".to_owned() };
        let gone = || std::io::Error::other("gone");
        for (error, code, text) in [
            (missing("ALLOWLIST").into(), "AllowlistUnreadable", missing("ALLOWLIST").to_string()),
            (missing("TOPIC_ARN").into(), "BadConfiguration", missing("TOPIC_ARN").to_string()),
            (unreadable().into(), "AllowlistUnreadable", unreadable().to_string()),
            (FatalError::Runtime(gone().into()), "RuntimeFailed", gone().to_string()),
        ] {
            let error: FatalError = error;
            assert_eq!((error.code(), error.to_string()), (code, text));
        }
    }
}
