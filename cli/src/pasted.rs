//! The error message that a denied caller got, as the event that CloudTrail would have made of it.
//!
//! The message says who called, what and why; nothing else is made up but the role behind a session, whose path the
//! message does not hold. The event goes the same way as any other, so that every check applies.

use lambda_invoke_remediator::message::{self, Message};
use lambda_invoke_remediator::principal::{Principal, PrincipalKind, RoleSession};
use serde_json::{Value, json};

const NOTE: &str = "an error message: taken as CloudTrail's record of it";
const NOTE_ON_PATH: &str = "an error message: it does not hold the role's path, so the role is taken to have none; \
                            --principal ARN names it in full";
/// No ARN, with what stands around it, is longer.
const LONGEST_SUBJECT: usize = 2_200;

/// The event for a text that holds such a message, with what has to be said of it; `role` is the role behind its session.
pub(crate) fn event(text: &str, role: Option<&Principal>) -> Option<(Value, &'static str)> {
    let sentences = sentences(text);
    let messages: Vec<_> = sentences.iter().map(|sentence| message::parse(sentence)).collect();
    let first = messages.first()?;
    // An SDK may print one message twice. Different ones are one event that nobody can read.
    let is_one = messages.iter().all(|message| message == first);
    let (text, user) = match first {
        Ok(Message { user, .. }) if is_one => (sentences.into_iter().next()?, user.as_deref()),
        Ok(_) | Err(_) => (sentences.join(" "), None),
    };
    let (identity, note) = user.map_or((Value::Null, NOTE), |user| identity(user, role));
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

/// The sentences themselves, each on one line: without the traceback, the program or the frame that they were printed in.
///
/// A terminal or a mail may have wrapped them, so that a sentence goes on to the end of the line on which its last known
/// words stand.
fn sentences(text: &str) -> Vec<String> {
    // Terraform draws a frame.
    let text = text.replace(['\u{2502}', '\u{2577}', '\u{2575}'], " ");
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    // The same bytes, with the line ends and without.
    let (lined, flat) = (lines.join("\n"), lines.join(" "));
    let begins: Vec<usize> = flat
        .match_indices(message::SENTENCE)
        .map(|(place, _)| {
            let before = flat.get(..place).unwrap_or_default();
            let subject = before.rfind("User:").filter(|begin| place - begin <= LONGEST_SUBJECT);
            let line = || lined.get(..place).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            subject.unwrap_or_else(line)
        })
        .collect();
    let ends = begins.iter().skip(1).copied().chain([flat.len()]);
    let spans = begins.iter().copied().zip(ends);
    spans
        .filter_map(|(begin, end)| {
            let known = begin + known_words(flat.get(begin..end)?);
            let end = lined.get(known..end)?.find('\n').map_or(end, |line_end| known + line_end);
            Some(flat.get(begin..end)?.trim().to_owned())
        })
        .collect()
}

/// Where the words end that a sentence is known to have.
fn known_words(text: &str) -> usize {
    let behind = |words: &str| text.find(words).map(|place| place + words.len());
    let word_behind = |words: &str| {
        let place = behind(words)?;
        Some(place + text.get(place..)?.find(' ').unwrap_or(text.len() - place))
    };
    let implicit = || {
        let reason = behind("because no ")?;
        Some(
            reason
                + text
                    .get(reason..)?
                    .find(" action")
                    .map_or(text.len() - reason, |place| place + " action".len()),
        )
    };
    // Another reason may be told in words that are not known here: then all of it is left to be judged.
    let other = || text.contains("because").then_some(text.len());
    implicit()
        .or_else(|| word_behind("with an explicit deny in a "))
        .or_else(|| word_behind("with an explicit deny in an "))
        .or_else(|| behind("with an explicit deny"))
        .or_else(other)
        .or_else(|| word_behind("on resource: "))
        .or_else(|| word_behind(message::SENTENCE))
        .unwrap_or(text.len())
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
    fn what_stands_around_the_sentence_is_left_out() {
        let user = "arn:aws:iam::281502313273:user/a";
        let sentence = format!("User: {user} {}", REST.split_whitespace().collect::<Vec<_>>().join(" "));
        let old = sentence.split(" because").next().unwrap().to_owned();
        let trace = "\n\tat com.amazonaws.RetryPolicy.deny(X.java:1)".repeat(40);
        let frame = sentence.replace(" on resource", "\n\u{2502} on resource");
        for (text, expected) in [
            (
                format!("{trace}\nException: {sentence} (Service: Lambda, Status Code: 403){trace}"),
                format!("{sentence} (Service: Lambda, Status Code: 403)"),
            ),
            (format!("x: {old}{trace}"), old.clone()),
            (format!("{old} (Service: Lambda){trace}"), format!("{old} (Service: Lambda)")),
            (
                format!("\u{2577}\n\u{2502} Error: {frame}\n\u{2502}\n\u{2502} with x.y\n\u{2575}"),
                sentence.clone(),
            ),
            (
                format!("AccessDeniedException: {sentence}{trace} {{\n message: '{sentence}'\n}}"),
                sentence.clone(),
            ),
        ] {
            let (event, _) = event(&text, None).unwrap();
            assert_eq!(event["detail"]["errorMessage"], expected, "{text}");
        }
        // A reason in unknown words is not cut off.
        let (event, _) = event(&format!("{old}\nbecause the moon is full\nor not"), None).unwrap();
        assert!(event["detail"]["errorMessage"].as_str().unwrap().ends_with("or not"));
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
