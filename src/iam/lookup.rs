//! The edge to IAM for who a text names: `iam:GetUser` and `iam:GetRole` tell the ARN, path included.
//!
//! CloudTrail's record says whom AWS authenticated. A text says what its author wrote, and of a role no more than a session's
//! ARN, which has no path. What the allowlist is asked about is therefore the ARN that IAM holds under the name.

use crate::iam::error::{Failure, IamError, RawError};
use aws_sdk_iam::Client;
use remediator_core::arn::principal::{Principal, PrincipalKind};
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;

/// Asks IAM for the user or role that a denial's caller is; nothing is asked about a caller that is neither.
///
/// Needs `iam:GetUser` or `iam:GetRole`.
pub async fn ask(iam: &Client, denial: &Denial) -> Result<Option<Principal>, Failure> {
    let (call, arn, shown) = match denial.caller() {
        Caller::Principal(user) if user.kind() == PrincipalKind::User => {
            let answer = iam.get_user().user_name(user.name()).send().await;
            let arn = answer.map(|answer| answer.user.map(|user| user.arn));
            ("GetUser", arn.map_err(|error| RawError::new("GetUser", &error)), user.to_string())
        }
        Caller::Principal(role) => ("GetRole", role_arn(iam, role.name()).await, role.to_string()),
        Caller::Session(role) => {
            ("GetRole", role_arn(iam, role.session().role_name).await, role.arn().to_owned())
        }
        Caller::Other { .. } => return Ok(None),
    };
    let arn = arn.map_err(|error| error.into_failure(&shown))?;
    let principal = arn.as_deref().and_then(Principal::parse);
    let unclear = || {
        let context = "IAM's answer holds no ARN of a user or a role".to_owned();
        Failure::Lasting(IamError::CallFailed { call, principal: shown, context })
    };
    principal.map(Some).ok_or_else(unclear)
}

async fn role_arn(iam: &Client, name: &str) -> Result<Option<String>, RawError> {
    let answer = iam.get_role().role_name(name).send().await;
    answer.map(|answer| answer.role.map(|role| role.arn)).map_err(|error| RawError::new("GetRole", &error))
}
