//! The quota that IAM sets for the inline policies of one user or role.

use crate::arn::principal::PrincipalKind;

/// How much of its quota a principal's inline policies use, in characters without white space, all of them together.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What is used.
    pub used: usize,
    /// What can be used: 2,048 for a user, 10,240 for a role.
    pub quota: usize,
}

/// The number of characters that IAM counts against the quota: white space is left out.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub fn counted_size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

/// How many characters all inline policies of one principal may hold together, white space left out.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub fn quota(kind: PrincipalKind) -> usize {
    match kind {
        PrincipalKind::User => 2_048,
        PrincipalKind::Role => 10_240,
    }
}
