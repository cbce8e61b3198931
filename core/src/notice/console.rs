//! Addresses of pages in the AWS console: the policy, the function, and what denied.
//!
//! A page is only named where its address is known for the partition. Every name is percent-encoded, so that untrusted text
//! stays one segment of an address that always leads to AWS.
//!
//! The hosts are those of template.yaml's `DashboardUrl`. AWS documents the addresses of two Organizations policies,
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_available-policies.html>; those of IAM's and
//! Lambda's pages are what the console itself shows.

use crate::arn::principal::{Principal, PrincipalKind};
use crate::arn::{Arn, FunctionArn};
use crate::policy::POLICY_NAME;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986's unreserved characters stay, but for the tilde, which a chat may take for a format.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Returns the page of the inline policy that grants are written to. `region` is one of the partition's.
pub(crate) fn inline_policy(principal: &Principal, region: &str) -> Option<String> {
    let host = host(principal.partition(), region)?;
    let kind = match principal.kind() {
        PrincipalKind::User => "users",
        PrincipalKind::Role => "roles",
    };
    let name = encoded(principal.name());
    Some(format!(
        "https://{host}/iam/home#/{kind}/details/{name}/editPolicy/{POLICY_NAME}?step=addPermissions"
    ))
}

/// Returns the page of the function.
pub(crate) fn function(function: &FunctionArn) -> Option<String> {
    let (region, name) = (function.region(), encoded(function.name()));
    let host = host(function.partition(), region)?;
    Some(format!("https://{host}/lambda/home?region={region}#/functions/{name}"))
}

/// Returns the page of what denied, from the ARN that a message ends in: a managed policy or a role of IAM, or a policy of
/// Organizations. `region` is one of the partition's.
pub(crate) fn denying(arn: &str, region: &str) -> Option<String> {
    let parsed = Arn::parse(arn).or_else(|| aws_managed(arn))?;
    let host = host(parsed.partition, region)?;
    let (kind, rest) = parsed.resource.split_once('/')?;
    match (parsed.service, kind) {
        ("iam", "policy") => Some(format!("https://{host}/iam/home#/policies/details/{}", encoded(arn))),
        ("iam", "role") => {
            let name = encoded(rest.rsplit('/').next().unwrap_or(rest));
            Some(format!("https://{host}/iam/home#/roles/details/{name}"))
        }
        // Only the `aws` partition's addresses are documented.
        ("organizations", "policy") if parsed.partition == "aws" => {
            let (rest, id) = rest.rsplit_once('/')?;
            let kind = match rest.rsplit('/').next()? {
                "service_control_policy" => "service-control-policy",
                "resource_control_policy" => "resource-control-policy",
                _ => return None,
            };
            Some(format!("https://{host}/organizations/v2/home/policies/{kind}/{}", encoded(id)))
        }
        _ => None,
    }
}

/// Reads the ARN of a policy that AWS manages, which has `aws` in the account's place.
fn aws_managed(arn: &str) -> Option<Arn<'_>> {
    let [_, partition, service, "", "aws", resource] = crate::arn::split(arn)? else { return None };
    crate::arn::is_partition(partition).then_some(Arn {
        partition,
        service,
        region: "",
        account: "aws",
        resource,
    })
}

/// Returns the console's host in a partition; `None` where it is not known.
fn host(partition: &str, region: &str) -> Option<String> {
    match partition {
        "aws" => Some("console.aws.amazon.com".to_owned()),
        "aws-cn" => Some("console.amazonaws.cn".to_owned()),
        "aws-us-gov" => Some("console.amazonaws-us-gov.com".to_owned()),
        "aws-eusc" => Some(format!("{region}.console.amazonaws-eusc.eu")),
        _ => None,
    }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(partition: &str, region: &str) -> [Option<String>; 3] {
        let role =
            Principal::parse(&format!("arn:{partition}:iam::281502313273:role/path/render+=,.@-_")).unwrap();
        let lambda = FunctionArn::new(partition, region, "281502313273", "ffmpeg-clip_cutter").unwrap();
        let policy = format!("arn:{partition}:iam::281502313273:policy/path/no-invokes");
        [inline_policy(&role, region), function(&lambda), denying(&policy, region)]
    }

    #[test]
    fn each_partition_has_its_own_console_or_none() {
        for (partition, region, host) in [
            ("aws", "us-east-1", "console.aws.amazon.com"),
            ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
            ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
            ("aws-eusc", "eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ] {
            assert_eq!(
                pages(partition, region).map(Option::unwrap),
                [
                    format!(
                        "https://{host}/iam/home#/roles/details/render%2B%3D%2C.%40-_/editPolicy/LambdaInvokePermission\
                         ?step=addPermissions"
                    ),
                    format!("https://{host}/lambda/home?region={region}#/functions/ffmpeg-clip_cutter"),
                    format!(
                        "https://{host}/iam/home#/policies/details/arn%3A{partition}%3Aiam%3A%3A281502313273%3Apolicy%2Fpath%2Fno-invokes"
                    ),
                ]
            );
        }
        for (partition, region) in
            [("aws-iso", "us-iso-east-1"), ("aws-iso-b", "us-isob-east-1"), ("aws-new", "xx-east-1")]
        {
            assert_eq!(pages(partition, region), [None, None, None], "{partition}");
        }
    }

    #[test]
    fn a_user_has_another_page_than_a_role() {
        let user = Principal::parse("arn:aws:iam::281502313273:user/team/remotion_user").unwrap();
        assert_eq!(
            inline_policy(&user, "us-east-1").unwrap(),
            "https://console.aws.amazon.com/iam/home#/users/details/remotion_user/editPolicy/LambdaInvokePermission\
             ?step=addPermissions"
        );
    }

    #[test]
    fn what_denied_has_a_page_where_its_kind_is_known() {
        let organizations = "https://console.aws.amazon.com/organizations/v2/home/policies";
        let iam = "https://console.aws.amazon.com/iam/home#";
        for (arn, page) in [
            (
                "arn:aws:organizations::987654321098:policy/o-exampleorgid/service_control_policy/p-examplepolicyid",
                format!("{organizations}/service-control-policy/p-examplepolicyid"),
            ),
            (
                "arn:aws:organizations::987654321098:policy/o-exampleorgid/resource_control_policy/p-examplepolicyid",
                format!("{organizations}/resource-control-policy/p-examplepolicyid"),
            ),
            (
                "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess",
                format!("{organizations}/service-control-policy/p-FullAWSAccess"),
            ),
            (
                "arn:aws:iam::aws:policy/AWSDenyAll",
                format!("{iam}/policies/details/arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAWSDenyAll"),
            ),
            ("arn:aws:iam::281502313273:role/path/broker", format!("{iam}/roles/details/broker")),
        ] {
            assert_eq!(denying(arn, "us-east-1"), Some(page), "{arn}");
        }
        for arn in [
            "arn:aws:organizations::987654321098:policy/o-exampleorgid/tag_policy/p-examplepolicyid",
            "arn:aws-cn:organizations::987654321098:policy/o-exampleorgid/service_control_policy/p-examplepolicyid",
            "arn:aws:ec2:us-east-1:281502313273:vpc-endpoint/vpce-1234",
            "arn:aws:iam::somebody:policy/x",
            "https://x.example/arn:aws:iam::aws:policy/AWSDenyAll",
            "arn:aws:iam::aws:group",
            "",
        ] {
            assert_eq!(denying(arn, "us-east-1"), None, "{arn}");
        }
    }

    #[test]
    fn no_name_leaves_its_segment() {
        for name in ["a/b?c#d", "a&b", "<!channel>", "@here", "a b", "..%2f", "`x`", "a\u{202e}b"] {
            let page = denying(&format!("arn:aws:iam::281502313273:policy/{name}"), "us-east-1").unwrap();
            let (place, segment) = page.rsplit_once('/').unwrap();
            assert_eq!(place, "https://console.aws.amazon.com/iam/home#/policies/details");
            assert!(
                segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._".contains(&byte)),
                "{segment}"
            );
        }
    }
}
