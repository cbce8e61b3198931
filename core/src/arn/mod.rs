//! Amazon Resource Names, parsed strictly.
//!
//! In comes text from an event or a configuration; out comes an [`Arn`], a [`FunctionArn`], or a user, role or session
//! ([`principal`]), none of which can hold a wildcard. [`pattern`] matches those of a list.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.

mod function_arn;
pub mod pattern;
pub mod principal;

pub use function_arn::{FunctionArn, FunctionName};

/// The parts of an ARN, borrowed from its text: `arn:partition:service:region:account:resource`.
///
/// The partition and, if not empty, the account are well-formed; region and account may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: &'a str,
    /// The service's namespace, such as `lambda`.
    pub service: &'a str,
    /// The region, or empty for a global service.
    pub region: &'a str,
    /// Twelve digits, or empty.
    pub account: &'a str,
    /// Everything after the fifth colon, colons included.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Parses an ARN. `None` if `text` is not one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let [scheme, partition, service, region, account, resource] = split(text)?;
        let is_well_formed = scheme == "arn"
            && is_partition(partition)
            && is_label(service)
            && (region.is_empty() || is_label(region))
            && (account.is_empty() || is_account(account))
            && !resource.is_empty();
        is_well_formed.then_some(Self { partition, service, region, account, resource })
    }
}

/// Whether `text` is an account id: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` can be a partition: `aws`, or `aws-` and more (`aws-cn`, `aws-us-gov`, `aws-eusc`).
pub fn is_partition(text: &str) -> bool {
    (text == "aws" || text.starts_with("aws-")) && is_label(text)
}

/// Whether `text` can be a region or a service: lower-case letters, digits and inner hyphens.
fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Splits an ARN at its first five colons, and checks no part. The last part keeps its colons.
pub(crate) fn split(text: &str) -> Option<[&str; 6]> {
    let mut parts = text.splitn(6, ':');
    let [scheme, partition, service] = [parts.next()?, parts.next()?, parts.next()?];
    let [region, account, resource] = [parts.next()?, parts.next()?, parts.next()?];
    Some([scheme, partition, service, region, account, resource])
}
