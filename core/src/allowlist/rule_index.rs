//! Which rules of a list may match a pair of ARNs, without asking them all.
//!
//! Each pattern is filed under a text that every ARN which it matches has at the same place: its name where it has no
//! wildcard, and otherwise the beginning or the end of its name, whichever is longer. What has neither, such as `*clip*`,
//! is filed under the empty text, which all of them have.
//!
//! The index decides nothing: whoever uses it asks each rule that it gives, in the list's order. It knows the texts by their
//! hashes alone, so where two texts have one hash, a rule is asked in vain.

use crate::arn::FunctionArn;
use crate::arn::pattern;
use crate::arn::principal::Principal;

/// A text's hash, and the place in the list of a rule that is filed under it.
type Entry = (u64, usize);

/// The index of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleIndex {
    principals: Side,
    functions: Side,
}

/// One half of the rules.
#[derive(Debug, Clone, Default)]
struct Side {
    /// By the whole name.
    exact: Table,
    /// By the beginning of the name.
    beginnings: Tables,
    /// By the end of the name, read backwards.
    endings: Tables,
}

/// Texts of one length.
#[derive(Debug, Clone, Default)]
struct Table(Vec<Entry>);

/// Texts of all lengths, in a table for each.
#[derive(Debug, Clone, Default)]
struct Tables(Vec<Table>);

impl RuleIndex {
    /// Files the rule at `place` under its patterns.
    pub(crate) fn add<'a>(
        &mut self,
        place: usize,
        principals: impl Iterator<Item = &'a str>,
        functions: impl Iterator<Item = &'a str>,
    ) {
        principals.for_each(|pattern| self.principals.add(place, pattern));
        functions.for_each(|pattern| self.functions.add(place, pattern));
    }

    /// Puts everything in order: nothing is found before.
    pub(crate) fn sort(&mut self) {
        for Side { exact, beginnings, endings } in [&mut self.principals, &mut self.functions] {
            for table in beginnings.0.iter_mut().chain(&mut endings.0).chain([exact]) {
                table.0.sort_unstable();
            }
        }
    }

    /// The places of the rules that may match, in ascending order: all that do are among them.
    pub(crate) fn candidates(&self, principal: &Principal, function: &FunctionArn) -> Vec<usize> {
        let of_principal = self.principals.find(principal.path_and_name());
        let of_function = self.functions.find(function.name());
        // Either half suffices, so the smaller one.
        let count = |found: &[&[Entry]]| found.iter().map(|entries| entries.len()).sum::<usize>();
        let found = if count(&of_principal) <= count(&of_function) { of_principal } else { of_function };
        let mut places = Vec::with_capacity(count(&found));
        for entries in found {
            places.extend(entries.iter().map(|(_, place)| *place));
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

impl Side {
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

    /// All that is filed under the name, or under a beginning or an end of it.
    fn find(&self, name: &str) -> Vec<&[Entry]> {
        let mut found = Vec::with_capacity(8);
        found.push(self.exact.get(hash(name.bytes())));
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

    /// What is filed under any text that `text` begins with.
    fn find<'a>(&'a self, mut text: impl Iterator<Item = u8>, found: &mut Vec<&'a [Entry]>) {
        // The hash of a text is that of the text without its last byte, and this byte.
        let mut hash = EMPTY;
        for table in &self.0 {
            if !table.0.is_empty() {
                found.push(table.get(hash));
            }
            let Some(byte) = text.next() else { break };
            hash = hashed(hash, byte);
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

/// What follows `user/`, `role/` or `function:` in a pattern. As in an ARN, six separators come before it: no wildcard stands
/// for one of these.
fn name_of(pattern: &str) -> &str {
    let is_separator = |byte: u8| byte == b':' || byte == b'/';
    let mut separators = 0;
    let end = pattern.bytes().position(|byte| {
        separators += u32::from(is_separator(byte));
        separators == 6
    });
    end.and_then(|at| pattern.get(at + 1..)).unwrap_or_default()
}

/// The hash of the empty text. This is FNV-1a, which takes byte for byte; see
/// <https://datatracker.ietf.org/doc/draft-eastlake-fnv>.
const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

fn hashed(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn hash(text: impl Iterator<Item = u8>) -> u64 {
    text.fold(EMPTY, hashed)
}
