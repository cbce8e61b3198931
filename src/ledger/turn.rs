//! A turn at writing a principal's policy: the lock of the ledger, held.
//!
//! A writer has its turn for [`LEASE`] from when it asked for it, by its own monotonic clock, and may renew it. Another one takes
//! the lock over when the table's time says that the lease is over, or when it has seen the very same turn for a whole lease. Both
//! come later than the end of the writer's own count. A turn that is dropped ends with its lease; so does that of a process that
//! was killed.

use crate::ledger::error::LedgerError;
use crate::ledger::table::Put;
use crate::ledger::{Ledger, new_id};
use futures_util::future::try_join;
use remediator_core::arn::principal::Principal;
use remediator_core::ledger::{Entry, Intent, Key, LEASE, Lock, Reading, fingerprint};
use std::time::Duration;
use tokio::time::Instant;

/// How long a put may be on its way, from when it is sent: so long before its lease ends a writer sends none.
pub const ON_ITS_WAY: Duration = Duration::from_millis(3_000);

/// How long a turn runs before [`Turn::keep`] renews it.
const RENEW_AFTER: Duration = Duration::from_millis(1_500);

/// How often a turn is renewed that is used up by its renewal.
const MAX_RENEWALS: u32 = 5;

/// Waits for a turn.
#[derive(Debug)]
pub struct Waiter<'a> {
    ledger: &'a Ledger,
    principal: &'a Principal,
    owner: String,
    /// The lock as it was last seen, and since when it is so.
    seen: Option<(Option<Lock>, Instant)>,
}

/// A turn.
#[derive(Debug)]
pub struct Turn {
    ledger: Ledger,
    principal: Principal,
    owner: String,
    lock: Lock,
    /// When it was asked for, or renewed.
    since: Instant,
}

impl Ledger {
    /// Lines up for the policy of `principal`.
    pub fn line_up<'a>(&'a self, principal: &'a Principal) -> Waiter<'a> {
        Waiter { ledger: self, principal, owner: new_id(), seen: None }
    }
}

impl<'a> Waiter<'a> {
    /// Takes in the lock as it was just read.
    pub fn see(&mut self, lock: Option<Lock>) {
        let version = |lock: &Option<Lock>| lock.as_ref().map(|lock| lock.version);
        match &self.seen {
            Some((seen, _)) if version(seen) == version(&lock) => {}
            Some(_) | None => self.seen = Some((lock, Instant::now())),
        }
    }

    /// Takes the lock if it is free. The lock is read first, unless it was seen just now.
    ///
    /// # Errors
    ///
    /// The table was not read or not written.
    pub async fn try_turn(&mut self) -> Result<Option<Turn>, LedgerError> {
        let table = &self.ledger.table;
        let key = Key::lock(self.principal);
        if self.seen.is_none() {
            self.see(table.get(&key).await?);
        }
        let Some((seen, since)) = self.seen.clone() else { return Ok(None) };
        let now = self.ledger.now();
        let lock = seen.clone().unwrap_or_default();
        if !lock.is_free(now) && since.elapsed() < LEASE {
            return Ok(None);
        }
        let asked = Instant::now();
        let held = lock.held_by(&self.owner, self.ledger.span(), self.ledger.retained_until());
        match table.put_if_unchanged(&key, seen.map(|lock| lock.version), &held).await? {
            Put::Done => Ok(Some(Turn {
                ledger: self.ledger.clone(),
                principal: self.principal.clone(),
                owner: self.owner.clone(),
                lock: held,
                since: asked,
            })),
            Put::Changed(found) => {
                self.see(found);
                Ok(None)
            }
        }
    }

    /// Reads the lock anew.
    ///
    /// # Errors
    ///
    /// The table was not read.
    pub async fn look(&mut self) -> Result<(), LedgerError> {
        let lock = self.ledger.table.get(&Key::lock(self.principal)).await?;
        self.see(lock);
        Ok(())
    }
}

impl Turn {
    /// Renews the turn, unless it has just begun.
    ///
    /// # Errors
    ///
    /// The table was not written, or the turn is over.
    pub async fn keep(&mut self) -> Result<(), LedgerError> {
        match self.since.elapsed() < RENEW_AFTER {
            true => Ok(()),
            false => self.renew().await,
        }
    }

    /// Renews the turn, and writes what was noted in the lock since.
    ///
    /// # Errors
    ///
    /// The table was not written, or the turn is over.
    pub async fn renew(&mut self) -> Result<(), LedgerError> {
        let asked = Instant::now();
        let held = self.lock.held_by(&self.owner, self.ledger.span(), self.ledger.retained_until());
        self.replace(held).await?;
        self.since = asked;
        Ok(())
    }

    /// Notes that `document` is about to be put in the place of `base`, with what it grants, and renews the turn so that there is
    /// time for it.
    ///
    /// # Errors
    ///
    /// The table was not written, or the turn is over.
    pub async fn intend(
        &mut self,
        base: Option<&str>,
        document: Option<&str>,
        entries: Vec<Entry>,
    ) -> Result<(), LedgerError> {
        let now = self.ledger.latest();
        let intent = Intent::new(document, entries, now);
        let key = Key::intent(&self.principal, &intent.hash);
        self.lock.intend(base, document, now);
        let table = self.ledger.table.clone();
        try_join(table.put(&key, &intent), self.renew()).await?;
        self.have_time().await
    }

    /// Renews the turn until there is time for a put.
    ///
    /// # Errors
    ///
    /// The table was not written, or the turn is over.
    pub async fn have_time(&mut self) -> Result<(), LedgerError> {
        // The renewal itself may have taken so long.
        for _ in 0..MAX_RENEWALS {
            if self.since.elapsed() <= LEASE.saturating_sub(ON_ITS_WAY) {
                return Ok(());
            }
            self.renew().await?;
        }
        Err(LedgerError::LockLost { principal: self.principal.to_string() })
    }

    /// Notes that the intended document was put. The next write of the lock says so.
    pub fn settle(&mut self) {
        self.lock.settle(self.ledger.latest());
    }

    /// The same for a document that an earlier turn has put, and returns what it grants.
    ///
    /// # Errors
    ///
    /// The table was not read.
    pub async fn settle_earlier(&mut self) -> Result<Vec<Entry>, LedgerError> {
        let Some(hash) = self.lock.settle(self.ledger.latest()) else { return Ok(Vec::new()) };
        let intent: Option<Intent> = self.ledger.table.get(&Key::intent(&self.principal, &hash)).await?;
        Ok(intent.map_or_else(Vec::new, |intent| intent.entries))
    }

    /// Gives the intended put up. The next write of the lock says so.
    pub fn abandon(&mut self) {
        self.lock.abandon(self.ledger.latest());
    }

    /// Notes that the intended put is sent once more. The next write of the lock says so.
    pub fn intend_again(&mut self) {
        self.lock.intend_again(self.ledger.latest());
    }

    /// Notes that somebody has written `document`, which was read. The next write of the lock says so.
    pub fn adopt(&mut self, document: Option<&str>) {
        self.lock.adopt(document, self.ledger.latest());
    }

    /// Tells what a document is that IAM gave.
    pub fn reading(&self, document: Option<&str>) -> Reading {
        self.lock.reading(document, self.ledger.now())
    }

    /// Whether a document is the one that was written or read last.
    pub fn is_base(&self, document: Option<&str>) -> bool {
        self.lock.written.as_ref().is_some_and(|last| last.hash == fingerprint(document))
    }

    /// Ends the turn.
    ///
    /// # Errors
    ///
    /// The table was not written, or the turn was over. The lock is free when its lease ends.
    pub async fn end(mut self) -> Result<(), LedgerError> {
        let freed = self.lock.freed(self.ledger.retained_until());
        self.replace(freed).await
    }

    async fn replace(&mut self, lock: Lock) -> Result<(), LedgerError> {
        let key = Key::lock(&self.principal);
        match self.ledger.table.put_if_unchanged(&key, Some(self.lock.version), &lock).await? {
            Put::Done => {
                self.lock = lock;
                Ok(())
            }
            Put::Changed(_) => Err(LedgerError::LockLost { principal: self.principal.to_string() }),
        }
    }
}
