//! Which rules of a list may match a pair of ARNs, without asking them all.
//!
//! A rule that names its principals exactly can only match one of these; the same holds for its functions. So a lookup is
//! left with the rules that name the ARN, and those that have a pattern at its place. The index decides nothing: whoever uses
//! it asks each rule that it gives, in the list's order.

use crate::pattern;
use std::collections::HashMap;

/// The places of rules in their list, in ascending order.
type Places = Vec<usize>;

/// The index of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleIndex {
    principals: Side,
    functions: Side,
}

/// One half of the rules.
#[derive(Debug, Clone, Default)]
struct Side {
    /// By an ARN without a wildcard.
    exact: HashMap<Box<str>, Places>,
    /// Those with a wildcard in at least one ARN.
    open: Places,
}

impl RuleIndex {
    /// Adds the rule at `place`, which comes after all that were added before.
    pub(crate) fn add<'a>(
        &mut self,
        place: usize,
        principals: impl Iterator<Item = &'a str>,
        functions: impl Iterator<Item = &'a str>,
    ) {
        principals.for_each(|pattern| self.principals.add(place, pattern));
        functions.for_each(|pattern| self.functions.add(place, pattern));
    }

    /// The places of the rules that may match, in ascending order: all that do are among them.
    pub(crate) fn candidates(&self, principal: &str, function: &str) -> impl Iterator<Item = usize> {
        let of_principal = self.principals.candidates(principal);
        let of_function = self.functions.candidates(function);
        // Either half suffices, so the smaller one.
        let count = |(exact, open): (&[usize], &[usize])| exact.len() + open.len();
        merged(if count(of_principal) <= count(of_function) { of_principal } else { of_function })
    }
}

impl Side {
    fn add(&mut self, place: usize, pattern: &str) {
        let places = match pattern::has_wildcard(pattern) {
            true => &mut self.open,
            false => self.exact.entry(pattern.into()).or_default(),
        };
        if places.last() != Some(&place) {
            places.push(place);
        }
    }

    fn candidates(&self, arn: &str) -> (&[usize], &[usize]) {
        (self.exact.get(arn).map(Vec::as_slice).unwrap_or_default(), &self.open)
    }
}

/// Both lists as one, in ascending order; what stands in both may come twice.
fn merged<'a>((mut one, mut other): (&'a [usize], &'a [usize])) -> impl Iterator<Item = usize> + use<'a> {
    std::iter::from_fn(move || {
        let (from, place) = match (one.first(), other.first()) {
            (Some(a), Some(b)) if b < a => (&mut other, b),
            (Some(a), _) => (&mut one, a),
            (None, Some(b)) => (&mut other, b),
            (None, None) => return None,
        };
        *from = from.get(1..).unwrap_or_default();
        Some(*place)
    })
}
