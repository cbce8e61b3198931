//! What CloudTrail reported, understood: who was denied which function, and what is said of the reason.
//!
//! A [`Denial`] is not a judgement. It is the one reading of an event in which no field contradicts another and in which
//! the function is one exact ARN; whatever does not get that far is refused or ignored here, each with its reason. Past
//! this module nobody splits a colon or looks for a field.

use crate::agreement::{agreed, same};
use crate::arn::{FunctionArn, is_account};
use crate::called_function::{CalledFunction, agreed_function};
use crate::caller::{Caller, Subject, agreed_caller};
use crate::event::{ApiCall, Payload};
use crate::message::{self, Cause, Message, NotOneDenial, Resource};
use crate::refusal::{Reason, Refusal};
use crate::text::one_line;

/// The only action that is ever granted.
pub const ACTION: &str = "lambda:InvokeFunction";

/// A denied invoke, free of contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    caller: Caller,
    function: FunctionArn,
    cause: Cause,
    account: Option<String>,
}

impl Denial {
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
    /// The ARN of the user or the role; of another caller, the ARN that CloudTrail gives.
    pub principal: Option<String>,
    /// The function.
    pub function: Option<FunctionArn>,
    /// The reason; `None` where no denial was read.
    pub cause: Option<Cause>,
    /// The account that recorded the call.
    pub account: Option<String>,
    /// The region of the call.
    pub region: Option<String>,
    /// CloudTrail's `eventID`.
    pub event_id: Option<String>,
    /// CloudTrail's `eventTime`.
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
    match ApiCall::read(value) {
        Ok(call) => read_call(&call),
        Err(other) => (Facts::of_call(&other.call), ignored(other.why)),
    }
}

fn read_call(call: &ApiCall<'_>) -> (Facts, Reading) {
    let mut facts = Facts::of_call(call);
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

    let caller = agreed_caller(&call.identity, subject);
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
        Some(field) => Err(format!("`{field}` has a form that CloudTrail does not write")),
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
            Reading::Denial(Denial { caller, function, cause, account: account.map(str::to_owned) })
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
