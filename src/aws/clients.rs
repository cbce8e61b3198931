//! The AWS clients: one connection pool, and time limits well within the function's own.
//!
//! Standard variables such as `AWS_REGION` and `AWS_ENDPOINT_URL` keep their meaning.

use crate::aws::https::Https;
use crate::aws::variables;
use aws_sdk_iam::config::{BehaviorVersion, IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::time::Duration;

/// Limits of one attempt and of one call with its retries. Both are well below the function's timeout, 60 seconds in
/// template.yaml. If several calls hang in a row, the handler ends the invocation in time and says in which step.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Limit of a call to SSM, which the cold start awaits: Lambda gives that ten seconds.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
const SSM_TIMEOUT: Duration = Duration::from_secs(6);
/// The SDK retries throttling and 5xx at once. What lasts longer is left to Lambda, which retries minutes later.
const ATTEMPTS: u32 = 3;

/// A client for each service that is called.
#[derive(Debug)]
pub struct Clients {
    /// IAM, a global service.
    pub iam: aws_sdk_iam::Client,
    /// SNS, in the topic's region.
    pub sns: aws_sdk_sns::Client,
    /// SSM, in the parameter's region. `None` if the allowlist is not in a parameter: making a client takes a tenth of
    /// the cold start.
    pub ssm: Option<aws_sdk_ssm::Client>,
}

/// The region in which SSM is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SsmRegion<'a> {
    /// The function's own.
    Own,
    /// The one that the parameter's ARN states.
    Stated(&'a str),
}

impl Clients {
    /// Makes the clients, without connecting yet; one of SSM only if its region is given.
    pub fn new(shared: &SdkConfig, topic_region: &str, ssm: Option<SsmRegion<'_>>) -> Self {
        Self {
            iam: aws_sdk_iam::Client::new(shared),
            sns: aws_sdk_sns::Client::new(&in_region(shared, topic_region)),
            ssm: ssm.map(|region| ssm_client(shared, region)),
        }
    }

    /// Begins to connect to IAM and SNS, without calling them. Ignores errors: the first real call meets the same and
    /// reports it.
    pub async fn preconnect(&self, https: &Https) {
        let iam = self.iam.get_user_policy().user_name("-").policy_name("-").customize();
        drop(iam.interceptor(https.preconnect_only()).send().await);
        let sns = self.sns.publish().message("-").customize();
        drop(sns.interceptor(https.preconnect_only()).send().await);
    }
}

/// Returns the settings that all clients share: the variables, one connection pool, and the time limits.
pub fn shared_config(https: &Https) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    variables::read(|name| std::env::var(name).ok())
        .behavior_version(BehaviorVersion::latest())
        .http_client(https.sdk_client())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        // A stalled stream ends with its attempt's time limit.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // The credentials are in memory, and stay the same as long as the process.
        .identity_cache(IdentityCache::no_cache())
        .build()
}

fn ssm_client(shared: &SdkConfig, region: SsmRegion<'_>) -> aws_sdk_ssm::Client {
    let config = match region {
        SsmRegion::Own => shared.clone(),
        SsmRegion::Stated(region) => in_region(shared, region),
    };
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(SSM_TIMEOUT)
        .build();
    aws_sdk_ssm::Client::new(&config.into_builder().timeout_config(timeouts).build())
}

fn in_region(shared: &SdkConfig, region: &str) -> SdkConfig {
    shared.to_builder().region(Region::new(region.to_owned())).build()
}
