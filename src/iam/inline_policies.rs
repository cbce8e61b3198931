//! One principal's inline policies, as IAM's API has them: twin calls for users and roles, the friendly name, the encoding.
//!
//! It is the wire and nothing more: what a document says is [`policy`](remediator_core::policy)'s to know, when to write is
//! [`writer`](crate::iam::writer)'s to decide.

use crate::aws::clients::Clients;
use crate::aws::https::ConnectionMode;
use crate::iam::error::{CallFailure, IamError, RawError};
use aws_sdk_iam::Client;
use aws_sdk_iam::config::Builder;
use aws_sdk_iam::operation::RequestId;
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
    /// Whether the client sends by the function's own [`Https`](crate::aws::https::Https), which can be told to connect anew.
    can_reconnect: bool,
    is_over_new_connection: bool,
}

impl<'a> InlinePolicies<'a> {
    /// Names the policies of `principal`, for any client; nothing is called yet.
    pub fn new(iam: &'a Client, principal: &'a Principal) -> Self {
        Self { iam, principal, can_reconnect: false, is_over_new_connection: false }
    }

    /// Names the policies of `principal`, for the function's own clients.
    pub(crate) fn of(clients: &'a Clients, principal: &'a Principal) -> Self {
        Self { can_reconnect: true, ..Self::new(&clients.iam, principal) }
    }

    /// Whose policies they are.
    pub fn principal(self) -> &'a Principal {
        self.principal
    }

    /// Opens a connection for the next [`put`](Self::put) alone, where the client can do that.
    ///
    /// It is opened here, so that the put has all its time for itself, and is sent as soon as it is begun.
    pub(crate) async fn over_new_connection(self) -> Self {
        if !self.can_reconnect {
            return self;
        }
        let call = self.iam.get_user_policy().user_name("-").policy_name("-").customize();
        let call = call.mutate_request(|request| request.add_extension(ConnectionMode::Preconnect));
        // Whatever fails will fail again, and be reported, in the put.
        drop(call.send().await);
        Self { is_over_new_connection: true, ..self }
    }

    /// Reads the policy's document, decoded; `None` where the principal has no policy of that name.
    ///
    /// `NoSuchEntity` alone does not tell: IAM has the same code for a missing policy and for a missing principal, and a read
    /// that lags behind a write gives it for an existing policy. A write that rests on that would erase all that the policy
    /// holds. So the list of policies has to agree.
    ///
    /// Needs `iam:GetUserPolicy` and `iam:ListUserPolicies`, or their twins for roles.
    ///
    /// # Errors
    ///
    /// [`CallFailure::Inconsistent`] where the list does not agree.
    pub async fn get(self) -> Result<Option<String>, CallFailure> {
        let error = match self.get_named(POLICY_NAME).await {
            Ok(text) => {
                let not_utf_8 =
                    || Refusal::new(Reason::UnreadablePolicy, format!("{POLICY_NAME} is not UTF-8"));
                return decode(text).map(Some).ok_or_else(|| CallFailure::Refused(not_utf_8()));
            }
            Err(error) if error.is_no_such_entity() => error,
            Err(error) => return Err(error.into_failure(self.principal.as_str())),
        };
        let names = self.names().await.map_err(|error| error.into_failure(self.principal.as_str()))?;
        if names.iter().any(|name| name == POLICY_NAME) {
            tracing::warn!(principal = %self.principal, "IAM lists LambdaInvokePermission, and says that there is none");
            return Err(CallFailure::Inconsistent(IamError::CallFailed {
                call: error.call(),
                principal: self.principal.to_string(),
                context: format!("IAM lists {POLICY_NAME}, and says that there is none"),
            }));
        }
        Ok(None)
    }

    /// Puts `document` in place of the policy, once: the SDK does not repeat it. Returns whether the answer has a request id, as each
    /// of IAM's has: one without it may be that of something in between.
    ///
    /// Needs `iam:PutUserPolicy` or `iam:PutRolePolicy`.
    pub async fn put(self, document: &str, timeout: Duration) -> Result<bool, CallFailure> {
        let is_over_new_connection = self.is_over_new_connection;
        let route = move |request: &mut HttpRequest| {
            if is_over_new_connection {
                request.add_extension(ConnectionMode::Fresh);
            }
        };
        let name = self.principal.name();
        let answer = match self.principal.kind() {
            PrincipalKind::User => {
                let call = self.iam.put_user_policy().user_name(name).policy_name(POLICY_NAME);
                let call = call.policy_document(document).customize();
                let answer = call.config_override(once(timeout)).mutate_request(route).send().await;
                answer
                    .map(|answer| answer.request_id().is_some())
                    .map_err(|error| RawError::new("PutUserPolicy", &error))
            }
            PrincipalKind::Role => {
                let call = self.iam.put_role_policy().role_name(name).policy_name(POLICY_NAME);
                let call = call.policy_document(document).customize();
                let answer = call.config_override(once(timeout)).mutate_request(route).send().await;
                answer
                    .map(|answer| answer.request_id().is_some())
                    .map_err(|error| RawError::new("PutRolePolicy", &error))
            }
        };
        answer.map_err(|error| error.into_failure(self.principal.as_str()))
    }

    /// Deletes the policy, once, like [`put`](Self::put). A policy that does not exist counts as deleted.
    ///
    /// Needs `iam:DeleteUserPolicy` or `iam:DeleteRolePolicy`. The function never deletes, and its role may not: only the
    /// operator's tool has a change that comes to [`Edit::Delete`](crate::iam::writer::Edit::Delete).
    pub async fn delete(self, timeout: Duration) -> Result<(), CallFailure> {
        let name = self.principal.name();
        let answer = match self.principal.kind() {
            PrincipalKind::User => {
                let call = self.iam.delete_user_policy().user_name(name).policy_name(POLICY_NAME);
                let answer = call.customize().config_override(once(timeout)).send().await;
                answer.map(drop).map_err(|error| RawError::new("DeleteUserPolicy", &error))
            }
            PrincipalKind::Role => {
                let call = self.iam.delete_role_policy().role_name(name).policy_name(POLICY_NAME);
                let answer = call.customize().config_override(once(timeout)).send().await;
                answer.map(drop).map_err(|error| RawError::new("DeleteRolePolicy", &error))
            }
        };
        match answer {
            Ok(()) => Ok(()),
            Err(error) if error.is_no_such_entity() => Ok(()),
            Err(error) => Err(error.into_failure(self.principal.as_str())),
        }
    }

    /// Returns how much of the quota all inline policies use, or `None` where that cannot be found out.
    ///
    /// A caller that has just read the policy passes its `document`, which spares that call.
    pub async fn usage(self, document: Option<&str>) -> Option<Usage> {
        let quota = quota(self.principal.kind());
        let mut used = 0;
        for name in self.names().await.ok()? {
            used += match document.filter(|_| name == POLICY_NAME) {
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

/// Returns the settings of a call that is sent once, and given up after `timeout`.
fn once(timeout: Duration) -> Builder {
    let timeouts = TimeoutConfig::builder().operation_timeout(timeout).build();
    Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts)
}

/// Decodes a document that IAM sent, percent-encoded after RFC 3986, in which `+` is no space. `None` where it is not UTF-8.
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
