//! The AWS clients: one HTTP client, one TLS stack, and time limits that end inside the function's own.
//!
//! Standard variables such as `AWS_REGION` and `AWS_ENDPOINT_URL` keep their meaning.

use crate::config::{AllowlistLocation, Config};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::time::Duration;

/// A hung call is given up and tried again well before Lambda would end the function, whose timeout is 60 seconds in
/// template.yaml. Where several calls hang one after the other, the handler ends it in time and says in which step.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The cold start reads the allowlist, and Lambda gives it ten seconds.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
const SSM_TIMEOUT: Duration = Duration::from_secs(6);
/// Throttling and 5xx are tried again at once; what lasts longer is Lambda's to retry, minutes later.
const ATTEMPTS: u32 = 3;

/// A client for each service that is called.
#[derive(Debug, Clone)]
pub struct Clients {
    /// IAM, a global service.
    pub iam: aws_sdk_iam::Client,
    /// SNS, in the topic's region.
    pub sns: aws_sdk_sns::Client,
    /// SSM, in the parameter's region, if the allowlist is there.
    pub ssm: aws_sdk_ssm::Client,
}

impl Clients {
    /// Builds them all; nothing is called yet.
    pub async fn new(config: &Config) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let ssm_timeouts = timeouts.to_builder().operation_timeout(SSM_TIMEOUT).build();
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .load()
            .await;
        let ssm_region = match &config.allowlist {
            AllowlistLocation::Ssm(parameter) => parameter.region.clone(),
            AllowlistLocation::Inline(_) => None,
        };
        Self {
            iam: aws_sdk_iam::Client::new(&shared),
            sns: aws_sdk_sns::Client::new(&in_region(&shared, Some(config.topic.region.clone()))),
            ssm: aws_sdk_ssm::Client::new(
                &in_region(&shared, ssm_region).into_builder().timeout_config(ssm_timeouts).build(),
            ),
        }
    }
}

fn in_region(shared: &SdkConfig, region: Option<String>) -> SdkConfig {
    match region {
        Some(region) => shared.to_builder().region(Region::new(region)).build(),
        None => shared.clone(),
    }
}
