//! What was reported, understood: who was denied which function, and what is said of the reason.
//!
//! It is read from CloudTrail's record of the call, or from the text of the error alone, which says less: then the caller
//! is whom the text names, and [`identity`](crate::identity) asks IAM who that is before anything is granted.
//!
//! A [`Denial`] is not a judgement. It is the one reading of an event in which no field contradicts another and in which
//! the function is one exact ARN; whatever does not get that far is refused or ignored here, each with its reason. Past
//! this module nobody splits a colon or looks for a field.

use crate::agreement::{agreed, same, shown};
use crate::arn::{Arn, FunctionArn, is_account};
use crate::called_function::{CalledFunction, agreed_function};
use crate::caller::{Caller, Subject, agreed_caller, named_caller};
use crate::error_text::ErrorText;
use crate::event::{ApiCall, Payload};
use crate::log_batch::{LineAccount, LogBatch, LogEvent};
use crate::message::{self, Cause, Message, NotOneDenial, Resource};
use crate::principal::Principal;
use crate::refusal::{Reason, Refusal};
use crate::sentences;
use crate::source::Source;
use crate::text::one_line;

/// The only action that is ever granted.
pub const ACTION: &str = "lambda:InvokeFunction";

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
        Ok(call) => return read_call(&call, Source::Cloudtrail),
        Err(other) => other,
    };
    if let Some(error) = ErrorText::read(value) {
        return read_text(&error);
    }
    let source = other.is_of_cloudtrail.then_some(Source::Cloudtrail);
    (Facts { source, ..Facts::of_call(&other.call) }, ignored(other.why))
}

/// Reads the text of an error, from wherever it came.
pub fn read_text(error: &ErrorText<'_>) -> (Facts, Reading) {
    let sentences = sentences::find(error.text);
    // Different ones together are a message that cannot be read.
    let message = sentences.join(" ");
    let call = ApiCall {
        envelope_account: error.account,
        event_id: error.event_id,
        event_time: error.event_time,
        error_message: Some(&message),
        malformed: error.malformed,
        ..ApiCall::default()
    };
    if sentences.is_empty() {
        let facts = Facts { source: Some(error.source), ..Facts::of_call(&call) };
        return (facts, ignored("the text holds no denial".to_owned()));
    }
    let (mut facts, reading) = read_call(&call, error.source);
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
pub fn read_batch(batch: &LogBatch) -> Vec<(Facts, Reading)> {
    let line = |event: &LogEvent| {
        let (account, malformed) = match &event.account {
            LineAccount::Unstated => (batch.owner.as_deref(), None),
            LineAccount::Stated(account) => (Some(account.as_str()), None),
            LineAccount::Strange => (None, Some("extractedFields.@aws.account")),
        };
        read_text(&ErrorText {
            source: Source::Log,
            text: event.message.as_deref().unwrap_or_default(),
            account,
            event_id: event.id.as_deref(),
            event_time: event.time.as_deref(),
            malformed,
        })
    };
    let unread = batch.unread.as_ref().map(|why| {
        let facts = Facts { source: Some(Source::Log), ..Facts::default() };
        (facts, contradictory(format!("the batch cannot be read in full: {why}")))
    });
    batch.events.iter().map(line).chain(unread).collect()
}

fn read_call(call: &ApiCall<'_>, source: Source) -> (Facts, Reading) {
    let mut facts = Facts { source: Some(source), ..Facts::of_call(call) };
    let parsed = call.error_message.map(message::parse);
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

    let ambiguous = match &parsed {
        Some(Ok(Message { action: Some(action), .. }))
            if action != ACTION && !action.eq_ignore_ascii_case(ACTION) =>
        {
            let why = format!("the action that was denied is `{}`", one_line(action, 128));
            return (facts, Reading::Ignored(Refusal::new(Reason::OtherAction, why)));
        }
        Some(Err(NotOneDenial::Ambiguous { names_invoke: false })) => {
            let why = "the message names other actions";
            return (facts, Reading::Ignored(Refusal::new(Reason::OtherAction, why)));
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
