//! The cause of a denial: which kind of policy denied, or did not allow.

use serde::Serialize;

/// The kind of policy that denied, or did not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum DeniedBy {
    /// A policy of the user, its groups, or the role.
    IdentityBasedPolicy,
    /// A policy of the function.
    ResourceBasedPolicy,
    /// The permissions boundary of the user or the role.
    PermissionsBoundary,
    /// A policy passed when the session was made.
    SessionPolicy,
    /// A service control policy of the organization.
    ServiceControlPolicy,
    /// A resource control policy of the organization.
    ResourceControlPolicy,
    /// The policy of the VPC endpoint that the call came through.
    VpcEndpointPolicy,
    /// The trust policy of a role.
    RoleTrustPolicy,
    /// The message does not say.
    Unstated,
}

crate::list_variants!(DeniedBy {
    IdentityBasedPolicy,
    ResourceBasedPolicy,
    PermissionsBoundary,
    SessionPolicy,
    ServiceControlPolicy,
    ResourceControlPolicy,
    VpcEndpointPolicy,
    RoleTrustPolicy,
    Unstated,
});

impl DeniedBy {
    /// Returns the words by which a message names it, in lower case.
    pub(crate) fn wordings(self) -> &'static [&'static str] {
        match self {
            Self::IdentityBasedPolicy => &["identity-based policy"],
            Self::ResourceBasedPolicy => &["resource-based policy"],
            Self::PermissionsBoundary => &["permissions boundary", "permission boundary"],
            // AWS's own page prints the second.
            Self::SessionPolicy => &["session policy", "sessions policy"],
            Self::ServiceControlPolicy => &["service control policy"],
            Self::ResourceControlPolicy => &["resource control policy"],
            Self::VpcEndpointPolicy => &["vpc endpoint policy"],
            Self::RoleTrustPolicy => &["role trust policy"],
            Self::Unstated => &[],
        }
    }
}

/// The kind of denial: something denied, or nothing allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum DenialKind {
    /// No statement allows the call.
    Implicit,
    /// A `Deny` statement matches the call.
    Explicit,
    /// The message does not say.
    Unstated,
}

crate::list_variants!(DenialKind { Implicit, Explicit, Unstated });

/// The cause of a denial, as the message states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// No cause: the old form of the message, or no message.
    Unstated,
    /// A complete clause.
    Stated {
        /// The kind of policy; [`DeniedBy::Unstated`] for the bare `with an explicit deny` and for unknown kinds.
        denied_by: DeniedBy,
        /// Implicit or explicit.
        denial: DenialKind,
        /// The ARN of the policy that denies, where the message ends in one.
        policy: Option<String>,
    },
    /// A clause that was cut off or is in unknown words, so that the cause may be anything.
    Unread,
}

impl Cause {
    /// Returns the kind of policy, as far as it is stated.
    pub fn denied_by(&self) -> DeniedBy {
        match self {
            Self::Stated { denied_by, .. } => *denied_by,
            Self::Unstated | Self::Unread => DeniedBy::Unstated,
        }
    }

    /// Returns the kind of denial, as far as it is stated.
    pub fn denial(&self) -> DenialKind {
        match self {
            Self::Stated { denial, .. } => *denial,
            Self::Unstated | Self::Unread => DenialKind::Unstated,
        }
    }

    /// Whether an identity-based policy can be the cure: it was missing, or the message states no cause.
    pub fn is_curable(&self) -> bool {
        match self {
            Self::Unstated => true,
            Self::Stated { denied_by, denial, .. } => {
                (*denied_by, *denial) == (DeniedBy::IdentityBasedPolicy, DenialKind::Implicit)
            }
            Self::Unread => false,
        }
    }
}

/// The clause that states the cause.
pub(super) struct Clause {
    pub(super) denied_by: DeniedBy,
    pub(super) denial: DenialKind,
    /// The action that the clause repeats, in lower case.
    pub(super) action: Option<String>,
    /// The ARN of the policy that denies.
    pub(super) policy: Option<String>,
}

/// Reads the clause with which `text` begins; `None` if there is no complete one.
pub(super) fn read_clause(text: &str) -> Option<Clause> {
    let lower = text.to_ascii_lowercase();
    let read = if let Some(rest) = lower.strip_prefix("because no ") {
        read_implicit(rest)
    } else if let Some(rest) = lower.strip_prefix("because the role trust policy ") {
        // AWS's own page has this wording for a trust policy that does not allow.
        read_implicit(&format!("role trust policy {rest}"))
    } else {
        let rest = lower.strip_prefix("with an explicit deny")?;
        read_explicit(rest, text.get(text.len().checked_sub(rest.len())?..)?)
    }?;
    let (clause, tail) = read;
    // An authorization id or an SDK's addition may follow, but nothing that could be a second reason. After an explicit
    // deny that makes no difference.
    (clause.denial == DenialKind::Explicit || !mentions_a_cause(&tail)).then_some(clause)
}

/// Reads `<kind> allows the <action> action`, in lower case.
fn read_implicit(text: &str) -> Option<(Clause, String)> {
    let (kind, rest) = text.split_once(" allows the ")?;
    let (action, rest) = rest.split_once(' ')?;
    let tail = rest.strip_prefix("action").filter(|tail| ends_word(tail))?;
    let clause = Clause {
        denied_by: policy_kind(kind)
            .filter(|(_, rest)| rest.is_empty())
            .map_or(DeniedBy::Unstated, |(by, _)| by),
        denial: DenialKind::Implicit,
        action: Some(action.to_owned()),
        policy: None,
    };
    Some((clause, tail.to_owned()))
}

/// Reads `[ in a <kind>[ transitively through a <kind>]][: <policy ARN>]`, in lower case; `original` is the same text in its own
/// case.
fn read_explicit(text: &str, original: &str) -> Option<(Clause, String)> {
    if !ends_word(text) {
        return None;
    }
    let mut denied_by = DeniedBy::Unstated;
    let mut tail = text;
    if let Some((by, rest)) = text.strip_prefix(" in ").map(without_article).and_then(policy_kind) {
        (denied_by, tail) = (by, rest);
        // "check for an explicit Deny in your SCPs", says AWS's page of a VPC endpoint policy transitively through one.
        if let Some((by, rest)) =
            rest.strip_prefix(" transitively through ").map(without_article).and_then(policy_kind)
        {
            (denied_by, tail) = (by, rest);
        }
    }
    let policy = original
        .get(original.len().checked_sub(tail.len())?..)?
        .trim_start_matches([':', ' '])
        .split(|next: char| !next.is_ascii_alphanumeric() && !"_+=,.@:/-".contains(next))
        .next()
        .filter(|word| word.starts_with("arn:"))
        // The marks that end the sentence are no part of the ARN.
        .map(|word| word.trim_end_matches(['.', ',', ':']).to_owned());
    Some((Clause { denied_by, denial: DenialKind::Explicit, action: None, policy }, tail.to_owned()))
}

fn without_article(text: &str) -> &str {
    ["a ", "an ", "the "].iter().find_map(|article| text.strip_prefix(article)).unwrap_or(text)
}

/// Returns the kind of policy with which `text` begins, in lower case, and what follows it.
fn policy_kind(text: &str) -> Option<(DeniedBy, &str)> {
    let rest_after = |name: &&str| text.strip_prefix(*name).filter(|rest| ends_word(rest));
    DeniedBy::ALL.iter().find_map(|by| Some((*by, by.wordings().iter().find_map(rest_after)?)))
}

/// Whether a word ends before `rest`.
pub(in crate::incoming) fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-' || next == '_')
}

/// Whether `text`, in lower case, has words that may state a cause.
pub(super) fn mentions_a_cause(text: &str) -> bool {
    ["because", "explicit", "deny", "denies", "policy", "boundary", "allow", "not authorized"]
        .iter()
        .any(|word| text.contains(word))
}
