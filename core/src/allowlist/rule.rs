//! One rule of the list.

use crate::allowlist::arn_pattern::{FunctionPattern, PrincipalPattern};
use crate::allowlist::document;
use crate::arn::FunctionArn;
use crate::arn::principal::Principal;
use crate::incoming::source::Sources;
use crate::policy::lease::Lease;

/// One rule: it matches when one of its principals and one of its functions match, and the denial came in on one of its
/// sources.
#[derive(Debug, Clone, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A name for the rule, unique in the list; it is told with every outcome.
    #[cfg_attr(test, schemars(length(min = 1, max = 128), regex(pattern = "^[ -~]*$")))]
    id: String,
    /// IAM users and roles that may be granted the functions.
    #[cfg_attr(test, schemars(length(min = 1)))]
    principals: Vec<PrincipalPattern>,
    /// Lambda functions that they may be granted.
    #[cfg_attr(test, schemars(length(min = 1)))]
    functions: Vec<FunctionPattern>,
    /// What to do when the rule matches.
    #[serde(default, deserialize_with = "document::from_string")]
    action: RuleAction,
    /// The ways on which a denial may come in for the rule to match; `cloudtrail` and `manual` where nothing is said.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<crate::incoming::source::Source>", length(min = 1)))]
    sources: Sources,
    /// How long a grant by this rule lasts; for good where it is left out. A denial after that renews it.
    #[serde(default, rename = "expiresAfter", deserialize_with = "document::present")]
    #[cfg_attr(test, schemars(with = "Lease"))]
    expires_after: Option<Lease>,
}

/// What a rule is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RuleAction {
    /// Grant the function.
    #[default]
    Grant,
    /// Only tell that it was denied.
    Notify,
}

/// The patterns by which a rule matched.
#[derive(Debug, Clone, Copy)]
pub struct Clause<'a> {
    /// The first of its principals that matches.
    pub principal: &'a PrincipalPattern,
    /// The first of its functions that matches.
    pub function: &'a FunctionPattern,
}

impl Rule {
    /// The rule's name: 1 to 128 printable ASCII characters, unique in the list.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The action on a match.
    pub fn action(&self) -> RuleAction {
        self.action
    }

    /// The sources that the rule admits.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// How long a grant by this rule lasts. `None` if it does not expire.
    pub fn expires_after(&self) -> Option<Lease> {
        self.expires_after
    }

    /// The principals that may be granted the functions.
    pub fn principals(&self) -> &[PrincipalPattern] {
        &self.principals
    }

    /// The functions that the principals may be granted.
    pub fn functions(&self) -> &[FunctionPattern] {
        &self.functions
    }

    /// Returns the patterns that match both `principal` and `function`. `None` if the rule does not match.
    pub fn clause_for(&self, principal: &Principal, function: &FunctionArn) -> Option<Clause<'_>> {
        let function = self.functions.iter().find(|pattern| pattern.matches(function))?;
        let principal = self.principals.iter().find(|pattern| pattern.matches(principal))?;
        Some(Clause { principal, function })
    }
}
