//! One principal's inline policies, as IAM's API has them: the twins for users and roles, the friendly name, the encoding,
//! and what each error means.
//!
//! It is the wire and nothing more: what a document says is [`policy`]'s, when to write is
//! [`grant`](crate::grant)'s.

use crate::policy::{self, POLICY_NAME};
use crate::principal::{Principal, PrincipalKind};
use crate::refusal::{Reason, Refusal};
use crate::sdk_error::explain;
use aws_sdk_iam::Client;
use aws_sdk_iam::config::Builder;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use percent_encoding::percent_decode_str;
use std::time::Duration;

/// The inline policies of one user or role.
#[derive(Debug, Clone, Copy)]
pub struct InlinePolicies<'a> {
    iam: &'a Client,
    principal: &'a Principal,
}

/// How much of its quota a principal's inline policies use, in characters without white space, all of them together.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What is used.
    pub used: usize,
    /// What can be used: 2,048 for a user, 10,240 for a role.
    pub quota: usize,
}

/// A call that did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// For good: trying again would end the same.
    Refused(Refusal),
    /// IAM says that the quota is used up.
    Full,
    /// Not by itself: it may or may not have been carried out, and can be tried again at once.
    Passing(IamError),
    /// IAM's answers contradict each other, as long as one of them lags behind a write.
    Lagging(IamError),
    /// Until somebody mends something, such as the function's role.
    Lasting(IamError),
}

/// An error of IAM that is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// IAM does not let the function's role do it.
    #[error(
        "the function's role is not allowed to call iam:{call} for {principal}; is its ARN among the template's \
         PrincipalArns? {context}"
    )]
    AccessDenied {
        /// The call.
        call: &'static str,
        /// For whom.
        principal: String,
        /// The cause.
        context: String,
    },
    /// IAM failed, or was not reached.
    #[error("iam:{call} failed for {principal}: {context}")]
    CallFailed {
        /// The call.
        call: &'static str,
        /// For whom.
        principal: String,
        /// The cause.
        context: String,
    },
}

impl<'a> InlinePolicies<'a> {
    /// Those of `principal`; nothing is called yet.
    pub fn new(iam: &'a Client, principal: &'a Principal) -> Self {
        Self { iam, principal }
    }

    /// Our policy's document, decoded; `None` where the principal has none of that name.
    ///
    /// `NoSuchEntity` alone does not say so: it has the same code for a missing policy and a missing principal, and a read
    /// that lags behind a write gives it for a policy that is there. What was written on that would erase all that the
    /// policy holds. So the list of policies has to agree.
    ///
    /// Needs `iam:GetUserPolicy` and `iam:ListUserPolicies`, or their twins for roles.
    pub async fn get(self) -> Result<Option<String>, Failure> {
        let error = match self.get_named(POLICY_NAME).await {
            Ok(text) => {
                let not_utf_8 =
                    || Refusal::new(Reason::UnreadablePolicy, format!("{POLICY_NAME} is not UTF-8"));
                return decode(text).map(Some).ok_or_else(|| Failure::Refused(not_utf_8()));
            }
            Err(error) if error.code == "NoSuchEntity" => error,
            Err(error) => return Err(error.into_failure(self.principal)),
        };
        let names = self.names().await.map_err(|error| error.into_failure(self.principal))?;
        if names.iter().any(|name| name == POLICY_NAME) {
            return Err(Failure::Lagging(IamError::CallFailed {
                call: error.call,
                principal: self.principal.to_string(),
                context: format!("IAM lists {POLICY_NAME}, and says that there is none"),
            }));
        }
        Ok(None)
    }

    /// Puts `document` in the place of our policy, once: the SDK does not repeat it.
    ///
    /// Needs `iam:PutUserPolicy` or `iam:PutRolePolicy`.
    pub async fn put(self, document: &str, timeout: Duration) -> Result<(), Failure> {
        let timeouts = TimeoutConfig::builder().operation_timeout(timeout).build();
        let once = Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let name = self.principal.name();
        let answer = match self.principal.kind() {
            PrincipalKind::User => {
                let call = self.iam.put_user_policy().user_name(name).policy_name(POLICY_NAME);
                let call = call.policy_document(document).customize().config_override(once);
                call.send().await.map(drop).map_err(|error| RawError::new("PutUserPolicy", &error))
            }
            PrincipalKind::Role => {
                let call = self.iam.put_role_policy().role_name(name).policy_name(POLICY_NAME);
                let call = call.policy_document(document).customize().config_override(once);
                call.send().await.map(drop).map_err(|error| RawError::new("PutRolePolicy", &error))
            }
        };
        answer.map_err(|error| error.into_failure(self.principal))
    }

    /// How much of the quota all inline policies use, or `None` where that cannot be found out. Whoever has just read
    /// our policy gives it, and spares that call.
    pub async fn usage(self, ours: Option<&str>) -> Option<Usage> {
        let quota = quota(self.principal.kind());
        let mut used = 0;
        for name in self.names().await.ok()? {
            used += match ours.filter(|_| name == POLICY_NAME) {
                Some(document) => policy::counted_size(document),
                None => policy::counted_size(&decode(self.get_named(&name).await.ok()?)?),
            };
        }
        Some(Usage { used, quota })
    }

    async fn names(self) -> Result<Vec<String>, RawError> {
        let name = self.principal.name();
        match self.principal.kind() {
            PrincipalKind::User => {
                let pages = self.iam.list_user_policies().user_name(name).into_paginator().items();
                let names = pages.send().collect::<Result<_, _>>().await;
                names.map_err(|error| RawError::new("ListUserPolicies", &error))
            }
            PrincipalKind::Role => {
                let pages = self.iam.list_role_policies().role_name(name).into_paginator().items();
                let names = pages.send().collect::<Result<_, _>>().await;
                names.map_err(|error| RawError::new("ListRolePolicies", &error))
            }
        }
    }

    async fn get_named(self, policy_name: &str) -> Result<String, RawError> {
        let name = self.principal.name();
        let text = match self.principal.kind() {
            PrincipalKind::User => {
                let call = self.iam.get_user_policy().user_name(name).policy_name(policy_name);
                let answer = call.send().await.map_err(|error| RawError::new("GetUserPolicy", &error))?;
                answer.policy_document
            }
            PrincipalKind::Role => {
                let call = self.iam.get_role_policy().role_name(name).policy_name(policy_name);
                let answer = call.send().await.map_err(|error| RawError::new("GetRolePolicy", &error))?;
                answer.policy_document
            }
        };
        Ok(text)
    }
}

/// How many characters all inline policies of one principal may hold together, white space left out.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub fn quota(kind: PrincipalKind) -> usize {
    match kind {
        PrincipalKind::User => 2_048,
        PrincipalKind::Role => 10_240,
    }
}

/// IAM gives documents percent-encoded after RFC 3986, in which `+` is no space. `None` where that does not give UTF-8.
///
/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html>.
fn decode(text: String) -> Option<String> {
    // Encoded text holds no brace: this one comes from an endpoint that does not encode.
    if text.trim_start().starts_with('{') {
        return Some(text);
    }
    percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
}

/// An error of IAM, before it is known what it means.
struct RawError {
    call: &'static str,
    code: String,
    is_server_error: bool,
    context: String,
}

impl RawError {
    fn new<E>(call: &'static str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Self {
            call,
            code: error.code().unwrap_or_default().to_owned(),
            is_server_error: error.raw_response().is_some_and(|answer| answer.status().is_server_error()),
            context: explain(call, error),
        }
    }

    /// Sorts IAM's errors.
    ///
    /// See the errors of <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html> and
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>.
    fn into_failure(self, principal: &Principal) -> Failure {
        let refused = |reason, why: &str| Failure::Refused(Refusal::new(reason, why));
        let Self { call, context, .. } = self;
        let principal = principal.to_string();
        match self.code.as_str() {
            "NoSuchEntity" => refused(Reason::NoSuchPrincipal, "IAM knows no such user or role (any more)"),
            "LimitExceeded" => Failure::Full,
            "UnmodifiableEntity" => {
                refused(Reason::ProtectedRole, "only the AWS service that it belongs to can modify it")
            }
            "MalformedPolicyDocument" => refused(
                Reason::UnreadablePolicy,
                "IAM does not accept LambdaInvokePermission with the function added; something else in it must be wrong",
            ),
            "AccessDenied" | "AccessDeniedException" => {
                Failure::Lasting(IamError::AccessDenied { call, principal, context })
            }
            // No code: there was no answer, or none that could be read.
            ""
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "ServiceFailure"
            | "ConcurrentModification"
            | "ServiceUnavailable"
            | "InternalFailure" => Failure::Passing(IamError::CallFailed { call, principal, context }),
            _ if self.is_server_error => Failure::Passing(IamError::CallFailed { call, principal, context }),
            _ => Failure::Lasting(IamError::CallFailed { call, principal, context }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_percent_decoded() {
        let decoded = |text: &str| decode(text.to_owned());
        assert_eq!(decoded("%7B%22a%22%3A%22b+c%2520%22%7D").as_deref(), Some(r#"{"a":"b+c%20"}"#));
        assert_eq!(decoded(r#"{"a":"%20"}"#).as_deref(), Some(r#"{"a":"%20"}"#));
        assert_eq!(decoded("%7B%FF%7D"), None);
    }
}
