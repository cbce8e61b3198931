//! The AWS clients: one HTTP client, one TLS stack, and time limits that end inside the function's own.
//!
//! Standard variables such as `AWS_REGION` and `AWS_ENDPOINT_URL` keep their meaning.

use crate::aws::https::Https;
use crate::aws::variables;
use crate::config::{AllowlistLocation, Config};
use aws_sdk_iam::config::{BehaviorVersion, IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::task::yield_now;

/// A hung call is given up and tried again well before Lambda would end the function, whose timeout is 60 seconds in
/// template.yaml. Where several calls hang one after the other, the handler ends it in time and says in which step.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// The cold start reads the allowlist, and Lambda gives it ten seconds.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
const SSM_TIMEOUT: Duration = Duration::from_secs(6);
/// Throttling and 5xx are tried again at once; what lasts longer is Lambda's to retry, minutes later.
const ATTEMPTS: u32 = 3;

/// A client that is made when it is first asked for.
pub type Lazy<Client> = LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>;

/// A client for each service that is called, and what they send with.
#[derive(Debug)]
pub struct Clients {
    /// IAM, a global service.
    pub iam: aws_sdk_iam::Client,
    /// SNS, in the topic's region. Made while the connection to IAM waits for its peer.
    pub sns: Lazy<aws_sdk_sns::Client>,
    /// SSM, in the parameter's region. Not made if the allowlist is not there, since making it is a tenth of the cold start.
    pub ssm: Lazy<aws_sdk_ssm::Client>,
    /// What they send with, which connects ahead and can hold a call back. `None` where calls are answered before they get there.
    pub https: Option<Https>,
}

impl Clients {
    /// Builds them; nothing is connected yet.
    pub fn new(config: &Config, https: &Https) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let shared = variables::read(|name| std::env::var(name).ok())
            .behavior_version(BehaviorVersion::latest())
            .http_client(https.client())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            // The time limit of an attempt ends a stalled one, too.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            // The credentials are at hand anyway, and stay the same as long as the process.
            .identity_cache(IdentityCache::no_cache())
            .build();
        let iam = aws_sdk_iam::Client::new(&shared);
        let sns_config = in_region(&shared, Some(config.topic.region.clone()));
        let sns = move || aws_sdk_sns::Client::new(&sns_config);
        let ssm_region = match &config.allowlist {
            AllowlistLocation::Ssm(parameter) => parameter.region.clone(),
            AllowlistLocation::Inline(_) => None,
        };
        let ssm = move || {
            let config = in_region(&shared, ssm_region).into_builder();
            let timeouts = TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(SSM_TIMEOUT)
                .build();
            aws_sdk_ssm::Client::new(&config.timeout_config(timeouts).build())
        };
        Self {
            iam,
            sns: LazyLock::new(Box::new(sns)),
            ssm: LazyLock::new(Box::new(ssm)),
            https: Some(https.clone()),
        }
    }

    /// Begins to connect to IAM and SNS. Nothing is called, and whatever fails will fail again, and be told, when it is needed.
    pub async fn connect_ahead(&self) {
        let Some(https) = &self.https else { return };
        let iam = self.iam.get_user_policy().user_name("-").policy_name("-").customize();
        drop(iam.interceptor(https.connect_only()).send().await);
        // While the one waits for its peer, the other is prepared.
        yield_now().await;
        let sns = self.sns.publish().message("-").customize();
        drop(sns.interceptor(https.connect_only()).send().await);
        yield_now().await;
    }
}

fn in_region(shared: &SdkConfig, region: Option<String>) -> SdkConfig {
    match region {
        Some(region) => shared.to_builder().region(Region::new(region)).build(),
        None => shared.clone(),
    }
}
