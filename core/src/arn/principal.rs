//! IAM users and roles, and sessions of roles.
//!
//! A [`Principal`] is an IAM user or role: the two identities that hold inline policies. A session is not one: its
//! ARN states the role's name and account, but not the role's path, and its session name is the caller's own
//! choice and proves nothing. [`RoleSession`] borrows what such an ARN says; [`SessionRole`] owns it.

use crate::arn::Arn;
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
/// IAM's calls take the friendly [`name`](Self::name), without the path; the allowlist names the whole ARN.
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    kind: PrincipalKind,
    arn: String,
}

impl Principal {
    /// Parses the ARN of a user or a role. `None` if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        if arn.service != "iam" || !arn.region.is_empty() || arn.account.is_empty() {
            return None;
        }
        let (kind, _, _) = split_resource(arn.resource)?;
        Some(Self { kind, arn: text.to_owned() })
    }

    /// The whole ARN, path included.
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// User or role.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The account: twelve digits.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The path, with both slashes: `/`, or `/service-role/`.
    pub fn path(&self) -> &str {
        let before_name = self.arn.strip_suffix(self.name()).unwrap_or_default();
        before_name.find('/').and_then(|start| before_name.get(start..)).unwrap_or_default()
    }

    /// The friendly name: IAM's `UserName` or `RoleName`.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// The path without its first slash, and the name: everything after `user/` or `role/`.
    pub(crate) fn path_and_name(&self) -> &str {
        self.arn.split_once('/').map_or("", |(_, path_and_name)| path_and_name)
    }

    /// The colon-separated part at `index`, from 0 on.
    fn part(&self, index: usize) -> &str {
        self.arn.split(':').nth(index).unwrap_or_default()
    }

    /// Whether AWS owns the role, so that nobody else can modify it: a service-linked role, or one that IAM
    /// Identity Center reserved.
    ///
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html> and
    /// <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>.
    pub fn is_protected(&self) -> bool {
        self.kind == PrincipalKind::Role
            && ["/aws-service-role/", "/aws-reserved/"].iter().any(|path| self.path().starts_with(path))
    }

    /// Whether both name one principal: a role's name is unique in its account whatever its path, and IAM compares
    /// names without regard to case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.account() == other.account()
            && self.name().eq_ignore_ascii_case(other.name())
    }
}

/// Writes the whole ARN, path included.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

/// Writes the whole ARN, as `Display` does.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

/// A session of a role, borrowed from its ARN: `arn:partition:sts::account:assumed-role/role-name/session-name`.
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
    /// Parses the ARN of a session. `None` if `text` is not one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let (role_name, session_name) = arn.resource.strip_prefix("assumed-role/")?.split_once('/')?;
        let is_well_formed = arn.service == "sts"
            && arn.region.is_empty()
            && !arn.account.is_empty()
            && is_name(role_name)
            && is_name(session_name);
        is_well_formed.then_some(Self { partition: arn.partition, account: arn.account, role_name })
    }

    /// Whether it is a session of `role`.
    pub fn is_of(&self, role: &Principal) -> bool {
        role.kind == PrincipalKind::Role
            && (self.partition, self.account, self.role_name)
                == (role.partition(), role.account(), role.name())
    }
}

/// The role of a session: its path is unknown until IAM is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRole {
    arn: String,
    partition: String,
    account: String,
    name: String,
}

impl SessionRole {
    /// Parses the ARN of a session. `None` if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let RoleSession { partition, account, role_name } = RoleSession::parse(text)?;
        let [arn, partition, account, name] = [text, partition, account, role_name].map(str::to_owned);
        Some(Self { arn, partition, account, name })
    }

    /// The session's ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The session, borrowed.
    pub fn session(&self) -> RoleSession<'_> {
        RoleSession { partition: &self.partition, account: &self.account, role_name: &self.name }
    }

    /// Whether the role's name says that AWS owns it: roles of IAM Identity Center and service-linked roles have
    /// reserved prefixes. The path, which [`Principal::is_protected`] looks at, is not known.
    pub fn is_protected(&self) -> bool {
        ["AWSReservedSSO_", "AWSServiceRoleFor"].iter().any(|prefix| self.name.starts_with(prefix))
    }

    /// Whether the role can be `role`: a role's name is unique in its account whatever its path.
    pub fn may_be(&self, role: &Principal) -> bool {
        role.kind == PrincipalKind::Role
            && self.account == role.account()
            && self.name.eq_ignore_ascii_case(role.name())
    }
}

/// Splits the resource of a user's or role's ARN, such as `user/path/name`, into its kind, its path with both slashes,
/// and its name. `None` if one of them is malformed.
pub(crate) fn split_resource(resource: &str) -> Option<(PrincipalKind, &str, &str)> {
    let (kind, path_and_name) = match resource.strip_prefix("user") {
        Some(rest) => (PrincipalKind::User, rest),
        None => (PrincipalKind::Role, resource.strip_prefix("role")?),
    };
    let (_, name) = path_and_name.rsplit_once('/')?;
    let path = path_and_name.strip_suffix(name)?;
    (is_path(path) && is_name(name)).then_some((kind, path, name))
}

/// Whether `text` can be the name of a user, a role or a session: `[\w+=,.@-]{1,64}`.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

/// Whether `text` can be a path: `/`, or parts of printable ASCII, each between two slashes, up to 512 characters.
fn is_path(text: &str) -> bool {
    let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    text == "/" || (text.len() <= 512 && inner.is_some_and(|inner| inner.split('/').all(is_part)))
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
