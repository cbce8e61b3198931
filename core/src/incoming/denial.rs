//! What was reported, understood: who was denied which function, and what is said of the reason.
//!
//! It is read from CloudTrail's record of the call, or from the text of the error alone, which says less: then the caller
//! is whom the text names, and [`identity`](FUNCTION::iam::lookup) asks IAM who that is before anything is granted.
//!
//! A [`Denial`] is not a judgement. It is the one reading of an event in which no field contradicts another and in which
//! the function is one exact ARN; whatever does not get that far is refused or ignored here, each with its reason. Past
//! this module nobody splits a colon or looks for a field.

use crate::actions::{ACTION, URL_ACTION};
use crate::arn::principal::Principal;
use crate::arn::{Arn, FunctionArn, is_account};
use crate::incoming::called_function::{CalledFunction, agreed_function};
use crate::incoming::caller::{Caller, Subject, agreed_caller, named_caller};
use crate::incoming::consistency::{agreed, same, shown};
use crate::incoming::error_text::mentions::speaks_of_a_denied_invoke;
use crate::incoming::error_text::sentences::{self, Told};
use crate::incoming::error_text::{ErrorText, is_of_event_source, texts_of};
use crate::incoming::event::{ApiCall, Payload};
use crate::incoming::log_batch::{LineAccount, LogBatch, LogEvent};
use crate::incoming::message::{self, AuthorizationDetails, Cause, Message, NotOneDenial, Resource};
use crate::incoming::source::Source;
use crate::reason::{Reason, Refusal};
use crate::text::one_line;
use serde_json::Value;
use std::collections::VecDeque;

/// How many lines of a log, in front of one and behind it, may hold the pieces of what was printed at once.
const NEAR_LINES: usize = 100;

/// A denied invoke, free of contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    source: Source,
    caller: Caller,
    is_identified: bool,
    function: FunctionArn,
    cause: Cause,
    account: Option<String>,
}

impl Denial {
    /// The way on which it came in.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether it is known who the caller is: from CloudTrail's record, or since IAM was asked. A text alone does not say.
    pub fn is_identified(&self) -> bool {
        self.is_identified
    }

    /// The same denial, with the user or role that IAM holds under the name that the text gives.
    pub fn identified(self, principal: Principal) -> Result<Self, Refusal> {
        let is_meant = match &self.caller {
            Caller::Principal(named) => *named == principal,
            Caller::Session(role) => role.session().is_of(&principal),
            Caller::Other { .. } => false,
        };
        if !is_meant {
            let named = self.caller.arn().unwrap_or_default();
            let why = format!(
                "the message's principal is `{}`, IAM holds `{principal}` under its name",
                shown(&named)
            );
            return Err(Refusal::new(Reason::ContradictoryEvent, why));
        }
        Ok(Self { caller: Caller::Principal(principal), is_identified: true, ..self })
    }

    /// Who was denied.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What was called.
    pub fn function(&self) -> &FunctionArn {
        &self.function
    }

    /// What is said of the reason.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The account whose trail recorded the call, where the event says so.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

/// What is known of an event, whatever becomes of it. Texts are fit to be shown, each on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The way on which it came in, where its form says so.
    pub source: Option<Source>,
    /// The ARN of the user or the role; of a session and of another caller, the ARN that CloudTrail or the text gives.
    pub principal: Option<String>,
    /// The function.
    pub function: Option<FunctionArn>,
    /// The reason; `None` where no denial was read.
    pub cause: Option<Cause>,
    /// The account that recorded the call; of a text that came without one, the caller's.
    pub account: Option<String>,
    /// The region of the call; of a text, the function's.
    pub region: Option<String>,
    /// CloudTrail's `eventID`; of a report, EventBridge's; of a line in a log, CloudWatch's.
    pub event_id: Option<String>,
    /// CloudTrail's `eventTime`, or when it was reported or logged.
    pub event_time: Option<String>,
    /// CloudTrail's `sourceIPAddress`.
    pub source_ip_address: Option<String>,
    /// CloudTrail's `userAgent`.
    pub user_agent: Option<String>,
    /// Where AWS tells more of the denial.
    pub authorization: Option<AuthorizationDetails>,
}

/// What an event turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A denied invoke.
    Denial(Denial),
    /// A denied invoke that cannot be trusted.
    Refused(Refusal),
    /// Something else.
    Ignored(Refusal),
}

/// Reads an event. Never fails: what cannot be understood is refused or ignored.
pub fn read(payload: &Payload) -> (Facts, Reading) {
    let value = match payload {
        Payload::Json(value) => value,
        Payload::Unreadable(why) => {
            return (Facts::default(), contradictory(format!("the event cannot be read: {why}")));
        }
        Payload::NotJson(why) => return (Facts::default(), ignored(format!("it is not JSON: {why}"))),
    };
    let other = match ApiCall::read(value) {
        Ok(call) => return read_call(&call),
        Err(other) => other,
    };
    if let Value::String(text) = value {
        return read_text(&ErrorText::manual(text));
    }
    if let Some(report) = ErrorText::of_report(value) {
        let text = value.get("detail").map(|detail| texts_of(detail, false)).unwrap_or_default();
        return read_text(&ErrorText { text: &text, ..report });
    }
    if !other.is_of_cloudtrail && !is_of_event_source(value) {
        let text = texts_of(value, false);
        let told = sentences::read(&text).told;
        if told != Told::Nothing {
            return conclude(&ErrorText::manual(&text), told);
        }
    }
    // Nobody hears of what is ignored, and this may be a denial that went a wrong way.
    if !other.is_of_cloudtrail && speaks_of_a_denied_invoke(&texts_of(value, true), 0) {
        let why = "it speaks of a denied invoke, and is neither an error nor a record of CloudTrail";
        return (Facts::of_call(&other.call), contradictory(why.to_owned()));
    }
    let source = other.is_of_cloudtrail.then_some(Source::Cloudtrail);
    (Facts { source, ..Facts::of_call(&other.call) }, ignored(other.why))
}

/// Reads the text of an error, from wherever it came. It counts only where its sentence is whole.
pub fn read_text(error: &ErrorText<'_>) -> (Facts, Reading) {
    conclude(error, sentences::read(error.text).told)
}

impl ErrorText<'_> {
    /// What came with the text, as a record of a call would hold it.
    fn call(&self) -> ApiCall<'_> {
        ApiCall {
            envelope_account: self.account,
            event_id: self.event_id,
            event_time: self.event_time,
            malformed: self.malformed,
            ..ApiCall::default()
        }
    }

    fn facts(&self) -> Facts {
        Facts { source: Some(self.source), ..Facts::of_call(&self.call()) }
    }
}

/// What follows from what a text tells.
fn conclude(error: &ErrorText<'_>, told: Told) -> (Facts, Reading) {
    let call = error.call();
    let facts = || error.facts();
    let (mut facts, reading) = match told {
        Told::Nothing => return (facts(), ignored("the text holds no denial".to_owned())),
        Told::OtherAction(None) => return (facts(), other_action(None)),
        Told::Denial(message) | Told::OtherAction(Some(message)) => {
            read_message(&call, Some(Ok(message)), error.source)
        }
        Told::BesideADeny(message) => {
            let (facts, reading) = read_message(&call, Some(Ok(message)), error.source);
            let why = "the text speaks of an explicit deny beside the sentence, which no identity-based policy can cure";
            match reading {
                Reading::Denial(_) => {
                    let refusal = Refusal::new(Reason::NotIdentityBased, why);
                    (Facts { cause: Some(Cause::Unread), ..facts }, Reading::Refused(refusal))
                }
                reading @ (Reading::Refused(_) | Reading::Ignored(_)) => (facts, reading),
            }
        }
        Told::Several => {
            let ambiguous = NotOneDenial::Ambiguous { names_invoke: true };
            read_message(&call, Some(Err(ambiguous)), error.source)
        }
        Told::NotWhole { .. } if error.malformed.is_some() => read_message(&call, None, error.source),
        Told::NotWhole { user, words } => {
            let caller = user.as_deref().map(|user| named_caller(Subject::User(user)));
            let principal = caller.as_ref().and_then(Caller::arn);
            let why = "the text does not hold the whole sentence, from `User:` to the reason behind the function's ARN; hand in all of \
                       it";
            let refusal = Refusal { words, ..Refusal::new(Reason::UntrustedResource, why) };
            (Facts { principal, cause: Some(Cause::Unread), ..facts() }, Reading::Refused(refusal))
        }
    };
    let principal = facts.principal.as_deref().and_then(Arn::parse);
    facts.account = facts
        .account
        .or_else(|| principal.map(|arn| arn.account.to_owned()).filter(|account| !account.is_empty()));
    facts.region = facts.function.as_ref().map(|function| function.region().to_owned());
    (facts, reading)
}

/// Reads the lines of a log, each by itself, and at the end what could not be read of the batch.
///
/// The account is the line's own where it states one: a central log group is ours, and its lines are of others. One that is
/// stated in a strange form is not replaced by the log group's, and the line is refused.
///
/// The line's own region, `@aws.region`, is not read. A line is logged where the caller runs, and a caller may invoke a function
/// of another region: so it cannot contradict the function's region, and there is nothing else that it could tell.
///
/// Programs print one error in several pieces, of which one is whole and others are cut: in a traceback, say, that shows the
/// values of its variables. A line that holds nothing but a piece of what a line near it tells is no denial of its own.
pub fn read_batch(batch: &LogBatch) -> Vec<(Facts, Reading)> {
    // Of thousands of lines no more readings are kept than are compared.
    let mut near: VecDeque<(usize, sentences::Reading)> = VecDeque::new();
    let mut unread_lines = batch.events.iter().enumerate();
    let line = |(place, event): (usize, &LogEvent)| {
        while near.back().is_none_or(|(last, _)| *last < place + NEAR_LINES)
            && let Some((next, event)) = unread_lines.next()
        {
            near.push_back((next, sentences::read(event.message.as_deref().unwrap_or_default())));
        }
        while near.front().is_some_and(|(first, _)| first + NEAR_LINES < place) {
            near.pop_front();
        }
        let (account, malformed) = match &event.account {
            LineAccount::Unstated => (batch.owner.as_deref(), None),
            LineAccount::Stated(account) => (Some(account.as_str()), None),
            LineAccount::Strange => (None, Some("extractedFields.@aws.account")),
        };
        let error = ErrorText {
            source: Source::Log,
            text: event.message.as_deref().unwrap_or_default(),
            account,
            event_id: event.id.as_deref(),
            event_time: event.time.as_deref(),
            malformed,
        };
        let Some((_, text)) = near.iter().find(|(other, _)| *other == place) else {
            return (error.facts(), ignored("the line was not read".to_owned()));
        };
        // Of pieces alone the first is told.
        let is_of_line =
            |other: usize| batch.events.get(other).is_some_and(|other| other.account == event.account);
        let mut others = near.iter().filter(|(other, text)| *other < place || text.is_whole());
        if others.any(|(other, other_text)| is_of_line(*other) && text.repeats(other_text)) {
            return (error.facts(), ignored("the line holds a piece of what another line tells".to_owned()));
        }
        conclude(&error, text.told.clone())
    };
    let unread = batch.unread.as_ref().map(|why| {
        let facts = Facts { source: Some(Source::Log), ..Facts::default() };
        (facts, contradictory(format!("the batch cannot be read in full: {why}")))
    });
    batch.events.iter().enumerate().map(line).chain(unread).collect()
}

fn read_call(call: &ApiCall<'_>) -> (Facts, Reading) {
    read_message(call, call.error_message.map(message::parse), Source::Cloudtrail)
}

/// Reads what a call's record and its message say together.
fn read_message(
    call: &ApiCall<'_>,
    parsed: Option<Result<Message, NotOneDenial>>,
    source: Source,
) -> (Facts, Reading) {
    let mut facts = Facts { source: Some(source), ..Facts::of_call(call) };
    let subject = match &parsed {
        None | Some(Err(_)) => Subject::Unknown,
        Some(Ok(Message { user: None, .. })) => Subject::Service,
        Some(Ok(Message { user: Some(user), .. })) => Subject::User(user),
    };
    let resource = match &parsed {
        Some(Ok(message)) => &message.resource,
        None | Some(Err(_)) => &Resource::Missing,
    };
    let cause = match &parsed {
        None => Cause::Unstated,
        Some(Ok(message)) => message.cause.clone(),
        Some(Err(_)) => Cause::Unread,
    };

    let is_recorded = source == Source::Cloudtrail;
    let caller = if is_recorded { agreed_caller(&call.identity, subject) } else { Ok(named_caller(subject)) };
    facts.principal = caller.as_ref().ok().and_then(Caller::arn);
    let function = agreed_function(call, resource, caller.as_ref().ok());
    facts.function = function.as_ref().ok().and_then(CalledFunction::one).cloned();
    facts.cause = Some(cause.clone());
    facts.authorization = match &parsed {
        Some(Ok(message)) => message.authorization.clone(),
        None | Some(Err(_)) => None,
    };

    let action = match &parsed {
        Some(Ok(message)) => message.action.as_deref(),
        None | Some(Err(_)) => None,
    };
    let is_of_url = action.is_some_and(|action| action.eq_ignore_ascii_case(URL_ACTION));
    let ambiguous = match &parsed {
        Some(Ok(Message { action: Some(action), .. }))
            if !is_of_url && !action.eq_ignore_ascii_case(ACTION) =>
        {
            return (facts, other_action(Some(action)));
        }
        Some(Err(NotOneDenial::Ambiguous { names_invoke: false })) => {
            return (facts, other_action(None));
        }
        Some(Err(NotOneDenial::Ambiguous { names_invoke: true })) => {
            Err("the message cannot be read as one denial".to_owned())
        }
        None | Some(Ok(_) | Err(NotOneDenial::OtherText)) => Ok(()),
    };
    let malformed = match call.malformed {
        Some(field) => {
            let writer = match source {
                Source::Cloudtrail => "CloudTrail",
                Source::Report | Source::Manual => "EventBridge",
                Source::Log => "CloudWatch Logs",
            };
            Err(format!("`{field}` has a form that {writer} does not write"))
        }
        None => Ok(()),
    };
    let agreed = malformed.and(ambiguous).and_then(|()| {
        let (caller, function) = (caller?, function?);
        let account = place(call, &caller, function.one())?;
        Ok((caller, function, account))
    });
    let reading = match agreed {
        Err(why) => contradictory(why),
        Ok((_, CalledFunction::Untrusted(why), _)) => {
            Reading::Refused(Refusal::new(Reason::UntrustedResource, why))
        }
        Ok((_, CalledFunction::One(_), _)) if is_of_url => {
            let why = format!("what was denied is `{URL_ACTION}`, which a call of its URL needs as well");
            Reading::Refused(Refusal::new(Reason::FunctionUrl, why))
        }
        // The message alone may be one that was cut off behind the beginning of a longer name.
        Ok((_, CalledFunction::One(_), _)) if cause == Cause::Unstated && !call.names_the_function() => {
            let why = "nothing but a message without a reason names the function, and its end may be cut off";
            facts.function = None;
            Reading::Refused(Refusal::new(Reason::UntrustedResource, why))
        }
        Ok((caller, CalledFunction::One(function), account)) => {
            let account = account.map(str::to_owned);
            Reading::Denial(Denial { source, caller, is_identified: is_recorded, function, cause, account })
        }
    };
    (facts, reading)
}

fn contradictory(why: String) -> Reading {
    Reading::Refused(Refusal::new(Reason::ContradictoryEvent, why))
}

fn other_action(action: Option<&str>) -> Reading {
    let why = match action {
        Some(action) => format!("the action that was denied is `{}`", one_line(action, 128)),
        None => "the message names other actions".to_owned(),
    };
    Reading::Ignored(Refusal::new(Reason::OtherAction, why))
}

fn ignored(why: String) -> Reading {
    Reading::Ignored(Refusal::new(Reason::NotADeniedInvoke, why))
}

impl Facts {
    fn of_call(call: &ApiCall<'_>) -> Self {
        let shown = |text: Option<&str>, max| text.map(|text| one_line(text, max));
        Self {
            source: None,
            principal: None,
            function: None,
            cause: None,
            account: agreed(call.accounts(), is_account, "").ok().flatten().map(str::to_owned),
            region: agreed(call.regions(), is_region, "").ok().flatten().map(str::to_owned),
            event_id: shown(call.event_id, 128),
            event_time: shown(call.event_time, 64),
            source_ip_address: shown(call.source_ip_address, 128),
            user_agent: shown(call.user_agent, 256),
            authorization: None,
        }
    }
}

/// The account that recorded the call; an error says where accounts or regions contradict each other.
fn place<'a>(
    call: &'a ApiCall<'_>,
    caller: &Caller,
    function: Option<&FunctionArn>,
) -> Result<Option<&'a str>, String> {
    let account = agreed(call.accounts(), is_account, "account id")?;
    let region = agreed(call.regions(), is_region, "region")?;
    if let Some(function) = function {
        if let Some(region) = region {
            same("the region of the call", region, "the function's", function.region())?;
        }
        // A call is recorded where the caller is and where the function is, and nowhere else.
        if let Some(account) = account
            && account != function.account()
            && caller.account() != Some(account)
        {
            return Err(format!(
                "account {account} recorded the call, and has neither the caller nor the function"
            ));
        }
    }
    Ok(account)
}

fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
