//! What lies in the ledger, the table that all execution environments share, and what follows from it at a given time.
//!
//! In come items, documents and the table's time; out go items to put in their place, and decisions. It is no source of
//! permission: whoever acts on an item asks the allowlist again. Calls to DynamoDB are the function's to make.

mod group;
mod key;
mod lock;
mod notice_state;
mod records;
#[cfg(test)]
mod tests;

pub use group::{Answer, Entry, Origin, OwnResult, Plan, Wish, plan};
pub use key::{Key, Undone};
pub use lock::{Intent, LEASE, Lock, Reading, STALE_READ, Stamp, fingerprint};
pub use notice_state::{Claim, NoticeState, Publication};
pub use records::{GrantRecord, LogEntry, LogKind, Reported, UndoRecord, table_time, taken_back};

/// Seconds since the epoch by DynamoDB's clock, which all environments share; see [`Lock`].
pub type TableTime = u64;

/// How far ahead of the table's time an item's time may lie, in seconds. One that lies further ahead was written by nobody who asked
/// the table, and counts as none: it would silence or hold up something for ever.
const AHEAD: u64 = 60;

/// Whether `at` is at most `seconds` ago, and not ahead.
fn is_recent(at: TableTime, now: TableTime, seconds: u64) -> bool {
    now.saturating_sub(at) <= seconds && at <= now.saturating_add(AHEAD)
}
