//! The grant: one function is added to a policy document, and nothing else in it changes but for leases that have expired.

use crate::arn::FunctionArn;
use crate::policy::coverage::{CoverageEnd, coverage_end, resource_covers};
use crate::policy::document::{PolicyDocument, Statement};
use crate::policy::grant_statement::{self, GrantStatement};
use crate::policy::lease::Expiry;
use std::time::SystemTime;

/// What a document needs so that a principal may invoke a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// Nothing: the document covers the function, perhaps by a wildcard.
    Covered {
        /// Whether grant statements list the function itself.
        is_listed: bool,
        /// When the coverage expires, if it does.
        expires: Option<Expiry>,
    },
    /// Another document in place of the existing one.
    Write {
        /// The document.
        document: String,
        /// The resources in it that no grant statement of the same expiry listed before.
        added: Vec<String>,
    },
}

/// Adds `function` to `document`, the existing policy: for good, or until `expiry`.
///
/// An existing grant for good covers either. An existing lease covers another lease, however soon it expires: a denial after
/// that renews it. It does not cover a grant for good, which would end with it.
///
/// # Errors
///
/// Says why the document is left alone, as a clause about "it".
pub fn merge(
    document: Option<&str>,
    function: &FunctionArn,
    expiry: Option<Expiry>,
    now: SystemTime,
) -> Result<Merge, String> {
    let pair = function.resource_pair();
    let Some(text) = document else {
        return Ok(Merge::Write { document: first_document(&pair, expiry), added: pair.into() });
    };
    let document = PolicyDocument::parse(text)?;
    let end = coverage_end(&document, &pair, now).filter(|end| match end {
        CoverageEnd::Never => true,
        CoverageEnd::At(_) => expiry.is_some(),
    });
    if let Some(end) = end {
        let is_listed =
            pair.iter().all(|resource| lists(&document, resource, |grant| !grant.has_expired(now)));
        return Ok(Merge::Covered { is_listed, expires: end.expiry() });
    }
    let is_new = |resource: &&String| !lists(&document, resource, |grant| grant.expiry == expiry);
    let added = pair.iter().filter(is_new).cloned().collect();
    Ok(Merge::Write { document: with_grant(&document, &pair, expiry, now), added })
}

/// Shortens the grant statements of `document`: each lists a resource once, and none that another entry covers.
///
/// What is granted stays the same. A document that cannot be understood stays as it is.
pub fn fold(document: &str) -> String {
    let Ok(parsed) = PolicyDocument::parse(document) else {
        return document.to_owned();
    };
    let fold_statement = |statement: &Statement<'_>| match GrantStatement::read(statement) {
        Some(grant) => statement.with_resources(&fold_resources(grant.resources)),
        None => statement.text().to_owned(),
    };
    parsed.with_statements(&parsed.statements().iter().map(fold_statement).collect::<Vec<_>>())
}

/// Returns the first document: one statement for one function.
fn first_document(pair: &[String; 2], expiry: Option<Expiry>) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, grant_statement::write(pair, expiry))
}

/// Whether a grant statement that passes `test` lists the resource itself.
fn lists(document: &PolicyDocument<'_>, resource: &String, test: impl Fn(&GrantStatement) -> bool) -> bool {
    let mut grants = document.statements().iter().filter_map(GrantStatement::read);
    grants.any(|grant| test(&grant) && grant.resources.contains(resource))
}

/// Returns the document with the pair in its first grant statement of the same expiry, or in a new one at the end, and
/// without expired leases.
fn with_grant(
    document: &PolicyDocument<'_>,
    pair: &[String; 2],
    expiry: Option<Expiry>,
    now: SystemTime,
) -> String {
    let mut is_added = false;
    let mut statements: Vec<String> = Vec::with_capacity(document.statements().len() + 1);
    for statement in document.statements() {
        statements.push(match GrantStatement::read(statement) {
            Some(grant) if grant.has_expired(now) => continue,
            Some(grant) if grant.expiry == expiry && !is_added => {
                is_added = true;
                let mut resources = grant.resources;
                for resource in pair {
                    if !resources.contains(resource) {
                        resources.push(resource.clone());
                    }
                }
                statement.with_resources(&resources)
            }
            Some(_) | None => statement.text().to_owned(),
        });
    }
    if !is_added {
        statements.push(grant_statement::write(pair, expiry));
    }
    document.with_statements(&statements)
}

fn fold_resources(resources: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(resources.len());
    for resource in resources {
        if !kept.iter().any(|other| *other == resource || resource_covers(other, &resource)) {
            kept.retain(|other| !resource_covers(&resource, other));
            kept.push(resource);
        }
    }
    kept
}
