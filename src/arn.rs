//! Amazon Resource Names, taken apart once and checked strictly.
//!
//! An [`Arn`] is six colon-separated parts and nothing more; a [`FunctionArn`] is one exact Lambda function. Neither
//! can hold a wildcard: in an IAM policy `*`, `?` and `${` are live, so text that holds one is not an ARN here.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.

use std::fmt;

/// Six parts of an ARN, borrowed from the text they were found in: `arn:partition:service:region:account:resource`.
///
/// The partition and, where there is one, the account are well-formed; region and account may be empty. The resource is
/// whatever follows the fifth colon.
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
    /// Takes `text` apart, or gives `None` where it is not an ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let well_formed = scheme == "arn"
            && is_partition(partition)
            && is_label(service)
            && (region.is_empty() || is_label(region))
            && (account.is_empty() || is_account(account))
            && !resource.is_empty();
        well_formed.then_some(Self { partition, service, region, account, resource })
    }
}

/// One exact Lambda function: `arn:partition:lambda:region:account:function:name`, always without a qualifier.
///
/// See <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html> for the forms of a function's name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FunctionArn {
    text: String,
}

impl FunctionArn {
    /// Reads the ARN of a function, and drops its version or alias: IAM grants are for the function.
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let (name, qualifier) = split_qualifier(arn.resource.strip_prefix("function:")?);
        (arn.service == "lambda" && qualifier.is_none_or(is_qualifier)).then_some(())?;
        Self::new(arn.partition, arn.region, arn.account, name)
    }

    /// Puts a function's ARN together, or gives `None` where a part of it is malformed.
    pub fn new(partition: &str, region: &str, account: &str, name: &str) -> Option<Self> {
        let well_formed =
            is_partition(partition) && is_label(region) && is_account(account) && is_function_name(name);
        well_formed
            .then(|| Self { text: format!("arn:{partition}:lambda:{region}:{account}:function:{name}") })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The region that the function is in.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account that owns the function: twelve digits.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The function's name alone.
    pub fn name(&self) -> &str {
        self.part(6)
    }

    /// The two `Resource` entries that a call of the function needs: one without and one with any qualifier.
    ///
    /// IAM compares the entry with the ARN as called: `fn` covers the unqualified call alone, `fn:*` the qualified ones
    /// alone, and `fn*` would cover `fn-other` as well.
    /// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html>.
    pub fn resource_pair(&self) -> [String; 2] {
        [self.text.clone(), format!("{}:*", self.text)]
    }

    fn part(&self, index: usize) -> &str {
        self.text.split(':').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A function's name as `requestParameters.functionName` gives it when it is not an ARN:
/// `[account:][function:]name[:qualifier]`.
///
/// See the pattern of `FunctionName` in <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// The account, where the text states one.
    pub account: Option<&'a str>,
    /// The name, without a qualifier.
    pub name: &'a str,
}

impl<'a> FunctionName<'a> {
    /// Reads any of its forms.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (account, rest) = match text.split_once(':') {
            Some((account, rest)) if is_account(account) => (Some(account), rest),
            Some(_) | None => (None, text),
        };
        let rest = rest.strip_prefix("function:").unwrap_or(rest);
        let (name, qualifier) = split_qualifier(rest);
        let well_formed = is_function_name(name) && qualifier.is_none_or(is_qualifier);
        well_formed.then_some(Self { account, name })
    }
}

/// Whether `text` is an account id: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` can be a partition: `aws`, or `aws-` and more (`aws-cn`, `aws-us-gov`, `aws-iso-b`, `aws-eusc`).
pub fn is_partition(text: &str) -> bool {
    (text == "aws" || text.starts_with("aws-")) && is_label(text)
}

/// Whether `text` is made as regions and service names are: lower-case letters, digits and inner hyphens.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn split_qualifier(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(name, qualifier)| (name, Some(qualifier)))
}

fn is_function_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// A version, an alias, `$LATEST` or `$LATEST.PUBLISHED`.
fn is_qualifier(text: &str) -> bool {
    matches!(text, "$LATEST" | "$LATEST.PUBLISHED")
        || ((1..=128).contains(&text.len()) && text.bytes().all(is_name_byte))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";

    #[test]
    fn a_qualifier_is_dropped() {
        for qualifier in ["", ":1", ":live", ":$LATEST", ":$LATEST.PUBLISHED"] {
            let arn = FunctionArn::parse(&format!("{FUNCTION}{qualifier}")).unwrap();
            assert_eq!(arn.as_str(), FUNCTION);
            assert_eq!(arn.name(), "ffmpeg-clip-cutter");
        }
    }

    #[test]
    fn every_partition_is_read() {
        for (partition, region) in [
            ("aws-cn", "cn-north-1"),
            ("aws-us-gov", "us-gov-west-1"),
            ("aws-iso", "us-iso-east-1"),
            ("aws-iso-b", "us-isob-east-1"),
            ("aws-eusc", "eusc-de-east-1"),
        ] {
            let arn =
                FunctionArn::parse(&format!("arn:{partition}:lambda:{region}:281502313273:function:fn"));
            let arn = arn.unwrap();
            assert_eq!((arn.partition(), arn.region()), (partition, region));
        }
    }

    #[test]
    fn what_is_not_one_exact_function_is_no_function_arn() {
        for text in [
            "",
            "*",
            "arn",
            "arn:aws:lambda:us-east-1:281502313273:function:",
            "arn:aws:lambda:us-east-1:281502313273:function:*",
            "arn:aws:lambda:us-east-1:281502313273:function:fn*",
            "arn:aws:lambda:us-east-1:281502313273:function:f?",
            "arn:aws:lambda:us-east-1:281502313273:function:${aws:username}",
            "arn:aws:lambda:us-east-1:281502313273:function:fn:*",
            "arn:aws:lambda:us-east-1:281502313273:function:fn:1:2",
            "arn:aws:lambda:us-east-1:281502313273:function:fn:",
            "arn:aws:lambda:us-east-1:281502313273:function:function:fn:live",
            "arn:aws:lambda:us-east-1:281502313273:function:281502313273:fn:live",
            "arn:aws:lambda:us-east-1:281502313273:function:f\u{0456}",
            "arn:aws:lambda:us-east-1:281502313273:function:fn ",
            "arn:aws:lambda:us-east-1:281502313273:layer:fn",
            "arn:aws:lambda:*:281502313273:function:fn",
            "arn:aws:lambda::281502313273:function:fn",
            "arn:aws:lambda:us-east-1::function:fn",
            "arn:aws:lambda:us-east-1:28150231327:function:fn",
            "arn:aws:lambda:us-east-1:*:function:fn",
            "arn:aws:s3:us-east-1:281502313273:function:fn",
            "arn:*:lambda:us-east-1:281502313273:function:fn",
            "ARN:aws:lambda:us-east-1:281502313273:function:fn",
        ] {
            assert_eq!(FunctionArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_forms_of_a_name() {
        let parsed = |text| FunctionName::parse(text).map(|name| (name.account, name.name));
        assert_eq!(parsed("fn"), Some((None, "fn")));
        assert_eq!(parsed("function:fn"), Some((None, "fn")));
        assert_eq!(parsed("function:fn:live"), Some((None, "fn")));
        assert_eq!(parsed("281502313273:fn"), Some((Some("281502313273"), "fn")));
        assert_eq!(parsed("281502313273"), Some((None, "281502313273")));
        assert_eq!(parsed("fn:live"), Some((None, "fn")));
        assert_eq!(parsed("281502313273:function:fn"), Some((Some("281502313273"), "fn")));
        assert_eq!(parsed("281502313273:function:fn:live"), Some((Some("281502313273"), "fn")));
        for text in
            ["", ":", "fn:", "a:b:c", "28:function:fn", "f n", "fn:l*ve", "function:", "281502313273:"]
        {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
