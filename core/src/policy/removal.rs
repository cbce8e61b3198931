//! The undo: one function is taken out of the grant statements of a policy document, and nothing else in it changes but for
//! leases that have expired.

use crate::arn::FunctionArn;
use crate::policy::coverage;
use crate::policy::document::PolicyDocument;
use crate::policy::grant_statement::GrantStatement;
use std::time::SystemTime;

/// What a document needs so that the function's grant is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// Nothing: no grant statement lists the function itself.
    NotListed,
    /// Another document in place of the existing one.
    Write(String),
    /// The policy's deletion: it held nothing else, and IAM accepts no document without a statement.
    Delete,
}

/// Takes `function` out of the grant statements of `document`, whatever their expiry, and leaves out expired leases.
///
/// Every other statement and function stays. What another statement allows stays allowed: see [`may_allow`].
///
/// # Errors
///
/// Says why the document is left alone, as a clause about "it".
pub fn remove(document: &str, function: &FunctionArn, now: SystemTime) -> Result<Removal, String> {
    let pair = function.resource_pair();
    let document = PolicyDocument::parse(document)?;
    let is_of_pair = |resource: &String| pair.contains(resource);
    // An expired lease allows nothing, but whoever wants it removed should not hear that it does not exist.
    let mut grants = document.statements().iter().filter_map(GrantStatement::read);
    if !grants.any(|grant| grant.resources.iter().any(is_of_pair)) {
        return Ok(Removal::NotListed);
    }
    let statements: Vec<String> = document
        .statements()
        .iter()
        .filter_map(|statement| match GrantStatement::read(statement) {
            Some(grant) if grant.has_expired(now) => None,
            Some(grant) if grant.resources.iter().any(is_of_pair) => {
                let kept: Vec<_> = grant.resources.into_iter().filter(|one| !is_of_pair(one)).collect();
                (!kept.is_empty()).then(|| statement.with_resources(&kept))
            }
            Some(_) | None => Some(statement.text().to_owned()),
        })
        .collect();
    Ok(match statements.is_empty() {
        true => Removal::Delete,
        false => Removal::Write(document.with_statements(&statements)),
    })
}

/// Whether an `Allow` in `document` may let a call of `function` through: with or without a qualifier, perhaps only on a
/// condition. Says yes where that is hard to tell.
///
/// # Errors
///
/// Says why the document cannot be understood, as a clause about "it".
pub fn may_allow(document: &str, function: &FunctionArn) -> Result<bool, String> {
    let document = PolicyDocument::parse(document)?;
    let may_allow =
        |resource| document.statements().iter().any(|statement| coverage::may_allow(statement, resource));
    Ok(function.resource_pair().iter().any(|resource| may_allow(resource)))
}
