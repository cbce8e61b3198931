//! AWS as the operator's own credentials reach it. `AWS_ENDPOINT_URL`, profiles and regions keep their meaning.

use crate::problem::Problem;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use lambda_invoke_remediator::iam::error::{IamError, NotDone};
use std::error::Error;
use std::time::Duration;

/// A person waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);

/// What all clients share; a problem says when there are no credentials.
pub(crate) async fn config() -> Result<SdkConfig, Problem> {
    use aws_sdk_iam::config::ProvideCredentials;
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
        .load()
        .await;
    let provider = config.credentials_provider();
    let none =
        || Problem::new("there are no AWS credentials: set AWS_PROFILE, or log in with `aws sso login`");
    let provided = provider.as_ref().ok_or_else(none)?.provide_credentials().await;
    match provided {
        Ok(_) => Ok(config),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Err(none()),
        Err(error) => {
            let mut text = format!("the AWS credentials cannot be had: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            Err(Problem::new(text))
        }
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
