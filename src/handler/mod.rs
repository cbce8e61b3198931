//! The one place that knows the order: event, denial, decision, grant, notice, outcome.

mod lanes;

use crate::allowlist_source::{AllowlistSource, AllowlistUnreadable};
use crate::aws::clients::Clients;
use crate::config::Config;
use crate::iam::error::IamError;
use crate::iam::lookup;
use crate::iam::writer::{self, GrantError};
use crate::memory::{Covered, Repeat, Repeats};
use crate::reply::Reply;
use crate::sns::{self, NoticeError};
use futures_util::stream::{self, StreamExt};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::{FunctionArn, is_account};
use remediator_core::decision::{self, Decision, Grant, OwnIdentity, admit};
use remediator_core::incoming::denial::{self, Denial, Facts, Reading};
use remediator_core::incoming::event::Payload;
use remediator_core::incoming::log_batch::LogBatch;
use remediator_core::incoming::source::Source;
use remediator_core::notice::Notice;
use remediator_core::outcome::{NoticeState, Outcome, OutcomeKind, Verdict};
use remediator_core::reason::{Reason, Refusal};
use remediator_core::rfc3339;
use remediator_core::text::one_line;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

/// How many lines of a log are handled at once, at most: more would only wait for IAM, which throttles.
const MAX_LANES: usize = 8;

/// What is left of the function's own timeout to say that it was used up.
const MARGIN: Duration = Duration::from_millis(500);

/// The account in the ARN that AWS's Runtime Interface Emulator gives to every function, in every base image of AWS.
///
/// It may be somebody's account as well. There the own role tells the same: a function and its execution role are of one
/// account. So setting it aside admits no other one, and where no role is named nothing is decided.
///
/// See <https://github.com/aws/aws-lambda-runtime-interface-emulator>, and for the role
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>.
const EMULATOR_ACCOUNT: &str = "012345678912";

/// Why an event is to be tried again, or an alarm to go off. Each has one stable code, the reply's `errorType`.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// There is no list to decide on.
    #[error(transparent)]
    AllowlistUnreadable(#[from] AllowlistUnreadable),
    /// IAM failed, or what was written did not stay.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The notice was not sent. The retried event leads to it.
    #[error(transparent)]
    NoticeNotSent(#[from] NoticeError),
    /// The notice of lines of the own log was not sent. Of the reason nothing is said: it could hold the words for which that
    /// log is subscribed, and each try would log them again.
    #[error("the notice was not published that this function is invoked with lines of its own log")]
    OwnLogNotTold,
    /// Neither the invoked function's ARN nor the own role's tells the account.
    #[error(
        "the own account is not known: `{0}`, by which the function was invoked, may be what an emulator makes up, and \
         OWN_ROLE_ARN is not set; set it to the ARN of the function's execution role, arn:PARTITION:iam::ACCOUNT:role/PATH/NAME"
    )]
    OwnAccountUnknown(String),
    /// The function's timeout came first.
    #[error("the function's timeout came first, while {0}")]
    OutOfTime(String),
    /// Some of a log's lines failed; the others were handled.
    #[error("{failed} of {of} lines failed, the first since {first}")]
    Lines {
        /// How many failed.
        failed: usize,
        /// How many there are.
        of: usize,
        /// Why the first of them did.
        first: Box<HandlerError>,
    },
}

impl HandlerError {
    /// A code that an alarm or a metric filter can match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AllowlistUnreadable(_) => "AllowlistUnreadable",
            Self::Grant(GrantError::Iam(IamError::AccessDenied { .. })) => "IamAccessDenied",
            Self::Grant(GrantError::Iam(IamError::CallFailed { .. })) => "IamCallFailed",
            Self::Grant(GrantError::TooSlow { .. }) => "IamTooSlow",
            Self::Grant(GrantError::NotConfirmed { .. }) => "GrantNotConfirmed",
            Self::NoticeNotSent(_) | Self::OwnLogNotTold => "NoticeNotSent",
            Self::OwnAccountUnknown(_) => "OwnAccountUnknown",
            Self::OutOfTime(_) => "OutOfTime",
            Self::Lines { first, .. } => first.code(),
        }
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self { error_type: error.code().to_owned(), error_message: error.to_string() }
    }
}

/// The function: everything that lives as long as its execution environment.
#[derive(Debug)]
pub struct Remediator {
    config: Config,
    clients: Clients,
    allowlist: AllowlistSource,
    repeats: Mutex<Repeats>,
}

/// Is told how long an event took, and how it ended.
pub type OnHandled<'a> = &'a dyn Fn(Duration, Result<&Outcome, &HandlerError>);

/// What is told of.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    facts: &'a Facts,
    /// The one that was decided on, where it got that far.
    denial: Option<&'a Denial>,
    rule: Option<&'a str>,
}

/// What is being done, for the case that time runs out meanwhile.
type Step = RefCell<String>;

impl Remediator {
    /// Puts the parts together; nothing is called yet.
    pub fn new(config: Config, clients: Clients) -> Self {
        let allowlist = AllowlistSource::new(&config.allowlist, &clients.ssm);
        let repeats = Mutex::new(Repeats::new(config.notice_interval));
        Self { config, clients, allowlist, repeats }
    }

    /// Reads the allowlist for the first time, so that a bad one stops the cold start.
    pub async fn start(&self) -> Result<(), AllowlistUnreadable> {
        self.allowlist.current(SystemTime::now()).await.map(drop)
    }

    /// Handles one invocation; `on_handled` is told of each event's end as it comes, but not of the lines of a log that are
    /// about something else.
    pub async fn handle(
        &self,
        event: LambdaEvent<Payload>,
        on_handled: OnHandled<'_>,
    ) -> Result<Reply, HandlerError> {
        let LambdaEvent { payload, context, .. } = event;
        let began = Instant::now();
        let step = Step::default();
        let handled = self.remediate(payload, &context, &step, on_handled);
        let handled = match time_left(&context) {
            Some(time) => tokio::time::timeout(time, handled)
                .await
                .unwrap_or_else(|_| Err(HandlerError::OutOfTime(step.take()))),
            None => handled.await,
        };
        match &handled {
            Ok(Reply::One(outcome)) => on_handled(began.elapsed(), Ok(outcome)),
            // Each line has been told of by itself.
            Ok(Reply::Each(_)) | Err(HandlerError::Lines { .. }) => {}
            Err(error) => on_handled(began.elapsed(), Err(error)),
        }
        handled
    }

    async fn remediate(
        &self,
        payload: Payload,
        context: &Context,
        step: &Step,
        on_handled: OnHandled<'_>,
    ) -> Result<Reply, HandlerError> {
        if let Payload::Json(value) = &payload
            && let Some(batch) = LogBatch::read(value)
        {
            drop(payload);
            return self.remediate_each(batch, context, step, on_handled).await;
        }
        let read = denial::read(&payload);
        // Nothing else of it is needed, while calls are waited for.
        drop(payload);
        self.conclude(read, context, step).await.map(|outcome| Reply::One(Box::new(outcome)))
    }

    /// Handles the lines of a log. One that fails does not keep the others from being handled; then the whole batch is to be
    /// tried again, which finds done what was done.
    async fn remediate_each(
        &self,
        batch: LogBatch,
        context: &Context,
        step: &Step,
        on_handled: OnHandled<'_>,
    ) -> Result<Reply, HandlerError> {
        if let Some(own) = self.own_log_group(&batch, context) {
            return self.refuse_own_log(&batch, own, step, on_handled).await;
        }
        let read: Vec<_> = denial::read_batch(&batch);
        let (of, log_group) = (read.len(), batch.log_group);
        tracing::info!(lines = of, logGroup = log_group, "a batch of a log's lines has come");
        let mut lanes =
            lanes::of(read.into_iter().enumerate().map(|(line, (facts, reading))| (facts, (line, reading))));
        // A flood of what is refused anyway must not use up the time of what may be granted.
        let own = self.own_identity(context).ok();
        let may_be_granted = |(_, (_, reading)): &(Facts, (usize, Reading))| match (reading, &own) {
            (Reading::Denial(denial), Some(own)) => admit(denial, own).is_ok(),
            (Reading::Denial(_), None) => true,
            (Reading::Refused(_) | Reading::Ignored(_), _) => false,
        };
        lanes.sort_by_key(|lane| !lane.iter().any(may_be_granted));
        let lanes = lanes.into_iter().map(|lane| async {
            let mut handled = Vec::with_capacity(lane.len());
            for (facts, (line, reading)) in lane {
                let began = Instant::now();
                let outcome = self.conclude((facts, reading), context, step).await;
                if !matches!(&outcome, Ok(outcome) if outcome.outcome == OutcomeKind::Ignored) {
                    on_handled(began.elapsed(), outcome.as_ref());
                }
                handled.push((line, outcome));
            }
            handled
        });
        let mut handled: Vec<_> = stream::iter(lanes).buffer_unordered(MAX_LANES).concat().await;
        handled.sort_by_key(|(line, _)| *line);
        let mut outcomes = Vec::with_capacity(of);
        let (mut failed, mut first) = (0, None);
        for (_, outcome) in handled {
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    failed += 1;
                    first.get_or_insert(error);
                }
            }
        }
        match first {
            None => Ok(Reply::to_batch(outcomes)),
            Some(first) => Err(HandlerError::Lines { failed, of, first: Box::new(first) }),
        }
    }

    /// The name of the own log group, if that is where the lines come from.
    ///
    /// It is the log group that counts, and not whose each line is: what is logged here of a line of another account, which a
    /// central log group of the same name may hold, comes back just as well. No grant is lost by that, since such a line brings
    /// none about. A log group of another account is another one, whatever its name; where `owner` is no account id, or the own
    /// account is not known, the name alone decides, since one refusal too many ends and a loop does not.
    fn own_log_group(&self, batch: &LogBatch, context: &Context) -> Option<&str> {
        // Nothing came of it: an empty list, or CloudWatch Logs trying whether the function can be reached.
        if batch.events.is_empty() && batch.unread.is_none() {
            return None;
        }
        let own =
            self.config.own_log_group.as_deref().filter(|own| batch.log_group.as_deref() == Some(own))?;
        let owner = batch.owner.as_deref().filter(|owner| is_account(owner));
        match (owner, self.own_identity(context)) {
            (Some(owner), Ok(identity)) if owner != identity.account => None,
            (Some(_) | None, Ok(_) | Err(_)) => Some(own),
        }
    }

    /// Refuses the lines of the function's own log, as a whole: what is logged of a line comes back as the next one.
    ///
    /// What is logged here comes back as well, at most once: neither the outcome nor the error holds what may tell of a
    /// denial, and of lines that do not nothing is logged. The notice goes out all the same, once in the quiet interval: a
    /// subscription that takes every line brings Lambda's own lines of each invocation, without end. Where it fails for those,
    /// that is no error, which Lambda would try again and log three times; the next lines try again.
    ///
    /// See <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions-recursion-prevention.html>.
    async fn refuse_own_log(
        &self,
        batch: &LogBatch,
        own: &str,
        step: &Step,
        on_handled: OnHandled<'_>,
    ) -> Result<Reply, HandlerError> {
        let began = Instant::now();
        let why = format!(
            "its lines are of the function's own log group `{}`, and what it logs of them would come back without end; \
             exclude that log group from the subscription, for which an account-level policy has the selection criteria \
             LogGroupName NOT IN [...]",
            one_line(own, 512)
        );
        let account = batch.owner.clone().filter(|owner| is_account(owner));
        let facts = Facts { source: Some(Source::Log), account, ..Facts::default() };
        let told = Subject { facts: &facts, denial: None, rule: None };
        let verdict = Verdict::Refused(Refusal::new(Reason::ContradictoryEvent, why));
        // What AWS says of a call that failed is traced, and would be another such line.
        let outcome = self.tell(told, &verdict, step).with_subscriber(NoSubscriber::default()).await;
        let outcome = outcome.map_err(|_| HandlerError::OwnLogNotTold);
        let may_tell = batch.unread.is_some() || batch.events.iter().any(|event| event.message.is_some());
        match outcome {
            Ok(outcome) => {
                if may_tell {
                    on_handled(began.elapsed(), Ok(&outcome));
                }
                Ok(Reply::to_batch(vec![outcome]))
            }
            Err(_) if !may_tell => Ok(Reply::to_batch(Vec::new())),
            // It is logged where every error is.
            Err(error) => Err(error),
        }
    }

    /// From what an event turned out to be to what became of it.
    async fn conclude(
        &self,
        (mut facts, reading): (Facts, Reading),
        context: &Context,
        step: &Step,
    ) -> Result<Outcome, HandlerError> {
        match reading {
            Reading::Ignored(refusal) => Ok(Outcome::new(&facts, &Verdict::Ignored(refusal), None)),
            Reading::Refused(refusal) => {
                let told = Subject { facts: &facts, denial: None, rule: None };
                self.tell(told, &Verdict::Refused(refusal), step).await
            }
            Reading::Denial(mut denial) => {
                let own = self.own_identity(context)?;
                let (verdict, rule) = self.decide(&mut denial, &mut facts, &own, step).await?;
                let told = Subject { facts: &facts, denial: Some(&denial), rule: rule.as_deref() };
                self.tell(told, &verdict, step).await
            }
        }
    }

    /// What is to be said of a denial, and by which rule; what is decided to grant is granted here.
    async fn decide(
        &self,
        denial: &mut Denial,
        facts: &mut Facts,
        own: &OwnIdentity,
        step: &Step,
    ) -> Result<(Verdict, Option<String>), HandlerError> {
        if let Err(refusal) = admit(denial, own) {
            return Ok((Verdict::Refused(refusal), None));
        }
        step.replace("reading the allowlist".to_owned());
        let allowlist = self.allowlist.current(SystemTime::now()).await?;
        let mut decision = decision::of(denial, own, &allowlist, SystemTime::now());
        if decision == Decision::Identify {
            if let Some(known) = self.recently_identified(denial, facts, own, &allowlist) {
                return Ok(known);
            }
            step.replace(format!("asking IAM for {}", denial.caller().arn().unwrap_or_default()));
            match self.identify(denial).await? {
                Ok(identified) => *denial = identified,
                Err(refusal) => return Ok((Verdict::Refused(refusal), None)),
            }
            facts.principal = denial.caller().arn();
            decision = decision::of(denial, own, &allowlist, SystemTime::now());
        }
        Ok(match decision {
            Decision::Refuse { refusal, rule } => (Verdict::Refused(refusal), rule),
            Decision::Grant(grant) => {
                let verdict = self.grant(&grant, facts, step).await?;
                (verdict, Some(grant.rule().to_owned()))
            }
            // It was asked, and knows nobody.
            Decision::Identify => {
                let why = "IAM does not say who the caller is";
                (Verdict::Refused(Refusal::new(Reason::NoSuchPrincipal, why)), None)
            }
        })
    }

    /// The denial with its caller as IAM knows them, or why it is final that there is none.
    async fn identify(&self, denial: &Denial) -> Result<Result<Denial, Refusal>, HandlerError> {
        match lookup::ask(&self.clients.iam, denial).await {
            Ok(Some(principal)) => {
                self.repeats().remember_identity(denial, &principal, SystemTime::now());
                Ok(denial.clone().identified(principal))
            }
            Ok(None) => Ok(Ok(denial.clone())),
            Err(failure) => match GrantError::of(failure) {
                Ok(refusal) => Ok(Err(refusal)),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// The answer for a caller whom IAM named moments ago: only one that is not told.
    fn recently_identified(
        &self,
        denial: &mut Denial,
        facts: &mut Facts,
        own: &OwnIdentity,
        allowlist: &Allowlist,
    ) -> Option<(Verdict, Option<String>)> {
        let principal = self.repeats().identity(denial, SystemTime::now())?;
        let identified = denial.clone().identified(principal).ok()?;
        let Decision::Grant(grant) = decision::of(&identified, own, allowlist, SystemTime::now()) else {
            return None;
        };
        let known = Facts { principal: identified.caller().arn(), ..facts.clone() };
        let verdict = self.recent(&grant, &known, |covered| found(covered, &known))?;
        (*denial, *facts) = (identified, known);
        Some((verdict, Some(grant.rule().to_owned())))
    }

    async fn grant(&self, grant: &Grant, facts: &Facts, step: &Step) -> Result<Verdict, HandlerError> {
        if let Some(verdict) = self.recent(grant, facts, |covered| found(covered, facts)) {
            return Ok(verdict);
        }
        step.replace(format!("adding {} to the policy of {}", grant.function(), grant.principal()));
        let on_write = |added: &[String]| self.repeats().remember_write(grant, added, SystemTime::now());
        let granted = writer::apply(&self.clients, grant, self.config.mode, &on_write).await;
        let mut repeats = self.repeats();
        if let Err(GrantError::Iam(IamError::AccessDenied { .. })) | Ok(Verdict::Refused(_)) = granted {
            repeats.forget_write(grant);
        }
        Ok(match granted? {
            Verdict::AlreadyGranted { is_listed, expires } => {
                let covered = repeats.remember_covered(grant, is_listed, expires, SystemTime::now());
                match repeats.untold(grant) {
                    // Written by an invocation that did not get as far as to tell it.
                    Some(added) => {
                        let written = Verdict::Granted { added, usage: None, expires, taken_away: 0 };
                        repeats.with_taken_away(grant, written)
                    }
                    None => found(covered, facts),
                }
            }
            written @ Verdict::Granted { expires, .. } => {
                repeats.remember_covered(grant, true, expires, SystemTime::now());
                repeats.with_taken_away(grant, written)
            }
            other @ (Verdict::WouldGrant { .. }
            | Verdict::StillDenied { .. }
            | Verdict::Refused(_)
            | Verdict::Ignored(_)) => other,
        })
    }

    /// What is known without asking IAM: only good for an answer that is not told.
    fn recent(&self, grant: &Grant, facts: &Facts, found: impl Fn(Covered) -> Verdict) -> Option<Verdict> {
        let now = SystemTime::now();
        let mut repeats = self.repeats();
        let verdict = found(repeats.covered(grant, now)?);
        let outcome = Outcome::new(facts, &verdict, Some(grant.rule()));
        repeats.is_quiet(&outcome, &verdict, now).then_some(verdict)
    }

    async fn tell(&self, told: Subject<'_>, verdict: &Verdict, step: &Step) -> Result<Outcome, HandlerError> {
        let mut outcome = Outcome::new(told.facts, verdict, told.rule);
        let counted = self.repeats().left_out(&outcome, verdict, SystemTime::now());
        match counted {
            Err(Repeat) => outcome.notice = NoticeState::Suppressed,
            Ok(left_out) => {
                step.replace("publishing the notice".to_owned());
                let notice = Notice::new(&outcome, told.facts, told.denial, verdict, left_out);
                sns::publish(notice, &self.clients.sns, &self.config.topic.arn).await?;
                self.repeats().remember_told(&outcome, verdict, SystemTime::now());
            }
        }
        Ok(outcome)
    }

    /// A panic while it was held leaves a memory that is at worst incomplete.
    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account and partition of the invoked function's own ARN, or of the own role's where an emulator made that up.
    fn own_identity(&self, context: &Context) -> Result<OwnIdentity, HandlerError> {
        let role = self.config.own_role.clone();
        let invoked = FunctionArn::parse(&context.invoked_function_arn)
            .filter(|function| !self.config.is_emulated && function.account() != EMULATOR_ACCOUNT);
        let (partition, account) = match (&invoked, &role) {
            (Some(function), _) => (function.partition(), function.account()),
            (None, Some(role)) => (role.partition(), role.account()),
            (None, None) => {
                return Err(HandlerError::OwnAccountUnknown(context.invoked_function_arn.clone()));
            }
        };
        Ok(OwnIdentity { partition: partition.to_owned(), account: account.to_owned(), role: role.clone() })
    }
}

/// The time until the function's timeout, less a margin; `None` where the runtime does not tell a time to come.
fn time_left(context: &Context) -> Option<Duration> {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    let left = deadline.duration_since(SystemTime::now()).ok()?;
    Some(left.saturating_sub(MARGIN))
}

/// The verdict on a pair that is covered.
fn found(covered: Covered, facts: &Facts) -> Verdict {
    let (is_listed, expires) = (covered.is_listed(), covered.expires());
    match covered.is_clearly_before(event_time(facts)) {
        true => Verdict::StillDenied { is_listed, expires },
        false => Verdict::AlreadyGranted { is_listed, expires },
    }
}

fn event_time(facts: &Facts) -> Option<SystemTime> {
    rfc3339::parse(facts.event_time.as_deref()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_iam::operation::get_user_policy::{GetUserPolicyError, GetUserPolicyOutput};
    use aws_sdk_iam::operation::list_user_policies::ListUserPoliciesOutput;
    use aws_sdk_iam::operation::put_user_policy::{PutUserPolicyError, PutUserPolicyOutput};
    use aws_sdk_iam::types::error::NoSuchEntityException;
    use aws_sdk_sns::operation::publish::{PublishError, PublishOutput};
    use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::Value;
    use std::sync::{Arc, LazyLock};

    const USER: &[u8] = include_bytes!("../../events/user.json");
    const LIST: &str = include_str!("../../allowlist.example.json");

    /// What the calls of one user's grant are answered from. `tests/it` has more; here the memory can be aged.
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

    fn remediator(state: &Arc<Mutex<State>>) -> Remediator {
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
            MockResponse::Output(
                ListUserPoliciesOutput::builder().set_policy_names(Some(names)).build().unwrap(),
            )
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
        let clients = Clients {
            iam: mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&get, &list, &put]),
            sns: LazyLock::new(Box::new(|| sns)),
            ssm: LazyLock::new(Box::new(|| panic!("the list is not there"))),
            https: None,
        };
        let config = Config::read(|name| match name {
            "ALLOWLIST" => Some(LIST.to_owned()),
            "TOPIC_ARN" => Some("arn:aws:sns:us-east-1:281502313273:denials".to_owned()),
            "OWN_ROLE_ARN" => Some("arn:aws:iam::281502313273:role/lambda-invoke-remediator".to_owned()),
            _ => None,
        });
        Remediator::new(config.unwrap(), clients)
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

    /// Lets the memory believe that it has known the grant for two minutes, and has not looked since.
    fn age(remediator: &Remediator) {
        let (_, Reading::Denial(denial)) = denial::read(&Payload::from_slice(USER)) else {
            panic!("no denial")
        };
        let own = OwnIdentity { partition: "aws".to_owned(), account: "281502313273".to_owned(), role: None };
        let list = Allowlist::parse(LIST).unwrap();
        let Decision::Grant(grant) = decision::of(&denial, &own, &list, SystemTime::now()) else {
            panic!("not granted")
        };
        let before = SystemTime::now() - Duration::from_secs(120);
        remediator.repeats().remember_covered(&grant, true, None, before);
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_that_somebody_takes_away_is_told_as_such_and_counted_once() {
        let state = Arc::new(Mutex::new(State::default()));
        let remediator = remediator(&state);
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
            age(&remediator);
            *state.lock().unwrap() = State { failing_puts, failing_publishes, ..State::default() };
            let mut tries = 0;
            let again = loop {
                match invoke(&remediator, USER).await {
                    Ok(outcome) => break outcome,
                    // Lambda tries it again.
                    Err(HandlerError::Grant(_) | HandlerError::NoticeNotSent(_)) => tries += 1,
                    Err(other) => panic!("{other}"),
                }
            };
            assert_eq!(tries, failing_puts / 4 + failing_publishes);
            assert_eq!((again.outcome, again.notice), (OutcomeKind::Granted, NoticeState::Published));
            assert_eq!(
                again.summary,
                format!(
                    "user/remotion_user may invoke ffmpeg-clip-cutter again: it was added to LambdaInvokePermission; the \
                     policy had covered it before, and somebody else than this function took that away, {times} as far as \
                     this execution environment saw."
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
                mail.contains(&again.summary)
                    && chat["content"]["description"].as_str().unwrap().contains(times)
            );
        }
        // The rest of the storm repeats what was told.
        assert_eq!(invoke(&remediator, USER).await.unwrap().notice, NoticeState::Suppressed);
    }
}
