//! The sentence in which AWS says who was denied what, and why.
//!
//! ```text
//! User: <principal ARN> is not authorized to perform: <action>[ on resource: <ARN>][ <clause>][<tail>]
//! ```
//!
//! A [`Message`] repeats what the sentence says; whether that is believed is [`denial`](crate::incoming::denial)'s business. It is
//! not a search for ARNs: only the words at their places in the sentence count, whatever else stands before or after.
//! The forms are those of <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.

use serde::Serialize;
use std::borrow::Cow;

/// CloudTrail cuts `errorMessage` at 1 KB, which may be read as 1,000 bytes as well as 1,024.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
const CUT_AT_BYTES: usize = 1_000;

/// What stands between who was denied and what, in every form of the message.
pub const SENTENCE: &str = " is not authorized to perform: ";

/// The kind of policy that denied, or did not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum DeniedBy {
    /// A policy of the user, its groups, or the role.
    IdentityBasedPolicy,
    /// A policy of the function.
    ResourceBasedPolicy,
    /// The permissions boundary of the user or the role.
    PermissionsBoundary,
    /// A policy passed when the session was made.
    SessionPolicy,
    /// A service control policy of the organization.
    ServiceControlPolicy,
    /// A resource control policy of the organization.
    ResourceControlPolicy,
    /// The policy of the VPC endpoint that the call came through.
    VpcEndpointPolicy,
    /// The trust policy of a role.
    RoleTrustPolicy,
    /// The message does not say.
    Unstated,
}

/// Whether something denied, or nothing allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum DenialKind {
    /// No statement allows the call.
    Implicit,
    /// A `Deny` statement matches the call.
    Explicit,
    /// The message does not say.
    Unstated,
}

/// What a message says of the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nothing: the old form of the message, or no message at all.
    Unstated,
    /// A clause, in full.
    Stated {
        /// The kind of policy; [`DeniedBy::Unstated`] for the bare `with an explicit deny` and for kinds unknown to us.
        denied_by: DeniedBy,
        /// Implicit or explicit.
        denial: DenialKind,
        /// The ARN of the policy that denies, where the message ends in one.
        policy: Option<String>,
    },
    /// Something that was cut off or is in words unknown to us, so that it may be anything.
    Unread,
}

impl Cause {
    /// The kind of policy, as far as it is stated.
    pub fn denied_by(&self) -> DeniedBy {
        match self {
            Self::Stated { denied_by, .. } => *denied_by,
            Self::Unstated | Self::Unread => DeniedBy::Unstated,
        }
    }

    /// Implicit or explicit, as far as it is stated.
    pub fn denial(&self) -> DenialKind {
        match self {
            Self::Stated { denial, .. } => *denial,
            Self::Unstated | Self::Unread => DenialKind::Unstated,
        }
    }

    /// Whether an identity-based policy can be the cure: it was missing, or the message gives no reason at all.
    pub fn is_curable(&self) -> bool {
        match self {
            Self::Unstated => true,
            Self::Stated { denied_by, denial, .. } => {
                (*denied_by, *denial) == (DeniedBy::IdentityBasedPolicy, DenialKind::Implicit)
            }
            Self::Unread => false,
        }
    }
}

/// The resource of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The message names none.
    Missing,
    /// The text at the resource's place, without quotes.
    Named(String),
    /// The message was cut off before or inside its resource.
    Cut,
}

impl Resource {
    /// Whether the message names one, whatever it is.
    pub fn is_named(&self) -> bool {
        match self {
            Self::Named(_) => true,
            Self::Missing | Self::Cut => false,
        }
    }
}

/// One denial, in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What follows `User:`, an ARN; `None` where a service is the subject (`CloudWatch Alarms is not authorized ...`).
    pub user: Option<String>,
    /// The IAM action, such as `lambda:InvokeFunction`; `None` where the message was cut off inside it.
    pub action: Option<String>,
    /// The resource, an ARN or `*`.
    pub resource: Resource,
    /// The reason.
    pub cause: Cause,
    /// Where AWS tells more of this denial, if the message says so in full.
    pub authorization: Option<AuthorizationDetails>,
}

/// Where IAM Access Troubleshooter keeps the details of one denial, for 24 hours, as the message's tail says.
///
/// Only the `aws` partition's console is known; of a tail with another address nothing is kept but the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationDetails {
    /// The authorization id: 24 or 25 lower-case letters and digits.
    pub id: String,
    /// The region whose console and API have the details, where the tail has the address of the `aws` partition's console.
    pub region: Option<String>,
}

impl AuthorizationDetails {
    /// The console's page with the details. It is put together anew: an address out of a text is never shown.
    pub fn console_url(&self) -> Option<String> {
        let (region, id) = (self.region.as_ref()?, &self.id);
        Some(format!(
            "https://{region}.console.aws.amazon.com/iam/home?region={region}#/authorization-details/{id}"
        ))
    }
}

/// Why a text is not one denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOneDenial {
    /// It does not have the sentence's form.
    OtherText,
    /// It holds the sentence, or a part of it, more than once, it contradicts itself, or nobody is named where it should.
    Ambiguous {
        /// Whether `lambda:InvokeFunction` is among the actions that it names.
        names_invoke: bool,
    },
}

/// Reads an `errorMessage`.
pub fn parse(text: &str) -> Result<Message, NotOneDenial> {
    let is_cut = text.len() >= CUT_AT_BYTES || text.ends_with("...") || text.ends_with('\u{2026}');
    let text = single_spaced(text);
    let ambiguous = || NotOneDenial::Ambiguous { names_invoke: text.contains("lambda:InvokeFunction") };

    let (subject, rest) = split_at_words(&text, SENTENCE).ok_or(NotOneDenial::OtherText)?;
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
            // Nothing of a name that the reason follows is taken for the end of a sentence.
            (word, rest) if rest.starts_with("because ") || rest.starts_with("with an ") => {
                (Resource::Named(bare(word).to_owned()), rest)
            }
            (word, rest) => (Resource::Named(unquoted(word).to_owned()), rest),
        },
    };
    let action = Some(unquoted(action)).filter(|_| !is_action_cut);
    let (rest, authorization) = without_authorization(rest);
    let cause = match clause(&rest) {
        Some(Clause { action: Some(other), .. })
            if action.is_some_and(|action| other != action.to_ascii_lowercase()) =>
        {
            return Err(ambiguous());
        }
        Some(Clause { denied_by, denial, policy, .. }) => Cause::Stated { denied_by, denial, policy },
        None if is_neutral(&rest) && !is_cut => Cause::Unstated,
        None => Cause::Unread,
    };
    // A reason before the sentence is one that no clause takes back.
    let is_denied_before = before.to_ascii_lowercase().contains("explicit deny");
    let cause = if cause.is_curable() && is_denied_before { Cause::Unread } else { cause };
    let [user, action] = [user, action].map(|text| text.map(str::to_owned));
    Ok(Message { user, action, resource, cause, authorization })
}

/// What the tail of IAM Access Troubleshooter begins with, behind the clause or the policy's ARN and perhaps a full stop.
pub(crate) const AUTHORIZATION_TAIL: &str = " Go to https://";

/// The words of that tail behind the address, of which the last is the id once more.
const AUTHORIZATION_WORDS: [&str; 13] = [
    "for",
    "complete",
    "details,",
    "or",
    "call",
    "the",
    "GetRequestAuthorizationDetails",
    "API",
    "with",
    "the",
    "following",
    "authorization",
    "id:",
];

/// The text without the tail of IAM Access Troubleshooter, and what the tail says. The id is made of random letters, in which
/// nobody looks for words, and so it goes before the rest is looked at.
fn without_authorization(text: &str) -> (Cow<'_, str>, Option<AuthorizationDetails>) {
    let tail = text.split_once(AUTHORIZATION_TAIL).and_then(|(before, tail)| {
        let (details, behind) = authorization_tail(tail)?;
        // The full stop is that of the sentence before.
        Some((format!("{}{behind}", before.strip_suffix('.').unwrap_or(before)), details))
    });
    tail.map_or((Cow::Borrowed(text), None), |(rest, details)| (Cow::Owned(rest), details))
}

/// Reads the tail, which begins with the host of the address: what it says, where that is there in full, and what stands
/// behind it. `None` where the words are others. A tail that was cut off says what it says.
pub(crate) fn authorization_tail(text: &str) -> Option<(Option<AuthorizationDetails>, &str)> {
    let (address, mut rest) = first_word(text);
    let (place, id) = address.split_once("#/authorization-details/").unwrap_or((address, ""));
    let details = AuthorizationDetails { id: id.to_owned(), region: console_region(place) };
    let details = Some(details).filter(|details| is_authorization_id(&details.id));
    for word in AUTHORIZATION_WORDS {
        if rest.is_empty() {
            // Cut off: the address is whole if anything follows it.
            return Some((details.filter(|_| text.contains(' ')), ""));
        }
        let (next, behind) = first_word(rest);
        if next != word && !(behind.is_empty() && word.starts_with(next)) {
            return None;
        }
        rest = behind;
    }
    let end = rest.find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (again, behind) = rest.split_at_checked(end)?;
    Some((details.filter(|details| details.id.starts_with(again)), behind))
}

/// The region of an address in the `aws` partition's console, which names it twice.
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

/// `text` with one space between two words and none around them.
fn single_spaced(text: &str) -> Cow<'_, str> {
    // Anything below it may be white space; it is looked at closely there.
    let mut has_control = false;
    for byte in text.bytes() {
        has_control |= byte < b' ';
    }
    if !has_control && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

/// What stands before and after `words`, which begin with a space. Spaces are few, so that this is quicker than a general
/// search.
fn split_at_words<'a>(text: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    let mut spaces = text.match_indices(' ');
    spaces.find_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        Some((before, rest.strip_prefix(words)?))
    })
}

/// The last word before the sentence, and what stands before it; it has to be the only one that `User:` stands before.
fn subject_user(subject: &str) -> Option<(&str, &str)> {
    let (before, user) = subject.rsplit_once(' ')?;
    let is_only =
        before.strip_suffix("User:").is_some_and(|text| !text.contains("User:")) && !user.contains("User:");
    is_only.then(|| (before, bare(user)))
}

struct Clause {
    denied_by: DeniedBy,
    denial: DenialKind,
    /// The action that the clause repeats, in lower case.
    action: Option<String>,
    policy: Option<String>,
}

/// Reads the clause that `text` begins with; `None` where there is none, or none that is complete.
fn clause(text: &str) -> Option<Clause> {
    let lower = text.to_ascii_lowercase();
    let read = if let Some(rest) = lower.strip_prefix("because no ") {
        implicit(rest)
    } else if let Some(rest) = lower.strip_prefix("because the role trust policy ") {
        // AWS's own page has this wording for a trust policy that does not allow.
        implicit(&format!("role trust policy {rest}"))
    } else {
        let rest = lower.strip_prefix("with an explicit deny")?;
        explicit(rest, text.get(text.len().checked_sub(rest.len())?..)?)
    }?;
    let (clause, tail) = read;
    // An authorization id or an SDK's addition may follow, but nothing that could be a second reason. After an explicit
    // deny that makes no difference.
    (clause.denial == DenialKind::Explicit || !speaks_of_a_reason(&tail)).then_some(clause)
}

/// `<kind> allows the <action> action`, in lower case.
fn implicit(text: &str) -> Option<(Clause, String)> {
    let (kind, rest) = split_at_words(text, " allows the ")?;
    let (action, rest) = rest.split_once(' ')?;
    let tail = rest.strip_prefix("action").filter(|tail| ends_word(tail))?;
    let clause = Clause {
        denied_by: policy_kind(kind)
            .filter(|(_, rest)| rest.is_empty())
            .map_or(DeniedBy::Unstated, |(by, _)| by),
        denial: DenialKind::Implicit,
        action: Some(action.to_owned()),
        policy: None,
    };
    Some((clause, tail.to_owned()))
}

/// `[ in a <kind>[ transitively through a <kind>]][: <policy ARN>]`; `original` is the same text in its own case.
fn explicit(text: &str, original: &str) -> Option<(Clause, String)> {
    if !ends_word(text) {
        return None;
    }
    let mut denied_by = DeniedBy::Unstated;
    let mut tail = text;
    if let Some((by, rest)) = text.strip_prefix(" in ").map(without_article).and_then(policy_kind) {
        (denied_by, tail) = (by, rest);
        // "check for an explicit Deny in your SCPs", says AWS's page of a VPC endpoint policy transitively through one.
        if let Some((by, rest)) =
            rest.strip_prefix(" transitively through ").map(without_article).and_then(policy_kind)
        {
            (denied_by, tail) = (by, rest);
        }
    }
    let policy = original
        .get(original.len().checked_sub(tail.len())?..)?
        .trim_start_matches([':', ' '])
        .split(|next: char| !next.is_ascii_alphanumeric() && !"_+=,.@:/-".contains(next))
        .next()
        .filter(|word| word.starts_with("arn:"))
        // What ends the sentence is no part of the ARN.
        .map(|word| word.trim_end_matches(['.', ',', ':']).to_owned());
    Some((Clause { denied_by, denial: DenialKind::Explicit, action: None, policy }, tail.to_owned()))
}

fn without_article(text: &str) -> &str {
    ["a ", "an ", "the "].iter().find_map(|article| text.strip_prefix(article)).unwrap_or(text)
}

/// The kind of policy that `text` (in lower case) begins with, and what follows it.
fn policy_kind(text: &str) -> Option<(DeniedBy, &str)> {
    const KINDS: [(&str, DeniedBy); 10] = [
        ("identity-based policy", DeniedBy::IdentityBasedPolicy),
        ("resource-based policy", DeniedBy::ResourceBasedPolicy),
        ("permissions boundary", DeniedBy::PermissionsBoundary),
        ("permission boundary", DeniedBy::PermissionsBoundary),
        ("session policy", DeniedBy::SessionPolicy),
        // As AWS's own page prints it.
        ("sessions policy", DeniedBy::SessionPolicy),
        ("service control policy", DeniedBy::ServiceControlPolicy),
        ("resource control policy", DeniedBy::ResourceControlPolicy),
        ("vpc endpoint policy", DeniedBy::VpcEndpointPolicy),
        ("role trust policy", DeniedBy::RoleTrustPolicy),
    ];
    KINDS
        .iter()
        .find_map(|(name, by)| text.strip_prefix(name).filter(|rest| ends_word(rest)).map(|rest| (*by, rest)))
}

/// Whether what follows a word leaves the word as it is.
fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-' || next == '_')
}

/// Whether the rest of a message without a clause is nothing, or only what an SDK adds: `(Service: ...)` and the like.
fn is_neutral(rest: &str) -> bool {
    let rest = rest.trim_start_matches(['.', ',', ';', ' ', '"', '\'', '}']).to_ascii_lowercase();
    let (opened, added) = (
        ["(", "["],
        ["service:", "aws::", "sdk ", "status code:", "request id", "requestid", "authorization id:"],
    );
    // What else is in brackets may say that something was cut off.
    let bare = opened.iter().find_map(|bracket| rest.strip_prefix(bracket)).unwrap_or(&rest);
    rest.is_empty() || (added.iter().any(|added| bare.starts_with(added)) && !speaks_of_a_reason(&rest))
}

/// Whether `text` (in lower case) has words in it that the reason for a denial could be told with.
fn speaks_of_a_reason(text: &str) -> bool {
    ["because", "explicit", "deny", "denies", "policy", "boundary", "allow", "not authorized"]
        .iter()
        .any(|word| text.contains(word))
}

fn first_word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// The word without the quotes around it. A name may end in a full stop or a comma.
fn bare(word: &str) -> &str {
    let quoted = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote);
    ['"', '\'', '`'].into_iter().find_map(quoted).unwrap_or(word)
}

/// The word without quotes around it, and without what closes the sentence or the JSON text around it. No ARN of a
/// function ends in one of these characters.
fn unquoted(word: &str) -> &str {
    word.trim_end_matches(['.', ',', ';', '}', '"', '\'', '`']).trim_start_matches(['"', '\'', '`'])
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let message = parse(&with(&format!(
            " with an explicit deny in a service control policy: {arn} (Service: Lambda)"
        )));
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
        assert_eq!(
            parse(&with("").replace(&format!(" on resource: {FUNCTION}"), "...")).unwrap().action,
            None
        );
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
}
