//! The notices that went out lately, each by what makes another one its repeat.

use crate::memory::{Pair, pair_of};
use remediator_core::incoming::message::{DenialKind, DeniedBy};
use remediator_core::incoming::source::Source;
use remediator_core::ledger::fingerprint;
use remediator_core::outcome::{OutcomeKind, Report, Verdict};
use remediator_core::reason::Reason;
use serde::Serialize;
use std::time::SystemTime;

/// The key of a notice: another one with the same key is a repeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(super) struct NoticeKey {
    kind: OutcomeKind,
    reason: Option<Reason>,
    is_still_denied: bool,
    principal: Option<String>,
    function: Option<String>,
    /// Of all but a grant: another layer that denies, another rule or another source is news.
    grounds: Option<Grounds>,
    /// Distinguishes events that do not name both principal and function.
    why: Option<String>,
    /// Distinguishes texts that say no more than that they are not whole.
    words: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct Grounds {
    denied_by: Option<DeniedBy>,
    denial: Option<DenialKind>,
    rule: Option<String>,
    source: Option<Source>,
}

/// Returns what stands for the key of a report's notice in the ledger.
pub(crate) fn notice_hash(report: &Report) -> String {
    let key = serde_json::to_string(&NoticeKey::new(report)).unwrap_or_default();
    fingerprint(Some(&key))
}

/// A notice that went out.
#[derive(Debug)]
pub(super) struct Sent {
    /// `None` where a grant was written since, which has to be reported.
    pub(super) at: Option<SystemTime>,
    /// How many repeats were suppressed since.
    pub(super) suppressed: u64,
}

impl NoticeKey {
    /// The key of a report's notice.
    pub(super) fn new(report: &Report) -> Self {
        let Report { facts, verdict, rule } = report;
        let kind = verdict.kind();
        let is_still_denied = matches!(verdict, Verdict::StillDenied { .. });
        let pair = pair_of(report);
        let is_granted = matches!(kind, OutcomeKind::Granted | OutcomeKind::AlreadyGranted);
        if let Some(pair) = pair.clone().filter(|_| is_granted) {
            return Self::of_grant(pair, is_still_denied);
        }
        let refusal = verdict.refusal();
        Self {
            kind,
            reason: refusal.map(|refusal| refusal.reason),
            is_still_denied,
            principal: facts.principal.clone(),
            function: facts.function.as_ref().map(ToString::to_string),
            grounds: Some(Grounds {
                denied_by: facts.cause.as_ref().map(|cause| cause.denied_by()),
                denial: facts.cause.as_ref().map(|cause| cause.denial()),
                rule: rule.clone(),
                source: facts.source,
            }),
            why: refusal.filter(|_| pair.is_none()).map(|refusal| refusal.why.clone()),
            words: refusal.and_then(|refusal| refusal.words.clone()),
        }
    }

    /// The key of a grant and of a denial that finds it made: the rest of a storm repeats the notice of the grant.
    pub(super) fn of_grant((principal, function): Pair, is_still_denied: bool) -> Self {
        Self {
            kind: OutcomeKind::AlreadyGranted,
            reason: None,
            is_still_denied,
            principal: Some(principal),
            function: Some(function),
            grounds: None,
            why: None,
            words: None,
        }
    }
}
