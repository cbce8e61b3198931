//! What is kept of grants and undos.

use crate::decision::Grant;
use crate::incoming::source::Source;
use crate::ledger::{AHEAD, Entry, Origin, TableTime, is_recent};
use crate::policy::lease::Expiry;
use crate::reason::{Reason, Refusal};
use crate::rfc3339;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// The latest that is known of a pair that the policy covers. It is believed in answers that are not published, and tells since
/// when the grant is there; it permits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantRecord {
    /// The principal's ARN.
    pub principal: String,
    /// The function's ARN.
    pub function: String,
    /// Where it comes from; `None` where it was found covered.
    #[serde(flatten)]
    pub origin: Option<Origin>,
    /// When it was granted, RFC 3339; `None` where it was found covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_at: Option<String>,
    /// When the coverage expires, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The first time that it was seen covered.
    pub since: TableTime,
    /// The last time.
    pub seen: TableTime,
    /// Whether statements of ours list the function itself.
    pub is_listed: bool,
    /// The resources that were added; `None` where it was found covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Vec<String>>,
    /// How often somebody else took the grant away.
    #[serde(default)]
    pub taken_away: u64,
    /// When DynamoDB may delete the item.
    pub ttl: TableTime,
}

impl GrantRecord {
    /// The record of a grant that was written at `now`.
    pub fn of_entry(principal: &str, entry: &Entry, now: TableTime, ttl: TableTime) -> Self {
        Self {
            principal: principal.to_owned(),
            function: entry.function.clone(),
            origin: Some(entry.origin.clone()),
            granted_at: timestamp(now),
            expires: entry.expires.clone(),
            since: now,
            seen: now,
            is_listed: true,
            added: Some(entry.added.clone()),
            taken_away: entry.taken_away,
            ttl,
        }
    }

    /// Whether it was seen covered in the last so many `seconds`.
    pub fn is_fresh(&self, now: TableTime, seconds: u64) -> bool {
        is_recent(self.seen, now, seconds)
    }

    /// Whether the coverage suffices for `grant`: it has not expired, and is no lease where a grant for good is wanted.
    pub fn suffices_for(&self, grant: &Grant, now: SystemTime) -> bool {
        match (&self.expires, self.expiry()) {
            (None, _) => true,
            (Some(_), Some(expiry)) => !expiry.has_passed(now) && grant.expiry().is_some(),
            (Some(_), None) => false,
        }
    }

    /// Whether a denial at `denied_at` came clearly after the grant and before it expired, so that something else denied. IAM may
    /// take `propagation` until a grant works.
    pub fn is_clearly_before(&self, denied_at: Option<SystemTime>, propagation: Duration) -> bool {
        denied_at.is_some_and(|time| {
            table_time(time) > self.since.saturating_add(propagation.as_secs())
                && !self.expiry().is_some_and(|expiry| expiry.has_passed(time))
        })
    }

    /// When the coverage expires, if it does.
    pub fn expiry(&self) -> Option<Expiry> {
        self.expires.as_deref().and_then(Expiry::parse)
    }
}

/// How long somebody may take to report a grant. After that another one does.
const REPORTING: u64 = 15;

/// Whether a pair's grant was reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// Tells this state from all before.
    pub version: u64,
    /// When its notice went out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<TableTime>,
    /// Until when somebody is about to report it.
    #[serde(default)]
    pub claim_ends: TableTime,
    /// When DynamoDB may delete the item.
    pub ttl: TableTime,
}

impl Reported {
    /// Somebody is about to report the grant.
    pub fn claimed(version: u64, now: TableTime, ttl: TableTime) -> Self {
        Self { version, at: None, claim_ends: now.saturating_add(REPORTING), ttl }
    }

    /// Nobody is: the notice was not published.
    pub fn released(version: u64, ttl: TableTime) -> Self {
        Self { version, at: None, claim_ends: 0, ttl }
    }

    /// The notice went out at `now`.
    pub fn sent(version: u64, now: TableTime, ttl: TableTime) -> Self {
        Self { version, at: Some(now), claim_ends: 0, ttl }
    }

    /// Whether it is about the grant of `record`, and not an earlier one.
    pub fn is_of(&self, record: &GrantRecord) -> bool {
        self.at.is_some_and(|at| at >= record.since)
    }

    /// Whether somebody is about to report the grant at `now`.
    pub fn is_claimed(&self, now: TableTime) -> bool {
        (now..=now.saturating_add(REPORTING + AHEAD)).contains(&self.claim_ends)
    }
}

/// The latest undo of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoRecord {
    /// The principal's ARN.
    pub principal: String,
    /// The function's ARN.
    pub function: String,
    /// When it was taken back.
    pub at: TableTime,
    /// When DynamoDB may delete the item.
    pub ttl: TableTime,
}

/// What an entry of the log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// A grant was written.
    Granted,
    /// A grant was taken back.
    TakenBack,
}

/// One entry of the log, which is only added to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// What happened.
    pub kind: LogKind,
    /// The principal's ARN.
    pub principal: String,
    /// The function's ARN.
    pub function: String,
    /// When, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Of a grant: where it comes from.
    #[serde(flatten)]
    pub origin: Option<Origin>,
    /// Of a grant: when it expires, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// When DynamoDB may delete the item.
    pub ttl: TableTime,
}

impl LogEntry {
    /// The entry of a grant that was written at `now`.
    pub fn of_entry(principal: &str, entry: &Entry, now: TableTime, ttl: TableTime) -> Self {
        Self {
            kind: LogKind::Granted,
            principal: principal.to_owned(),
            function: entry.function.clone(),
            time: timestamp(now),
            origin: Some(entry.origin.clone()),
            expires: entry.expires.clone(),
            ttl,
        }
    }

    /// The entry of an undo.
    pub fn of_undo(undo: &UndoRecord) -> Self {
        Self {
            kind: LogKind::TakenBack,
            principal: undo.principal.clone(),
            function: undo.function.clone(),
            time: timestamp(undo.at),
            origin: None,
            expires: None,
            ttl: undo.ttl,
        }
    }
}

impl Origin {
    /// Whether the denial happened before its pair was taken back, and so grants nothing.
    ///
    /// CloudTrail's times have whole seconds, so that one of the same second counts as before. A denial without a time may be as
    /// old as can be; only a text that an operator hands over is of now.
    pub fn is_taken_back(&self, undo: Option<&UndoRecord>) -> bool {
        let Some(undo) = undo else { return false };
        match self.event_time.as_deref().and_then(rfc3339::parse) {
            Some(time) => table_time(time) <= undo.at,
            None => self.source != Source::Manual,
        }
    }
}

/// Returns the refusal of a denial that happened before its pair was taken back.
pub fn taken_back() -> Refusal {
    let why =
        "the grant was taken back after this call was denied; a denial from after that is judged afresh";
    Refusal::new(Reason::TakenBack, why)
}

/// Returns the whole seconds of a time, 0 for one before the epoch.
pub fn table_time(time: SystemTime) -> TableTime {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns a time as RFC 3339 has it.
fn timestamp(at: TableTime) -> Option<String> {
    rfc3339::format(i64::try_from(at).ok()?.checked_mul(1_000)?)
}
