//! Who was denied, as far as IAM can grant to them.
//!
//! A [`Principal`] is an IAM user or an IAM role: the two that hold an inline policy. It is not a session: a
//! [`RoleSession`] only says which role's name and account it belongs to, its session name is the caller's own choice
//! and decides nothing.

use crate::arn::{ACCOUNT_LENGTH, Arn};
use std::fmt;

/// Whether an inline policy belongs to a user or to a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// `arn:partition:iam::account:user/path/name`
    User,
    /// `arn:partition:iam::account:role/path/name`
    Role,
}

impl PrincipalKind {
    /// `user` or `role`, as ARNs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
        }
    }
}

/// An IAM user or role, from its ARN.
///
/// IAM's calls take the friendly [`name`](Self::name), of which the path is no part; the allowlist names the whole ARN.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    kind: PrincipalKind,
    text: String,
    /// How long its parts are whose length may differ; the name has the rest.
    partition: usize,
    path: usize,
}

impl Principal {
    /// Reads the ARN of a user or a role.
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        if arn.service != "iam" || !arn.region.is_empty() || arn.account.is_empty() {
            return None;
        }
        let (kind, path, _) = split_resource(arn.resource)?;
        Some(Self { kind, text: text.to_owned(), partition: arn.partition.len(), path: path.len() })
    }

    /// The whole ARN, path included.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// User or role.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        self.part("arn:".len(), self.partition)
    }

    /// The account: twelve digits.
    pub fn account(&self) -> &str {
        self.part(self.account_at(), ACCOUNT_LENGTH)
    }

    /// The path, with both slashes: `/`, or `/service-role/`.
    pub fn path(&self) -> &str {
        self.part(self.path_at(), self.path)
    }

    /// The friendly name: what IAM calls `UserName` or `RoleName`.
    pub fn name(&self) -> &str {
        self.text.get(self.path_at() + self.path..).unwrap_or_default()
    }

    /// The path and the name, without the slash that the path begins with.
    pub(crate) fn path_and_name(&self) -> &str {
        self.text.get(self.path_at() + 1..).unwrap_or_default()
    }

    fn account_at(&self) -> usize {
        "arn:".len() + self.partition + ":iam::".len()
    }

    fn path_at(&self) -> usize {
        self.account_at() + ACCOUNT_LENGTH + ":".len() + self.kind.as_str().len()
    }

    fn part(&self, at: usize, length: usize) -> &str {
        self.text.get(at..at + length).unwrap_or_default()
    }

    /// Whether AWS owns the role, so that nobody else can modify it: a service-linked role, or one that IAM Identity
    /// Center reserved.
    ///
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html> and
    /// <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>.
    pub fn is_protected(&self) -> bool {
        self.kind == PrincipalKind::Role
            && ["/aws-service-role/", "/aws-reserved/"].iter().any(|path| self.path().starts_with(path))
    }

    /// Whether both name one principal. A role's name is unique in its account whatever its path, and IAM tells names
    /// apart without regard to case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.account() == other.account()
            && self.name().eq_ignore_ascii_case(other.name())
    }
}

/// The whole ARN, path included.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A session of a role: `arn:partition:sts::account:assumed-role/role-name/session-name`. The role's path is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleSession<'a> {
    /// The partition, such as `aws`.
    pub partition: &'a str,
    /// The account: twelve digits.
    pub account: &'a str,
    /// The role's friendly name.
    pub role_name: &'a str,
}

impl<'a> RoleSession<'a> {
    /// Reads the ARN of a session.
    pub fn parse(text: &'a str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let (role_name, session) = arn.resource.strip_prefix("assumed-role/")?.split_once('/')?;
        let well_formed = arn.service == "sts"
            && arn.region.is_empty()
            && !arn.account.is_empty()
            && is_name(role_name)
            && is_name(session);
        well_formed.then_some(Self { partition: arn.partition, account: arn.account, role_name })
    }

    /// Whether it is a session of `role`.
    pub fn is_of(&self, role: &Principal) -> bool {
        role.kind == PrincipalKind::Role
            && (self.partition, self.account, self.role_name)
                == (role.partition(), role.account(), role.name())
    }
}

/// The role of a session, of which the path is not known: what [`RoleSession`] borrows, with the session's whole ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRole {
    arn: String,
    partition: String,
    account: String,
    name: String,
}

impl SessionRole {
    /// Reads the ARN of a session.
    pub fn parse(text: &str) -> Option<Self> {
        let RoleSession { partition, account, role_name } = RoleSession::parse(text)?;
        let [partition, account, name] = [partition, account, role_name].map(str::to_owned);
        Some(Self { arn: text.to_owned(), partition, account, name })
    }

    /// The session's ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// What it says of the role.
    pub fn session(&self) -> RoleSession<'_> {
        RoleSession { partition: &self.partition, account: &self.account, role_name: &self.name }
    }

    /// Whether the role is AWS's own by its name, which is all that is known: IAM Identity Center and service-linked roles
    /// begin so.
    pub fn is_protected(&self) -> bool {
        ["AWSReservedSSO_", "AWSServiceRoleFor"].iter().any(|prefix| self.name.starts_with(prefix))
    }

    /// Whether it can be `role`, whose name is unique in its account whatever its path.
    pub fn may_be(&self, role: &Principal) -> bool {
        role.kind == PrincipalKind::Role
            && self.account == role.account()
            && self.name.eq_ignore_ascii_case(role.name())
    }
}

/// Takes apart what an ARN says of a user or a role, such as `user/path/name`: the kind, the path with both slashes, the name.
pub(crate) fn split_resource(resource: &str) -> Option<(PrincipalKind, &str, &str)> {
    let (kind, rest) = match resource.split_at_checked("user".len())? {
        ("user", rest) => (PrincipalKind::User, rest),
        ("role", rest) => (PrincipalKind::Role, rest),
        _ => return None,
    };
    let (path, name) = rest.split_at_checked(rest.rfind('/')? + 1)?;
    (is_path(path) && is_name(name)).then_some((kind, path, name))
}

/// Names of users, roles and sessions: `[\w+=,.@-]{1,64}`.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

/// A path: `/`, or printable ASCII between two slashes, up to 512 characters.
fn is_path(text: &str) -> bool {
    let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    text == "/"
        || (text.len() <= 512
            && inner.is_some_and(|inner| {
                !inner.is_empty() && inner.split('/').all(|part| !part.is_empty()) && is_graphic(inner)
            }))
}

fn is_graphic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_no_part_of_the_name() {
        for (arn, path, name) in [
            ("arn:aws:iam::281502313273:user/remotion_user", "/", "remotion_user"),
            ("arn:aws:iam::281502313273:user/media/eu/remotion_user", "/media/eu/", "remotion_user"),
            ("arn:aws-cn:iam::281502313273:role/service-role/a+=,.@-_", "/service-role/", "a+=,.@-_"),
            ("arn:aws:iam::281502313273:role/a:b*/c", "/a:b*/", "c"),
        ] {
            let principal = Principal::parse(arn).unwrap();
            assert_eq!((principal.path(), principal.name()), (path, name));
            let (partition, account) = (arn.split(':').nth(1).unwrap(), "281502313273");
            assert_eq!((principal.partition(), principal.account()), (partition, account));
            assert_eq!(principal.to_string(), arn);
        }
    }

    #[test]
    fn what_holds_no_inline_policy_is_no_principal() {
        for text in [
            "",
            "arn:aws:iam::281502313273:root",
            "arn:aws:iam::281502313273:user/",
            "arn:aws:iam::281502313273:user//x",
            "arn:aws:iam::281502313273:user/a//x",
            "arn:aws:iam::281502313273:user/a\nb/x",
            "arn:aws:iam::281502313273:user/x y",
            "arn:aws:iam::281502313273:user/re*",
            "arn:aws:iam::281502313273:user/r\u{0435}motion_user",
            "arn:aws:iam::281502313273:group/x",
            "arn:aws:iam::281502313273:role/aws:ec2-instance",
            "arn:aws:iam:us-east-1:281502313273:user/x",
            "arn:aws:iam:::user/x",
            "arn:aws:sts::281502313273:assumed-role/x/y",
            "arn:aws:sts::281502313273:federated-user/x",
        ] {
            assert_eq!(Principal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_belongs_to_the_role_of_its_name() {
        let role = Principal::parse("arn:aws:iam::281502313273:role/service-role/render").unwrap();
        let session = |text| RoleSession::parse(text).is_some_and(|session| session.is_of(&role));
        assert!(session("arn:aws:sts::281502313273:assumed-role/render/job-1"));
        assert!(!session("arn:aws:sts::281502313273:assumed-role/other/render"));
        assert!(!session("arn:aws:sts::281502313274:assumed-role/render/job-1"));
        assert!(!session("arn:aws:sts::281502313273:assumed-role/render/a/b"));
    }

    #[test]
    fn roles_of_aws_itself_are_protected() {
        let protected = |arn| Principal::parse(arn).unwrap().is_protected();
        assert!(protected(
            "arn:aws:iam::281502313273:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
        ));
        assert!(protected(
            "arn:aws:iam::281502313273:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_1"
        ));
        assert!(!protected("arn:aws:iam::281502313273:role/service-role/x"));
        assert!(!protected("arn:aws:iam::281502313273:user/aws-reserved/x"));
    }
}
