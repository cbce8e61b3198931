//! One event: admitted or rejected, judged by the allowlist, granted, and notified of.

use crate::handler::Remediator;
use crate::handler::error::HandlerError;
use crate::handler::invocation::{Invocation, Progress};
use crate::handler::shared_write::{Afterwards, Concluded};
use crate::iam::error::{IamError, NotDone};
use crate::iam::{grant, lookup};
use crate::memory::{Coverage, Suppressed};
use crate::sns;
use remediator_core::allowlist::Allowlist;
use remediator_core::decision::{
    Admitted, Decision, Grant, Identified, Judgement, OwnIdentity, Unidentified, admit,
};
use remediator_core::incoming::facts::Facts;
use remediator_core::incoming::{Event, Rejection};
use remediator_core::notice::Notice;
use remediator_core::outcome::{NoticeState, Outcome, OutcomeKind, Report, Verdict};
use remediator_core::reason::{Reason, Refusal};
use remediator_core::rfc3339;
use std::cell::Cell;

/// An event that nothing but the allowlist can refuse, or what has become of it before.
pub(super) enum Admission {
    Admitted(Admitted),
    Rejected(Report),
}

impl Admission {
    /// Admits an event, or reports why it is not decided on.
    ///
    /// # Errors
    ///
    /// The own account is not known.
    pub(super) fn of(event: Event, invocation: &Invocation<'_>) -> Result<Self, HandlerError> {
        Ok(match event {
            Event::Ignored(Rejection { facts, refusal }) => {
                Self::Rejected(Report::new(*facts, Verdict::Ignored(refusal)))
            }
            Event::Refused(rejection) => Self::Rejected(Report::refused(rejection)),
            Event::Denial(denial) => match admit(denial, invocation.own()?) {
                Ok(admitted) => Self::Admitted(admitted),
                Err(rejection) => Self::Rejected(Report::refused(rejection)),
            },
        })
    }
}

/// A report, and what is left to do beside its notice.
struct Remediated {
    report: Report,
    afterwards: Option<Afterwards>,
}

impl From<Report> for Remediated {
    fn from(report: Report) -> Self {
        Self { report, afterwards: None }
    }
}

impl Remediator {
    /// Handles the one event of an invocation.
    pub(super) async fn handle_event(
        &self,
        event: Event,
        invocation: &Invocation<'_>,
    ) -> Result<Outcome, HandlerError> {
        let progress = Progress::default();
        let work = async { self.conclude(Admission::of(event, invocation)?, invocation, &progress).await };
        let outcome = invocation.in_time(&progress, work).await;
        (invocation.observe)(invocation.began.elapsed(), outcome.as_ref());
        outcome
    }

    /// Carries an admission to its outcome, and notifies of it.
    pub(super) async fn conclude(
        &self,
        admission: Admission,
        invocation: &Invocation<'_>,
        progress: &Progress,
    ) -> Result<Outcome, HandlerError> {
        let Remediated { report, afterwards } = match admission {
            Admission::Admitted(admitted) => self.remediate(&admitted, invocation.own()?, progress).await?,
            Admission::Rejected(report) => report.into(),
        };
        self.notify(&report, progress, afterwards).await
    }

    /// Asks the allowlist, and IAM where it has to say who the caller is; carries out what is decided.
    async fn remediate(
        &self,
        admitted: &Admitted,
        own: &OwnIdentity,
        progress: &Progress,
    ) -> Result<Remediated, HandlerError> {
        progress.at("reading the allowlist");
        let allowlist = self.allowlist.current(self.now()).await?;
        let unidentified = match admitted.judge(&allowlist, self.now()) {
            Judgement::Decided(decision) => {
                return self.carry_out(decision, admitted.denial().facts(), own, progress).await;
            }
            Judgement::NeedsIdentity(unidentified) => unidentified,
        };
        if let Some(report) = self.answer_unidentified_from_memory(&unidentified, own, &allowlist) {
            return Ok(report.into());
        }
        match self.identify(unidentified, own, progress).await? {
            Ok(identified) => {
                let decision = identified.decide(&allowlist, self.now());
                self.carry_out(decision, identified.denial().facts(), own, progress).await
            }
            Err(rejection) => Ok(Report::refused(rejection).into()),
        }
    }

    /// Asks IAM who the caller is. The inner error is final.
    async fn identify(
        &self,
        unidentified: Unidentified,
        own: &OwnIdentity,
        progress: &Progress,
    ) -> Result<Result<Identified, Rejection>, HandlerError> {
        let denial = unidentified.denial();
        progress.at(format!("asking IAM for {}", denial.caller().arn().unwrap_or_default()));
        let refusal = match lookup::look_up(&self.clients.iam, denial).await {
            Ok(Some(principal)) => {
                self.memory().remember_identity(denial, &principal, self.now());
                return Ok(unidentified.resolve(principal, own));
            }
            Ok(None) => Refusal::new(Reason::NoSuchPrincipal, "IAM does not say who the caller is"),
            Err(NotDone::Refused(refusal)) => refusal,
            Err(NotDone::Failed(error)) => return Err(error.into()),
        };
        Ok(Err(Rejection::new(denial.facts().clone(), refusal)))
    }

    async fn carry_out(
        &self,
        decision: Decision,
        facts: &Facts,
        own: &OwnIdentity,
        progress: &Progress,
    ) -> Result<Remediated, HandlerError> {
        let (concluded, rule) = match decision {
            Decision::Refuse { refusal, rule } => (Verdict::Refused(refusal).into(), rule),
            Decision::Grant(grant) => {
                let concluded = match &self.ledger {
                    Some(ledger) => self.grant_with_ledger(ledger, (&grant, facts), own, progress).await?,
                    None => self.grant(&grant, facts, progress).await?.into(),
                };
                (concluded, Some(grant.rule().to_owned()))
            }
        };
        let Concluded { verdict, afterwards } = concluded;
        Ok(Remediated { report: Report { facts: facts.clone(), verdict, rule }, afterwards })
    }

    /// Adds the function to the policy, unless it is covered.
    async fn grant(
        &self,
        grant: &Grant,
        facts: &Facts,
        progress: &Progress,
    ) -> Result<Verdict, HandlerError> {
        if let Some(report) = self.answer_from_memory(grant, facts) {
            return Ok(report.verdict);
        }
        progress.at(format!("adding {} to the policy of {}", grant.function(), grant.principal()));
        let on_write = |added: &[String]| self.memory().remember_write(grant, added, self.now());
        let has_written = Cell::new(false);
        let granted = grant::make(&self.clients, grant, self.config.mode, &on_write, &has_written).await;
        let mut memory = self.memory();
        let is_certainly_not_written = match &granted {
            // After a put that was confirmed, it may be a read that is denied.
            Err(IamError::AccessDenied { call, .. }) => call.starts_with("Put") && !has_written.get(),
            Ok(Verdict::Refused(_)) => !has_written.get(),
            Ok(_) | Err(_) => false,
        };
        if is_certainly_not_written {
            memory.forget_write(grant);
        }
        Ok(match granted? {
            Verdict::AlreadyGranted { is_listed, expires } => {
                let coverage = memory.remember_coverage(grant, is_listed, expires, self.now());
                match memory.unreported_write(grant) {
                    // Written by an invocation that did not get as far as to notify of it.
                    Some(added) => {
                        let written = Verdict::Granted { added, usage: None, expires, taken_away: 0 };
                        memory.with_taken_away(grant, written)
                    }
                    None => verdict_when_covered(coverage, facts),
                }
            }
            written @ Verdict::Granted { expires, .. } => {
                memory.remember_coverage(grant, true, expires, self.now());
                memory.with_taken_away(grant, written)
            }
            other @ (Verdict::WouldGrant { .. }
            | Verdict::StillDenied { .. }
            | Verdict::Refused(_)
            | Verdict::Ignored(_)) => other,
        })
    }

    /// Answers a repeat from memory. `None` unless the notice would be suppressed: a remembered answer is never published.
    fn answer_from_memory(&self, grant: &Grant, facts: &Facts) -> Option<Report> {
        let now = self.now();
        let mut memory = self.memory();
        let verdict = verdict_when_covered(memory.coverage(grant, now)?, facts);
        let report = Report { facts: facts.clone(), verdict, rule: Some(grant.rule().to_owned()) };
        memory.is_repeat(&report, now).then_some(report)
    }

    /// Answers a repeat from memory where a text names the caller, and IAM said moments ago who that is.
    fn answer_unidentified_from_memory(
        &self,
        unidentified: &Unidentified,
        own: &OwnIdentity,
        allowlist: &Allowlist,
    ) -> Option<Report> {
        let principal = self.memory().identity(unidentified.denial(), self.now())?;
        let identified = unidentified.clone().resolve(principal, own).ok()?;
        match identified.decide(allowlist, self.now()) {
            Decision::Grant(grant) => self.answer_from_memory(&grant, identified.denial().facts()),
            Decision::Refuse { .. } => None,
        }
    }

    /// Publishes the notice of a report, unless it repeats another, and returns the outcome.
    /// `afterwards` is what is left to do for a grant beside its notice.
    pub(super) async fn notify(
        &self,
        report: &Report,
        progress: &Progress,
        afterwards: Option<Afterwards>,
    ) -> Result<Outcome, HandlerError> {
        let mut outcome = Outcome::new(report);
        if outcome.outcome == OutcomeKind::Ignored {
            return Ok(outcome);
        }
        if let Some(ledger) = &self.ledger {
            return self.notify_once(ledger, (report, outcome), progress, afterwards).await;
        }
        let suppressed = self.memory().suppressed_before(report, self.now());
        match suppressed {
            Err(Suppressed) => outcome.notice = NoticeState::Suppressed,
            Ok(left_out) => {
                progress.at("publishing the notice");
                let notice = Notice::new(&outcome, report, left_out, None);
                sns::publish(notice, &self.clients.sns, &self.config.topic.arn).await?;
                self.memory().remember_sent(report, self.now());
            }
        }
        Ok(outcome)
    }
}

/// Returns the verdict on a pair that the policy covers.
fn verdict_when_covered(coverage: Coverage, facts: &Facts) -> Verdict {
    let (is_listed, expires) = (coverage.is_listed(), coverage.expires());
    let denied_at = facts.event_time.as_deref().and_then(rfc3339::parse);
    match coverage.is_clearly_before(denied_at) {
        true => Verdict::StillDenied { is_listed, expires },
        false => Verdict::AlreadyGranted { is_listed, expires },
    }
}
