//! The caller of a pasted error message, as far as it can be known without IAM.
//!
//! The function asks IAM who the caller is. The tool asks nobody: it takes a user to be the one that the text names, and a
//! role, whose path a session's ARN does not hold, to be the one that is named on the command line, or one without a path.

use remediator_core::arn::principal::{Principal, RoleSession, SessionRole};
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;

const BY_THE_TEXT: &str = "this is the text of an error: the function asks IAM who the caller is, this command takes the text's word for it";
const WITHOUT_PATH: &str = "this is the text of an error, which does not hold the role's path: this command takes the role to have none. \
                            The function asks IAM. Name the role in full with --principal ARN";

/// A caller that IAM has not confirmed.
pub(crate) struct AssumedCaller {
    /// The user or role; `None` where the text names neither.
    pub(crate) principal: Option<Principal>,
    /// What was assumed, for the reader.
    pub(crate) note: &'static str,
}

/// Returns the caller that IAM would probably name. `role` is the role behind a session, where the operator has named it.
pub(crate) fn assume_caller(denial: &Denial, role: Option<&Principal>) -> AssumedCaller {
    let (principal, note) = match (denial.caller(), role) {
        (Caller::Principal(principal), _) => (Some(principal.clone()), BY_THE_TEXT),
        (Caller::Session(_), Some(role)) => (Some(role.clone()), BY_THE_TEXT),
        (Caller::Session(session), None) => (without_path(session), WITHOUT_PATH),
        (Caller::Other { .. }, _) => (None, BY_THE_TEXT),
    };
    AssumedCaller { principal, note }
}

/// Returns the session's role as if it had no path.
fn without_path(role: &SessionRole) -> Option<Principal> {
    let RoleSession { partition, account, role_name } = role.session();
    Principal::parse(&format!("arn:{partition}:iam::{account}:role/{role_name}"))
}
