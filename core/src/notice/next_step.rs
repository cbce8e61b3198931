//! What a reader of a notice can do next, in the words of every body for a person.
//!
//! Each step is a sentence or two that stand alone, since a chat shows them as a list. Nothing in them is text of others.

use crate::arn::principal::RoleSession;
use crate::incoming::facts::Facts;
use crate::incoming::message::{Cause, DenialKind, DeniedBy};
use crate::incoming::source::Source;
use crate::outcome::{Outcome, OutcomeKind, Verdict};
use crate::policy::quota::Usage;
use crate::reason::Reason;

/// How many characters two more functions take at least; less room than that is told.
const LITTLE_ROOM: usize = 400;

/// See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>.
const BEFORE_DELETION: &str = "Before the user or role is deleted, take the grant back: while it has an inline policy, IAM answers \
                               with DeleteConflict.";

/// The steps, in their order.
pub fn next_steps(outcome: &Outcome, facts: &Facts, verdict: &Verdict) -> Vec<String> {
    let steps: &[&str] = match (outcome.outcome, outcome.reason) {
        (OutcomeKind::Granted, _) if taken_away(verdict) > 0 => &[
            "The caller's tries should succeed again once IAM has spread the change. The next one may still fail for some seconds.",
            "Find out who takes the grant away, or this goes on: look in CloudTrail for calls of `DeleteRolePolicy`, \
             `PutRolePolicy`, `DeleteUserPolicy` and `PutUserPolicy` that are not this function's.",
            "It may be Terraform, which takes away at each apply what its code does not name \
             (`aws_iam_role_policies_exclusive`, `aws_iam_user_policies_exclusive`, or `inline_policy` in an `aws_iam_role`), \
             another tool, or a person, such as one who undoes the grant.",
            "If the grant is wanted, put it into the code that manages the role or user. If not, take the rule out of the \
             allowlist.",
            BEFORE_DELETION,
        ],
        (OutcomeKind::Granted, _) => &[
            "Nothing now: the caller's tries should succeed once IAM has spread the change. The next one may still fail for some \
             seconds.",
            BEFORE_DELETION,
        ],
        (OutcomeKind::AlreadyGranted, _) if matches!(verdict, Verdict::StillDenied { .. }) => &[
            "The grant is in place, and still something denies.",
            "Look at the other layers: the caller's permissions boundary and session policy, the organization's service \
             and resource control policies, the function's own policy, the VPC endpoint, and an explicit Deny in any \
             policy of the caller.",
            "The IAM policy simulator tells which.",
        ],
        (OutcomeKind::AlreadyGranted, _) => &[
            "Nothing yet: the grant is in place. If the call was made before it had spread, which takes IAM some seconds, a later \
             one succeeds.",
            "If it is denied again after that, another layer denies: look at permissions boundaries, service control policies, \
             session policies and the function's own policy.",
        ],
        (OutcomeKind::WouldGrant, _) => {
            &["Set the parameter Mode to enforce when dry-run has shown you enough."]
        }
        (OutcomeKind::Refused | OutcomeKind::Ignored, Some(reason)) => refused_steps(reason, facts),
        (OutcomeKind::Refused | OutcomeKind::Ignored, None) => &["Nothing."],
    };
    let usage = match verdict {
        Verdict::Granted { usage, .. } => *usage,
        Verdict::AlreadyGranted { .. }
        | Verdict::StillDenied { .. }
        | Verdict::WouldGrant { .. }
        | Verdict::Refused(_)
        | Verdict::Ignored(_) => None,
    };
    let further = [renewal(outcome.outcome, verdict), room(usage)];
    steps.iter().copied().map(str::to_owned).chain(further.into_iter().flatten()).collect()
}

/// How often the grant had been taken away by somebody else, where it is one that was made again.
pub fn taken_away(verdict: &Verdict) -> u64 {
    match verdict {
        Verdict::Granted { taken_away, .. } => *taken_away,
        Verdict::AlreadyGranted { .. }
        | Verdict::StillDenied { .. }
        | Verdict::WouldGrant { .. }
        | Verdict::Refused(_)
        | Verdict::Ignored(_) => 0,
    }
}

/// What happens when the grant has run out.
fn renewal(outcome: OutcomeKind, verdict: &Verdict) -> Option<String> {
    let expiry = verdict.expires()?;
    match outcome {
        OutcomeKind::Granted | OutcomeKind::AlreadyGranted => Some(format!(
            "The grant runs out at {expiry}. A denial after that renews it, as long as the allowlist admits it: the first call \
             then fails once more."
        )),
        // There is none yet.
        OutcomeKind::WouldGrant | OutcomeKind::Refused | OutcomeKind::Ignored => None,
    }
}

fn room(usage: Option<Usage>) -> Option<String> {
    match usage {
        Some(Usage { used, quota }) if used + LITTLE_ROOM > quota => Some(format!(
            "Its inline policies hold {used} of {quota} characters now, so there is little room for more: move some of \
             them to managed policies, which have a quota of their own."
        )),
        Some(_) | None => None,
    }
}

fn refused_steps(reason: Reason, facts: &Facts) -> &'static [&'static str] {
    let is_text = facts.source.is_some_and(|source| source != Source::Cloudtrail);
    match reason {
        Reason::NotAllowlisted if is_session(facts) => &[
            "If the role shall invoke the function, its owner adds a rule with the role's own ARN, path included (aws iam \
             get-role tells it), and this function to the allowlist, and the way on which this came in to the rule's sources.",
            "If not, find out who wrote this: a text proves nothing.",
        ],
        Reason::NotAllowlisted if is_text => &[
            "If the caller shall invoke the function, its owner adds a rule with this principal and this function to the \
             allowlist, or the way on which this came in to the sources of the rule that is there.",
            "If not, find out who wrote this: a text proves nothing.",
        ],
        Reason::NotAllowlisted => &[
            "If the caller shall invoke the function, its owner adds a rule with this principal and this function to the \
             allowlist; the next denial is granted then.",
            "If not, find out who called: the source address tells where from.",
        ],
        Reason::NotifyOnly => &[
            "The rule asks for a notice only.",
            "To let the caller in, set the rule's action to grant, or grant it by hand.",
        ],
        Reason::NotIdentityBased => who_can_change(facts.cause.as_ref()),
        Reason::UnsupportedPrincipal => &[
            "No inline policy can be attached to this caller.",
            "Let it call through an IAM role, or let the function's own policy allow it (lambda:AddPermission).",
        ],
        Reason::ProtectedRole => &[
            "Change it where it comes from: the permission set in IAM Identity Center, or the service that the \
             service-linked role belongs to.",
        ],
        Reason::OtherAccount => &[
            "A call across accounts needs the consent of both: an identity-based policy in the caller's account, and the \
             function's own policy (lambda:AddPermission) in the other. Neither is granted from here.",
        ],
        Reason::OwnRole => {
            &["The remediator never widens its own role. Find out why it invoked a function at all."]
        }
        Reason::ContradictoryEvent if is_text => &[
            "A text is refused that holds several denials, names somebody whom IAM knows otherwise, or comes from another \
             account than it speaks of, or from this function's own log. If you gave it by hand, give one message at a time.",
            "If not, find out who wrote it: whoever may publish such events, or write to the log.",
        ],
        Reason::ContradictoryEvent => &[
            "CloudTrail does not write such records. Find out who sent this event to the function: whoever may invoke it, \
             or put events on its bus.",
        ],
        Reason::UntrustedResource if is_text => &[
            "Hand in the whole text: from User: to the end of the reason (because no identity-based policy allows the \
             lambda:InvokeFunction action), as it was printed, with no name broken, shortened or left out. docs/reporting.md says \
             how, and which programs print less.",
            "Grant it by hand if there is no such text and it is wanted.",
        ],
        Reason::UntrustedResource => &[
            "The record does not name one exact function, so that nothing can be granted safely. Grant it by hand if it is \
             wanted.",
        ],
        Reason::FunctionUrl => &[
            "A call of a function URL needs lambda:InvokeFunctionUrl and lambda:InvokeFunction, and no policy that denies either. \
             The first is never granted from here: the caller's administrator adds it, or the function's owner in the function's own policy \
             (lambda:AddPermission).",
            "To allow the second for URLs alone, use the condition key lambda:InvokedViaFunctionUrl (Bool).",
        ],
        Reason::UnreadablePolicy => &[
            "Look at the policy in the IAM console, mend or delete it there; the next denial is handled then.",
        ],
        Reason::PolicyFull => &[
            "Make room: delete inline policies that are not needed any more, or move them to managed policies, which have \
             a quota of their own.",
        ],
        Reason::NoSuchPrincipal => &["Nothing, if it was deleted on purpose. The allowlist still names it."],
        Reason::NotADeniedInvoke | Reason::OtherAction => &["Nothing."],
    }
}

/// Whether the caller is only known by a session of its role.
fn is_session(facts: &Facts) -> bool {
    facts.principal.as_deref().is_some_and(|principal| RoleSession::parse(principal).is_some())
}

const CURES_NOTHING: &str = "An identity-based policy would widen access and cure nothing.";

/// The layer that denied, and who can change it.
fn who_can_change(cause: Option<&Cause>) -> &'static [&'static str] {
    let denied_by = cause.map_or(DeniedBy::Unstated, Cause::denied_by);
    let is_explicit = cause.is_some_and(|cause| cause.denial() == DenialKind::Explicit);
    match denied_by {
        DeniedBy::IdentityBasedPolicy => &[
            "The Deny is in a policy of the user, of one of its groups, or of the role. Whoever administers IAM in this \
             account can change it.",
            CURES_NOTHING,
        ],
        DeniedBy::ResourceBasedPolicy => &[
            "It is the function's own policy (aws lambda get-policy). The function's owner can change it.",
            CURES_NOTHING,
        ],
        DeniedBy::PermissionsBoundary => &[
            "It is the permissions boundary of the user or role, an upper limit that no other policy exceeds. Whoever \
             administers IAM in this account can change it.",
            CURES_NOTHING,
        ],
        DeniedBy::SessionPolicy => &[
            "It is the policy that was passed when the session was made. Whoever makes the session (the program or the \
             broker that calls AssumeRole) can change it.",
            CURES_NOTHING,
        ],
        DeniedBy::ServiceControlPolicy => &[
            "It is a service control policy. Only the organization's administrators can change it, in the management \
             account.",
            CURES_NOTHING,
        ],
        DeniedBy::ResourceControlPolicy => &[
            "It is a resource control policy. Only the organization's administrators can change it, in the management \
             account.",
            CURES_NOTHING,
        ],
        DeniedBy::VpcEndpointPolicy => &[
            "It is the policy of the VPC endpoint that the call came through. The owner of the VPC can change it.",
            CURES_NOTHING,
        ],
        DeniedBy::RoleTrustPolicy => &[
            "It is the trust policy of a role. Whoever administers IAM in the role's account can change it.",
            CURES_NOTHING,
        ],
        DeniedBy::Unstated if is_explicit => &[
            "The message does not say where the Deny is: in a policy of the principal, of the function, of the \
             organization, of the session or of a VPC endpoint. The IAM policy simulator tells.",
            CURES_NOTHING,
        ],
        DeniedBy::Unstated => &[
            "The message's reason could not be read in full. Read the event in CloudTrail, and ask the IAM policy simulator.",
            CURES_NOTHING,
        ],
    }
}
