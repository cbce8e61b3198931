//! An index of a list's rules: finds the few that may match a pair of ARNs among thousands.
//!
//! Each pattern is filed under a text that every ARN which it matches has in the same place: the whole name if it has no
//! wildcard, else the beginning or the end of the name, whichever is longer. A pattern with neither, such as `*clip*`,
//! is filed under the empty text, which every name has.
//!
//! The index decides nothing: the caller asks each rule that it returns. It keeps hashes instead of texts, so a
//! collision costs one rule asked in vain.

use crate::allowlist::rule::Rule;
use crate::arn::FunctionArn;
use crate::arn::pattern;
use crate::arn::principal::Principal;

/// A text's hash, and the place in the list of a rule that is filed under that text.
type Entry = (u64, usize);

/// The index of a list: its rules by their principals, and by their functions.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleIndex {
    principals: NameIndex,
    functions: NameIndex,
}

/// Rules by the names in their patterns.
#[derive(Debug, Clone, Default)]
struct NameIndex {
    /// By the whole name.
    exact: Table,
    /// By the beginning of the name.
    beginnings: Tables,
    /// By the end of the name, read backwards.
    endings: Tables,
}

/// Entries in the order of their hashes.
#[derive(Debug, Clone, Default)]
struct Table(Vec<Entry>);

/// A table for each length of text, from 0 on.
#[derive(Debug, Clone, Default)]
struct Tables(Vec<Table>);

impl RuleIndex {
    /// Files each rule under its patterns.
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            rule.principals().iter().for_each(|pattern| index.principals.add(place, pattern.as_str()));
            rule.functions().iter().for_each(|pattern| index.functions.add(place, pattern.as_str()));
        }
        index.principals.sort();
        index.functions.sort();
        index
    }

    /// Returns the places of the rules that may match, in ascending order. Every rule that matches is among them.
    pub(crate) fn candidates(&self, principal: &Principal, function: &FunctionArn) -> Vec<usize> {
        let by_principal = self.principals.find(principal.path_and_name());
        let by_function = self.functions.find(function.name());
        // A rule that matches is in both, so the smaller one suffices.
        let count = |found: &[&[Entry]]| found.iter().map(|entries| entries.len()).sum::<usize>();
        let found = if count(&by_principal) <= count(&by_function) { by_principal } else { by_function };
        let mut places: Vec<usize> = found.into_iter().flatten().map(|(_, place)| *place).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

impl NameIndex {
    fn add(&mut self, place: usize, pattern: &str) {
        let name = name_of(pattern);
        if !pattern::has_wildcard(name) {
            self.exact.0.push((hash(name.bytes()), place));
            return;
        }
        let is_literal = |byte: &u8| !pattern::is_wildcard(*byte);
        let beginning = name.bytes().take_while(is_literal);
        let ending = name.bytes().rev().take_while(is_literal);
        if beginning.clone().count() >= ending.clone().count() {
            self.beginnings.add(beginning, place);
        } else {
            self.endings.add(ending, place);
        }
    }

    /// Sorts the tables, which [`find`](Self::find) relies on.
    fn sort(&mut self) {
        for table in self.beginnings.0.iter_mut().chain(&mut self.endings.0).chain([&mut self.exact]) {
            table.0.sort_unstable();
        }
    }

    /// Returns the entries that are filed under `name`, or under a beginning or an end of it.
    fn find(&self, name: &str) -> Vec<&[Entry]> {
        let mut found = vec![self.exact.get(hash(name.bytes()))];
        self.beginnings.find(name.bytes(), &mut found);
        self.endings.find(name.bytes().rev(), &mut found);
        found
    }
}

impl Tables {
    fn add(&mut self, text: impl Iterator<Item = u8> + Clone, place: usize) {
        let length = text.clone().count();
        if self.0.len() <= length {
            self.0.resize_with(length + 1, Table::default);
        }
        if let Some(table) = self.0.get_mut(length) {
            table.0.push((hash(text), place));
        }
    }

    /// Adds to `found` the entries of every text that `text` begins with.
    fn find<'a>(&'a self, mut text: impl Iterator<Item = u8>, found: &mut Vec<&'a [Entry]>) {
        // Each byte extends the hash of the bytes before it.
        let mut hash = EMPTY;
        for table in &self.0 {
            if !table.0.is_empty() {
                found.push(table.get(hash));
            }
            let Some(byte) = text.next() else { break };
            hash = extend(hash, byte);
        }
    }
}

impl Table {
    fn get(&self, hash: u64) -> &[Entry] {
        let from = self.0.partition_point(|(other, _)| *other < hash);
        let rest = self.0.get(from..).unwrap_or_default();
        let count = rest.partition_point(|(other, _)| *other == hash);
        rest.get(..count).unwrap_or_default()
    }
}

/// Returns what follows `user/`, `role/` or `function:` in a pattern: all after the sixth colon or slash. No wildcard
/// stands for one of these six.
fn name_of(pattern: &str) -> &str {
    pattern.splitn(7, [':', '/']).nth(6).unwrap_or_default()
}

/// The hash of the empty text. The hash is FNV-1a, which takes a text byte by byte; see
/// <https://datatracker.ietf.org/doc/draft-eastlake-fnv>.
const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

fn extend(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn hash(text: impl Iterator<Item = u8>) -> u64 {
    text.fold(EMPTY, extend)
}
