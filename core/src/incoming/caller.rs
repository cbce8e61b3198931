//! The one identity on which `userIdentity` and the message agree.
//!
//! A [`Caller`] is a [`Principal`] where IAM can grant to it, and otherwise describes somebody to whom it cannot. The role of a
//! session is the one that issued it; the caller chooses the session's name, which decides nothing.
//!
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.

use crate::arn::Arn;
use crate::arn::principal::{Principal, PrincipalKind, RoleSession, SessionRole};
use crate::incoming::cloudtrail::UserIdentity;
use crate::incoming::consistency::require_equal;
use crate::text::{one_line, shown};

/// The identity that was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An IAM user, or the role of a session.
    Principal(Principal),
    /// A role that only a session's ARN names, so that its path is not known.
    Session(SessionRole),
    /// An identity to which no inline policy can be attached, or that is not named in full.
    Other {
        /// A noun phrase for a person.
        what: String,
        /// The partition, where it is known.
        partition: Option<String>,
        /// The account, where it is known.
        account: Option<String>,
        /// The ARN that CloudTrail or the message gives, if it is valid.
        arn: Option<String>,
    },
}

impl Caller {
    /// Returns the account, where it is known.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Principal(principal) => Some(principal.account()),
            Self::Session(role) => Some(role.session().account),
            Self::Other { account, .. } => account.as_deref(),
        }
    }

    /// Returns the ARN of the user or the role; for a session and another caller, the ARN that CloudTrail or the message gives.
    pub fn arn(&self) -> Option<String> {
        match self {
            Self::Principal(principal) => Some(principal.as_str().to_owned()),
            Self::Session(role) => Some(role.arn().to_owned()),
            Self::Other { arn, .. } => arn.clone(),
        }
    }

    /// Returns the partition, where it is known.
    pub fn partition(&self) -> Option<&str> {
        match self {
            Self::Principal(principal) => Some(principal.partition()),
            Self::Session(role) => Some(role.session().partition),
            Self::Other { partition, .. } => partition.as_deref(),
        }
    }
}

/// The principal that the message names.
#[derive(Debug, Clone, Copy)]
pub(super) enum NamedPrincipal<'a> {
    /// None: there is no message, or it cannot be read.
    Unknown,
    /// An AWS service, by its name.
    Service,
    /// The ARN that follows `User:`.
    User(&'a str),
}

impl<'a> NamedPrincipal<'a> {
    /// Returns the ARN that follows `User:`, if there is one.
    fn user(self) -> Option<&'a str> {
        match self {
            Self::User(user) => Some(user),
            Self::Unknown | Self::Service => None,
        }
    }
}

/// Returns the caller of a message that came without `userIdentity`.
pub(super) fn caller_from_message(named: NamedPrincipal<'_>) -> Caller {
    let other = |what: &str, text: Option<&str>| {
        let arn = text.and_then(Arn::parse);
        Caller::Other {
            what: what.to_owned(),
            partition: arn.map(|arn| arn.partition.to_owned()),
            account: arn.map(|arn| arn.account.to_owned()).filter(|account| !account.is_empty()),
            arn: text.filter(|text| arn.is_some() && is_plain(text)).map(str::to_owned),
        }
    };
    match named {
        NamedPrincipal::Unknown => other("not named by the message", None),
        NamedPrincipal::Service => other("an AWS service", None),
        NamedPrincipal::User(text) => {
            let principal = Principal::parse(text).map(Caller::Principal);
            principal
                .or_else(|| SessionRole::parse(text).map(Caller::Session))
                .unwrap_or_else(|| other("neither an IAM user nor a session of an IAM role", Some(text)))
        }
    }
}

/// Returns the caller on whom `userIdentity` and the message agree.
///
/// # Errors
///
/// The two contradict each other, or `userIdentity` contradicts itself.
pub(super) fn reconcile_caller(
    identity: &UserIdentity<'_>,
    named: NamedPrincipal<'_>,
) -> Result<Caller, String> {
    match identity.kind {
        Some("IAMUser") => iam_user(identity, named),
        Some("AssumedRole") => assumed_role(identity, named),
        kind => {
            require_equal_arns(identity, named)?;
            let what = kind.map_or("an identity without a type".to_owned(), |kind| {
                format!("an identity of the type `{}`", one_line(kind, 64))
            });
            other_caller(identity, named, what)
        }
    }
}

/// Returns an error if the message and `userIdentity` give different ARNs.
fn require_equal_arns(identity: &UserIdentity<'_>, named: NamedPrincipal<'_>) -> Result<(), String> {
    match (named.user(), identity.arn) {
        (Some(user), Some(arn)) => require_equal("the message's principal", user, "`userIdentity.arn`", arn),
        (None, _) | (_, None) => Ok(()),
    }
}

fn iam_user(identity: &UserIdentity<'_>, named: NamedPrincipal<'_>) -> Result<Caller, String> {
    require_equal_arns(identity, named)?;
    let arn = match (identity.arn, named) {
        (_, NamedPrincipal::Service) => {
            return Err("the message speaks of a service, `userIdentity` of a user".to_owned());
        }
        (Some(arn), _) => arn,
        // The record has to name the user itself; the message may add the path.
        (None, NamedPrincipal::User(arn)) if identity.user_name.is_some() => arn,
        (None, NamedPrincipal::User(_) | NamedPrincipal::Unknown) => {
            return other_caller(identity, named, "an IAM user whose ARN is missing".to_owned());
        }
    };
    let user = match Principal::parse(arn) {
        Some(user) if user.kind() == PrincipalKind::User => user,
        None if is_iam_arn(arn, "user/") => {
            return other_caller(identity, named, "an IAM user with an impossible name".to_owned());
        }
        Some(_) | None => {
            return Err(format!("`userIdentity` is of the type IAMUser, but not `{}`", shown(arn)));
        }
    };
    if let Some(account) = identity.account {
        require_equal("`userIdentity.accountId`", account, "the account of its ARN", user.account())?;
    }
    if let Some(name) = identity.user_name {
        require_equal("`userIdentity.userName`", name, "the name in its ARN", user.name())?;
    }
    Ok(Caller::Principal(user))
}

fn assumed_role(identity: &UserIdentity<'_>, named: NamedPrincipal<'_>) -> Result<Caller, String> {
    if identity.issuer_kind.is_some_and(|kind| kind != "Role") {
        return Err("the session was not issued by a role".to_owned());
    }
    if matches!(named, NamedPrincipal::Service) {
        return Err("the message speaks of a service, `userIdentity` of a role".to_owned());
    }
    // Older records have the role's own ARN where others have the session's.
    let own_arn = identity.arn.and_then(Principal::parse);
    if own_arn.is_none() {
        require_equal_arns(identity, named)?;
    }
    let role = match identity.issuer_arn {
        Some(arn) => match Principal::parse(arn) {
            Some(role) if role.kind() == PrincipalKind::Role => role,
            None if is_iam_arn(arn, "role/") => {
                return other_caller(
                    identity,
                    named,
                    "a session of a role that IAM does not hold".to_owned(),
                );
            }
            Some(_) | None => return Err(format!("`{}` issued the session, and is no role", shown(arn))),
        },
        None => match own_arn {
            Some(ref role) if role.kind() == PrincipalKind::Role => role.clone(),
            Some(_) => {
                return Err("`userIdentity` is of the type AssumedRole, its ARN is a user's".to_owned());
            }
            // The session's ARN has no path, so that it does not determine the role's own ARN.
            None => return other_caller(identity, named, "a session whose role is not named".to_owned()),
        },
    };
    for text in [identity.arn, named.user()].into_iter().flatten() {
        let of_role = RoleSession::parse(text).is_some_and(|session| session.is_of(&role))
            || Principal::parse(text).as_ref() == Some(&role);
        if !of_role {
            return Err(format!("`{}` is no session of `{role}`", shown(text)));
        }
    }
    for (field, account) in [
        ("`userIdentity.accountId`", identity.account),
        ("`sessionIssuer.accountId`", identity.issuer_account),
    ] {
        if let Some(account) = account {
            require_equal(field, account, "the role's account", role.account())?;
        }
    }
    if let Some(name) = identity.issuer_name {
        require_equal("`sessionIssuer.userName`", name, "the name in its ARN", role.name())?;
    }
    Ok(Caller::Principal(role))
}

fn other_caller(
    identity: &UserIdentity<'_>,
    named: NamedPrincipal<'_>,
    what: String,
) -> Result<Caller, String> {
    let text = identity.arn.or(named.user());
    let arn = text.and_then(Arn::parse);
    let arn_account = arn.map(|arn| arn.account).filter(|account| !account.is_empty());
    if let (Some(account), Some(of_arn)) = (identity.account, arn_account) {
        require_equal("`userIdentity.accountId`", account, "the account of its ARN", of_arn)?;
    }
    Ok(Caller::Other {
        what,
        partition: arn.map(|arn| arn.partition.to_owned()),
        account: identity.account.or(arn_account).map(str::to_owned),
        arn: text.filter(|text| arn.is_some() && is_plain(text)).map(str::to_owned),
    })
}

/// Whether an ARN can be shown unchanged.
fn is_plain(arn: &str) -> bool {
    arn.len() <= 2048 && arn.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'`')
}

fn is_iam_arn(text: &str, resource: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with(resource))
}
