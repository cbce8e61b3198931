use super::*;
use proptest::prelude::*;

const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";

fn with(clause: &str) -> String {
    format!(
        "User: {USER} is not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION}{clause}"
    )
}

fn cause(clause: &str) -> (DeniedBy, DenialKind, bool) {
    let message = parse(&with(clause)).unwrap();
    assert_eq!(message.user.as_deref(), Some(USER), "{clause}");
    assert_eq!(message.resource, Resource::Named(FUNCTION.to_owned()), "{clause}");
    (message.cause.denied_by(), message.cause.denial(), message.cause.is_curable())
}

#[test]
fn white_space_makes_no_difference() {
    let line = with(" because no identity-based policy allows the lambda:InvokeFunction action");
    for text in [
        line.clone(),
        format!(" {line}"),
        format!("{line} "),
        line.replace(' ', "  "),
        line.replace(' ', "\n\t"),
        line.replacen(' ', "\r\n", 1),
    ] {
        assert_eq!(parse(&text), parse(&line), "{text:?}");
        assert!(parse(&text).unwrap().cause.is_curable());
    }
}

#[test]
fn only_one_user_is_named() {
    for text in [
        format!("User: {USER} User: {USER}{SENTENCE}lambda:InvokeFunction"),
        format!("User: User:{USER}{SENTENCE}lambda:InvokeFunction"),
        format!("User: {USER} or so{SENTENCE}lambda:InvokeFunction"),
        format!("User:{USER}{SENTENCE}lambda:InvokeFunction"),
        format!("User: {USER}{SENTENCE}lambda:InvokeFunction User: {USER}"),
    ] {
        assert_eq!(parse(&text), Err(NotOneDenial::Ambiguous { names_invoke: true }), "{text}");
    }
}

#[test]
fn every_clause_names_its_layer() {
    use DenialKind::{Explicit, Implicit};
    use DeniedBy::*;
    let no = |kind: &str| format!(" because no {kind} allows the lambda:InvokeFunction action");
    let deny = |kind: &str| format!(" with an explicit deny in {kind}");
    for (clause, denied_by, denial) in [
        (no("identity-based policy"), IdentityBasedPolicy, Implicit),
        (no("resource-based policy"), ResourceBasedPolicy, Implicit),
        (no("permissions boundary"), PermissionsBoundary, Implicit),
        (no("session policy"), SessionPolicy, Implicit),
        (no("service control policy"), ServiceControlPolicy, Implicit),
        (no("VPC endpoint policy"), VpcEndpointPolicy, Implicit),
        (no("role trust policy"), RoleTrustPolicy, Implicit),
        (no("resource control policy"), ResourceControlPolicy, Implicit),
        (no("kind of policy that is new"), Unstated, Implicit),
        (
            " because the role trust policy allows the lambda:InvokeFunction action".into(),
            RoleTrustPolicy,
            Implicit,
        ),
        (deny("an identity-based policy"), IdentityBasedPolicy, Explicit),
        (deny("a resource-based policy"), ResourceBasedPolicy, Explicit),
        (deny("a permissions boundary"), PermissionsBoundary, Explicit),
        (deny("a session policy"), SessionPolicy, Explicit),
        (deny("a sessions policy"), SessionPolicy, Explicit),
        (deny("a service control policy"), ServiceControlPolicy, Explicit),
        (deny("a resource control policy"), ResourceControlPolicy, Explicit),
        (deny("a VPC endpoint policy"), VpcEndpointPolicy, Explicit),
        (deny("the role trust policy"), RoleTrustPolicy, Explicit),
        (
            deny("a VPC endpoint policy transitively through a service control policy"),
            ServiceControlPolicy,
            Explicit,
        ),
        (deny("a kind of policy that is new"), Unstated, Explicit),
        (" with an explicit deny".into(), Unstated, Explicit),
    ] {
        let curable = (denied_by, denial) == (IdentityBasedPolicy, Implicit);
        for tail in [
            "",
            ".",
            " (Service: Lambda, Status Code: 403, Request ID: 0b1f)",
            " (Authorization ID: 1)",
            "\n",
        ] {
            assert_eq!(cause(&format!("{clause}{tail}")), (denied_by, denial, curable), "{clause}{tail}");
        }
    }
}

#[test]
fn the_policy_that_denies_is_kept() {
    let arn = "arn:aws:organizations::987654321098:policy/o-abc/service_control_policy/p-XyZ";
    let message =
        parse(&with(&format!(" with an explicit deny in a service control policy: {arn} (Service: Lambda)")));
    let Cause::Stated { policy, .. } = message.unwrap().cause else { panic!("not read") };
    assert_eq!(policy.as_deref(), Some(arn));
}

/// The tail of IAM Access Troubleshooter, with an id in which a word of a reason stands.
fn details(region: &str, id: &str, again: &str) -> String {
    format!(
        " Go to https://{region}.console.aws.amazon.com/iam/home?region={region}#/authorization-details/{id} for complete details, or \
         call the GetRequestAuthorizationDetails API with the following authorization id: {again}"
    )
}

#[test]
fn where_aws_tells_more_is_kept() {
    let id = "k3denyboundarybecause7q2x";
    let implicit = " because no identity-based policy allows the lambda:InvokeFunction action";
    let explicit = " with an explicit deny in a service control policy";
    let arn = "arn:aws:organizations::987654321098:policy/o-abc/service_control_policy/p-XyZ";
    for clause in [implicit.to_owned(), explicit.to_owned(), format!("{explicit}: {arn}")] {
        let plain = parse(&with(&clause)).unwrap();
        assert_eq!(plain.authorization, None);
        for behind in ["", ".", " (Service: Lambda, Status Code: 403, Request ID: 1)"] {
            let text = format!("{clause}.{}{behind}", details("eu-west-1", id, id));
            let message = parse(&with(&text)).unwrap();
            let told = message.authorization.clone().unwrap();
            assert_eq!((told.id.as_str(), told.region.as_deref()), (id, Some("eu-west-1")));
            assert_eq!(
                told.console_url().unwrap(),
                format!(
                    "https://eu-west-1.console.aws.amazon.com/iam/home?region=eu-west-1#/authorization-details/{id}"
                )
            );
            // Nothing else is read otherwise, and the full stop is no part of the policy's ARN.
            assert_eq!(Message { authorization: None, ..message }, plain, "{text}");
        }
    }
    // A second reason is one, before the tail and behind it.
    for text in [
        format!("{implicit} with an explicit deny.{}", details("eu-west-1", id, id)),
        format!("{implicit}.{} with an explicit deny", details("eu-west-1", id, id)),
    ] {
        assert!(!parse(&with(&text)).unwrap().cause.is_curable(), "{text}");
    }
}

#[test]
#[expect(clippy::string_slice, reason = "the text is ASCII")]
fn what_is_not_whole_or_elsewhere_of_the_details_is_left_out() {
    let (id, implicit) = (
        "k3denyboundarybecause7q2x",
        " because no identity-based policy allows the lambda:InvokeFunction action",
    );
    let read = |tail: &str| {
        let message = parse(&with(&format!("{implicit}.{tail}"))).unwrap();
        (message.cause.is_curable(), message.authorization)
    };
    let whole = details("us-east-1", id, id);
    let address = whole.find(" for complete").unwrap();
    for (end, _) in whole.char_indices().skip(AUTHORIZATION_TAIL.len()) {
        // Cut off behind the address, it says what it says.
        let (is_curable, told) = read(&whole[..end]);
        assert!(is_curable || end <= address, "{}", &whole[..end]);
        assert!(told.is_none_or(|told| end > address && told.id == id), "{}", &whole[..end]);
    }
    for tail in [
        details("us-east-1", &id[1..], id),
        details("us-east-1", &id.to_uppercase(), id),
        details("us-east-1", "short", "short"),
    ] {
        assert_eq!(read(&tail), (true, None), "{tail}");
    }
    // No address out of a text is ever shown.
    let elsewhere = whole.replace(".console.aws.amazon.com", ".console.aws.example.com");
    let (is_curable, told) = read(&elsewhere);
    assert_eq!((is_curable, told.unwrap().console_url()), (true, None));
}

#[test]
fn no_clause_is_unstated_and_may_be_curable() {
    use {DenialKind, DeniedBy};
    for tail in [
        "",
        ".",
        " ",
        "\"}",
        " (Authorization ID: 1b2c)",
        " (Service: AWSLambda; Error Code: AccessDeniedException)",
    ] {
        assert_eq!(cause(tail), (DeniedBy::Unstated, DenialKind::Unstated, true), "{tail}");
    }
}

#[test]
fn words_that_are_not_understood_are_not_taken_for_silence() {
    for tail in [
        " because",
        " because no identity-based pol",
        " because no identity-based policy allows the lambda:InvokeFunction acti",
        " because no identity-based policy allows the lambda:InvokeFunction actions",
        " with an expl",
        " with an explicit denylist",
        " and more",
        " (Service: Lambda) with an explicit deny in a service control policy",
        " because no identity-based policy allows the lambda:InvokeFunction action with an explicit deny",
        " (Service: Lambda; denied by an explicit rule)",
        " because no identity-based policy allows the lambda:InvokeFunction action and no permissions boundary allows it",
        " because no identity-based policy allows the lambda:InvokeFunction action, and something denies it",
    ] {
        assert_eq!(cause(tail), (DeniedBy::Unstated, DenialKind::Unstated, false), "{tail}");
    }
}

#[test]
fn a_prefix_with_another_arn_changes_nothing() {
    let other = "arn:aws:iam::281502313273:role/other";
    let text = with(" because no identity-based policy allows the lambda:InvokeFunction action");
    for prefix in [
        "An error occurred (AccessDeniedException) when calling the Invoke operation: ",
        &format!("[{other}] "),
        &format!("{other} {FUNCTION}-other on resource: {FUNCTION}-other "),
        "{\"Message\":\"",
    ] {
        assert_eq!(parse(&format!("{prefix}{text}")), parse(&text), "{prefix}");
    }
}

#[test]
fn a_reason_before_the_sentence_is_not_silence() {
    for clause in ["", " because no identity-based policy allows the lambda:InvokeFunction action"] {
        assert!(parse(&with(clause)).unwrap().cause.is_curable(), "{clause}");
        let text = format!("with an explicit deny. {}", with(clause));
        assert!(!parse(&text).unwrap().cause.is_curable(), "{clause}");
    }
}

#[test]
fn white_space_and_quotes_are_not_text() {
    let text = format!(
        "User: {USER} is not authorized to perform: \nlambda:InvokeFunction on resource: \"{FUNCTION}\"\t \
         because no identity-based policy allows the lambda:InvokeFunction action"
    );
    let plain = with(" because no identity-based policy allows the lambda:InvokeFunction action");
    assert_eq!(parse(&text), parse(&plain));
}

#[test]
fn a_cut_resource_or_clause_is_not_trusted() {
    let clause = " because no identity-based policy allows the lambda:InvokeFunction action";
    let path = "p".repeat(500);
    let whole = |padding: usize, end: &str| {
        let user = format!("arn:aws:iam::281502313273:user/{path}/remotion_user");
        format!(
            "{}User: {user} is not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION}{end}",
            "x".repeat(padding),
        )
    };
    // Every place at which a cut at 1,024 bytes can fall.
    let length = whole(0, clause).len();
    for padding in (1025 - length)..900 {
        let mut text = whole(padding, clause);
        text.truncate(1024);
        let Ok(message) = parse(&text) else { continue };
        assert!(!message.cause.is_curable(), "{text}");
        match message.resource {
            Resource::Cut => {}
            Resource::Named(name) => {
                assert_eq!(name, FUNCTION);
                assert!(text.contains(&format!("{FUNCTION} ")), "{text}");
            }
            Resource::Missing => panic!("{text}"),
        }
    }
    // A message of that length that is complete keeps its clause.
    let exact = whole(1024 - length, clause);
    assert_eq!(exact.len(), 1024);
    assert!(parse(&exact).unwrap().cause.is_curable());
}

#[test]
fn only_a_cut_hides_the_action() {
    let whole =
        format!("{} User: {USER} is not authorized to perform: lambda:GetFunction", "x".repeat(1_000));
    assert_eq!(parse(&whole).unwrap().action, None);
    let denied = format!(
        "{whole} on resource: {FUNCTION} because no identity-based policy allows the lambda:GetFunction action \
         (lambda:GetFunction"
    );
    assert_eq!(parse(&denied).unwrap().action.as_deref(), Some("lambda:GetFunction"));
    assert_eq!(parse(&with("").replace(&format!(" on resource: {FUNCTION}"), "...")).unwrap().action, None);
}

#[test]
fn a_service_is_no_user() {
    let text = format!(
        "CloudWatch Alarms is not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION} because no \
         resource-based policy allows the lambda:InvokeFunction action"
    );
    assert_eq!(parse(&text).unwrap().user, None);
}

#[test]
fn two_denials_in_one_text_are_none() {
    let one = with(" because no identity-based policy allows the lambda:InvokeFunction action");
    let ambiguous = Err(NotOneDenial::Ambiguous { names_invoke: true });
    assert_eq!(parse(&format!("{one} {one}")), ambiguous);
    assert_eq!(parse(&format!("User: {USER} {one}")), ambiguous);
    assert_eq!(parse(&format!("{one} User: {USER}")), ambiguous);
    assert_eq!(parse(&format!("x;is not authorized to perform: s3:GetObject {one}")), ambiguous);
    assert_eq!(
        parse(&with(" because no identity-based policy allows the lambda:InvokeFunctionUrl action")),
        ambiguous
    );
    assert_eq!(parse("Access denied"), Err(NotOneDenial::OtherText));
    assert_eq!(parse(""), Err(NotOneDenial::OtherText));
}

#[test]
fn the_resource_may_be_missing_or_a_star() {
    let text = format!("User: {USER} is not authorized to perform: lambda:InvokeFunction");
    assert_eq!(parse(&text).unwrap().resource, Resource::Missing);
    let text = format!("{text} on resource: *");
    assert_eq!(parse(&text).unwrap().resource, Resource::Named("*".to_owned()));
}

proptest! {
    #![proptest_config(crate::property::cases(2_000))]

    #[test]
    fn any_message_is_read_without_a_panic(text in "\\PC*") {
        let _ = parse(&text);
        let _ = parse(&format!("User: x is not authorized to perform: {text}"));
        let _ = parse(&format!("{} {text}", with(" because no identity-based policy allows the lambda:InvokeFunction action")));
    }
}
