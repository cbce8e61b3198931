//! The allowlist: which functions may be granted to whom.
//!
//! In comes the owner's document, out comes an [`Allowlist`] of [`Rule`]s, of which the first that matches a denial
//! decides. Nothing else gives permission: a list has no deny, no condition and no default. A document with any error
//! is refused as a whole.

mod arn_pattern;
mod document;
mod rule;
mod rule_index;
#[cfg(test)]
mod tests;

pub use arn_pattern::{FunctionPattern, PrincipalPattern};
pub use document::AllowlistError;
pub use rule::{Clause, Rule, RuleAction};

use crate::arn::FunctionArn;
use crate::arn::principal::{Principal, SessionRole};
use crate::incoming::source::Source;
use rule_index::RuleIndex;

/// The rules of a valid document.
#[derive(Debug, Clone)]
pub struct Allowlist {
    rules: Vec<Rule>,
    index: RuleIndex,
}

/// No rule matches.
#[derive(Debug, Clone, Copy)]
pub struct NoRule<'a> {
    /// The first rule that would match if the denial had come from another source.
    pub of_another_source: Option<&'a Rule>,
}

impl Allowlist {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Anything in the document is wrong; the error says what and where.
    pub fn parse(text: &str) -> Result<Self, AllowlistError> {
        let rules = document::read(text)?;
        let index = RuleIndex::new(&rules);
        Ok(Self { rules, index })
    }

    /// Returns the rule that decides on a denial from `source`: the first that matches.
    ///
    /// # Errors
    ///
    /// No rule matches.
    pub fn rule_for(
        &self,
        source: Source,
        principal: &Principal,
        function: &FunctionArn,
    ) -> Result<&Rule, NoRule<'_>> {
        let mut of_another_source = None;
        for rule in self.rules_of(principal, function) {
            if rule.sources().has(source) {
                return Ok(rule);
            }
            of_another_source.get_or_insert(rule);
        }
        Err(NoRule { of_another_source })
    }

    /// Returns the rules that match `principal` and `function`, whatever their sources, in the list's order.
    pub fn rules_of(&self, principal: &Principal, function: &FunctionArn) -> impl Iterator<Item = &Rule> {
        let places = self.index.candidates(principal, function);
        let rules = places.into_iter().filter_map(|place| self.rules.get(place));
        rules.filter(move |rule| rule.clause_for(principal, function).is_some())
    }

    /// Whether a rule may match a denial from `source` for `role`, under some path of the role. May be wrongly true,
    /// never wrongly false.
    pub fn may_admit(&self, source: Source, role: &SessionRole, function: &FunctionArn) -> bool {
        self.rules.iter().any(|rule| {
            rule.sources().has(source)
                && rule.functions().iter().any(|pattern| pattern.matches(function))
                && rule.principals().iter().any(|pattern| pattern.may_match(role))
        })
    }

    /// The rules, in the list's order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}
