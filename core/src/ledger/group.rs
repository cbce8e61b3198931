//! One put for many: the holder of a lock takes along what others wish for.
//!
//! A wish is no permission. Whoever takes it along asks its own allowlist as if it were a denial of the very principal whose policy
//! it is writing. From the wish it takes the function, the source and the time of the denial: who can write the table can claim
//! a denial that never happened, as can whoever may invoke the function, and is granted what a rule admits.

use crate::arn::FunctionArn;
use crate::decision::Grant;
use crate::incoming::source::Source;
use crate::ledger::records::taken_back;
use crate::ledger::{TableTime, Undone};
use crate::policy::lease::Expiry;
use crate::policy::quota::Usage;
use crate::policy::{Merge, merge};
use crate::reason::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The greatest number of wishes in one put. A role's policy holds fewer functions than these and the holder's own.
const MAX_WISHES: usize = 60;

/// How long a wish counts, in seconds: a little longer than the function's timeout in template.yaml, since nobody may be left to
/// notify of what is granted for it.
const WISH_AGE: u64 = 75;

/// How long a wish and its answer are kept, in seconds.
const WISH_TTL: u64 = 3_600;

/// A grant that waits for whoever holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wish {
    /// Which one.
    pub id: String,
    /// The principal's ARN.
    pub principal: String,
    /// What is wished for.
    pub entry: Entry,
    /// Since when.
    pub at: TableTime,
    /// What became of it; `None` while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// When DynamoDB may delete the item.
    pub ttl: TableTime,
}

/// Where a grant comes from: the rule, and the event of the denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The rule that admits it.
    pub rule: String,
    /// The source of the event.
    pub source: Source,
    /// The event's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// When the call was denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// Who was denied, as the event names them: the session of a role, or the principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
}

/// One grant in a put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The function's ARN.
    pub function: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// When the grant expires, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// The resources that the put adds.
    #[serde(default)]
    pub added: Vec<String>,
    /// How often somebody else took the grant away before.
    #[serde(default)]
    pub taken_away: u64,
    /// The wish that it comes from; `None` for the holder's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<String>,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Answer {
    /// It was written.
    Granted {
        /// The resources that were added.
        added: Vec<String>,
        /// When the grant expires, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<String>,
        /// The characters of the quota in use, and allowed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<(usize, usize)>,
    },
    /// The policy covered it.
    Covered {
        /// Whether statements of ours list the function itself.
        is_listed: bool,
        /// When the coverage expires, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<String>,
    },
    /// The holder's list does not admit it. Its owner asks its own list again, and writes for itself.
    Refused,
}

/// What becomes of the holder's own grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnResult {
    /// It is in the document to put.
    Added(Vec<String>),
    /// The policy covers it.
    Covered {
        /// Whether statements of ours list the function itself.
        is_listed: bool,
        /// When the coverage expires, if it does.
        expires: Option<Expiry>,
    },
    /// It is final that it is not granted.
    Refused(Refusal),
}

/// What a holder is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The document to put; `None` where nothing is to be put.
    pub document: Option<String>,
    /// What it grants: the holder's own, and the wishes.
    pub entries: Vec<Entry>,
    /// The holder's own.
    pub own: OwnResult,
    /// The wishes that are answered without a put.
    pub answered: Vec<Wish>,
    /// The wishes that the put answers.
    pub taken: Vec<Wish>,
}

/// Plans the put for the holder's own grant and for the wishes of others.
///
/// `entry` says of the own grant what is recorded. `decide` asks the holder's allowlist about a wish's function and source; it is
/// asked about no other principal than the grant's. The same function is put once, for whoever comes first.
///
/// # Errors
///
/// Says why the document is left alone, as a clause about "it".
pub fn plan(
    document: Option<&str>,
    (grant, entry): (&Grant, &Entry),
    wishes: Vec<Wish>,
    undone: &Undone,
    now: TableTime,
    decide: impl Fn(&FunctionArn, Source) -> Option<Grant>,
) -> Result<Plan, String> {
    let mut plan = Plan {
        document: None,
        entries: Vec::new(),
        own: OwnResult::Refused(taken_back()),
        answered: Vec::new(),
        taken: Vec::new(),
    };
    let mut functions = BTreeSet::new();
    if !entry.origin.is_taken_back(undone.get(&entry.function)) {
        plan.own = match plan.merge(document, grant)? {
            Merge::Covered { is_listed, expires } => OwnResult::Covered { is_listed, expires },
            Merge::Write { document, added } => {
                plan.document = Some(document);
                functions.insert(entry.function.clone());
                plan.entries.push(Entry {
                    added: added.clone(),
                    expires: grant.expiry().map(|expiry| expiry.to_string()),
                    ..entry.clone()
                });
                OwnResult::Added(added)
            }
        };
    }
    let waiting = wishes.into_iter().filter(|wish| wish.answer.is_none() && wish.counts(now));
    for mut wish in waiting.take(MAX_WISHES) {
        let admitted = Some(&wish.entry)
            .filter(|_| wish.principal == grant.principal().as_str())
            .and_then(|entry| Some((FunctionArn::parse(&entry.function)?, entry.origin.source)))
            .and_then(|(function, source)| decide(&function, source))
            .filter(|admitted| admitted.principal() == grant.principal());
        let name = FunctionArn::parse(&wish.entry.function).map(|function| function.to_string());
        let undo = name.and_then(|name| undone.get(&name));
        let is_taken_back = wish.entry.origin.is_taken_back(undo);
        let Some(admitted) = admitted.filter(|_| !is_taken_back) else {
            wish.answer = Some(Answer::Refused);
            plan.answered.push(wish);
            continue;
        };
        match plan.merge(document, &admitted)? {
            Merge::Covered { is_listed, expires } => {
                // By this very put, it may be: then it is answered when that is made.
                let expires = expires.map(|expiry| expiry.to_string());
                wish.answer = Some(Answer::Covered { is_listed, expires });
                match functions.contains(&wish.entry.function) {
                    true => plan.taken.push(wish),
                    false => plan.answered.push(wish),
                }
            }
            Merge::Write { document, added } => {
                plan.document = Some(document);
                functions.insert(wish.entry.function.clone());
                let expires = admitted.expiry().map(|expiry| expiry.to_string());
                plan.entries.push(Entry {
                    origin: Origin { rule: admitted.rule().to_owned(), ..wish.entry.origin.clone() },
                    added: added.clone(),
                    expires: expires.clone(),
                    wish: Some(wish.id.clone()),
                    ..wish.entry.clone()
                });
                wish.answer = Some(Answer::Granted { added, expires, usage: None });
                plan.taken.push(wish);
            }
        }
    }
    Ok(plan)
}

impl Plan {
    fn merge(&self, document: Option<&str>, grant: &Grant) -> Result<Merge, String> {
        let document = self.document.as_deref().or(document);
        merge(document, grant.function(), grant.expiry(), grant.decided_at())
    }

    /// Whether the put grants something to the wish of another.
    pub fn is_for_others(&self) -> bool {
        self.entries.iter().any(|entry| entry.wish.is_some())
    }
}

impl Wish {
    /// Returns a wish that counts from `now`.
    pub fn new(id: String, principal: String, entry: Entry, now: TableTime) -> Self {
        Self { id, principal, entry, at: now, answer: None, ttl: now.saturating_add(WISH_TTL) }
    }

    fn counts(&self, now: TableTime) -> bool {
        now.abs_diff(self.at) <= WISH_AGE
    }
}

impl Answer {
    /// Adds how full the principal's inline policies are.
    pub fn with_usage(self, used: Option<Usage>) -> Self {
        match self {
            Self::Granted { added, expires, .. } => {
                Self::Granted { added, expires, usage: used.map(|Usage { used, quota }| (used, quota)) }
            }
            other @ (Self::Covered { .. } | Self::Refused) => other,
        }
    }
}
