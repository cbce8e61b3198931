//! The error message that a denied caller got, as the event that CloudTrail would have made of it.
//!
//! The message says who called, what and why; nothing else is made up but the role behind a session, whose path the
//! message does not hold. The event goes the same way as any other, so that every check applies.

use lambda_invoke_remediator::message::{self, Message, NotOneDenial};
use lambda_invoke_remediator::principal::{Principal, PrincipalKind, RoleSession};
use serde_json::{Value, json};

const NOTE: &str = "an error message: taken as CloudTrail's record of it";
const NOTE_ON_PATH: &str = "an error message: it does not hold the role's path, so the role is taken to have none; \
                            --principal ARN names it in full";

/// The event for a text that holds such a message, with what has to be said of it; `role` is the role behind its session.
pub(crate) fn event(text: &str, role: Option<&Principal>) -> Option<(Value, &'static str)> {
    // A terminal or a mail may have wrapped it.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let user = match message::parse(&text) {
        Ok(Message { user, .. }) => user,
        Err(NotOneDenial::Ambiguous { .. }) => None,
        Err(NotOneDenial::OtherText) => return None,
    };
    let (identity, note) = user.as_deref().map_or((Value::Null, NOTE), |user| identity(user, role));
    let event = json!({
        "source": "aws.lambda",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "lambda.amazonaws.com",
            "eventName": "Invoke",
            "errorCode": "AccessDenied",
            "errorMessage": text,
            "userIdentity": identity,
        },
    });
    Some((event, note))
}

/// The `userIdentity` of the ARN that the message gives.
fn identity(user: &str, role: Option<&Principal>) -> (Value, &'static str) {
    if let Some(session) = RoleSession::parse(user) {
        let (role, note) = match role {
            Some(role) => (role.to_string(), NOTE),
            None => (role_of(session), NOTE_ON_PATH),
        };
        let issuer = json!({"type": "Role", "arn": role});
        return (
            json!({"type": "AssumedRole", "arn": user, "sessionContext": {"sessionIssuer": issuer}}),
            note,
        );
    }
    let kind = match Principal::parse(user).map(|principal| principal.kind()) {
        Some(PrincipalKind::User) => "IAMUser",
        Some(PrincipalKind::Role) => "AssumedRole",
        None if user.ends_with(":root") => "Root",
        None => "Unknown",
    };
    (json!({"type": kind, "arn": user}), NOTE)
}

/// The role of a session, under the path that AWS's own roles have, or under none.
fn role_of(RoleSession { partition, account, role_name }: RoleSession<'_>) -> String {
    let path = match role_name {
        name if name.starts_with("AWSReservedSSO_") => "aws-reserved/sso.amazonaws.com/",
        name if name.starts_with("AWSServiceRoleFor") => "aws-service-role/",
        _ => "",
    };
    format!("arn:{partition}:iam::{account}:role/{path}{role_name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "is not authorized to perform: lambda:InvokeFunction on resource: \
                        arn:aws:lambda:us-east-1:281502313273:function:clip because no identity-based policy allows the \
                        lambda:InvokeFunction action";

    fn identity_of(user: &str, role: Option<&Principal>) -> (Value, &'static str) {
        let (event, note) = event(&format!("An error occurred:\n  User: {user}\n{REST}"), role).unwrap();
        (event["detail"]["userIdentity"].clone(), note)
    }

    #[test]
    fn the_message_says_who() {
        let user = "arn:aws:iam::281502313273:user/a/b";
        assert_eq!(identity_of(user, None), (json!({"type": "IAMUser", "arn": user}), NOTE));
        let session = "arn:aws:sts::281502313273:assumed-role/render/me";
        let (identity, note) = identity_of(session, None);
        assert_eq!(
            identity["sessionContext"]["sessionIssuer"]["arn"],
            "arn:aws:iam::281502313273:role/render"
        );
        assert_eq!(note, NOTE_ON_PATH);
        let role = Principal::parse("arn:aws:iam::281502313273:role/x/render").unwrap();
        let (identity, note) = identity_of(session, Some(&role));
        assert_eq!(
            (&identity["sessionContext"]["sessionIssuer"]["arn"], note),
            (&json!(role.to_string()), NOTE)
        );
        assert_eq!(identity_of("arn:aws:iam::281502313273:root", None).0["type"], "Root");
        assert_eq!(identity_of("arn:aws:sts::281502313273:federated-user/x", None).0["type"], "Unknown");
    }

    #[test]
    fn other_texts_are_none() {
        assert_eq!(event("User: x is fine", None), None);
        assert_eq!(event("", None), None);
        // Two of them are one event that the function refuses.
        let twice = format!("User: x {REST} User: y {REST}");
        assert_eq!(event(&twice, None).unwrap().0["detail"]["userIdentity"], Value::Null);
    }
}
