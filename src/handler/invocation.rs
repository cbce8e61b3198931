//! One invocation: as whom the function was invoked, until when it has to end, and who observes its events.

use crate::config::Config;
use crate::handler::error::HandlerError;
use lambda_runtime::Context;
use remediator_core::arn::FunctionArn;
use remediator_core::decision::OwnIdentity;
use remediator_core::outcome::Outcome;
use std::cell::RefCell;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Called with the duration and the result of each event, see [`Remediator::handle`](super::Remediator::handle).
pub type EventObserver<'a> = &'a dyn Fn(Duration, Result<&Outcome, &HandlerError>);

/// The part of the function's own timeout that is left to report that it is used up.
const MARGIN: Duration = Duration::from_millis(500);

/// The account in the ARN that AWS's Runtime Interface Emulator gives to every function, in every base image of AWS.
///
/// It may be somebody's account as well. There the own role tells the same: a function and its execution role are of one
/// account. So setting it aside admits no other one, and where no role is named nothing is decided.
///
/// See <https://github.com/aws/aws-lambda-runtime-interface-emulator>, and for the role
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>.
const EMULATOR_ACCOUNT: &str = "012345678912";

/// One invocation.
pub(super) struct Invocation<'a> {
    /// `None` where neither the invoked function's ARN nor the own role's tells it.
    own: Option<OwnIdentity>,
    invoked_function_arn: &'a str,
    /// `None` where the runtime does not tell a time to come.
    deadline: Option<Instant>,
    /// When it began.
    pub(super) began: Instant,
    /// Who observes its events.
    pub(super) observe: EventObserver<'a>,
}

impl<'a> Invocation<'a> {
    pub(super) fn new(
        context: &'a Context,
        config: &Config,
        now: SystemTime,
        observe: EventObserver<'a>,
    ) -> Self {
        let began = Instant::now();
        let timeout = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
        let left = timeout.duration_since(now).ok();
        let deadline = left.map(|left| began + left.saturating_sub(MARGIN));
        let invoked_function_arn = context.invoked_function_arn.as_str();
        Self {
            own: own_identity(invoked_function_arn, config),
            invoked_function_arn,
            deadline,
            began,
            observe,
        }
    }

    /// The function's own account, partition and role.
    ///
    /// # Errors
    ///
    /// Nothing tells the account.
    pub(super) fn own(&self) -> Result<&OwnIdentity, HandlerError> {
        let unknown = || HandlerError::OwnAccountUnknown(self.invoked_function_arn.to_owned());
        self.own.as_ref().ok_or_else(unknown)
    }

    /// Whether the time is up.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Does the work for one event as long as there is time.
    ///
    /// # Errors
    ///
    /// That of the work, or that the time was up, with what was in progress.
    pub(super) async fn in_time<T>(
        &self,
        progress: &Progress,
        work: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<T, HandlerError> {
        match self.deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, work)
                .await
                .unwrap_or_else(|_| Err(HandlerError::OutOfTime(progress.0.take()))),
            None => work.await,
        }
    }
}

/// The step that one event is at, for the case that time runs out meanwhile.
#[derive(Debug, Default)]
pub(super) struct Progress(RefCell<String>);

impl Progress {
    /// Sets the step, such as `reading the allowlist`.
    pub(super) fn at(&self, step: impl Into<String>) {
        self.0.replace(step.into());
    }
}

/// The account and partition of the invoked function's own ARN, or of the own role's where an emulator made that up.
fn own_identity(invoked_function_arn: &str, config: &Config) -> Option<OwnIdentity> {
    let role = config.own_role.clone();
    let invoked = FunctionArn::parse(invoked_function_arn)
        .filter(|function| !config.is_emulated && function.account() != EMULATOR_ACCOUNT);
    let (partition, account) = match (&invoked, &role) {
        (Some(function), _) => (function.partition(), function.account()),
        (None, Some(role)) => (role.partition(), role.account()),
        (None, None) => return None,
    };
    Some(OwnIdentity { partition: partition.to_owned(), account: account.to_owned(), role: role.clone() })
}
