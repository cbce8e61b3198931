//! The user or role that IAM holds under a name, by `iam:GetUser` and `iam:GetRole`.
//!
//! CloudTrail's record names whom AWS authenticated. A pasted or reported text says what its author wrote, and of a role only
//! a session's ARN, which has no path. So the allowlist is asked about the ARN that IAM holds, path included.

use crate::iam::error::{IamError, NotDone, RawError};
use aws_sdk_iam::Client;
use remediator_core::arn::principal::{Principal, PrincipalKind};
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;

/// Looks up the user or role that called. `None` for a caller that is neither, about whom IAM is not asked.
///
/// Needs `iam:GetUser` or `iam:GetRole`.
///
/// # Errors
///
/// Refuses a caller that IAM does not know.
pub async fn look_up(iam: &Client, denial: &Denial) -> Result<Option<Principal>, NotDone> {
    let (call, arn, named) = match denial.caller() {
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
    let arn = arn.map_err(|error| error.into_failure(&named))?;
    match arn.as_deref().and_then(Principal::parse) {
        Some(principal) => Ok(Some(principal)),
        None => {
            let context = "IAM's answer holds no ARN of a user or a role".to_owned();
            Err(IamError::CallFailed { call, principal: named, context }.into())
        }
    }
}

async fn role_arn(iam: &Client, name: &str) -> Result<Option<String>, RawError> {
    let answer = iam.get_role().role_name(name).send().await;
    answer.map(|answer| answer.role.map(|role| role.arn)).map_err(|error| RawError::new("GetRole", &error))
}
