//! The call that is to be denied. Both steps wait until IAM's changes have spread.

use crate::problem::Problem;
use aws_config::SdkConfig;
use aws_sdk_lambda::config::SharedCredentialsProvider;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sts::config::Credentials;
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::Principal;
use std::time::{Duration, Instant};

/// How long IAM may take until a new role can be used.
const MAX_SPREADING: Duration = Duration::from_secs(90);
const BETWEEN_TRIES: Duration = Duration::from_secs(3);

/// Returns credentials of the role, as soon as it can be assumed. Calls `sts:AssumeRole`.
pub(super) async fn assume_role(
    config: &SdkConfig,
    role: &Principal,
    session: &str,
) -> Result<Credentials, Problem> {
    let sts = aws_sdk_sts::Client::new(config);
    let began = Instant::now();
    loop {
        match sts.assume_role().role_arn(role.to_string()).role_session_name(session).send().await {
            Ok(answer) => {
                let keys = answer
                    .credentials
                    .ok_or_else(|| Problem::new("sts:AssumeRole returned no credentials"))?;
                let token = Some(keys.session_token);
                return Ok(Credentials::new(
                    keys.access_key_id,
                    keys.secret_access_key,
                    token,
                    None,
                    "canary",
                ));
            }
            Err(error) if began.elapsed() > MAX_SPREADING => {
                return Err(Problem::of_call("sts:AssumeRole", &error));
            }
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}

/// Calls the function, and returns the message with which Lambda denies it. Fails where the call is allowed.
pub(super) async fn invoke(
    config: &SdkConfig,
    credentials: Credentials,
    function: &FunctionArn,
) -> Result<String, Problem> {
    let config = aws_sdk_lambda::config::Builder::from(config)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let lambda = aws_sdk_lambda::Client::from_conf(config);
    let began = Instant::now();
    loop {
        let call = lambda.invoke().function_name(function.as_str()).payload(Blob::new("{}"));
        let Err(error) = call.send().await else {
            return Err(Problem::new(format!(
                "the call of {function} was allowed to a role without any policy, so the function's own policy must allow it: \
                 name another function with --function"
            )));
        };
        match error.code() {
            Some("AccessDeniedException" | "AccessDenied") => {
                return Ok(error.message().unwrap_or_default().to_owned());
            }
            // The new credentials have not spread yet.
            Some("UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException")
                if began.elapsed() < MAX_SPREADING =>
            {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Some(_) | None => return Err(Problem::of_call("lambda:Invoke", &error)),
        }
    }
}
