//! The lock of a principal's policy: who may write it, what was written last, and what is being written.
//!
//! IAM overwrites without a condition, and its reads may lag behind its writes. The lock lets one writer at a time read, merge
//! and put. Its item remembers the documents that were superseded lately, each by a [`fingerprint`]. So a read that lags behind
//! is told from an edit by hand: a document that is known to be superseded is an old one, any other is somebody's edit.
//!
//! Times are the table's: an environment's own clock may be wrong, the `Date` of DynamoDB's answers is the same for all. It has
//! whole seconds, which the margins here allow for.

use crate::ledger::{Entry, TableTime, is_recent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long a lock is held at most without being renewed. Longer than a put may be on its way: a put is sent at most two seconds
/// after the lock was taken or renewed, and has one second to be answered.
pub const LEASE: Duration = Duration::from_secs(5);

/// How long after a write a read may answer with an earlier document. IAM states no bound; a read that lags further behind is
/// taken for an edit by hand.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>.
pub const STALE_READ: Duration = Duration::from_secs(8);

/// The greatest number of superseded documents that are remembered, some 60 bytes each: more than can be written within
/// [`STALE_READ`].
const MAX_SUPERSEDED: usize = 1_000;

/// The item of a lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Counts the changes of the item. A put on the condition that it is unchanged is what makes it a lock.
    pub version: u64,
    /// Who holds it; `None` while it is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// From when on it is free although somebody holds it.
    #[serde(default)]
    pub lease_ends: TableTime,
    /// The document that was written or read last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Stamp>,
    /// The documents that may still be read although others were written since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Stamp>,
    /// The document that the holder is about to put: an [`Intent`] says what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<Stamp>,
    /// When DynamoDB may delete the item.
    #[serde(default)]
    pub ttl: TableTime,
}

/// A document, by its fingerprint, and since when it is what it is said to be. The lock is read often, so that it is small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The fingerprint.
    pub hash: String,
    /// When.
    pub at: TableTime,
}

/// How long an intent is kept, in seconds: much longer than a lock that its holder has left.
const INTENT_TTL: u64 = 86_400;

/// What is about to be put, or was put lately: noted before, so that whoever comes after a crash can tell what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The document's fingerprint.
    pub hash: String,
    /// When it was noted.
    pub at: TableTime,
    /// Its text, for people: nothing is ever written from it. `None` where the policy is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// What it grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// When DynamoDB may delete the item.
    pub ttl: TableTime,
}

impl Intent {
    /// Notes that `document` is about to be put, and what it grants.
    pub fn new(document: Option<&str>, entries: Vec<Entry>, at: TableTime) -> Self {
        let ttl = at.saturating_add(INTENT_TTL);
        Self { hash: fingerprint(document), at, document: document.map(str::to_owned), entries, ttl }
    }
}

/// What a document is that IAM gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The one that was written last, or somebody's edit: what a writer starts from.
    Current,
    /// The one that the lock's holder was about to put: it was put.
    Intended,
    /// One that may have been superseded: the read may lag behind.
    Stale,
}

impl Lock {
    /// Whether nobody holds it at `now`.
    pub fn is_free(&self, now: TableTime) -> bool {
        self.owner.is_none() || self.lease_ends < now
    }

    /// Returns the item with which `owner` takes or renews the lock. The time lies from `now` to `latest`.
    pub fn held_by(&self, owner: &str, (now, latest): (TableTime, TableTime), ttl: TableTime) -> Self {
        let mut lock = self.clone();
        lock.owner = Some(owner.to_owned());
        lock.lease_ends = latest.saturating_add(LEASE.as_secs());
        lock.superseded.retain(|old| is_within_stale_read(old.at, now));
        lock.next(ttl)
    }

    /// Returns the item that frees the lock.
    pub fn freed(&self, ttl: TableTime) -> Self {
        Self { owner: None, lease_ends: 0, ..self.clone() }.next(ttl)
    }

    fn next(mut self, ttl: TableTime) -> Self {
        self.version = self.version.wrapping_add(1);
        self.ttl = ttl;
        self
    }

    /// Tells what a document is that IAM gave at `now`.
    pub fn reading(&self, document: Option<&str>, now: TableTime) -> Reading {
        let hash = fingerprint(document);
        let is_last = self.written.as_ref().is_some_and(|last| last.hash == hash);
        match &self.intended {
            None if is_last => return Reading::Current,
            // Until then its put may only not be seen yet.
            Some(intended) if is_last && is_within_stale_read(intended.at, now) => return Reading::Stale,
            Some(_) | None => {}
        }
        let is_superseded =
            self.superseded.iter().any(|old| old.hash == hash && is_within_stale_read(old.at, now));
        let is_intended = self.intended.as_ref().is_some_and(|intended| intended.hash == hash);
        match (is_superseded, is_intended) {
            (true, _) => Reading::Stale,
            (false, true) => Reading::Intended,
            (false, false) => Reading::Current,
        }
    }

    /// Notes that `document` is about to be put in the place of `base`, which was read.
    pub fn intend(&mut self, base: Option<&str>, document: Option<&str>, now: TableTime) {
        self.adopt(base, now);
        self.intended = Some(Stamp { hash: fingerprint(document), at: now });
    }

    /// Notes that the intended document was put, and returns its fingerprint.
    pub fn settle(&mut self, now: TableTime) -> Option<String> {
        let Stamp { hash, .. } = self.intended.take()?;
        self.supersede(now);
        self.superseded.retain(|old| old.hash != hash);
        self.written = Some(Stamp { hash: hash.clone(), at: now });
        Some(hash)
    }

    /// Gives an intended put up. It may have been carried out and overwritten, so that a read that lags behind may still show it.
    pub fn abandon(&mut self, now: TableTime) {
        if let Some(Stamp { hash, .. }) = self.intended.take() {
            self.remember(hash, now);
        }
    }

    /// Notes that the intended put is sent once more.
    pub fn intend_again(&mut self, now: TableTime) {
        if let Some(intended) = &mut self.intended {
            intended.at = now;
        }
    }

    /// Notes that somebody has written `document`, which was read. What was written before may still be read for a while.
    pub fn adopt(&mut self, document: Option<&str>, now: TableTime) {
        let hash = fingerprint(document);
        if self.written.as_ref().is_some_and(|last| last.hash == hash) {
            return;
        }
        self.supersede(now);
        self.written = Some(Stamp { hash, at: now });
    }

    fn supersede(&mut self, now: TableTime) {
        if let Some(last) = self.written.take() {
            self.remember(last.hash, now);
        }
    }

    fn remember(&mut self, hash: String, now: TableTime) {
        self.superseded.retain(|old| old.hash != hash);
        self.superseded.push(Stamp { hash, at: now });
        let excess = self.superseded.len().saturating_sub(MAX_SUPERSEDED);
        self.superseded.drain(..excess);
    }
}

/// Whether a document that was superseded at `at` may still be read at `now`.
fn is_within_stale_read(at: TableTime, now: TableTime) -> bool {
    is_recent(at, now, STALE_READ.as_secs())
}

/// Returns what tells one document from another, whatever white space and order of keys IAM gives it back with. `None` stands
/// for a policy that does not exist.
pub fn fingerprint(document: Option<&str>) -> String {
    let Some(text) = document else { return "none".to_owned() };
    let value = serde_json::from_str::<Value>(text).map(sorted);
    let text = value.map_or_else(|_| text.to_owned(), |value| value.to_string());
    hex(&Sha256::digest(text.as_bytes()))
}

/// Sorts the keys of all objects, which `serde_json` does by itself unless a dependency asks it not to.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut pairs: Vec<_> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

/// Returns the first 128 bits of a digest.
fn hex(digest: &[u8]) -> String {
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
