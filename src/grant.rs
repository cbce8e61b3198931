//! The edge to IAM: reads the inline policy, adds the function, writes it and reads it back.
//!
//! It does what a [`Grant`] says and nothing else; the merge itself is [`policy`]'s. `PutUserPolicy` and
//! `PutRolePolicy` overwrite the whole document, so every write rests on a read just before it.

use crate::config::Mode;
use crate::decision::Grant;
use crate::policy::{self, Merge, POLICY_NAME};
use crate::principal::{Principal, PrincipalKind};
use crate::refusal::{Reason, Refusal};
use aws_sdk_iam::Client;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::error::display::DisplayErrorContext;
use percent_encoding::percent_decode_str;
use std::time::Duration;

/// How long to wait before each read-back. IAM's reads are eventually consistent with its writes.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.
const READ_BACK_DELAYS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(600),
    Duration::from_millis(1_500),
    Duration::from_millis(3_000),
];
/// How often a document is written before it is left to Lambda's retry.
const MAX_WRITES: usize = 2;

/// What became of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// Written, and read back.
    Written,
    /// Covered before; nothing was written.
    Already {
        /// Whether it is our own statement that lists the function itself.
        is_listed: bool,
    },
    /// Dry-run: it would have been written.
    WouldWrite,
    /// IAM, or the document that is there, does not allow it; that is final.
    Refused(Refusal),
}

/// A grant that may or may not have been written. To be tried again: a second try finds out.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// IAM does not let the function's role do it.
    #[error(
        "the function's role is not allowed to call iam:{call} for {principal}; is its ARN among the template's PrincipalArns? {context}"
    )]
    AccessDenied {
        /// The call.
        call: &'static str,
        /// For whom.
        principal: String,
        /// The SDK's error with all its causes.
        context: String,
    },
    /// IAM failed, or was not reached.
    #[error("iam:{call} failed for {principal}: {context}")]
    Iam {
        /// The call.
        call: &'static str,
        /// For whom.
        principal: String,
        /// The SDK's error with all its causes.
        context: String,
    },
    /// What was written was not read back.
    #[error("the policy of {principal} was written, but what is read does not cover the function")]
    NotConfirmed {
        /// For whom.
        principal: String,
    },
}

enum Stop {
    Refused(Refusal),
    Failed(GrantError),
}

/// Makes the grant. Needs `iam:GetUserPolicy` and `iam:PutUserPolicy`, or their twins for roles.
pub async fn apply(iam: &Client, grant: &Grant, mode: Mode) -> Result<Granted, GrantError> {
    match write_and_read_back(iam, grant, mode).await {
        Ok(granted) => Ok(granted),
        Err(Stop::Refused(refusal)) => Ok(Granted::Refused(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

async fn write_and_read_back(iam: &Client, grant: &Grant, mode: Mode) -> Result<Granted, Stop> {
    let mut document = match read_merge(iam, grant).await? {
        Merge::Covered { is_listed } => return Ok(Granted::Already { is_listed }),
        Merge::Write(_) if mode == Mode::DryRun => return Ok(Granted::WouldWrite),
        Merge::Write(document) => document,
    };
    for _ in 0..MAX_WRITES {
        put_policy(iam, grant.principal(), &document).await?;
        for delay in READ_BACK_DELAYS {
            tokio::time::sleep(delay).await;
            match read_merge(iam, grant).await? {
                Merge::Covered { .. } => return Ok(Granted::Written),
                Merge::Write(next) => document = next,
            }
        }
    }
    Err(Stop::Failed(GrantError::NotConfirmed {
        principal: grant.principal().to_string(),
    }))
}

async fn read_merge(iam: &Client, grant: &Grant) -> Result<Merge, Stop> {
    let document = get_policy(iam, grant.principal()).await?;
    policy::merge(document.as_deref(), grant.function()).map_err(|why| {
        Stop::Refused(Refusal::new(
            Reason::UnreadablePolicy,
            format!("{POLICY_NAME} is left alone: {why}"),
        ))
    })
}

/// The document that is there, decoded; `None` where the principal has no policy of that name.
async fn get_policy(iam: &Client, principal: &Principal) -> Result<Option<String>, Stop> {
    let name = principal.name();
    let answer = match principal.kind() {
        PrincipalKind::User => {
            let call = iam
                .get_user_policy()
                .user_name(name)
                .policy_name(POLICY_NAME)
                .send();
            call.await
                .map(|found| found.policy_document)
                .map_err(|error| Failure::new("GetUserPolicy", &error))
        }
        PrincipalKind::Role => {
            let call = iam
                .get_role_policy()
                .role_name(name)
                .policy_name(POLICY_NAME)
                .send();
            call.await
                .map(|found| found.policy_document)
                .map_err(|error| Failure::new("GetRolePolicy", &error))
        }
    };
    match answer {
        Ok(text) => decode(&text).map(Some),
        // The same code for a missing policy and for a missing principal; where the words leave it open, the write tells.
        Err(failure) if failure.code == "NoSuchEntity" && !failure.speaks_of(principal) => Ok(None),
        Err(failure) => Err(failure.into_stop(principal)),
    }
}

async fn put_policy(iam: &Client, principal: &Principal, document: &str) -> Result<(), Stop> {
    let name = principal.name();
    let answer = match principal.kind() {
        PrincipalKind::User => {
            let call = iam
                .put_user_policy()
                .user_name(name)
                .policy_name(POLICY_NAME)
                .policy_document(document);
            call.send()
                .await
                .map(drop)
                .map_err(|error| Failure::new("PutUserPolicy", &error))
        }
        PrincipalKind::Role => {
            let call = iam
                .put_role_policy()
                .role_name(name)
                .policy_name(POLICY_NAME)
                .policy_document(document);
            call.send()
                .await
                .map(drop)
                .map_err(|error| Failure::new("PutRolePolicy", &error))
        }
    };
    answer.map_err(|failure| failure.into_stop(principal))
}

/// IAM gives documents percent-encoded after RFC 3986, in which `+` is no space.
///
/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html>.
fn decode(text: &str) -> Result<String, Stop> {
    // Encoded text holds no brace: this one comes from an endpoint that does not encode.
    if text.starts_with('{') {
        return Ok(text.to_owned());
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| {
        Stop::Refused(Refusal::new(
            Reason::UnreadablePolicy,
            format!("{POLICY_NAME} is left alone: it is not UTF-8"),
        ))
    })
}

/// An error of IAM, before it is known what it means.
struct Failure {
    call: &'static str,
    code: String,
    message: String,
    context: String,
}

impl Failure {
    fn new<E>(call: &'static str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Self {
            call,
            code: error.code().unwrap_or_default().to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
            context: DisplayErrorContext(error).to_string(),
        }
    }

    /// Whether `NoSuchEntity` is about the principal itself and not about its policy: `The user with name x cannot be
    /// found.` Both kinds of message name what is missing, and only one of them speaks of a policy.
    fn speaks_of(&self, principal: &Principal) -> bool {
        let name = principal.name();
        let names_policy = self.message.contains(POLICY_NAME) && name != POLICY_NAME;
        self.message.contains(name) && !names_policy && !self.message.replace(name, "").contains("policy")
    }

    /// Sorts IAM's errors into final ones and such that a retry may cure.
    ///
    /// See the errors of <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html> and the common ones.
    fn into_stop(self, principal: &Principal) -> Stop {
        let refused = |reason, why: &str| Stop::Refused(Refusal::new(reason, why));
        match self.code.as_str() {
            "NoSuchEntity" => refused(
                Reason::NoSuchPrincipal,
                "IAM knows no such user or role (any more)",
            ),
            "LimitExceeded" => refused(
                Reason::PolicyFull,
                "the quota for its inline policies is used up (characters of all of them together, white space left out)",
            ),
            "UnmodifiableEntity" => refused(
                Reason::ProtectedRole,
                "only the AWS service that it belongs to can modify it",
            ),
            "MalformedPolicyDocument" => refused(
                Reason::UnreadablePolicy,
                "IAM does not accept LambdaInvokePermission with the function added; something else in it must be wrong",
            ),
            "AccessDenied" | "AccessDeniedException" => Stop::Failed(GrantError::AccessDenied {
                call: self.call,
                principal: principal.to_string(),
                context: self.context,
            }),
            _ => Stop::Failed(GrantError::Iam {
                call: self.call,
                principal: principal.to_string(),
                context: self.context,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_principal_is_told_from_a_missing_policy() {
        let missing = |arn: &str, message: &str| {
            let failure = Failure {
                call: "GetUserPolicy",
                code: "NoSuchEntity".to_owned(),
                message: message.to_owned(),
                context: String::new(),
            };
            failure.speaks_of(&Principal::parse(arn).unwrap())
        };
        for name in [
            "remotion_user",
            "user",
            "policy",
            "policy-bot",
            "LambdaInvokePermission",
            "name",
            "with",
        ] {
            let user = format!("arn:aws:iam::281502313273:user/{name}");
            assert!(
                missing(&user, &format!("The user with name {name} cannot be found.")),
                "{name}"
            );
            assert!(missing(&user, &format!("User {name} not found")), "{name}");
            let of_policy = format!("The user policy with name {POLICY_NAME} cannot be found.");
            assert!(!missing(&user, &of_policy), "{name}");
            assert!(!missing(&user, ""), "{name}");
        }
    }
}
