//! The quota that IAM sets for the inline policies of one user or role.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.

use crate::arn::principal::PrincipalKind;

/// How much of the quota a principal's inline policies use, all of them together.
///
/// In characters without white space, as IAM counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The characters in use.
    pub used: usize,
    /// The characters allowed: 2,048 for a user, 10,240 for a role.
    pub quota: usize,
}

/// Returns the number of characters that IAM counts against the quota: white space is left out.
pub fn counted_size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

/// Returns how many characters all inline policies of one principal may hold together, white space left out.
pub fn quota(kind: PrincipalKind) -> usize {
    match kind {
        PrincipalKind::User => 2_048,
        PrincipalKind::Role => 10_240,
    }
}
