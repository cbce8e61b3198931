//! Who called: the one identity on which `userIdentity` and the message agree.
//!
//! A [`Caller`] is a [`Principal`] where IAM can grant to it, and otherwise what is known of somebody to whom it cannot. The
//! role of a session is the one that issued it; the session's name is the caller's own choice and decides nothing.
//!
//! See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.

use crate::arn::Arn;
use crate::arn::principal::{Principal, PrincipalKind, RoleSession, SessionRole};
use crate::incoming::cloudtrail::UserIdentity;
use crate::incoming::consistency::same;
use crate::text::{one_line, shown};

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An IAM user, or the role of a session.
    Principal(Principal),
    /// A role of which only a session's ARN tells, so that its path is not known.
    Session(SessionRole),
    /// Somebody to whom no inline policy can be attached, or who is not named in full.
    Other {
        /// What it is, for a person.
        what: String,
        /// The partition, where it is known.
        partition: Option<String>,
        /// The account, where it is known.
        account: Option<String>,
        /// The ARN that CloudTrail or the message gives, where it is one.
        arn: Option<String>,
    },
}

impl Caller {
    /// The account, where it is known.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Principal(principal) => Some(principal.account()),
            Self::Session(role) => Some(role.session().account),
            Self::Other { account, .. } => account.as_deref(),
        }
    }

    /// The ARN of the user or the role; of a session and of another caller, the one that CloudTrail or the message gives.
    pub fn arn(&self) -> Option<String> {
        match self {
            Self::Principal(principal) => Some(principal.as_str().to_owned()),
            Self::Session(role) => Some(role.arn().to_owned()),
            Self::Other { arn, .. } => arn.clone(),
        }
    }

    /// The partition, where it is known.
    pub fn partition(&self) -> Option<&str> {
        match self {
            Self::Principal(principal) => Some(principal.partition()),
            Self::Session(role) => Some(role.session().partition),
            Self::Other { partition, .. } => partition.as_deref(),
        }
    }
}

/// Whom the message speaks of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// There is no message, or none that is understood.
    Unknown,
    /// An AWS service, by its name.
    Service,
    /// `User:` and a text, an ARN.
    User(&'a str),
}

impl<'a> Subject<'a> {
    /// What follows `User:`, if anything does.
    fn user(self) -> Option<&'a str> {
        match self {
            Self::User(user) => Some(user),
            Self::Unknown | Self::Service => None,
        }
    }
}

/// The caller that a message names which came without `userIdentity`.
pub(crate) fn named_caller(subject: Subject<'_>) -> Caller {
    let other = |what: &str, text: Option<&str>| {
        let arn = text.and_then(Arn::parse);
        Caller::Other {
            what: what.to_owned(),
            partition: arn.map(|arn| arn.partition.to_owned()),
            account: arn.map(|arn| arn.account.to_owned()).filter(|account| !account.is_empty()),
            arn: text.filter(|text| arn.is_some() && is_plain(text)).map(str::to_owned),
        }
    };
    match subject {
        Subject::Unknown => other("not named by the message", None),
        Subject::Service => other("an AWS service", None),
        Subject::User(text) => {
            let principal = Principal::parse(text).map(Caller::Principal);
            principal
                .or_else(|| SessionRole::parse(text).map(Caller::Session))
                .unwrap_or_else(|| other("neither an IAM user nor a session of an IAM role", Some(text)))
        }
    }
}

/// The caller on whom `userIdentity` and the message agree; an error says where they do not.
pub(crate) fn agreed_caller(identity: &UserIdentity<'_>, subject: Subject<'_>) -> Result<Caller, String> {
    match identity.kind {
        Some("IAMUser") => iam_user(identity, subject),
        Some("AssumedRole") => assumed_role(identity, subject),
        kind => {
            same_arn(identity, subject)?;
            let what = kind.map_or("an identity without a type".to_owned(), |kind| {
                format!("an identity of the type `{}`", one_line(kind, 64))
            });
            other_caller(identity, subject, what)
        }
    }
}

/// The message and `userIdentity` give one ARN, as far as both give one.
fn same_arn(identity: &UserIdentity<'_>, subject: Subject<'_>) -> Result<(), String> {
    match (subject.user(), identity.arn) {
        (Some(user), Some(arn)) => same("the message's principal", user, "`userIdentity.arn`", arn),
        (None, _) | (_, None) => Ok(()),
    }
}

fn iam_user(identity: &UserIdentity<'_>, subject: Subject<'_>) -> Result<Caller, String> {
    same_arn(identity, subject)?;
    let arn = match (identity.arn, subject) {
        (_, Subject::Service) => {
            return Err("the message speaks of a service, `userIdentity` of a user".to_owned());
        }
        (Some(arn), _) => arn,
        // The record has to say who it is itself; the message may add the path.
        (None, Subject::User(arn)) if identity.user_name.is_some() => arn,
        (None, Subject::User(_) | Subject::Unknown) => {
            return other_caller(identity, subject, "an IAM user whose ARN is missing".to_owned());
        }
    };
    let user = match Principal::parse(arn) {
        Some(user) if user.kind() == PrincipalKind::User => user,
        None if is_iam(arn, "user/") => {
            return other_caller(identity, subject, "an IAM user with an impossible name".to_owned());
        }
        Some(_) | None => {
            return Err(format!("`userIdentity` is of the type IAMUser, but not `{}`", shown(arn)));
        }
    };
    if let Some(account) = identity.account {
        same("`userIdentity.accountId`", account, "the account of its ARN", user.account())?;
    }
    if let Some(name) = identity.user_name {
        same("`userIdentity.userName`", name, "the name in its ARN", user.name())?;
    }
    Ok(Caller::Principal(user))
}

fn assumed_role(identity: &UserIdentity<'_>, subject: Subject<'_>) -> Result<Caller, String> {
    if identity.issuer_kind.is_some_and(|kind| kind != "Role") {
        return Err("the session was not issued by a role".to_owned());
    }
    if matches!(subject, Subject::Service) {
        return Err("the message speaks of a service, `userIdentity` of a role".to_owned());
    }
    // Older records have the role's own ARN where others have the session's.
    let own_arn = identity.arn.and_then(Principal::parse);
    if own_arn.is_none() {
        same_arn(identity, subject)?;
    }
    let role = match identity.issuer_arn {
        Some(arn) => match Principal::parse(arn) {
            Some(role) if role.kind() == PrincipalKind::Role => role,
            None if is_iam(arn, "role/") => {
                return other_caller(
                    identity,
                    subject,
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
            // The session's ARN has no path, so that the role's own ARN cannot be told.
            None => return other_caller(identity, subject, "a session whose role is not named".to_owned()),
        },
    };
    for text in [identity.arn, subject.user()].into_iter().flatten() {
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
            same(field, account, "the role's account", role.account())?;
        }
    }
    if let Some(name) = identity.issuer_name {
        same("`sessionIssuer.userName`", name, "the name in its ARN", role.name())?;
    }
    Ok(Caller::Principal(role))
}

fn other_caller(identity: &UserIdentity<'_>, subject: Subject<'_>, what: String) -> Result<Caller, String> {
    let text = identity.arn.or(subject.user());
    let arn = text.and_then(Arn::parse);
    let arn_account = arn.map(|arn| arn.account).filter(|account| !account.is_empty());
    if let (Some(account), Some(of_arn)) = (identity.account, arn_account) {
        same("`userIdentity.accountId`", account, "the account of its ARN", of_arn)?;
    }
    Ok(Caller::Other {
        what,
        partition: arn.map(|arn| arn.partition.to_owned()),
        account: identity.account.or(arn_account).map(str::to_owned),
        arn: text.filter(|text| arn.is_some() && is_plain(text)).map(str::to_owned),
    })
}

/// Whether an ARN can be shown as it is.
fn is_plain(arn: &str) -> bool {
    arn.len() <= 2048 && arn.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'`')
}

fn is_iam(text: &str, resource: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with(resource))
}
