//! AWS, with the operator's own credentials. `AWS_ENDPOINT_URL`, profiles and regions mean what they mean to the AWS CLI.

use crate::problem::Problem;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::error::Error;
use std::time::Duration;

/// Short, since a person waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);

/// Loads the configuration that all clients share. Fails where there are no credentials.
pub(crate) async fn config() -> Result<SdkConfig, Problem> {
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
    check_credentials(&config).await?;
    Ok(config)
}

async fn check_credentials(config: &SdkConfig) -> Result<(), Problem> {
    use aws_sdk_iam::config::ProvideCredentials;
    let none =
        || Problem::new("there are no AWS credentials: set AWS_PROFILE, or log in with `aws sso login`");
    let provider = config.credentials_provider();
    match provider.as_ref().ok_or_else(none)?.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Err(none()),
        Err(error) => {
            let mut text = format!("the AWS credentials could not be loaded: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            Err(Problem::new(text))
        }
    }
}
