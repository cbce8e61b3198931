//! What is known of a notice that all environments share: when it went out, and who is publishing it.

use crate::ledger::{AHEAD, TableTime, is_recent};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long somebody may take to publish a notice. After that another one does.
const CLAIM: u64 = 15;

/// The item of a notice's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticeState {
    /// Counts the changes of the item.
    pub version: u64,
    /// When it went out last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<TableTime>,
    /// Who is publishing it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// When DynamoDB may delete the item.
    #[serde(default)]
    pub ttl: TableTime,
}

/// Somebody publishes a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who.
    pub owner: String,
    /// Until when.
    pub ends: TableTime,
}

/// Whether a notice is to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// It repeats one inside the interval.
    Repeat,
    /// Another one publishes it at this moment.
    Claimed,
    /// It is.
    Due,
}

impl NoticeState {
    /// Tells whether the notice is to be published at `now`, where its repeats are suppressed for `interval`.
    pub fn publication(&self, interval: Duration, now: TableTime) -> Publication {
        let seconds = interval.as_secs().checked_sub(1);
        let is_repeat =
            self.sent_at.is_some_and(|sent| seconds.is_some_and(|seconds| is_recent(sent, now, seconds)));
        let is_claimed = self
            .claim
            .as_ref()
            .is_some_and(|claim| (now..=now.saturating_add(CLAIM + AHEAD)).contains(&claim.ends));
        match (is_repeat, is_claimed) {
            (true, _) => Publication::Repeat,
            (false, true) => Publication::Claimed,
            (false, false) => Publication::Due,
        }
    }

    /// Returns the item with which `owner` claims the notice.
    pub fn claimed_by(&self, owner: &str, now: TableTime, ttl: TableTime) -> Self {
        let claim = Claim { owner: owner.to_owned(), ends: now.saturating_add(CLAIM) };
        Self { version: self.version.wrapping_add(1), claim: Some(claim), ttl, ..self.clone() }
    }

    /// Returns the item of a notice that has gone out at `now`, whatever was there: so it has a version that none had.
    pub fn sent(version: u64, now: TableTime, ttl: TableTime) -> Self {
        Self { version, sent_at: Some(now), claim: None, ttl }
    }

    /// Returns the item of a notice that could not be published.
    pub fn unclaimed(&self) -> Self {
        Self { version: self.version.wrapping_add(1), claim: None, ..self.clone() }
    }
}
