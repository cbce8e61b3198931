use super::*;
use aws_sdk_iam::operation::get_user_policy::{GetUserPolicyError, GetUserPolicyOutput};
use aws_sdk_iam::operation::list_user_policies::ListUserPoliciesOutput;
use aws_sdk_iam::operation::put_user_policy::{PutUserPolicyError, PutUserPolicyOutput};
use aws_sdk_iam::types::error::NoSuchEntityException;
use aws_sdk_sns::operation::publish::{PublishError, PublishOutput};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use lambda_runtime::Context;
use remediator_core::outcome::{NoticeState, Outcome, OutcomeKind};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const USER: &[u8] = include_bytes!("../../events/user.json");
const LIST: &str = include_str!("../../allowlist.example.json");

/// What the calls of one user's grant are answered from. `tests/it` has more; here time passes as the test wants.
#[derive(Default)]
struct State {
    policy: Option<String>,
    failing_puts: u32,
    failing_publishes: u32,
    /// Subject and bodies.
    published: Vec<(String, Value)>,
}

fn failure(code: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).message("for now").build()
}

/// Takes one off `left`, if any is.
fn takes_one(left: &mut u32) -> bool {
    let is_left = *left > 0;
    *left = left.saturating_sub(1);
    is_left
}

fn remediator(state: &Arc<Mutex<State>>, clock: Clock) -> Remediator {
    let shared = Arc::clone(state);
    let get = mock!(aws_sdk_iam::Client::get_user_policy).then_compute_response(move |_| {
        match shared.lock().unwrap().policy.clone() {
            Some(document) => MockResponse::Output(
                GetUserPolicyOutput::builder()
                    .user_name("remotion_user")
                    .policy_name("LambdaInvokePermission")
                    .policy_document(document)
                    .build()
                    .unwrap(),
            ),
            None => MockResponse::Error(GetUserPolicyError::NoSuchEntityException(
                NoSuchEntityException::builder()
                    .meta(ErrorMetadata::builder().code("NoSuchEntity").build())
                    .build(),
            )),
        }
    });
    let shared = Arc::clone(state);
    let list = mock!(aws_sdk_iam::Client::list_user_policies).then_compute_response(move |_| {
        let names =
            shared.lock().unwrap().policy.iter().map(|_| "LambdaInvokePermission".to_owned()).collect();
        MockResponse::Output(ListUserPoliciesOutput::builder().set_policy_names(Some(names)).build().unwrap())
    });
    let shared = Arc::clone(state);
    let put = mock!(aws_sdk_iam::Client::put_user_policy).then_compute_response(move |input| {
        let mut state = shared.lock().unwrap();
        if takes_one(&mut state.failing_puts) {
            return MockResponse::Error(PutUserPolicyError::generic(failure("Throttling")));
        }
        state.policy = input.policy_document().map(str::to_owned);
        MockResponse::Output(PutUserPolicyOutput::builder().build())
    });
    let shared = Arc::clone(state);
    let publish = mock!(aws_sdk_sns::Client::publish).then_compute_response(move |input| {
        let mut state = shared.lock().unwrap();
        if takes_one(&mut state.failing_publishes) {
            return MockResponse::Error(PublishError::generic(failure("InternalError")));
        }
        let bodies = serde_json::from_str(input.message().unwrap()).unwrap();
        state.published.push((input.subject().unwrap().to_owned(), bodies));
        MockResponse::Output(PublishOutput::builder().message_id("1").build())
    });
    let sns = mock_client!(aws_sdk_sns, RuleMode::MatchAny, [&publish]);
    let clients =
        Clients { iam: mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&get, &list, &put]), sns, ssm: None };
    let config = Config::read(|name| match name {
        "ALLOWLIST" => Some(LIST.to_owned()),
        "TOPIC_ARN" => Some("arn:aws:sns:us-east-1:281502313273:denials".to_owned()),
        "OWN_ROLE_ARN" => Some("arn:aws:iam::281502313273:role/lambda-invoke-remediator".to_owned()),
        _ => None,
    });
    Remediator::new(config.unwrap(), clients, None, clock)
}

async fn invoke(remediator: &Remediator, event: &[u8]) -> Result<Outcome, HandlerError> {
    let mut context = Context::default();
    context.invoked_function_arn =
        "arn:aws:lambda:us-east-1:281502313273:function:lambda-invoke-remediator".to_owned();
    match remediator.handle(LambdaEvent::new(Payload::from_slice(event), context), &|_, _| ()).await? {
        Reply::One(outcome) => Ok(*outcome),
        Reply::Each(outcomes) => panic!("{outcomes:?}"),
    }
}

/// A clock that a test sets forward.
#[derive(Clone)]
struct Hand(Arc<Mutex<SystemTime>>);

impl Hand {
    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Box::new(move || *now.lock().unwrap())
    }

    fn wait(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_somebody_takes_away_is_told_as_such_and_counted_once() {
    let state = Arc::new(Mutex::new(State::default()));
    let hand = Hand(Arc::new(Mutex::new(SystemTime::now())));
    let remediator = remediator(&state, hand.clock());
    let first = invoke(&remediator, USER).await.unwrap();
    assert!(!first.summary.contains("again"), "{}", first.summary);
    // Gone again within seconds: a read can lag behind.
    state.lock().unwrap().policy = None;
    let late = String::from_utf8_lossy(USER).replace("2026-09-14", "2999-09-14");
    let soon = invoke(&remediator, late.as_bytes()).await.unwrap();
    assert_eq!((soon.outcome, &soon.summary), (OutcomeKind::Granted, &first.summary));

    for (failing_puts, failing_publishes, times) in
        [(0, 0, "once"), (4, 0, "2 times"), (0, 1, "3 times"), (4, 1, "4 times")]
    {
        hand.wait(120);
        *state.lock().unwrap() = State { failing_puts, failing_publishes, ..State::default() };
        let mut tries = 0;
        let again = loop {
            match invoke(&remediator, USER).await {
                Ok(outcome) => break outcome,
                // Lambda tries it again.
                Err(HandlerError::Iam(_) | HandlerError::NoticeNotSent(_)) => tries += 1,
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(tries, failing_puts / 4 + failing_publishes);
        assert_eq!((again.outcome, again.notice), (OutcomeKind::Granted, NoticeState::Published));
        assert_eq!(
            again.summary,
            format!(
                "user/remotion_user may invoke ffmpeg-clip-cutter again: it was added to LambdaInvokePermission; the \
                 policy had covered it before, and somebody else than this function took that away, {times} as far as is known."
            )
        );
        let [(subject, bodies)] = &state.lock().unwrap().published[..] else { panic!("not one notice") };
        assert!(subject.starts_with("Granted again: "), "{subject}");
        let mail = bodies["email"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
        let steps = chat["content"]["nextSteps"].to_string();
        for told in [
            "`aws_iam_role_policies_exclusive`, `aws_iam_user_policies_exclusive`",
            "another tool, or a person",
            "put it into the code that manages the role or user",
            "take the rule out of the allowlist",
            "may still fail for some seconds",
            "Before the user or role is deleted, take the grant back",
        ] {
            assert!(mail.contains(told) && steps.contains(told), "{told}: {mail} {steps}");
        }
        assert!(!steps.contains("..."), "cut: {steps}");
        assert!(
            mail.contains(&again.summary) && chat["content"]["description"].as_str().unwrap().contains(times)
        );
    }
    // The rest of the storm repeats what was told.
    assert_eq!(invoke(&remediator, USER).await.unwrap().notice, NoticeState::Suppressed);
}
