//! The keys of the items. Each partition key begins with the function's own account, so that a policy can limit by
//! `dynamodb:LeadingKeys` whose items somebody may touch.
//!
//! See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>.

use crate::arn::FunctionArn;
use crate::arn::principal::Principal;
use crate::ledger::UndoRecord;
use std::collections::BTreeMap;

/// The sort key of a principal's lock.
const LOCK: &str = "lock";

const GRANT: &str = "grant#";
const REPORTED: &str = "reported#";
const LOG: &str = "log#";
const UNDO: &str = "undo#";
const ANSWER: &str = "answer#";
const WISH: &str = "wish#";
/// Greater than every character in what follows a prefix.
const END: char = '~';

/// The undos of one principal, by the function's ARN.
pub type Undone = BTreeMap<String, UndoRecord>;

/// The key of an item: partition key `pk` and sort key `sk`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// `ACCOUNT#...`
    pub pk: String,
    /// The kind of item, and which one.
    pub sk: String,
}

impl Key {
    /// Returns the partition of a principal, by what an inline policy belongs to: kind and name. The path is no part of it, and
    /// IAM compares names without regard to case.
    pub fn partition(principal: &Principal) -> String {
        let (kind, name) = (principal.kind().as_str(), principal.name().to_ascii_lowercase());
        format!("{}#{kind}/{name}", principal.account())
    }

    /// The key of a principal's lock.
    pub fn lock(principal: &Principal) -> Self {
        Self { pk: Self::partition(principal), sk: LOCK.to_owned() }
    }

    /// The key of a put, by its document's fingerprint: a writer whose turn ran out must not overwrite the note of the next one.
    pub fn intent(principal: &Principal, hash: &str) -> Self {
        Self { pk: Self::partition(principal), sk: format!("intent#{hash}") }
    }

    /// The key of a wish.
    pub fn wish(principal: &Principal, id: &str) -> Self {
        Self { pk: Self::partition(principal), sk: format!("{WISH}{id}") }
    }

    /// The key of a wish that is answered: outside the range of those that wait.
    pub fn answer(principal: &Principal, id: &str) -> Self {
        Self { pk: Self::partition(principal), sk: format!("{ANSWER}{id}") }
    }

    /// The key of the latest grant of a pair.
    pub fn grant(principal: &Principal, function: &FunctionArn) -> Self {
        Self { pk: Self::partition(principal), sk: format!("{GRANT}{function}") }
    }

    /// The key of the latest notice of a pair's grant.
    pub fn reported(principal: &Principal, function: &FunctionArn) -> Self {
        Self { pk: Self::partition(principal), sk: format!("{REPORTED}{function}") }
    }

    /// The key of the latest undo of a pair.
    pub fn undo(principal: &Principal, function: &FunctionArn) -> Self {
        Self { pk: Self::partition(principal), sk: format!("{UNDO}{function}") }
    }

    /// The key of an entry of the log: in the order of time.
    pub fn log(principal: &Principal, at: u64, id: &str) -> Self {
        Self { pk: Self::partition(principal), sk: format!("{LOG}{at:012}#{id}") }
    }

    /// The first and the last sort key of a principal's undos.
    pub fn undos() -> (String, String) {
        (UNDO.to_owned(), format!("{UNDO}{END}"))
    }

    /// The first and the last sort key of a principal's wishes that wait.
    pub fn wishes() -> (String, String) {
        (WISH.to_owned(), format!("{WISH}{END}"))
    }

    /// The key of a notice's state. `hash` stands for what makes another notice its repeat.
    pub fn notice_state(account: &str, hash: &str) -> Self {
        Self { pk: format!("{account}#notice#{hash}"), sk: "state".to_owned() }
    }

    /// The key of the count of a notice's repeats.
    pub fn notice_left_out(account: &str, hash: &str) -> Self {
        Self { sk: "left-out".to_owned(), ..Self::notice_state(account, hash) }
    }

    /// The key of an event that a notice has reported, or that was counted as its repeat.
    pub fn event(account: &str, event_id: &str, hash: &str) -> Self {
        Self { pk: format!("{account}#event#{event_id}"), sk: hash.to_owned() }
    }

    /// The function of an undo's sort key; `None` for another item's.
    pub fn undone_function(sk: &str) -> Option<&str> {
        sk.strip_prefix(UNDO)
    }

    /// The id of a wish's sort key; `None` for another item's.
    pub fn wish_id(sk: &str) -> Option<&str> {
        sk.strip_prefix(WISH)
    }
}
