//! The table of reasons: one row each.

use super::Reason;

/// Everything that is said of one reason, wherever it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The stable name, as JSON has it.
    pub name: &'static str,
    /// The one who finds it.
    pub decided_by: DecidedBy,
    /// Completes "the denial is not cured because", in README.md's table; markdown whose links start at the top folder.
    pub sentence: &'static str,
    /// What the reader of a notice can do next. docs/operations.md has the same words.
    pub(crate) next_steps: NextSteps,
    /// The page and heading with more on it.
    pub docs: &'static str,
}

/// Who finds a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// The function alone, from the event and the allowlist: a file in `events/` shows it.
    Event,
    /// The same, and the event is ignored: it is not about a denied invoke, and nobody is notified.
    EventIgnored,
    /// IAM's answer: `tests/it/grants.rs` shows it.
    Iam,
    /// What lies in the ledger: `tests/e2e/ledger` shows it.
    Ledger,
}

/// What the reader of a notice can do next, each step a sentence or two that stand alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextSteps {
    /// The same whatever the event is.
    Always(&'static [&'static str]),
    /// Others for CloudTrail's record than for a text.
    BySource {
        record: &'static [&'static str],
        text: &'static [&'static str],
        /// For either where it names only a session of a role, if that makes a difference.
        session: Option<&'static [&'static str]>,
    },
    /// Those of the [layer](super::layers) that denied.
    ByLayer,
}

/// Where docs/operations.md lists all reasons with what to do.
pub(crate) const REFUSALS: &str = "docs/operations.md#refusals";

impl Reason {
    /// Returns the reason's row of the table.
    pub fn row(self) -> Row {
        use DecidedBy::{Event, EventIgnored, Iam, Ledger};
        use NextSteps::{Always, ByLayer, BySource};
        match self {
            Self::ContradictoryEvent => Row {
                name: "contradictory_event",
                decided_by: Event,
                sentence: "the event contradicts itself or what IAM says of the caller, cannot be read, or tells of several denials",
                next_steps: BySource {
                    record: &[
                        "CloudTrail does not write such records. Find out who sent this event to the function: whoever may \
                               invoke it, or put events on its bus.",
                    ],
                    text: CONTRADICTORY_TEXT,
                    session: None,
                },
                docs: REFUSALS,
            },
            Self::UntrustedResource => Row {
                name: "untrusted_resource",
                decided_by: Event,
                sentence: "the event does not name one exact function (missing, cut off, malformed, `*`, `?`, `${`), or is a text that \
                           does not hold [the whole sentence](docs/reporting.md#what-a-text-has-to-hold)",
                next_steps: BySource {
                    record: &[
                        "The record does not name one exact function, so nothing can be granted safely. Grant it by hand if \
                               you want it.",
                    ],
                    text: INCOMPLETE_TEXT,
                    session: None,
                },
                docs: "docs/reporting.md#what-a-text-has-to-hold",
            },
            Self::OtherAccount => Row {
                name: "other_account",
                decided_by: Event,
                sentence: "the caller or the function belongs to another account or partition",
                next_steps: Always(&[
                    "A call across accounts needs the consent of both: an identity-based policy in the caller's account, and the \
                     function's own policy (lambda:AddPermission) in the other. This function grants neither.",
                ]),
                docs: REFUSALS,
            },
            Self::UnsupportedPrincipal => Row {
                name: "unsupported_principal",
                decided_by: Event,
                sentence: "the caller is neither an IAM user nor an IAM role (root, federated, an AWS service, ...)",
                next_steps: Always(&[
                    "This caller cannot have an inline policy.",
                    "Let it call through an IAM role, or let the function's own policy allow it (lambda:AddPermission).",
                ]),
                docs: REFUSALS,
            },
            Self::ProtectedRole => Row {
                name: "protected_role",
                decided_by: Event,
                sentence: "the role is service-linked, or reserved by IAM Identity Center",
                next_steps: Always(&[
                    "Change it where it comes from: the permission set in IAM Identity Center, or the service that the \
                     service-linked role belongs to.",
                ]),
                docs: REFUSALS,
            },
            Self::OwnRole => Row {
                name: "own_role",
                decided_by: Event,
                sentence: "the role is the remediator's own",
                next_steps: Always(&[
                    "The remediator never widens its own role. Find out why it invoked a function at all.",
                ]),
                docs: REFUSALS,
            },
            Self::NotIdentityBased => Row {
                name: "not_identity_based",
                decided_by: Event,
                sentence: "[another layer](docs/operations.md#layers) denied: an explicit deny, a boundary, a service control policy, ...",
                next_steps: ByLayer,
                docs: "docs/operations.md#layers",
            },
            Self::NotAllowlisted => Row {
                name: "not_allowlisted",
                decided_by: Event,
                sentence: "no rule matches, or none that admits the denial's source",
                next_steps: BySource {
                    record: &[
                        "If the caller should invoke the function, its owner adds a rule with this principal and this function to \
                         the allowlist. The next denial is then granted.",
                        "If not, find out who called: the source address says from where.",
                    ],
                    text: &[
                        "If the caller should invoke the function, its owner adds a rule with this principal and this function to \
                         the allowlist, or adds this source to the sources of the existing rule.",
                        WHO_WROTE_IT,
                    ],
                    session: Some(&[
                        "If the role should invoke the function, its owner adds a rule to the allowlist with the role's own ARN, path \
                         included (aws iam get-role shows it), with this function, and with this source among its sources.",
                        WHO_WROTE_IT,
                    ]),
                },
                docs: "docs/operations.md#rotating-the-list",
            },
            Self::NotifyOnly => Row {
                name: "notify_only",
                decided_by: Event,
                sentence: "the rule that matches asks for a notice only",
                next_steps: Always(&[
                    "The rule asks for a notice only.",
                    "To let the caller in, set the rule's action to grant, or grant it by hand.",
                ]),
                docs: "docs/operations.md#rotating-the-list",
            },
            Self::FunctionUrl => Row {
                name: "function_url",
                decided_by: Event,
                sentence: "`lambda:InvokeFunctionUrl` was denied, which a [function URL](docs/reporting.md#function-urls) needs as well; \
                           it is never granted",
                next_steps: Always(&[
                    "A call of a function URL needs lambda:InvokeFunctionUrl and lambda:InvokeFunction, and no policy that denies \
                     either. This function never grants the first: the caller's administrator adds it, or the function's owner in the \
                     function's own policy (lambda:AddPermission).",
                    "To allow the second for URLs alone, use the condition key lambda:InvokedViaFunctionUrl (Bool).",
                ]),
                docs: "docs/reporting.md#function-urls",
            },
            Self::UnreadablePolicy => Row {
                name: "unreadable_policy",
                decided_by: Iam,
                sentence: "the existing policy cannot be understood; it is left alone",
                next_steps: Always(&[
                    "Open the policy in the IAM console, and repair or delete it there. The next denial is then handled.",
                ]),
                docs: REFUSALS,
            },
            Self::PolicyFull => Row {
                name: "policy_full",
                decided_by: Iam,
                sentence: "IAM's quota for inline policies is used up",
                next_steps: Always(&[
                    "Make room: delete inline policies that nobody needs any more, or move them to managed policies, which have \
                     a quota of their own.",
                ]),
                docs: "docs/operations.md#alarms",
            },
            Self::NoSuchPrincipal => Row {
                name: "no_such_principal",
                decided_by: Iam,
                sentence: "IAM knows no such user or role",
                next_steps: Always(&["Nothing, if it was deleted on purpose. The allowlist still names it."]),
                docs: "docs/operations.md#rotating-the-list",
            },
            Self::TakenBack => Row {
                name: "taken_back",
                decided_by: Ledger,
                sentence: "[the grant was taken back](docs/operations.md#ledger) after this call was denied",
                next_steps: Always(&[
                    "Nothing, if the grant was taken back on purpose. The next denial is judged afresh: take the rule out of the \
                     allowlist, or it grants again.",
                ]),
                docs: "docs/operations.md#ledger",
            },
            Self::NotADeniedInvoke => Row {
                name: "not_a_denied_invoke",
                decided_by: EventIgnored,
                sentence: "(ignored) it is not a denied call; no notice",
                next_steps: Always(&["Nothing."]),
                docs: REFUSALS,
            },
            Self::OtherAction => Row {
                name: "other_action",
                decided_by: EventIgnored,
                sentence: "(ignored) another action than `lambda:InvokeFunction` was denied; no notice",
                next_steps: Always(&["Nothing."]),
                docs: REFUSALS,
            },
        }
    }
}

const WHO_WROTE_IT: &str = "If not, find out who wrote this: a text proves nothing.";

const CONTRADICTORY_TEXT: &[&str] = &[
    "A text is refused if it holds several denials, names somebody whom IAM knows otherwise, speaks of another account than it \
     comes from, or comes from this function's own log. If you gave it by hand, give one message at a time.",
    "If not, find out who wrote it: whoever may publish such events, or write to the log.",
];

const INCOMPLETE_TEXT: &[&str] = &[
    "Hand in the whole text: from User: to the end of the reason (because no identity-based policy allows the \
     lambda:InvokeFunction action), as it was printed, with no name broken, shortened or left out. docs/reporting.md says how, and \
     which programs print less.",
    "Grant it by hand if there is no such text and you want it.",
];
