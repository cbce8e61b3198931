//! Amazon Resource Names, taken apart once and checked strictly.
//!
//! An [`Arn`] is six colon-separated parts and nothing more; a [`FunctionArn`] is one exact Lambda function. Neither
//! can hold a wildcard: in an IAM policy `*`, `?` and `${` are live, so text that holds one is not an ARN here.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.

pub mod pattern;
pub mod principal;

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
        let [scheme, partition, service, region, account, resource] = split(text)?;
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
    /// How long its parts are whose length may differ; the name has the rest.
    partition: usize,
    region: usize,
}

impl FunctionArn {
    /// Reads the ARN of a function, and drops its version or alias: IAM grants are for the function.
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let (name, qualifier) = split_qualifier(arn.resource.strip_prefix("function:")?);
        let well_formed = arn.service == "lambda"
            && !arn.region.is_empty()
            && !arn.account.is_empty()
            && is_function_name(name)
            && qualifier.is_none_or(is_qualifier);
        let unqualified = match qualifier {
            None => text,
            Some(qualifier) => text.strip_suffix(qualifier)?.strip_suffix(':')?,
        };
        let (partition, region) = (arn.partition.len(), arn.region.len());
        well_formed.then(|| Self { text: unqualified.to_owned(), partition, region })
    }

    /// Puts a function's ARN together, or gives `None` where a part of it is malformed.
    pub fn new(partition: &str, region: &str, account: &str, name: &str) -> Option<Self> {
        let well_formed =
            is_partition(partition) && is_label(region) && is_account(account) && is_function_name(name);
        well_formed.then(|| Self {
            text: format!("arn:{partition}:lambda:{region}:{account}:function:{name}"),
            partition: partition.len(),
            region: region.len(),
        })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        self.part("arn:".len(), self.partition)
    }

    /// The region that the function is in.
    pub fn region(&self) -> &str {
        self.part(self.region_at(), self.region)
    }

    /// The account that owns the function: twelve digits.
    pub fn account(&self) -> &str {
        self.part(self.account_at(), ACCOUNT_LENGTH)
    }

    /// The function's name alone.
    pub fn name(&self) -> &str {
        self.text.get(self.account_at() + ACCOUNT_LENGTH + ":function:".len()..).unwrap_or_default()
    }

    /// The two `Resource` entries that a call of the function needs: one without and one with any qualifier.
    ///
    /// IAM compares the entry with the ARN as called: `fn` covers the unqualified call alone, `fn:*` the qualified ones
    /// alone, and `fn*` would cover `fn-other` as well.
    /// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html>.
    pub fn resource_pair(&self) -> [String; 2] {
        [self.text.clone(), format!("{}:*", self.text)]
    }

    fn region_at(&self) -> usize {
        "arn:".len() + self.partition + ":lambda:".len()
    }

    fn account_at(&self) -> usize {
        self.region_at() + self.region + ":".len()
    }

    fn part(&self, at: usize, length: usize) -> &str {
        self.text.get(at..at + length).unwrap_or_default()
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

/// How long an account id is.
pub(crate) const ACCOUNT_LENGTH: usize = 12;

/// Whether `text` is an account id: twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_LENGTH && text.bytes().all(|byte| byte.is_ascii_digit())
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

/// The six parts of an ARN, whatever they hold; the last has the colons that are left.
pub(crate) fn split(text: &str) -> Option<[&str; 6]> {
    let (scheme, rest) = split_colon(text)?;
    let (partition, rest) = split_colon(rest)?;
    let (service, rest) = split_colon(rest)?;
    let (region, rest) = split_colon(rest)?;
    let (account, resource) = split_colon(rest)?;
    Some([scheme, partition, service, region, account, resource])
}

/// What stands before and after the first colon. The parts are short, so that this is quicker than a general search.
fn split_colon(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == b':')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn split_qualifier(text: &str) -> (&str, Option<&str>) {
    split_colon(text).map_or((text, None), |(name, qualifier)| (name, Some(qualifier)))
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
    fn its_parts_are_those_that_it_was_put_together_from() {
        for parts in [
            ["aws", "us-east-1", "281502313273", "ffmpeg-clip-cutter"],
            ["aws-iso-b", "x", "000000000000", "f"],
            ["aws", "function", "281502313273", "281502313273"],
        ] {
            let [partition, region, account, name] = parts;
            let arn = FunctionArn::new(partition, region, account, name).unwrap();
            assert_eq!([arn.partition(), arn.region(), arn.account(), arn.name()], parts);
            assert_eq!(Some(&arn), FunctionArn::parse(arn.as_str()).as_ref());
            assert_eq!(Some(&arn), FunctionArn::parse(&format!("{arn}:{region}")).as_ref());
        }
        for [partition, region, account, name] in [
            ["aws", "us-east-1", "281502313273", "fn:live"],
            ["aws", "us-east-1:281502313273:function:x", "281502313273", "fn"],
            ["aws", "us-east-1", "281502313273:function", "fn"],
            ["aws", "us-east-1:281502313273", "function", "function"],
            ["aws:lambda", "us-east-1", "281502313273", "fn"],
            ["aws", "", "281502313273", "fn"],
            ["aws", "us-east-1", "", "fn"],
            ["aws", "us-east-1", "281502313273", ""],
        ] {
            assert_eq!(
                FunctionArn::new(partition, region, account, name),
                None,
                "{partition} {region} {account} {name}"
            );
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
