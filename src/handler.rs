//! The one place that knows the order: event, denial, decision, grant, notice, outcome.

use crate::allowlist_source::{AllowlistSource, AllowlistUnreadable};
use crate::arn::FunctionArn;
use crate::clients::Clients;
use crate::config::Config;
use crate::decision::{Decision, OwnIdentity, decide};
use crate::denial::{self, Denial, Facts, Reading};
use crate::event::Payload;
use crate::grant::{self, GrantError};
use crate::notice::{Notice, NoticeError};
use crate::outcome::{NoticeState, Outcome, Verdict};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use std::time::{Duration, SystemTime};

/// What is left of the function's own timeout to say that it was used up.
const MARGIN: Duration = Duration::from_millis(500);

/// Why an event is to be tried again, or an alarm to go off. Each has one stable code, the reply's `errorType`.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// There is no list to decide on.
    #[error(transparent)]
    AllowlistUnreadable(#[from] AllowlistUnreadable),
    /// IAM failed, or what was written was not read back.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The notice was not sent. The retried event leads to it.
    #[error(transparent)]
    NoticeNotSent(#[from] NoticeError),
    /// Neither the invoked function's ARN nor the own role's tells the account.
    #[error(
        "the own account is not known: `{0}` is not the ARN of a Lambda function, and OWN_ROLE_ARN is not set"
    )]
    OwnAccountUnknown(String),
    /// The function's timeout came first.
    #[error("the function's timeout came before the end; what is slow stands in the log before this line")]
    OutOfTime,
}

impl HandlerError {
    /// A code that an alarm or a metric filter can match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AllowlistUnreadable(_) => "AllowlistUnreadable",
            Self::Grant(GrantError::AccessDenied { .. }) => "IamAccessDenied",
            Self::Grant(GrantError::Iam { .. }) => "IamCallFailed",
            Self::Grant(GrantError::NotConfirmed { .. }) => "GrantNotConfirmed",
            Self::NoticeNotSent(_) => "NoticeNotSent",
            Self::OwnAccountUnknown(_) => "OwnAccountUnknown",
            Self::OutOfTime => "OutOfTime",
        }
    }
}

impl From<HandlerError> for Diagnostic {
    fn from(error: HandlerError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// The function: everything that lives as long as its execution environment.
#[derive(Debug)]
pub struct Remediator {
    config: Config,
    clients: Clients,
    allowlist: AllowlistSource,
}

impl Remediator {
    /// Puts the parts together; nothing is called yet.
    pub fn new(config: Config, clients: Clients) -> Self {
        let allowlist = AllowlistSource::new(&config.allowlist, &clients.ssm);
        Self {
            config,
            clients,
            allowlist,
        }
    }

    /// Reads the allowlist for the first time, so that a bad one stops the cold start.
    pub async fn start(&self) -> Result<(), AllowlistUnreadable> {
        self.allowlist.current(SystemTime::now()).await.map(drop)
    }

    /// Handles one event.
    pub async fn handle(&self, event: LambdaEvent<Payload>) -> Result<Outcome, HandlerError> {
        let LambdaEvent { payload, context, .. } = event;
        match time_left(&context) {
            Some(time) => tokio::time::timeout(time, self.remediate(payload, &context))
                .await
                .unwrap_or(Err(HandlerError::OutOfTime)),
            None => self.remediate(payload, &context).await,
        }
    }

    async fn remediate(&self, payload: Payload, context: &Context) -> Result<Outcome, HandlerError> {
        let (facts, reading) = denial::read(payload);
        match reading {
            Reading::Ignored(refusal) => Ok(Outcome::new(&facts, &Verdict::Ignored(refusal), None)),
            Reading::Refused(refusal) => self.tell(&facts, None, &Verdict::Refused(refusal), None).await,
            Reading::Denial(denial) => {
                let own = self.own_identity(context)?;
                let allowlist = self.allowlist.current(SystemTime::now()).await?;
                let (verdict, rule) = match decide(&denial, &allowlist, &own) {
                    Decision::Refuse { refusal, rule } => (Verdict::Refused(refusal), rule),
                    Decision::Grant(grant) => {
                        let granted = grant::apply(&self.clients.iam, &grant, self.config.mode).await?;
                        (Verdict::Grant(granted), Some(grant.rule().to_owned()))
                    }
                };
                self.tell(&facts, Some(&denial), &verdict, rule.as_deref()).await
            }
        }
    }

    async fn tell(
        &self,
        facts: &Facts,
        denial: Option<&Denial>,
        verdict: &Verdict,
        rule: Option<&str>,
    ) -> Result<Outcome, HandlerError> {
        let outcome = Outcome::new(facts, verdict, rule);
        if outcome.notice == NoticeState::Published {
            let notice = Notice::new(&outcome, facts, denial, verdict);
            notice.publish(&self.clients.sns, &self.config.topic.arn).await?;
        }
        Ok(outcome)
    }

    /// The account and partition of the invoked function's own ARN. Local emulators put a placeholder there, and only
    /// then the own role's ARN tells them.
    fn own_identity(&self, context: &Context) -> Result<OwnIdentity, HandlerError> {
        let role = self.config.own_role.clone();
        let invoked = FunctionArn::parse(&context.invoked_function_arn).filter(|_| !self.config.is_emulated);
        let (partition, account) = match (&invoked, &role) {
            (Some(function), _) => (function.partition(), function.account()),
            (None, Some(role)) => (role.partition(), role.account()),
            (None, None) => {
                return Err(HandlerError::OwnAccountUnknown(
                    context.invoked_function_arn.clone(),
                ));
            }
        };
        Ok(OwnIdentity {
            partition: partition.to_owned(),
            account: account.to_owned(),
            role: role.clone(),
        })
    }
}

/// The time until the function's timeout, less a margin; `None` where the runtime does not tell a time to come.
fn time_left(context: &Context) -> Option<Duration> {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    let left = deadline.duration_since(SystemTime::now()).ok()?;
    Some(left.saturating_sub(MARGIN))
}
