//! The text of an error that a denied caller got, and the caller behind it as far as that can be told without IAM.
//!
//! The function reads such a text itself, and asks IAM who the caller is. Nobody is asked here: a user is taken to be whom the
//! text names, and of a role, whose path a session's ARN does not hold, the one that is named on the command line.

use remediator_core::arn::principal::{Principal, RoleSession, SessionRole};
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;

const NOTE: &str = "the text of an error: the function asks IAM who the caller is, which is not done here";
const NOTE_ON_PATH: &str = "the text of an error: it does not hold the role's path, so the role is taken to have none; the \
                            function asks IAM, and --principal ARN names it in full";

/// Returns whom IAM would name, as far as that can be told, and what has to be said of that. `role` is the role behind a session.
pub(crate) fn principal_of(denial: &Denial, role: Option<&Principal>) -> (Option<Principal>, &'static str) {
    match (denial.caller(), role) {
        (Caller::Principal(principal), _) => (Some(principal.clone()), NOTE),
        (Caller::Session(_), Some(role)) => (Some(role.clone()), NOTE),
        (Caller::Session(session), None) => (without_path(session), NOTE_ON_PATH),
        (Caller::Other { .. }, _) => (None, NOTE),
    }
}

fn without_path(role: &SessionRole) -> Option<Principal> {
    let RoleSession { partition, account, role_name } = role.session();
    Principal::parse(&format!("arn:{partition}:iam::{account}:role/{role_name}"))
}
