//! What the reader of a notice can do next, in the words of every body for a person.
//!
//! Each step is a sentence or two that stand alone, since a chat shows them as a list. None of them holds untrusted text. The
//! steps of a refusal are in the [table of reasons](crate::reason::Row).

use crate::arn::principal::RoleSession;
use crate::incoming::facts::Facts;
use crate::incoming::message::{Cause, DenialKind, DeniedBy};
use crate::incoming::source::Source;
use crate::notice::layers::{CURES_NOTHING, Layer};
use crate::outcome::Verdict;
use crate::policy::quota::Usage;
use crate::reason::Reason;
use crate::reason::table::NextSteps;

/// How many characters two more functions take at least: a notice warns of less room than that.
const LITTLE_ROOM: usize = 400;

/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>.
const BEFORE_DELETION: &str = "Before the user or role is deleted, take the grant back: while it has an inline policy, IAM answers \
                               with DeleteConflict.";

/// Returns the steps, in their order.
pub(crate) fn next_steps(facts: &Facts, verdict: &Verdict) -> Vec<String> {
    let steps = match verdict {
        Verdict::Granted { taken_away: 0, .. } => GRANTED.to_vec(),
        Verdict::Granted { .. } => GRANTED_AGAIN.to_vec(),
        Verdict::AlreadyGranted { .. } => ALREADY_GRANTED.to_vec(),
        Verdict::StillDenied { .. } => STILL_DENIED.to_vec(),
        Verdict::WouldGrant { .. } => WOULD_GRANT.to_vec(),
        Verdict::Refused(refusal) | Verdict::Ignored(refusal) => refused_steps(refusal.reason, facts),
    };
    let steps = steps.into_iter().map(str::to_owned);
    steps.chain(renewal(verdict)).chain(little_room(verdict)).collect()
}

const GRANTED: &[&str] = &[
    "Nothing now: the caller's tries should succeed once IAM has spread the change. The next one may still fail for some seconds.",
    BEFORE_DELETION,
];

const GRANTED_AGAIN: &[&str] = &[
    "The caller's tries should succeed again once IAM has spread the change. The next one may still fail for some seconds.",
    "Find out who takes the grant away, or this goes on: look in CloudTrail for calls of `DeleteRolePolicy`, `PutRolePolicy`, \
     `DeleteUserPolicy` and `PutUserPolicy` that are not this function's.",
    "It may be Terraform, which at each apply takes away what its code does not name (`aws_iam_role_policies_exclusive`, \
     `aws_iam_user_policies_exclusive`, or `inline_policy` in an `aws_iam_role`), another tool, or a person, such as one who undoes \
     the grant.",
    "If you want the grant, put it into the code that manages the role or user. If not, take the rule out of the allowlist.",
    BEFORE_DELETION,
];

const ALREADY_GRANTED: &[&str] = &[
    "Nothing yet: the grant is in place. IAM takes some seconds to spread it. If the call was made before, a later one succeeds.",
    "If it is denied again after that, another layer denies: look at permissions boundaries, service control policies, session \
     policies and the function's own policy.",
];

const STILL_DENIED: &[&str] = &[
    "The grant is in place, and still something denies.",
    "Look at the other layers: the caller's permissions boundary and session policy, the organization's service and resource control \
     policies, the function's own policy, the VPC endpoint, and an explicit Deny in any policy of the caller.",
    "The IAM policy simulator shows which.",
];

const WOULD_GRANT: &[&str] = &["Set the parameter Mode to enforce when dry-run has shown you enough."];

/// Says what happens when the grant has expired.
fn renewal(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Granted { expires: Some(expiry), .. }
        | Verdict::AlreadyGranted { expires: Some(expiry), .. }
        | Verdict::StillDenied { expires: Some(expiry), .. } => Some(format!(
            "The grant expires at {expiry}. A denial after that renews it, as long as the allowlist admits it: the first call then \
             fails once more."
        )),
        Verdict::Granted { expires: None, .. }
        | Verdict::AlreadyGranted { expires: None, .. }
        | Verdict::StillDenied { expires: None, .. }
        | Verdict::WouldGrant { .. }
        | Verdict::Refused(_)
        | Verdict::Ignored(_) => None,
    }
}

/// Warns where the principal's inline policies leave little room for more.
fn little_room(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Granted { usage: Some(Usage { used, quota }), .. } if used + LITTLE_ROOM > *quota => {
            Some(format!(
                "Its inline policies hold {used} of {quota} characters now, so there is little room for more: move some of them to \
             managed policies, which have a quota of their own."
            ))
        }
        Verdict::Granted { .. }
        | Verdict::AlreadyGranted { .. }
        | Verdict::StillDenied { .. }
        | Verdict::WouldGrant { .. }
        | Verdict::Refused(_)
        | Verdict::Ignored(_) => None,
    }
}

/// Returns the steps of a refusal.
fn refused_steps(reason: Reason, facts: &Facts) -> Vec<&'static str> {
    let is_text = facts.source.is_some_and(|source| source != Source::Cloudtrail);
    match reason.row().next_steps {
        NextSteps::Always(steps) => steps.to_vec(),
        NextSteps::BySource { session: Some(session), .. } if is_session(facts) => session.to_vec(),
        NextSteps::BySource { text, .. } if is_text => text.to_vec(),
        NextSteps::BySource { record, .. } => record.to_vec(),
        NextSteps::ByLayer => {
            let denied_by = facts.cause.as_ref().map_or(DeniedBy::Unstated, Cause::denied_by);
            let denial = facts.cause.as_ref().map_or(DenialKind::Unstated, Cause::denial);
            vec![Layer::of(denied_by).owner_for(denial), CURES_NOTHING]
        }
    }
}

/// Whether the caller is only known by a session of its role.
fn is_session(facts: &Facts) -> bool {
    facts.principal.as_deref().is_some_and(|principal| RoleSession::parse(principal).is_some())
}
