//! The table of layers: each kind of policy that can deny, and who can change it.

use crate::incoming::message::{DenialKind, DeniedBy};

/// The end of the steps for every layer.
pub(crate) const CURES_NOTHING: &str = "An identity-based policy would widen access and cure nothing.";

/// Everything that is said of one layer, wherever it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    /// What it is, and who can change it: in a notice, and in docs/operations.md.
    pub(crate) owner: &'static str,
    /// The same, where the message has no reason that could be read.
    pub(crate) unread: Option<&'static str>,
}

impl Layer {
    /// Returns the row of a layer.
    pub(crate) fn of(denied_by: DeniedBy) -> Self {
        let owner = match denied_by {
            DeniedBy::IdentityBasedPolicy => {
                "The Deny is in a policy of the user, of one of its groups, or of the role. Whoever administers IAM in this account \
                 can change it."
            }
            DeniedBy::ResourceBasedPolicy => {
                "It is the function's own policy (aws lambda get-policy). The function's owner can change it."
            }
            DeniedBy::PermissionsBoundary => {
                "It is the permissions boundary of the user or role, an upper limit that no other policy exceeds. Whoever administers \
                 IAM in this account can change it."
            }
            DeniedBy::SessionPolicy => {
                "It is the policy that was passed when the session was made. Whoever makes the session (the program or the broker that \
                 calls AssumeRole) can change it."
            }
            DeniedBy::ServiceControlPolicy => {
                "It is a service control policy. Only the organization's administrators can change it, in the management account."
            }
            DeniedBy::ResourceControlPolicy => {
                "It is a resource control policy. Only the organization's administrators can change it, in the management account."
            }
            DeniedBy::VpcEndpointPolicy => {
                "It is the policy of the VPC endpoint that the call came through. The owner of the VPC can change it."
            }
            DeniedBy::RoleTrustPolicy => {
                "It is the trust policy of a role. Whoever administers IAM in the role's account can change it."
            }
            DeniedBy::Unstated => {
                return Self {
                    owner: "The message does not say where the Deny is: in a policy of the principal, of the function, of the \
                            organization, of the session or of a VPC endpoint. The IAM policy simulator shows it.",
                    unread: Some(
                        "The message's reason could not be read in full. Read the event in CloudTrail, and ask the IAM policy simulator.",
                    ),
                };
            }
        };
        Self { owner, unread: None }
    }

    /// Returns the sentence for a denial of this kind.
    pub(crate) fn owner_for(self, denial: DenialKind) -> &'static str {
        match denial {
            DenialKind::Explicit => self.owner,
            DenialKind::Implicit | DenialKind::Unstated => self.unread.unwrap_or(self.owner),
        }
    }
}
