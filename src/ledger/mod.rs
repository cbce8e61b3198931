//! The ledger: a DynamoDB table that all execution environments share.
//!
//! It says who may write a principal's policy, what was written, what was taken back and which notices went out. It is never a
//! permission: whoever acts on what it says asks the allowlist again. A call that fails is an error, and nothing is written
//! without the ledger. What the items say is known to [`remediator_core::ledger`]; `table` makes the calls.

mod clock;
pub mod error;
mod location;
pub mod notices;
mod table;
pub mod turn;

pub use location::LedgerLocation;

use crate::ledger::clock::TableClock;
use crate::ledger::error::LedgerError;
use crate::ledger::table::{Item, Put, Table};
use aws_sdk_dynamodb::config::Builder;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use futures_util::future::try_join;
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::Principal;
use remediator_core::ledger::{
    Answer, Entry, GrantRecord, Key, Lock, LogEntry, Reported, TableTime, UndoRecord, Undone, Wish,
};
use remediator_core::policy::quota::Usage;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// Limits of one attempt and of one call with its retries. A turn that is over by then is not used any more.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(4_000);
const OPERATION_TIMEOUT: Duration = Duration::from_millis(10_000);
const ATTEMPTS: u32 = 3;
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);

/// How long the cold start waits for the table. Lambda gives it ten seconds, and each invocation asks again.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
const CHECK_TIMEOUT: Duration = Duration::from_millis(2_500);

/// How many wishes of one principal are read at once.
const MAX_WISHES_READ: i32 = 100;

const SECONDS_OF_A_DAY: u64 = 86_400;

/// The ledger.
#[derive(Clone)]
pub struct Ledger {
    table: Table,
    /// In seconds.
    retention: u64,
}

/// What the ledger knows of a pair.
#[derive(Debug)]
pub struct Recalled {
    /// The latest grant, or the latest that the pair was seen covered.
    pub grant: Option<GrantRecord>,
    /// The latest notice of a grant.
    pub reported: Option<Reported>,
    /// The latest undo.
    pub undo: Option<UndoRecord>,
    /// The lock of the principal's policy.
    pub lock: Option<Lock>,
}

/// What has become of a wish.
#[derive(Debug)]
pub struct WishState {
    /// Whether it still waits.
    pub waits: bool,
    /// The answer.
    pub answer: Option<Answer>,
    /// The lock of the principal's policy.
    pub lock: Option<Lock>,
}

/// What waits for whoever holds the lock of a principal's policy.
#[derive(Debug, Default)]
pub struct Pending {
    /// What others wish for.
    pub wishes: Vec<Wish>,
    /// What was taken back.
    pub undone: Undone,
}

impl Ledger {
    /// Names the ledger; nothing is called yet. `own_clock` is asked for the time until the table has told its own.
    pub fn new(shared: &SdkConfig, location: &LedgerLocation, own_clock: fn() -> SystemTime) -> Self {
        let clock = TableClock::new(own_clock);
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let retries =
            RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(INITIAL_BACKOFF);
        let mut config =
            Builder::from(shared).timeout_config(timeouts).retry_config(retries).interceptor(clock.clone());
        if let Some(region) = &location.region {
            config = config.region(Region::new(region.clone()));
        }
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let retention = u64::from(location.retention_days) * SECONDS_OF_A_DAY;
        Self { table: Table::new(client, location.table.clone(), clock), retention }
    }

    /// Asks for items that are not there, to find out whether the table is, and has the right keys. Opens the connection as well.
    ///
    /// # Errors
    ///
    /// [`LedgerError::stops_the_start`] tells whether another try would end the same.
    pub async fn check(&self, account: &str) -> Result<(), LedgerError> {
        // A query: a read of one item finds nothing wrong with keys that are the other way round.
        let pk = format!("{account}#check");
        let asked = self.table.query(&pk, ("check", "check"), Some(1));
        match timeout(CHECK_TIMEOUT, asked).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(self.table.unavailable("Query", format!("no answer within {CHECK_TIMEOUT:?}"))),
        }
    }

    /// The table's name or ARN, as it was given.
    pub fn name(&self) -> &str {
        self.table.name()
    }

    /// A time that is not after the table's.
    pub fn now(&self) -> TableTime {
        self.table.now()
    }

    /// A time that is not before the table's: of what must not be taken for older than it is.
    fn latest(&self) -> TableTime {
        self.table.latest()
    }

    /// The times between which the table's lies.
    fn span(&self) -> (TableTime, TableTime) {
        (self.now(), self.latest())
    }

    /// When a record that is written now may be deleted.
    pub fn retained_until(&self) -> TableTime {
        self.now().saturating_add(self.retention)
    }

    /// Reads what is known of a pair.
    ///
    /// # Errors
    ///
    /// The table was not read.
    pub async fn recall(
        &self,
        principal: &Principal,
        function: &FunctionArn,
    ) -> Result<Recalled, LedgerError> {
        let (grant_key, reported_key) = (Key::grant(principal, function), Key::reported(principal, function));
        let (undo_key, lock_key) = (Key::undo(principal, function), Key::lock(principal));
        let keys = [&grant_key, &reported_key, &undo_key, &lock_key];
        let [grant, reported, undo, lock] = self.table.get_all(keys).await?;
        let undo: Option<UndoRecord> = self.table.read_found(&undo_key, undo)?;
        // One from before an undo says nothing of what is there now.
        let is_from_before = |record: &GrantRecord| undo.as_ref().is_some_and(|undo| undo.at >= record.since);
        Ok(Recalled {
            grant: self.read_record(&grant_key, grant).filter(|record| !is_from_before(record)),
            reported: self.read_record(&reported_key, reported),
            lock: self.table.read_found(&lock_key, lock)?,
            undo,
        })
    }

    /// Reads what waits for whoever holds the lock of a principal's policy. A wish that cannot be read is left out: its owner
    /// writes for itself.
    ///
    /// # Errors
    ///
    /// The table was not read, or an undo cannot be read: it may be what forbids a grant.
    pub async fn pending(&self, principal: &Principal) -> Result<Pending, LedgerError> {
        let pk = Key::partition(principal);
        let (undos, wishes) = (Key::undos(), Key::wishes());
        let all = self.table.query(&pk, (&undos.0, &undos.1), None);
        // More wishes than a policy has room for are nobody's in earnest, and must not hold up a grant.
        let first = self.table.query(&pk, (&wishes.0, &wishes.1), Some(MAX_WISHES_READ));
        let (undos, wishes) = try_join(all, first).await?;
        let mut pending = Pending::default();
        for (key, item) in undos {
            if let Some(function) = Key::undone_function(&key.sk) {
                let undo: UndoRecord = self.table.read(&key, item)?;
                pending.undone.insert(function.to_owned(), undo);
            }
        }
        for (key, item) in wishes {
            match self.table.read::<Wish>(&key, item) {
                Ok(wish) if Key::wish_id(&key.sk) == Some(&wish.id) => pending.wishes.push(wish),
                Ok(_) => tracing::warn!(key = key.sk, "a wish in the ledger has another id than its key"),
                Err(error) => tracing::warn!(%error, "a wish in the ledger is left out"),
            }
        }
        Ok(pending)
    }

    /// Leaves a wish.
    ///
    /// # Errors
    ///
    /// The table was not written.
    pub async fn wish(&self, principal: &Principal, entry: Entry) -> Result<Wish, LedgerError> {
        let wish = Wish::new(new_id(), principal.to_string(), entry, self.now());
        self.table.put(&Key::wish(principal, &wish.id), &wish).await?;
        Ok(wish)
    }

    /// Reads what has become of a wish, and the lock.
    ///
    /// # Errors
    ///
    /// The table was not read.
    pub async fn look_for_answer(&self, principal: &Principal, id: &str) -> Result<WishState, LedgerError> {
        let keys = (Key::wish(principal, id), Key::answer(principal, id), Key::lock(principal));
        let [wish, answer, lock] = self.table.get_all([&keys.0, &keys.1, &keys.2]).await?;
        let answer: Option<Wish> = self.table.read_found(&keys.1, answer)?;
        Ok(WishState {
            waits: wish.is_some(),
            answer: answer.and_then(|wish| wish.answer),
            lock: self.table.read_found(&keys.2, lock)?,
        })
    }

    /// Reads a record that no permission depends on: one that cannot be read counts as none.
    fn read_record<T: DeserializeOwned>(&self, key: &Key, item: Option<Item>) -> Option<T> {
        self.table.read_found(key, item).unwrap_or_else(|error| {
            tracing::warn!(%error, "a record in the ledger is left out");
            None
        })
    }

    /// Takes a wish away. One that stays although the table fails is deleted by its TTL.
    pub async fn forget_wish(&self, principal: &Principal, id: &str) {
        if let Err(error) = self.table.delete(&Key::wish(principal, id)).await {
            tracing::warn!(%error, "a wish stays in the ledger until it expires");
        }
    }

    /// Records what a put has granted, and answers the wishes that it was for.
    ///
    /// # Errors
    ///
    /// The table was not written, or only in part.
    pub async fn record(
        &self,
        principal: &Principal,
        entries: &[Entry],
        answered: Vec<Wish>,
        usage: Option<Usage>,
    ) -> Result<(), LedgerError> {
        let (now, ttl) = (self.now(), self.retained_until());
        let mut items: Vec<Item> = Vec::new();
        // First what others wait for.
        let mut answers = Vec::new();
        for mut wish in answered {
            wish.answer = wish.answer.map(|answer: Answer| answer.with_usage(usage));
            items.push(self.table.write(&Key::answer(principal, &wish.id), &wish)?);
            answers.push(Key::wish(principal, &wish.id));
        }
        for entry in entries {
            let Some(function) = FunctionArn::parse(&entry.function) else { continue };
            let (record, log) = (
                GrantRecord::of_entry(principal.as_str(), entry, now, ttl),
                LogEntry::of_entry(principal.as_str(), entry, now, ttl),
            );
            items.push(self.table.write(&Key::grant(principal, &function), &record)?);
            // Whoever wished for it, or wrote it, is about to report it.
            let claimed = Reported::claimed(new_version(), now, ttl);
            items.push(self.table.write(&Key::reported(principal, &function), &claimed)?);
            items.push(self.table.write(&Key::log(principal, now, &new_id()), &log)?);
        }
        self.table.write_all(items, &answers).await
    }

    /// Records what an earlier turn has put that ended before it could say so, and answers the wishes that it was for. Returns the
    /// other wishes.
    ///
    /// # Errors
    ///
    /// The table was not written, or only in part.
    pub async fn record_settled(
        &self,
        principal: &Principal,
        settled: &[Entry],
        wishes: Vec<Wish>,
    ) -> Result<Vec<Wish>, LedgerError> {
        if settled.is_empty() {
            return Ok(wishes);
        }
        let (mut answered, mut others) = (Vec::new(), Vec::new());
        for mut wish in wishes {
            match settled.iter().find(|entry| entry.wish.as_ref() == Some(&wish.id)) {
                Some(Entry { added, expires, .. }) => {
                    let (added, expires) = (added.clone(), expires.clone());
                    wish.answer = Some(Answer::Granted { added, expires, usage: None });
                    answered.push(wish);
                }
                None => others.push(wish),
            }
        }
        self.record(principal, settled, answered, None).await?;
        Ok(others)
    }

    /// Records that a pair is covered; `is_known` tells whether a record of it was recalled.
    ///
    /// # Errors
    ///
    /// The table was not written.
    pub async fn record_coverage(
        &self,
        principal: &Principal,
        function: &FunctionArn,
        record: &GrantRecord,
        is_known: bool,
    ) -> Result<(), LedgerError> {
        let key = Key::grant(principal, function);
        match is_known {
            true => self.table.put(&key, record).await,
            // Whoever has granted it meanwhile says more.
            false => self.table.put_if_unchanged(&key, None, record).await.map(drop),
        }
    }

    /// Claims the report of a grant that nobody has reported, as `seen`; whether that succeeded.
    ///
    /// # Errors
    ///
    /// The table was not written.
    pub async fn claim_report(
        &self,
        principal: &Principal,
        function: &FunctionArn,
        seen: Option<&Reported>,
    ) -> Result<bool, LedgerError> {
        let claimed = Reported::claimed(new_version(), self.now(), self.retained_until());
        let key = Key::reported(principal, function);
        let put = self.table.put_if_unchanged(&key, seen.map(|seen| seen.version), &claimed).await?;
        Ok(matches!(put, Put::Done))
    }

    /// Records that a pair was taken back: what was denied before grants nothing any more.
    ///
    /// # Errors
    ///
    /// The table was not written, or only in part.
    pub async fn record_undo(
        &self,
        principal: &Principal,
        function: &FunctionArn,
    ) -> Result<(), LedgerError> {
        let undo = UndoRecord {
            principal: principal.to_string(),
            function: function.to_string(),
            at: self.now(),
            ttl: self.retained_until(),
        };
        self.table.put(&Key::undo(principal, function), &undo).await?;
        self.table.put(&Key::log(principal, undo.at, &new_id()), &LogEntry::of_undo(&undo)).await?;
        self.table.delete(&Key::grant(principal, function)).await
    }
}

impl Recalled {
    /// The resources of a grant that no notice has reported yet; `None` where one has, or there is none.
    pub fn unreported(&self) -> Option<&Vec<String>> {
        let record = self.grant.as_ref()?;
        let is_reported = self.reported.as_ref().is_some_and(|reported| reported.is_of(record));
        record.added.as_ref().filter(|_| !is_reported)
    }

    /// Whether somebody is about to report the grant at `now`.
    pub fn is_being_reported(&self, now: TableTime) -> bool {
        self.reported.as_ref().is_some_and(|reported| reported.is_claimed(now))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("retention", &self.retention).finish_non_exhaustive()
    }
}

/// Returns a version that no item has had.
fn new_version() -> u64 {
    fastrand::u64(1 << 32..1 << 52)
}

/// Returns an id that nobody else has.
fn new_id() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}
