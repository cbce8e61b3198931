//! What the statements of a document allow already, as IAM evaluates them.
//!
//! A statement *covers* a resource if it allows `lambda:InvokeFunction` on all that the resource stands for. Where that is
//! hard to tell, it does not: too small a coverage leads to a grant that was not needed, too large a one to a denial that
//! nobody cures. [`may_allow`] errs on the other side.

use crate::actions::ACTION;
use crate::arn::pattern;
use crate::policy::document::{PolicyDocument, Statement};
use crate::policy::grant_statement::GrantStatement;
use crate::policy::lease::Expiry;
use std::time::SystemTime;

/// When a coverage ends. The greater is the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CoverageEnd {
    At(Expiry),
    Never,
}

impl CoverageEnd {
    pub(super) fn expiry(self) -> Option<Expiry> {
        match self {
            Self::At(expiry) => Some(expiry),
            Self::Never => None,
        }
    }
}

/// Returns when a document stops covering both of the pair; `None` where it does not cover them.
pub(super) fn coverage_end(
    document: &PolicyDocument<'_>,
    pair: &[String; 2],
    now: SystemTime,
) -> Option<CoverageEnd> {
    let longest = |resource| {
        document
            .statements()
            .iter()
            .filter_map(|statement| statement_coverage_end(statement, resource, now))
            .max()
    };
    let [unqualified, qualified] = pair;
    Some(longest(unqualified)?.min(longest(qualified)?))
}

/// Returns when a statement stops covering `resource`: never, or as a lease that has not expired.
fn statement_coverage_end(
    statement: &Statement<'_>,
    resource: &String,
    now: SystemTime,
) -> Option<CoverageEnd> {
    if covers_for_good(statement, resource) {
        return Some(CoverageEnd::Never);
    }
    let grant = GrantStatement::read(statement)?;
    if grant.has_expired(now) || !grant.resources.contains(resource) {
        return None;
    }
    grant.expiry.map(CoverageEnd::At)
}

/// Whether a statement allows the action on `resource`, of which a final `*` stands for every qualifier, without a condition.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.
fn covers_for_good(statement: &Statement<'_>, resource: &str) -> bool {
    let action = ACTION.to_ascii_lowercase();
    let matches_action = |pattern: &String| pattern::matches(&pattern.to_ascii_lowercase(), &action);
    let some = |key: &str, test: &dyn Fn(&String) -> bool| {
        statement.texts(key).is_some_and(|texts| texts.iter().any(test))
    };
    let none = |key: &str, test: &dyn Fn(&String) -> bool| {
        statement.texts(key).is_some_and(|texts| !texts.iter().any(test))
    };
    statement.is_allow_with_only(&["Action", "NotAction", "Resource", "NotResource"])
        && (some("Action", &matches_action) || none("NotAction", &matches_action))
        && (some("Resource", &|pattern| resource_covers(pattern, resource))
            || none("NotResource", &|pattern| may_overlap(pattern, resource)))
}

/// Whether a statement may allow the action on something that `resource` stands for, whatever its condition.
pub(super) fn may_allow(statement: &Statement<'_>, resource: &str) -> bool {
    let action = ACTION.to_ascii_lowercase();
    let takes_in = |key: &str, test: &dyn Fn(&String) -> bool| {
        statement.texts(key).is_none_or(|texts| texts.iter().any(test))
    };
    statement.is_allow()
        && takes_in("Action", &|pattern| pattern::matches(&pattern.to_ascii_lowercase(), &action))
        && takes_in("Resource", &|pattern| {
            let is_open = pattern.contains("${") || pattern::has_wildcard(resource);
            resource_covers(pattern, resource) || (is_open && may_overlap(pattern, resource))
        })
}

/// Whether the `Resource` entry `pattern` covers all that `resource` covers: part by part, as IAM compares ARNs.
pub(super) fn resource_covers(pattern: &str, resource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    // Most entries are about something else, which their beginnings tell.
    let is_alike = match pattern.split_once(pattern::WILDCARDS) {
        Some((fixed, _)) => resource.starts_with(fixed),
        None => resource == pattern,
    };
    if !is_alike || pattern.contains("${") {
        return false;
    }
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.splitn(6, ':').collect(), resource.splitn(6, ':').collect());
    patterns.len() == parts.len()
        && patterns.iter().zip(parts).all(|(pattern, part)| pattern::matches(pattern, part))
        // IAM allows no wildcard in place of the service.
        && patterns.get(2).is_some_and(|service| !pattern::has_wildcard(service))
}

/// Whether the `Resource` or `NotResource` entry `pattern` may match something that `resource` stands for. It may if, up to
/// their first wildcards, one of the two begins like the other.
fn may_overlap(pattern: &str, resource: &str) -> bool {
    let fixed = |text: &str| text.split(['*', '?', '$']).next().unwrap_or_default().to_owned();
    let (pattern, resource) = (fixed(pattern), fixed(resource));
    pattern.starts_with(&resource) || resource.starts_with(&pattern)
}
