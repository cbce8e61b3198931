//! The sentence in which AWS says who was denied what, and why; a [`Message`] repeats it, and believes nothing.
//!
//! ```text
//! User: <principal ARN> is not authorized to perform: <action>[ on resource: <ARN>][ <clause>][<tail>]
//! ```

mod authorization;
mod cause;
#[cfg(test)]
mod tests;

pub use authorization::AuthorizationDetails;
pub(super) use authorization::{AUTHORIZATION_TAIL, authorization_tail};
pub(super) use cause::ends_word;
pub use cause::{Cause, DenialKind, DeniedBy};

use crate::actions::ACTION;
use authorization::without_authorization;
use cause::{Clause, mentions_a_cause, read_clause};

/// CloudTrail cuts `errorMessage` at 1 KB, which may be read as 1,000 bytes as well as 1,024.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
const CUT_AT_BYTES: usize = 1_000;

/// The words between who was denied and what, in every form of the message.
pub(super) const SENTENCE: &str = " is not authorized to perform: ";

/// The resource of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The message names no resource.
    Missing,
    /// The text at the resource's place, without quotes.
    Named(String),
    /// The message was cut off before or inside its resource.
    Cut,
}

impl Resource {
    /// Whether the message names a resource, valid or not.
    pub(super) fn is_named(&self) -> bool {
        match self {
            Self::Named(_) => true,
            Self::Missing | Self::Cut => false,
        }
    }
}

/// One denial, in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The ARN that follows `User:`; `None` where a service is the subject (`CloudWatch Alarms is not authorized ...`).
    pub user: Option<String>,
    /// The IAM action, such as `lambda:InvokeFunction`; `None` where the message was cut off inside it.
    pub action: Option<String>,
    /// The resource, an ARN or `*`.
    pub resource: Resource,
    /// The cause of the denial.
    pub cause: Cause,
    /// The place where AWS keeps the details of this denial, if the message states it in full.
    pub authorization: Option<AuthorizationDetails>,
}

/// The reason why a text is not one denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOneDenial {
    /// The text does not have the sentence's form.
    OtherText,
    /// The text holds the sentence, or a part of it, more than once, contradicts itself, or names nobody after `User:`.
    Ambiguous {
        /// Whether it names `lambda:InvokeFunction` among other actions.
        names_invoke: bool,
    },
}

/// Reads an `errorMessage`.
///
/// This is not a search for ARNs: only the words at their places in the sentence count, whatever else stands before or after.
/// The forms are those of <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
///
/// # Errors
///
/// The text is not one denial.
pub fn parse(text: &str) -> Result<Message, NotOneDenial> {
    let is_cut = text.len() >= CUT_AT_BYTES || text.ends_with("...") || text.ends_with('\u{2026}');
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let ambiguous = || NotOneDenial::Ambiguous { names_invoke: text.contains(ACTION) };

    let (subject, rest) = text.split_once(SENTENCE).ok_or(NotOneDenial::OtherText)?;
    if [subject, rest].iter().any(|text| text.contains(SENTENCE.trim_ascii())) || rest.contains("User:") {
        return Err(ambiguous());
    }
    let (before, user) = match subject.contains("User:") {
        true => subject_user(subject).map(|(before, user)| (before, Some(user))).ok_or_else(ambiguous)?,
        false => (subject, None),
    };

    let (action, rest) = first_word(rest);
    let is_action_cut = is_cut && rest.is_empty();
    let (resource, rest) = match rest.strip_prefix("on resource: ") {
        None if is_cut && rest.is_empty() => (Resource::Cut, ""),
        None if is_cut && "on resource:".starts_with(rest) => (Resource::Cut, ""),
        None => (Resource::Missing, rest),
        Some(rest) => match first_word(rest) {
            (_, "") if is_cut => (Resource::Cut, ""),
            // The reason follows the name, so that a full stop at the name's end is a part of it.
            (word, rest) if rest.starts_with("because ") || rest.starts_with("with an ") => {
                (Resource::Named(bare(word).to_owned()), rest)
            }
            (word, rest) => (Resource::Named(unquoted(word).to_owned()), rest),
        },
    };
    let action = Some(unquoted(action)).filter(|_| !is_action_cut);
    let (rest, authorization) = without_authorization(rest);
    let cause = match read_clause(&rest) {
        Some(Clause { action: Some(other), .. })
            if action.is_some_and(|action| other != action.to_ascii_lowercase()) =>
        {
            return Err(ambiguous());
        }
        Some(Clause { denied_by, denial, policy, .. }) => Cause::Stated { denied_by, denial, policy },
        None if is_neutral(&rest) && !is_cut => Cause::Unstated,
        None => Cause::Unread,
    };
    // No clause takes back a cause that stands before the sentence.
    let is_denied_before = before.to_ascii_lowercase().contains("explicit deny");
    let cause = if cause.is_curable() && is_denied_before { Cause::Unread } else { cause };
    let [user, action] = [user, action].map(|text| text.map(str::to_owned));
    Ok(Message { user, action, resource, cause, authorization })
}

/// Returns what stands before the user, and the user: the last word before the sentence, and the only one after a `User:`.
fn subject_user(subject: &str) -> Option<(&str, &str)> {
    let (before, user) = subject.rsplit_once(' ')?;
    let is_only =
        before.strip_suffix("User:").is_some_and(|text| !text.contains("User:")) && !user.contains("User:");
    is_only.then(|| (before, bare(user)))
}

/// Whether the rest of a message without a clause is empty, or only an SDK's addition: `(Service: ...)` and the like.
fn is_neutral(rest: &str) -> bool {
    let rest = rest.trim_start_matches(['.', ',', ';', ' ', '"', '\'', '}']).to_ascii_lowercase();
    let added = ["service:", "aws::", "sdk ", "status code:", "request id", "requestid", "authorization id:"];
    // Other words in brackets may say that something was cut off.
    let bare = rest.strip_prefix(['(', '[']).unwrap_or(&rest);
    rest.is_empty() || (added.iter().any(|added| bare.starts_with(added)) && !mentions_a_cause(&rest))
}

/// Splits a text into its first word and the words after it.
fn first_word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Returns the word without the quotes around it. A name may end in a full stop or a comma.
fn bare(word: &str) -> &str {
    let quoted = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote);
    ['"', '\'', '`'].into_iter().find_map(quoted).unwrap_or(word)
}

/// Returns the word without quotes, and without the marks that close the sentence or the JSON text around it. No ARN of a function
/// ends in one of these characters.
fn unquoted(word: &str) -> &str {
    word.trim_end_matches(['.', ',', ';', '}', '"', '\'', '`']).trim_start_matches(['"', '\'', '`'])
}
