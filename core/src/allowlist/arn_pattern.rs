//! Patterns of ARNs, checked when they are read.
//!
//! `*` and `?` match as in IAM's ArnLike. A pattern that could match more than it says is refused.

use crate::arn::pattern;
use crate::arn::principal::{self, Principal, RoleSession, SessionRole};
use crate::arn::{self, FunctionArn, is_account, is_partition};

/// The ARN of an IAM user or role, path included. `*` and `?` match as in IAM's ArnLike, inside one colon-separated part;
/// the account is twelve digits.
#[derive(Debug, Clone, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
#[cfg_attr(test, schemars(extend("pattern" = r"^arn:[a-z0-9*?-]+:iam::[0-9]{12}:(user|role)/[!-~]+$")))]
pub struct PrincipalPattern(String);

/// The unqualified ARN of a Lambda function. `*` and `?` match as in IAM's ArnLike, inside one colon-separated part; the
/// account is twelve digits.
#[derive(Debug, Clone, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
#[cfg_attr(
    test,
    schemars(extend(
        "pattern" = r"^arn:[a-z0-9*?-]+:lambda:[a-z0-9*?-]+:[0-9]{12}:function:[A-Za-z0-9_*?-]+$"
    ))
)]
pub struct FunctionPattern(String);

/// Whether `pattern` matches `arn` as IAM's ArnLike does: each colon-separated part by itself.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.
fn arn_like(pattern: &str, arn: &str) -> bool {
    // Most patterns of a list differ in the last part alone, so it is compared first.
    match (pattern.rsplit_once(':'), arn.rsplit_once(':')) {
        (Some((patterns, pattern)), Some((parts, part))) => {
            pattern::matches(pattern, part) && pattern::matches_parts(patterns, parts)
        }
        (None, _) | (_, None) => false,
    }
}

impl PrincipalPattern {
    /// The pattern, as the document has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches `principal`.
    pub fn matches(&self, principal: &Principal) -> bool {
        arn_like(&self.0, principal.as_str())
    }

    /// Whether it may match `role` under some path. May be wrongly true, never wrongly false.
    pub(crate) fn may_match(&self, role: &SessionRole) -> bool {
        let RoleSession { partition, account, role_name } = role.session();
        let Some([_, of_partition, _, _, of_account, resource]) = arn::split(&self.0) else { return false };
        let Some(path_and_name) = resource.strip_prefix("role/") else { return false };
        // The name begins after any slash of the pattern, or at any star, since that may match the last slash.
        let mut names = path_and_name.char_indices().filter_map(|(at, character)| match character {
            '/' => path_and_name.get(at + 1..),
            '*' => path_and_name.get(at..),
            _ => None,
        });
        // A question mark may match a slash as well.
        let has_question_mark = path_and_name.contains('?');
        of_account == account
            && pattern::matches(of_partition, partition)
            && (has_question_mark
                || pattern::matches(path_and_name, role_name)
                || names.any(|name| pattern::matches(name, role_name)))
    }
}

impl FunctionPattern {
    /// The pattern, as the document has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches `function`.
    pub fn matches(&self, function: &FunctionArn) -> bool {
        arn_like(&self.0, function.as_str())
    }
}

impl TryFrom<String> for PrincipalPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(["arn", partition, service, region, account, resource]) = arn::split(&text) else {
            return Err(format!("`{text}` is not the ARN of an IAM user or role"));
        };
        if service == "sts" {
            return Err(format!("`{text}` is a session; name the role: arn:aws:iam::ACCOUNT:role/PATH/NAME"));
        }
        let of_user_or_role = ["user/", "role/"]
            .iter()
            .find_map(|kind| resource.strip_prefix(kind))
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
        if service != "iam" || !region.is_empty() || !is_partition_pattern(partition) || !of_user_or_role {
            return Err(format!("`{text}` is not the ARN of an IAM user or role"));
        }
        check_account_and_variables(&text, account)?;
        // A typo in a name would match nothing, and nobody would notice.
        let is_possible = if pattern::has_wildcard(resource) {
            resource.split('/').all(|part| !part.is_empty())
        } else {
            principal::split_resource(resource).is_some()
        };
        if !is_possible {
            return Err(format!(
                "`{text}` cannot be the ARN of an IAM user or role: look at its path and name"
            ));
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for FunctionPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(["arn", partition, "lambda", region, account, resource]) = arn::split(&text) else {
            return Err(format!("`{text}` is not the ARN of a Lambda function"));
        };
        let Some(name) = resource.strip_prefix("function:") else {
            return Err(format!("`{text}` is not the ARN of a Lambda function"));
        };
        if name.split_once(':').is_some_and(|(_, qualifier)| !qualifier.contains(':')) {
            return Err(format!("`{text}` has a qualifier; a grant is for the function: leave it out"));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_*?".contains(&byte);
        let well_formed = is_partition_pattern(partition)
            && is_pattern_label(region)
            && (1..=64).contains(&name.len())
            && name.bytes().all(is_name);
        if !well_formed {
            return Err(format!("`{text}` is not the ARN of a Lambda function"));
        }
        check_account_and_variables(&text, account)?;
        Ok(Self(text))
    }
}

fn check_account_and_variables(text: &str, account: &str) -> Result<(), String> {
    if !is_account(account) {
        return Err(format!("`{text}` needs an account of twelve digits, without a wildcard"));
    }
    if text.contains("${") {
        return Err(format!("`{text}` holds a policy variable; the list knows none"));
    }
    Ok(())
}

fn is_partition_pattern(text: &str) -> bool {
    if pattern::has_wildcard(text) { is_pattern_label(text) } else { is_partition(text) }
}

fn is_pattern_label(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*?".contains(&byte))
}
