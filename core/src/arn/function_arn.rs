//! The ARN of a Lambda function, and the short forms of its name.

use crate::arn::{Arn, is_account, is_label, is_partition};
use std::fmt;

/// The ARN of one Lambda function: `arn:partition:lambda:region:account:function:name`, always
/// without a version or alias.
///
/// See <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html> for the forms of a name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FunctionArn(String);

impl FunctionArn {
    /// Parses the ARN of a function, and drops its version or alias: IAM grants are for the function.
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        if arn.service != "lambda" {
            return None;
        }
        let name = unqualified(arn.resource.strip_prefix("function:")?)?;
        Self::new(arn.partition, arn.region, arn.account, name)
    }

    /// Composes the ARN of a function. `None` if a part is malformed.
    pub fn new(partition: &str, region: &str, account: &str, name: &str) -> Option<Self> {
        let is_well_formed =
            is_partition(partition) && is_label(region) && is_account(account) && is_name(name);
        is_well_formed.then(|| Self(format!("arn:{partition}:lambda:{region}:{account}:function:{name}")))
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account that owns the function: twelve digits.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        self.part(6)
    }

    /// The two `Resource` entries that allow every call of the function: without a qualifier, and with any.
    ///
    /// IAM compares an entry with the ARN as called: `fn` covers the unqualified call alone, `fn:*` the
    /// qualified ones alone, and `fn*` would cover `fn-other` as well.
    /// See <https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html>.
    pub fn resource_pair(&self) -> [String; 2] {
        [self.0.clone(), format!("{}:*", self.0)]
    }

    /// The colon-separated part at `index`, from 0 on.
    fn part(&self, index: usize) -> &str {
        self.0.split(':').nth(index).unwrap_or_default()
    }
}

/// Writes the whole ARN.
impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes the whole ARN, as `Display` does.
impl fmt::Debug for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A function's name as `requestParameters.functionName` holds it if it is not an ARN:
/// `[account:][function:]name[:qualifier]`.
///
/// See the pattern of `FunctionName` in <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionName<'a> {
    /// The account, if the text states one.
    pub account: Option<&'a str>,
    /// The name, without a qualifier.
    pub name: &'a str,
}

impl<'a> FunctionName<'a> {
    /// Parses any of the forms. `None` if `text` has another.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (account, rest) = match text.split_once(':') {
            Some((account, rest)) if is_account(account) => (Some(account), rest),
            Some(_) | None => (None, text),
        };
        let name = unqualified(rest.strip_prefix("function:").unwrap_or(rest))?;
        is_name(name).then_some(Self { account, name })
    }
}

/// Returns what precedes the qualifier, or all of `text` if it has none. `None` if the qualifier is malformed.
fn unqualified(text: &str) -> Option<&str> {
    match text.split_once(':') {
        Some((name, qualifier)) => is_qualifier(qualifier).then_some(name),
        None => Some(text),
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// Whether `text` can be a version, an alias, `$LATEST` or `$LATEST.PUBLISHED`.
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
