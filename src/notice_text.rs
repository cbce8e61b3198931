//! The body of a notice for a person: what happened, to whom, why, what to do next, and how to take it back.
//!
//! Whoever reads it needs to open nothing to understand it. Each fact has a line of its own, and no text of others leaves
//! its line.

use crate::denial::Facts;
use crate::grant::Granted;
use crate::inline_policies::Usage;
use crate::message::{Cause, DenialKind, DeniedBy};
use crate::outcome::{Outcome, OutcomeKind, Verdict, name};
use crate::policy::POLICY_NAME;
use crate::refusal::Reason;
use crate::text::one_line;

/// How many characters two more functions take at least; less room than that is told.
const LITTLE_ROOM: usize = 400;

/// Writes the body.
pub fn text(outcome: &Outcome, facts: &Facts, verdict: &Verdict, undo: &[String], left_out: u64) -> String {
    let mut text = format!("{}\n\n", outcome.summary);
    for (label, value) in lines(outcome, facts) {
        text.push_str(&format!("{label:<17} {}\n", value.as_deref().unwrap_or("not known")));
    }
    if left_out > 0 {
        text.push_str(&format!("{:<17} {left_out} more like this since the last notice\n", "Left out"));
    }
    text.push_str(&format!("\nWhat to do next\n{}\n", next_step(outcome, facts, verdict)));
    if !undo.is_empty() {
        text.push_str(
            "\nTake it back\n\
             First take it out of the allowlist, or the next denial grants it again: deploy a list that is a parameter of the \
             stack, or wait a minute for one in SSM. Then run these in a shell with the AWS CLI and Python 3 (AWS CloudShell \
             has both). What other policies and statements allow stays allowed.\n\n",
        );
        text.push_str(&undo.join("\n"));
        text.push('\n');
    }
    text
}

fn lines(outcome: &Outcome, facts: &Facts) -> Vec<(&'static str, Option<String>)> {
    let reason = match outcome.reason {
        Some(reason) => format!("{} ({})", name(outcome.outcome), name(reason)),
        None => name(outcome.outcome),
    };
    let mut lines = vec![
        ("Outcome", Some(reason)),
        ("Principal", outcome.principal.clone()),
        ("Function", outcome.function.clone()),
        ("Denied by", facts.cause.as_ref().map(denied_by)),
    ];
    // Without a rule nobody has looked at the policy.
    if let Some(rule) = &outcome.rule {
        lines.push(("Rule", Some(rule.clone())));
        lines.push(("Policy", Some(format!("{POLICY_NAME} (inline)"))));
    }
    lines.extend([
        ("Account", outcome.account.clone()),
        ("Region", outcome.region.clone()),
        ("Time", outcome.event_time.clone()),
        ("Source address", facts.source_ip_address.clone()),
        ("User agent", facts.user_agent.clone()),
        ("CloudTrail event", outcome.event_id.clone()),
    ]);
    lines
}

fn denied_by(cause: &Cause) -> String {
    match cause {
        Cause::Unstated => "not stated".to_owned(),
        Cause::Unread => "cannot be read".to_owned(),
        Cause::Stated { denied_by, denial, policy } => {
            let policy =
                policy.as_ref().map(|policy| format!(", {}", one_line(policy, 512))).unwrap_or_default();
            format!("{} ({}{policy})", name(denied_by), name(denial))
        }
    }
}

/// What the reader can do about it.
fn next_step(outcome: &Outcome, facts: &Facts, verdict: &Verdict) -> String {
    let step = match (outcome.outcome, outcome.reason) {
        (OutcomeKind::Granted, _) => {
            let usage = match verdict {
                Verdict::Grant(Granted::Written { usage, .. }) => *usage,
                Verdict::Grant(_)
                | Verdict::StillDenied { .. }
                | Verdict::Refused(_)
                | Verdict::Ignored(_) => None,
            };
            return format!(
                "Nothing: the caller's next try should succeed. IAM takes some seconds to spread the change.{}",
                room(usage)
            );
        }
        (OutcomeKind::AlreadyGranted, _) if matches!(verdict, Verdict::StillDenied { .. }) => {
            "The grant is in place, and still something denies. Look at the other layers: the caller's permissions boundary \
             and session policy, the organization's service and resource control policies, the function's own policy, the \
             VPC endpoint, and an explicit Deny in any policy of the caller. The IAM policy simulator tells which."
        }
        (OutcomeKind::AlreadyGranted, _) => {
            "The grant is in place. If the call was made before it had spread, the next one succeeds. If it is denied again, \
             another layer denies: look at permissions boundaries, service control policies, session policies and the \
             function's own policy."
        }
        (OutcomeKind::WouldGrant, _) => {
            "Set the parameter Mode to enforce when dry-run has shown you enough."
        }
        (OutcomeKind::Refused | OutcomeKind::Ignored, Some(reason)) => return refused_step(reason, facts),
        (OutcomeKind::Refused | OutcomeKind::Ignored, None) => "Nothing.",
    };
    step.to_owned()
}

fn room(usage: Option<Usage>) -> String {
    match usage {
        Some(Usage { used, quota }) if used + LITTLE_ROOM > quota => format!(
            " Its inline policies hold {used} of {quota} characters now, so there is little room for more: move some of \
             them to managed policies, which have a quota of their own."
        ),
        Some(_) | None => String::new(),
    }
}

fn refused_step(reason: Reason, facts: &Facts) -> String {
    match reason {
        Reason::NotAllowlisted => {
            "If the caller shall invoke the function, its owner adds a rule with this principal and this function to the \
             allowlist; the next denial is granted then. If not, find out who called: the source address is above."
        }
        Reason::NotifyOnly => {
            "The rule asks for a notice only. To let the caller in, set the rule's action to grant, or grant it by hand."
        }
        Reason::NotIdentityBased => return who_can_change(facts.cause.as_ref()),
        Reason::UnsupportedPrincipal => {
            "No inline policy can be attached to this caller. Let it call through an IAM role, or let the function's own \
             policy allow it (lambda:AddPermission)."
        }
        Reason::ProtectedRole => {
            "Change it where it comes from: the permission set in IAM Identity Center, or the service that the \
             service-linked role belongs to."
        }
        Reason::OtherAccount => {
            "A call across accounts needs the consent of both: an identity-based policy in the caller's account, and the \
             function's own policy (lambda:AddPermission) in the other. Neither is granted from here."
        }
        Reason::OwnRole => "The remediator never widens its own role. Find out why it invoked a function at all.",
        Reason::ContradictoryEvent => {
            "CloudTrail does not write such records. Find out who sent this event to the function: whoever may invoke it, or \
             put events on its bus."
        }
        Reason::UntrustedResource => {
            "The record does not name one exact function, so that nothing can be granted safely. Grant it by hand if it is \
             wanted."
        }
        Reason::UnreadablePolicy => {
            "Look at the policy in the IAM console, mend or delete it there; the next denial is handled then."
        }
        Reason::PolicyFull => {
            "Make room: delete inline policies that are not needed any more, or move them to managed policies, which have \
             a quota of their own."
        }
        Reason::NoSuchPrincipal => "Nothing, if it was deleted on purpose. The allowlist still names it.",
        Reason::NotADeniedInvoke | Reason::OtherAction => "Nothing.",
    }
    .to_owned()
}

/// The layer that denied, and who can change it.
fn who_can_change(cause: Option<&Cause>) -> String {
    let denied_by = cause.map_or(DeniedBy::Unstated, Cause::denied_by);
    let is_explicit = cause.is_some_and(|cause| cause.denial() == DenialKind::Explicit);
    let where_it_is = match denied_by {
        DeniedBy::IdentityBasedPolicy => {
            "The Deny is in a policy of the user, of one of its groups, or of the role. Whoever administers IAM in this \
             account can change it."
        }
        DeniedBy::ResourceBasedPolicy => {
            "It is the function's own policy (aws lambda get-policy). The function's owner can change it."
        }
        DeniedBy::PermissionsBoundary => {
            "It is the permissions boundary of the user or role, an upper limit that no other policy exceeds. Whoever \
             administers IAM in this account can change it."
        }
        DeniedBy::SessionPolicy => {
            "It is the policy that was passed when the session was made. Whoever makes the session (the program or the \
             broker that calls AssumeRole) can change it."
        }
        DeniedBy::ServiceControlPolicy => {
            "It is a service control policy. Only the organization's administrators can change it, in the management \
             account."
        }
        DeniedBy::ResourceControlPolicy => {
            "It is a resource control policy. Only the organization's administrators can change it, in the management \
             account."
        }
        DeniedBy::VpcEndpointPolicy => {
            "It is the policy of the VPC endpoint that the call came through. The owner of the VPC can change it."
        }
        DeniedBy::RoleTrustPolicy => {
            "It is the trust policy of a role. Whoever administers IAM in the role's account can change it."
        }
        DeniedBy::Unstated if is_explicit => {
            "The message does not say where the Deny is: in a policy of the principal, of the function, of the \
             organization, of the session or of a VPC endpoint. The IAM policy simulator tells."
        }
        DeniedBy::Unstated => {
            "The message's reason could not be read in full. Read the event in CloudTrail, and ask the IAM policy simulator."
        }
    };
    format!("{where_it_is} An identity-based policy would widen access and cure nothing.")
}
