//! The tail of IAM Access Troubleshooter, which says where AWS keeps the details of a denial.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.

use crate::incoming::message::first_word;
use std::borrow::Cow;

/// The place where IAM Access Troubleshooter keeps the details of one denial for 24 hours.
///
/// Only the `aws` partition's console is known; for a tail with another address only the id is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationDetails {
    /// The authorization id: 24 or 25 lower-case letters and digits.
    pub id: String,
    /// The region whose console and API have the details, where the tail has the address of the `aws` partition's console.
    pub region: Option<String>,
}

impl AuthorizationDetails {
    /// Returns the address of the console's page with the details. It is built anew: an address from a text is never shown.
    pub(crate) fn console_url(&self) -> Option<String> {
        let (region, id) = (self.region.as_ref()?, &self.id);
        Some(format!(
            "https://{region}.console.aws.amazon.com/iam/home?region={region}#/authorization-details/{id}"
        ))
    }
}

/// The beginning of the tail, after the clause or the policy's ARN and perhaps a full stop.
pub(in crate::incoming) const AUTHORIZATION_TAIL: &str = " Go to https://";

/// The words of the tail after the address; the id follows them once more.
const AUTHORIZATION_WORDS: &str = "for complete details, or call the GetRequestAuthorizationDetails API with the following \
                                   authorization id:";

/// Splits a text into the text without the tail, and the details in the tail. The random letters of the id may form words, so it
/// goes before the rest is read.
pub(super) fn without_authorization(text: &str) -> (Cow<'_, str>, Option<AuthorizationDetails>) {
    let tail = text.split_once(AUTHORIZATION_TAIL).and_then(|(before, tail)| {
        let (details, after) = authorization_tail(tail)?;
        // The full stop belongs to the sentence before.
        Some((format!("{}{after}", before.strip_suffix('.').unwrap_or(before)), details))
    });
    tail.map_or((Cow::Borrowed(text), None), |(rest, details)| (Cow::Owned(rest), details))
}

/// Reads the tail from the host of the address on: the details, where they are complete, and what follows the tail. `None` if the
/// words are others. A tail that was cut off is read as far as it goes.
pub(in crate::incoming) fn authorization_tail(text: &str) -> Option<(Option<AuthorizationDetails>, &str)> {
    let (address, mut rest) = first_word(text);
    let (place, id) = address.split_once("#/authorization-details/").unwrap_or((address, ""));
    let details = AuthorizationDetails { id: id.to_owned(), region: console_region(place) };
    let details = Some(details).filter(|details| is_authorization_id(&details.id));
    for word in AUTHORIZATION_WORDS.split(' ') {
        if rest.is_empty() {
            // It was cut off. The address is complete if anything follows it.
            return Some((details.filter(|_| text.contains(' ')), ""));
        }
        let (next, after) = first_word(rest);
        if next != word && !(after.is_empty() && word.starts_with(next)) {
            return None;
        }
        rest = after;
    }
    let end = rest.find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (again, after) = rest.split_at_checked(end)?;
    Some((details.filter(|details| details.id.starts_with(again)), after))
}

/// Returns the region of an address in the `aws` partition's console, which names it twice.
fn console_region(place: &str) -> Option<String> {
    let (host, query) = place.split_once('/')?;
    let region = host.strip_suffix(".console.aws.amazon.com")?;
    let is_region =
        region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let is_same = query.strip_prefix("iam/home?region=") == Some(region);
    (is_region && is_same && !region.is_empty() && region.len() <= 32).then(|| region.to_owned())
}

fn is_authorization_id(text: &str) -> bool {
    (24..=25).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}
