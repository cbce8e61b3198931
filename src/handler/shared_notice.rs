//! A notice by way of the ledger: it goes out once, whichever environments see what it is about.

use crate::handler::Remediator;
use crate::handler::error::HandlerError;
use crate::handler::invocation::Progress;
use crate::handler::shared_write::Afterwards;
use crate::ledger::Ledger;
use crate::ledger::notices::{ClaimResult, NoticeId};
use crate::memory::notice_hash;
use crate::sns;
use futures_util::future::join;
use remediator_core::arn::principal::Principal;
use remediator_core::incoming::source::Source;
use remediator_core::notice::Notice;
use remediator_core::outcome::{NoticeState, Outcome, Report, Verdict};

impl Remediator {
    /// Publishes the notice of a report, unless it repeats another one's, and returns the outcome.
    pub(super) async fn notify_once(
        &self,
        ledger: &Ledger,
        (report, mut outcome): (&Report, Outcome),
        progress: &Progress,
        mut afterwards: Option<Afterwards>,
    ) -> Result<Outcome, HandlerError> {
        let (id, interval) = (self.notice_id(report), self.config.notice_interval);
        progress.at("asking the ledger for the notice");
        let claimed = match report.verdict {
            // How many of its repeats were suppressed is told by the next one.
            Verdict::Granted { .. } => ClaimResult::Publish { left_out: 0, claim: None },
            Verdict::AlreadyGranted { .. }
            | Verdict::StillDenied { .. }
            | Verdict::WouldGrant { .. }
            | Verdict::Refused(_)
            | Verdict::Ignored(_) => ledger.claim_notice(&id, interval).await?,
        };
        let (left_out, claim) = match claimed {
            ClaimResult::Suppressed => {
                outcome.notice = NoticeState::Suppressed;
                return Ok(outcome);
            }
            ClaimResult::Publish { left_out, claim } => (left_out, claim),
        };
        progress.at("publishing the notice");
        let notice = Notice::new(&outcome, report, left_out, Some(ledger.name()));
        let principal = report.facts.principal.as_deref().and_then(Principal::parse);
        let grant = principal.as_ref().zip(report.facts.function.as_ref());
        let grant = grant.filter(|_| matches!(report.verdict, Verdict::Granted { .. }));
        // The record says that it is about to be reported, so that it comes before what says that it was.
        let record = async {
            match &mut afterwards {
                Some(afterwards) => afterwards.record().await,
                None => Ok(()),
            }
        };
        let (published, recorded) =
            join(sns::publish(notice, &self.clients.sns, &self.config.topic.arn), record).await;
        let confirm = async {
            match published {
                Ok(()) => {
                    ledger.confirm_notice(&id, grant, left_out, interval).await;
                    Ok(())
                }
                Err(error) => {
                    ledger.release_notice(&id, grant, claim).await;
                    Err(error)
                }
            }
        };
        // Where not all is recorded, the lock stays, with its note of what was put.
        let end = async {
            if let (Some(afterwards), Ok(())) = (afterwards, &recorded) {
                afterwards.end().await;
            }
        };
        let (confirmed, ()) = join(confirm, end).await;
        recorded?;
        confirmed?;
        Ok(outcome)
    }

    /// Returns what makes other notices repeats of a report's.
    pub(super) fn notice_id(&self, report: &Report) -> NoticeId {
        // Whoever hands an event over by hand may do so twice.
        let is_delivered = report.facts.source.is_some_and(|source| source != Source::Manual);
        NoticeId {
            account: self.config.home_account().to_owned(),
            hash: notice_hash(report),
            event_id: report.facts.event_id.clone().filter(|_| is_delivered),
        }
    }
}
