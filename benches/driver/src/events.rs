//! Denials, made from the sample of the seed.

const SAMPLE: &str = include_str!("../../../events/user.json");
/// The names in it.
const USER: &str = "remotion_user";
const FUNCTION: &str = "ffmpeg-clip-cutter";
const EVENT_ID: &str = "fa2be724-862d-54f2-ba65-3a5d7edcc5fb";

/// A list that admits every user and function of [`listed`], and none of [`unlisted`].
pub(crate) const ALLOWLIST: &str = r#"{"rules": [{"id": "remotion-clips",
    "principals": ["arn:aws:iam::281502313273:user/remotion_user*"],
    "functions": ["arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter*"]}]}"#;

/// The function with this number.
pub(crate) fn arn(number: usize) -> String {
    format!("arn:aws:lambda:us-east-1:281502313273:function:{FUNCTION}-{number}")
}

/// A denial that the list admits.
pub(crate) fn listed(user: &str, function: usize) -> Vec<u8> {
    event(user, &format!("{FUNCTION}-{function}"), function)
}

/// A denial that it does not.
pub(crate) fn unlisted(number: usize) -> Vec<u8> {
    event(USER, &format!("other-{number}"), number)
}

/// The policy of somebody who may call the first `count` functions.
pub(crate) fn policy(count: usize) -> String {
    let resources: Vec<_> = (0..count).map(arn).flat_map(|arn| [format!("{arn}:*"), arn]).collect();
    let statement =
        serde_json::json!({ "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": resources });
    serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn event(user: &str, function: &str, number: usize) -> Vec<u8> {
    let id = format!("{}{number:012}", EVENT_ID.get(..24).unwrap_or_default());
    SAMPLE.replace(USER, user).replace(FUNCTION, function).replace(EVENT_ID, &id).into_bytes()
}
