//! The allowlist that a command judges with, and whose function it would be.

use crate::input::read_text;
use crate::problem::Problem;
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::pattern::has_wildcard;
use remediator_core::arn::principal::Principal;
use remediator_core::decision::OwnIdentity;
use std::collections::BTreeSet;
use std::path::Path;

/// Where these stand in an ARN, and in a pattern for one.
const PARTITION: usize = 1;
const ACCOUNT: usize = 4;

/// Reads an allowlist that has to be valid.
pub(crate) fn read(path: &Path) -> Result<Allowlist, Problem> {
    Allowlist::parse(&read_text(path)?).map_err(|error| Problem::of_list(path, &error))
}

/// Returns the identity of the function that would use `list`: the given account and role, or what the list itself implies.
pub(crate) fn own_identity(
    list: &Allowlist,
    account: Option<&str>,
    role: Option<&Principal>,
) -> Result<OwnIdentity, Problem> {
    let account = match (account, role) {
        (Some(account), _) => account,
        (None, Some(role)) => role.account(),
        (None, None) => only_account(list)?,
    };
    // A pattern may leave the partition open.
    let of_list = || function_parts(list, PARTITION).find(|partition| !has_wildcard(partition));
    let partition = role.map(Principal::partition).or_else(of_list).unwrap_or("aws");
    Ok(OwnIdentity { partition: partition.to_owned(), account: account.to_owned(), role: role.cloned() })
}

/// Returns the account of all functions in the list.
fn only_account(list: &Allowlist) -> Result<&str, Problem> {
    let accounts: Vec<&str> = function_parts(list, ACCOUNT).collect::<BTreeSet<_>>().into_iter().collect();
    match accounts.as_slice() {
        [account] => Ok(account),
        _ => Err(Problem::new(format!(
            "the allowlist has functions of several accounts ({}): name the remediator's own with --account",
            accounts.join(", ")
        ))),
    }
}

/// Returns one part of each function pattern.
fn function_parts(list: &Allowlist, index: usize) -> impl Iterator<Item = &str> {
    let patterns = list.rules().iter().flat_map(|rule| rule.functions());
    patterns.filter_map(move |pattern| pattern.as_str().split(':').nth(index))
}
