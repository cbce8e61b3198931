//! One principal's inline policies, as IAM's API has them: the twins for users and roles, the friendly name, the encoding.
//!
//! It is the wire and nothing more: what a document says is [`policy`]'s, when to write is
//! [`grant`](crate::iam::writer)'s.

use crate::aws::https::ConnectionMode;
use crate::iam::error::{Failure, IamError, RawError};
use aws_sdk_iam::Client;
use aws_sdk_iam::config::Builder;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use percent_encoding::percent_decode_str;
use remediator_core::arn::principal::{Principal, PrincipalKind};
use remediator_core::policy::POLICY_NAME;
use remediator_core::policy::quota::{Usage, counted_size, quota};
use remediator_core::reason::{Reason, Refusal};
use std::time::Duration;

/// The inline policies of one user or role.
#[derive(Debug, Clone, Copy)]
pub struct InlinePolicies<'a> {
    iam: &'a Client,
    principal: &'a Principal,
    is_over_new_connection: bool,
}

impl<'a> InlinePolicies<'a> {
    /// Those of `principal`; nothing is called yet.
    pub fn new(iam: &'a Client, principal: &'a Principal) -> Self {
        Self { iam, principal, is_over_new_connection: false }
    }

    /// The same, whose [`put`](Self::put) goes over a connection of its own: one that is opened here, so that the put has all
    /// its time for itself, and is sent as soon as it is begun.
    pub(crate) async fn over_new_connection(self) -> Self {
        let call = self.iam.get_user_policy().user_name("-").policy_name("-").customize();
        let call = call.mutate_request(|request| request.add_extension(ConnectionMode::Preconnect));
        // Whatever fails will fail again, and be told, in the put.
        drop(call.send().await);
        Self { is_over_new_connection: true, ..self }
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
            Err(error) if error.is_no_such_entity() => error,
            Err(error) => return Err(error.into_failure(self.principal.as_str())),
        };
        let names = self.names().await.map_err(|error| error.into_failure(self.principal.as_str()))?;
        if names.iter().any(|name| name == POLICY_NAME) {
            tracing::warn!(principal = %self.principal, "IAM lists LambdaInvokePermission, and says that there is none");
            return Err(Failure::Lagging(IamError::CallFailed {
                call: error.call(),
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
        let connect = |request: &mut HttpRequest| request.add_extension(ConnectionMode::Fresh);
        let answer = match self.principal.kind() {
            PrincipalKind::User => {
                let call = self.iam.put_user_policy().user_name(name).policy_name(POLICY_NAME);
                let mut call = call.policy_document(document).customize().config_override(once);
                if self.is_over_new_connection {
                    call = call.mutate_request(connect);
                }
                call.send().await.map(drop).map_err(|error| RawError::new("PutUserPolicy", &error))
            }
            PrincipalKind::Role => {
                let call = self.iam.put_role_policy().role_name(name).policy_name(POLICY_NAME);
                let mut call = call.policy_document(document).customize().config_override(once);
                if self.is_over_new_connection {
                    call = call.mutate_request(connect);
                }
                call.send().await.map(drop).map_err(|error| RawError::new("PutRolePolicy", &error))
            }
        };
        answer.map_err(|error| error.into_failure(self.principal.as_str()))
    }

    /// How much of the quota all inline policies use, or `None` where that cannot be found out. Whoever has just read
    /// our policy gives it, and spares that call.
    pub async fn usage(self, ours: Option<&str>) -> Option<Usage> {
        let quota = quota(self.principal.kind());
        let mut used = 0;
        for name in self.names().await.ok()? {
            used += match ours.filter(|_| name == POLICY_NAME) {
                Some(document) => counted_size(document),
                None => counted_size(&decode(self.get_named(&name).await.ok()?)?),
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
