//! An IAM and an SNS that live in this process: real SDK clients whose calls are answered by an interceptor, from state
//! that a test can prepare and look at.

use aws_sdk_iam::operation::get_role::{GetRoleError, GetRoleOutput};
use aws_sdk_iam::operation::get_role_policy::{GetRolePolicyError, GetRolePolicyOutput};
use aws_sdk_iam::operation::get_user::{GetUserError, GetUserOutput};
use aws_sdk_iam::operation::get_user_policy::{GetUserPolicyError, GetUserPolicyOutput};
use aws_sdk_iam::operation::list_role_policies::{ListRolePoliciesError, ListRolePoliciesOutput};
use aws_sdk_iam::operation::list_user_policies::{ListUserPoliciesError, ListUserPoliciesOutput};
use aws_sdk_iam::operation::put_role_policy::{PutRolePolicyError, PutRolePolicyOutput};
use aws_sdk_iam::operation::put_user_policy::{PutUserPolicyError, PutUserPolicyOutput};
use aws_sdk_iam::types::error::NoSuchEntityException;
use aws_sdk_iam::types::{Role, User};
use aws_sdk_sns::operation::publish::{PublishError, PublishOutput};
use aws_sdk_ssm::operation::get_parameter::{GetParameterError, GetParameterOutput};
use aws_sdk_ssm::types::Parameter;
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::ErrorMetadata;
use lambda_invoke_remediator::aws::clients::Clients;
use lambda_invoke_remediator::config::Config;
use lambda_invoke_remediator::handler::{Clock, HandlerError, Remediator};
use lambda_invoke_remediator::reply::Reply;
use lambda_invoke_remediator::telemetry::outcome_log::{self, HandledEvent};
use lambda_runtime::{Context, LambdaEvent};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use remediator_core::incoming::payload::Payload;
use remediator_core::outcome::Outcome;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

pub(crate) const ALLOWLIST: &str = include_str!("../../allowlist.example.json");
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:281502313273:denials";
pub(crate) const OWN_ROLE: &str = "arn:aws:iam::281502313273:role/lambda-invoke-remediator";
pub(crate) const OWN_FUNCTION: &str =
    "arn:aws:lambda:us-east-1:281502313273:function:lambda-invoke-remediator";

/// A call that was made, with what it sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    Get {
        principal: String,
        policy: String,
    },
    Put {
        principal: String,
        policy: String,
        document: Value,
    },
    List {
        principal: String,
    },
    /// Asks for the ARN of a user or a role.
    Identify {
        principal: String,
    },
    GetParameter {
        name: String,
    },
}

/// A message that was published.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) topic: String,
    pub(crate) subject: String,
    pub(crate) structure: String,
    pub(crate) bodies: HashMap<String, String>,
    pub(crate) attributes: HashMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Documents by `user/name` or `role/name`.
    pub(crate) policies: HashMap<String, String>,
    /// ARNs by `user/name` or `role/name`; the others have no path.
    pub(crate) arns: HashMap<String, String>,
    pub(crate) parameter: Option<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) published: Vec<Published>,
    /// `(operation, error code, message)`, each used up by the first call of that operation.
    pub(crate) faults: VecDeque<(&'static str, &'static str, &'static str)>,
    /// How many reads are still answered as they were before the first write.
    pub(crate) stale_reads: usize,
    /// How many characters other inline policies take, besides ours.
    pub(crate) other_usage: usize,
    /// How many notices there were when somebody was first asked for.
    pub(crate) published_before: Option<usize>,
    /// How far the clock is ahead.
    pub(crate) waited: Duration,
    /// The policy as it was before the first write.
    pub(crate) before: Option<(String, Option<String>)>,
}

impl State {
    fn fault(&mut self, operation: &str) -> Option<ErrorMetadata> {
        let index = self.faults.iter().position(|(of, _, _)| *of == operation)?;
        let (_, code, message) = self.faults.remove(index)?;
        Some(ErrorMetadata::builder().code(code).message(message).build())
    }

    fn read(&mut self, principal: &str, policy: Option<&str>) -> Option<String> {
        self.calls.push(Call::Get {
            principal: principal.to_owned(),
            policy: policy.unwrap_or_default().to_owned(),
        });
        if policy == Some("Other") {
            return Some(" ".repeat(self.other_usage) + &"x".repeat(self.other_usage));
        }
        let current = self.policies.get(principal).cloned();
        let document = match &self.before {
            Some((of, before)) if of == principal && self.stale_reads > 0 => {
                self.stale_reads -= 1;
                before.clone()
            }
            _ => current,
        }?;
        Some(utf8_percent_encode(&document, NON_ALPHANUMERIC).to_string())
    }

    fn identify(&mut self, principal: &str) -> String {
        self.calls.push(Call::Identify { principal: principal.to_owned() });
        self.published_before.get_or_insert(self.published.len());
        let arn = self.arns.get(principal).cloned();
        arn.unwrap_or_else(|| format!("arn:aws:iam::281502313273:{principal}"))
    }

    fn list(&mut self, principal: &str) -> Vec<String> {
        self.calls.push(Call::List { principal: principal.to_owned() });
        let is_there = match &self.before {
            Some((of, before)) if of == principal && self.stale_reads > 0 => before.is_some(),
            _ => self.policies.contains_key(principal),
        };
        let ours = is_there.then(|| "LambdaInvokePermission".to_owned());
        ours.into_iter().chain((self.other_usage > 0).then(|| "Other".to_owned())).collect()
    }

    fn write(&mut self, principal: &str, policy: Option<&str>, document: Option<&str>) {
        let text = document.unwrap_or_default().to_owned();
        self.calls.push(Call::Put {
            principal: principal.to_owned(),
            policy: policy.unwrap_or_default().to_owned(),
            document: serde_json::from_str(&text).unwrap(),
        });
        let before = self.policies.insert(principal.to_owned(), text);
        self.before.get_or_insert((principal.to_owned(), before));
    }
}

/// The state, and clients that share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeAws(pub(crate) Arc<Mutex<State>>);

impl FakeAws {
    pub(crate) fn with_policy(principal: &str, document: &str) -> Self {
        let aws = Self::default();
        aws.0.lock().unwrap().policies.insert(principal.to_owned(), document.to_owned());
        aws
    }

    pub(crate) fn fail(&self, operation: &'static str, code: &'static str, message: &'static str) {
        self.0.lock().unwrap().faults.push_back((operation, code, message));
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The calls that read or write our policy.
    pub(crate) fn policy_calls(&self) -> Vec<Call> {
        let is_ours = |call: &Call| matches!(call, Call::Get { policy, .. } | Call::Put { policy, .. } if policy == "LambdaInvokePermission");
        self.calls().into_iter().filter(is_ours).collect()
    }

    pub(crate) fn puts(&self) -> usize {
        self.calls().iter().filter(|call| matches!(call, Call::Put { .. })).count()
    }

    pub(crate) fn policy(&self, principal: &str) -> Option<Value> {
        let text = self.0.lock().unwrap().policies.get(principal).cloned();
        text.map(|text| serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn published(&self) -> Vec<Published> {
        self.0.lock().unwrap().published.clone()
    }

    pub(crate) fn remediator(&self, variables: &[(&str, &str)]) -> Remediator {
        let config = Config::read(|name| {
            let all = [("ALLOWLIST", ALLOWLIST), ("TOPIC_ARN", TOPIC), ("OWN_ROLE_ARN", OWN_ROLE)];
            let mut found = variables.iter().chain(&all);
            found.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        Remediator::new(config.unwrap(), self.clients(), None, self.clock())
    }

    /// The system's clock, set forward by what was waited.
    pub(crate) fn clock(&self) -> Clock {
        let state = Arc::clone(&self.0);
        Box::new(move || SystemTime::now() + state.lock().unwrap().waited)
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.0.lock().unwrap().waited += time;
    }

    pub(crate) fn clients(&self) -> Clients {
        Clients { iam: self.iam(), sns: self.sns(), ssm: Some(self.ssm()) }
    }

    fn iam(&self) -> aws_sdk_iam::Client {
        let missing = || {
            NoSuchEntityException::builder()
                .meta(
                    ErrorMetadata::builder()
                        .code("NoSuchEntity")
                        .message("The policy cannot be found.")
                        .build(),
                )
                .build()
        };
        let state = Arc::clone(&self.0);
        let get_user = mock!(aws_sdk_iam::Client::get_user_policy).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("GetUserPolicy") {
                return MockResponse::Error(GetUserPolicyError::generic(error));
            }
            let name = input.user_name().unwrap();
            match state.read(&format!("user/{name}"), input.policy_name()) {
                Some(document) => MockResponse::Output(
                    GetUserPolicyOutput::builder()
                        .user_name(name)
                        .policy_name("LambdaInvokePermission")
                        .policy_document(document)
                        .build()
                        .unwrap(),
                ),
                None => MockResponse::Error(GetUserPolicyError::NoSuchEntityException(missing())),
            }
        });
        let state = Arc::clone(&self.0);
        let get_role = mock!(aws_sdk_iam::Client::get_role_policy).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("GetRolePolicy") {
                return MockResponse::Error(GetRolePolicyError::generic(error));
            }
            let name = input.role_name().unwrap();
            match state.read(&format!("role/{name}"), input.policy_name()) {
                Some(document) => MockResponse::Output(
                    GetRolePolicyOutput::builder()
                        .role_name(name)
                        .policy_name("LambdaInvokePermission")
                        .policy_document(document)
                        .build()
                        .unwrap(),
                ),
                None => MockResponse::Error(GetRolePolicyError::NoSuchEntityException(missing())),
            }
        });
        let state = Arc::clone(&self.0);
        let list_user = mock!(aws_sdk_iam::Client::list_user_policies).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("ListUserPolicies") {
                return MockResponse::Error(ListUserPoliciesError::generic(error));
            }
            let names = state.list(&format!("user/{}", input.user_name().unwrap()));
            MockResponse::Output(
                ListUserPoliciesOutput::builder().set_policy_names(Some(names)).build().unwrap(),
            )
        });
        let state = Arc::clone(&self.0);
        let list_role = mock!(aws_sdk_iam::Client::list_role_policies).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("ListRolePolicies") {
                return MockResponse::Error(ListRolePoliciesError::generic(error));
            }
            let names = state.list(&format!("role/{}", input.role_name().unwrap()));
            MockResponse::Output(
                ListRolePoliciesOutput::builder().set_policy_names(Some(names)).build().unwrap(),
            )
        });
        let state = Arc::clone(&self.0);
        let put_user = mock!(aws_sdk_iam::Client::put_user_policy).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("PutUserPolicy") {
                return MockResponse::Error(PutUserPolicyError::generic(error));
            }
            let name = format!("user/{}", input.user_name().unwrap());
            state.write(&name, input.policy_name(), input.policy_document());
            MockResponse::Output(PutUserPolicyOutput::builder().build())
        });
        let state = Arc::clone(&self.0);
        let put_role = mock!(aws_sdk_iam::Client::put_role_policy).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("PutRolePolicy") {
                return MockResponse::Error(PutRolePolicyError::generic(error));
            }
            let name = format!("role/{}", input.role_name().unwrap());
            state.write(&name, input.policy_name(), input.policy_document());
            MockResponse::Output(PutRolePolicyOutput::builder().build())
        });
        let state = Arc::clone(&self.0);
        let user = mock!(aws_sdk_iam::Client::get_user).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("GetUser") {
                return MockResponse::Error(GetUserError::generic(error));
            }
            let name = input.user_name().unwrap();
            let arn = state.identify(&format!("user/{name}"));
            let user = User::builder().path("/").user_name(name).user_id("x").arn(arn);
            let user = user.create_date(DateTime::from_secs(0)).build().unwrap();
            MockResponse::Output(GetUserOutput::builder().user(user).build())
        });
        let state = Arc::clone(&self.0);
        let role = mock!(aws_sdk_iam::Client::get_role).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("GetRole") {
                return MockResponse::Error(GetRoleError::generic(error));
            }
            let name = input.role_name().unwrap();
            let arn = state.identify(&format!("role/{name}"));
            let role = Role::builder().path("/").role_name(name).role_id("x").arn(arn);
            let role = role.create_date(DateTime::from_secs(0)).build().unwrap();
            MockResponse::Output(GetRoleOutput::builder().role(role).build())
        });
        mock_client!(
            aws_sdk_iam,
            RuleMode::MatchAny,
            [&get_user, &get_role, &list_user, &list_role, &put_user, &put_role, &user, &role]
        )
    }

    fn sns(&self) -> aws_sdk_sns::Client {
        let state = Arc::clone(&self.0);
        let publish = mock!(aws_sdk_sns::Client::publish).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("Publish") {
                return MockResponse::Error(PublishError::generic(error));
            }
            let attributes = input.message_attributes().into_iter().flatten();
            state.published.push(Published {
                topic: input.topic_arn().unwrap().to_owned(),
                subject: input.subject().unwrap().to_owned(),
                structure: input.message_structure().unwrap().to_owned(),
                bodies: serde_json::from_str(input.message().unwrap()).unwrap(),
                attributes: attributes
                    .map(|(key, value)| (key.clone(), value.string_value().unwrap().to_owned()))
                    .collect(),
            });
            MockResponse::Output(PublishOutput::builder().message_id("1").build())
        });
        mock_client!(aws_sdk_sns, RuleMode::MatchAny, [&publish])
    }

    fn ssm(&self) -> aws_sdk_ssm::Client {
        let state = Arc::clone(&self.0);
        let get = mock!(aws_sdk_ssm::Client::get_parameter).then_compute_response(move |input| {
            let mut state = state.lock().unwrap();
            if let Some(error) = state.fault("GetParameter") {
                return MockResponse::Error(GetParameterError::generic(error));
            }
            state.calls.push(Call::GetParameter { name: input.name().unwrap().to_owned() });
            let parameter = Parameter::builder().set_value(state.parameter.clone()).build();
            MockResponse::Output(GetParameterOutput::builder().parameter(parameter).build())
        });
        mock_client!(aws_sdk_ssm, RuleMode::MatchAny, [&get])
    }
}

/// One invocation, as the runtime would make it.
pub(crate) async fn invoke(remediator: &Remediator, payload: &[u8]) -> Result<Outcome, HandlerError> {
    invoke_as(remediator, payload, OWN_FUNCTION).await
}

/// The outcomes of one invocation: of an event its one, of a log's batch those of its lines.
pub(crate) async fn invoke_each(
    remediator: &Remediator,
    payload: &[u8],
) -> Result<Vec<Outcome>, HandlerError> {
    invoke_logged(remediator, payload).await.0
}

/// The same, and what is logged of it, beside the runtime's lines.
pub(crate) async fn invoke_logged(
    remediator: &Remediator,
    payload: &[u8],
) -> (Result<Vec<Outcome>, HandlerError>, Vec<String>) {
    logged(remediator, event(payload, OWN_FUNCTION)).await
}

/// The same, where the function's timeout comes after so long.
pub(crate) async fn invoke_with_time(
    remediator: &Remediator,
    payload: &[u8],
    time: Duration,
) -> (Result<Vec<Outcome>, HandlerError>, Vec<String>) {
    let mut event = event(payload, OWN_FUNCTION);
    let timeout = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + time;
    event.context.deadline = timeout.as_millis().try_into().unwrap();
    logged(remediator, event).await
}

async fn logged(
    remediator: &Remediator,
    event: LambdaEvent<Payload>,
) -> (Result<Vec<Outcome>, HandlerError>, Vec<String>) {
    let log = RefCell::new(Vec::new());
    let on_handled = |duration: Duration, handled: Result<&Outcome, &HandlerError>| {
        let event = HandledEvent { request_id: "7f", duration, ended_at: SystemTime::now() };
        let log = &mut *log.borrow_mut();
        match handled {
            Ok(outcome) => outcome_log::write_outcome(log, &event, outcome),
            Err(error) => outcome_log::write_error(log, &event, error.code(), &error.to_string()),
        }
    };
    let reply = remediator.handle(event, &on_handled).await;
    let outcomes = reply.map(|reply| match reply {
        Reply::One(outcome) => vec![*outcome],
        Reply::Each(outcomes) => outcomes,
    });
    let log = String::from_utf8(log.into_inner()).unwrap();
    (outcomes, log.lines().map(str::to_owned).collect())
}

pub(crate) async fn invoke_as(
    remediator: &Remediator,
    payload: &[u8],
    invoked_function_arn: &str,
) -> Result<Outcome, HandlerError> {
    match remediator.handle(event(payload, invoked_function_arn), &|_, _| ()).await? {
        Reply::One(outcome) => Ok(*outcome),
        Reply::Each(outcomes) => panic!("{outcomes:?}"),
    }
}

fn event(payload: &[u8], invoked_function_arn: &str) -> LambdaEvent<Payload> {
    let mut context = Context::default();
    context.invoked_function_arn = invoked_function_arn.to_owned();
    LambdaEvent::new(Payload::from_slice(payload), context)
}
