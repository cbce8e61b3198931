//! What one event claims, whether CloudTrail recorded the call or a text tells of it: all fields that have to agree.

use crate::actions::{ACTION, URL_ACTION};
use crate::arn::{Arn, FunctionArn, is_account};
use crate::incoming::called_function::{CalledFunction, Naming, agreed_function};
use crate::incoming::caller::{Caller, Subject, agreed_caller, named_caller};
use crate::incoming::cloudtrail::{ApiCall, UserIdentity};
use crate::incoming::consistency::{agreed, same};
use crate::incoming::denial::Denial;
use crate::incoming::error_text::ErrorText;
use crate::incoming::facts::Facts;
use crate::incoming::message::{self, Cause, Message, NotOneDenial, Resource};
use crate::incoming::source::Source;
use crate::incoming::{Event, Rejection};
use crate::reason::{Reason, Refusal};
use crate::text::one_line;

/// A field's name, as an error shows it, and its value.
type Field<'a> = (&'static str, Option<&'a str>);

/// What one event claims.
pub(super) struct Claim<'a> {
    source: Source,
    /// The fields that state the account that recorded the call.
    accounts: [Field<'a>; 2],
    /// The fields that state the region of the call.
    regions: [Field<'a>; 2],
    event_id: Option<&'a str>,
    event_time: Option<&'a str>,
    source_ip_address: Option<&'a str>,
    user_agent: Option<&'a str>,
    /// Whom AWS authenticated; a text says only what its author wrote.
    identity: Option<&'a UserIdentity<'a>>,
    /// What names the function, other than the message.
    naming: Naming<'a>,
    /// The first field in a form that its writer does not write.
    malformed: Option<&'static str>,
    message: Option<Result<Message, NotOneDenial>>,
}

impl<'a> Claim<'a> {
    /// What CloudTrail's record claims.
    pub(super) fn of_call(call: &'a ApiCall<'a>) -> Self {
        Self {
            source: Source::Cloudtrail,
            accounts: call.accounts(),
            regions: call.regions(),
            event_id: call.event_id,
            event_time: call.event_time,
            source_ip_address: call.source_ip_address,
            user_agent: call.user_agent,
            identity: Some(&call.identity),
            naming: Naming {
                resources: &call.resources,
                function_name: call.function_name,
                region: call.aws_region.or(call.envelope_region),
            },
            malformed: call.malformed,
            message: call.error_message.map(message::parse),
        }
    }

    /// What a text claims, together with what came with it.
    pub(super) fn of_text(text: &ErrorText<'a>, message: Option<Result<Message, NotOneDenial>>) -> Self {
        Self {
            source: text.source,
            accounts: [("the envelope's `account`", text.account), ("", None)],
            regions: [("", None), ("", None)],
            event_id: text.event_id,
            event_time: text.event_time,
            source_ip_address: None,
            user_agent: None,
            identity: None,
            naming: Naming::default(),
            malformed: text.malformed,
            message,
        }
    }

    /// What is known of the event before its message is looked at.
    pub(super) fn facts(&self) -> Facts {
        let shown = |text: Option<&str>, max| text.map(|text| one_line(text, max));
        Facts {
            source: Some(self.source),
            account: agreed(self.accounts, is_account, "").ok().flatten().map(str::to_owned),
            region: agreed(self.regions, is_region, "").ok().flatten().map(str::to_owned),
            event_id: shown(self.event_id, 128),
            event_time: shown(self.event_time, 64),
            source_ip_address: shown(self.source_ip_address, 128),
            user_agent: shown(self.user_agent, 256),
            ..Facts::default()
        }
    }

    /// Reads what the fields and the message say together.
    pub(super) fn read(self) -> Event {
        let mut facts = self.facts();
        let message = self.message.as_ref().and_then(|message| message.as_ref().ok());
        let subject = match message {
            None => Subject::Unknown,
            Some(Message { user: None, .. }) => Subject::Service,
            Some(Message { user: Some(user), .. }) => Subject::User(user),
        };
        let resource = message.map_or(&Resource::Missing, |message| &message.resource);
        let cause = match &self.message {
            None => Cause::Unstated,
            Some(Ok(message)) => message.cause.clone(),
            Some(Err(_)) => Cause::Unread,
        };
        let caller = match self.identity {
            Some(identity) => agreed_caller(identity, subject),
            None => Ok(named_caller(subject)),
        };
        let function = agreed_function(&self.naming, resource, caller.as_ref().ok());
        facts.principal = caller.as_ref().ok().and_then(Caller::arn);
        facts.function = function.as_ref().ok().and_then(CalledFunction::one).cloned();
        facts.cause = Some(cause.clone());
        facts.authorization = message.and_then(|message| message.authorization.clone());
        if self.identity.is_none() {
            complete_from_names(&mut facts);
        }

        let action = message.and_then(|message| message.action.as_deref());
        let is_of_url = action.is_some_and(|action| action.eq_ignore_ascii_case(URL_ACTION));
        let ambiguous = match (&self.message, action) {
            (_, Some(action)) if !is_of_url && !action.eq_ignore_ascii_case(ACTION) => {
                return other_action(facts, Some(action));
            }
            (Some(Err(NotOneDenial::Ambiguous { names_invoke: false })), _) => {
                return other_action(facts, None);
            }
            (Some(Err(NotOneDenial::Ambiguous { names_invoke: true })), _) => {
                Err("the message cannot be read as one denial".to_owned())
            }
            (None | Some(Ok(_) | Err(NotOneDenial::OtherText)), _) => Ok(()),
        };
        let agreed = self.well_formed().and(ambiguous).and_then(|()| {
            let (caller, function) = (caller?, function?);
            agree_on_place(&self, &caller, function.one())?;
            Ok((caller, function))
        });
        let refused =
            |facts, reason, why: String| Event::Refused(Rejection::new(facts, Refusal::new(reason, why)));
        match agreed {
            Err(why) => contradictory(facts, why),
            Ok((_, CalledFunction::Untrusted(why))) => refused(facts, Reason::UntrustedResource, why),
            Ok((_, CalledFunction::One(_))) if is_of_url => {
                let why = format!("what was denied is `{URL_ACTION}`, which a call of its URL needs as well");
                refused(facts, Reason::FunctionUrl, why)
            }
            // The message alone may be one that was cut off behind the beginning of a longer name.
            Ok((_, CalledFunction::One(_)))
                if cause == Cause::Unstated && !self.naming.names_a_function() =>
            {
                let why =
                    "nothing but a message without a reason names the function, and its end may be cut off";
                let facts = Facts { function: None, region: self.facts().region, ..facts };
                refused(facts, Reason::UntrustedResource, why.to_owned())
            }
            Ok((caller, CalledFunction::One(function))) => Event::Denial(Denial {
                facts: Box::new(facts),
                source: self.source,
                caller,
                is_identified: self.identity.is_some(),
                function,
                cause,
            }),
        }
    }

    /// An error names the field that nobody could have written like that.
    fn well_formed(&self) -> Result<(), String> {
        let Some(field) = self.malformed else { return Ok(()) };
        let writer = match self.source {
            Source::Cloudtrail => "CloudTrail",
            Source::Report | Source::Manual => "EventBridge",
            Source::Log => "CloudWatch Logs",
        };
        Err(format!("`{field}` has a form that {writer} does not write"))
    }
}

/// Takes from the names in a text what its fields would say of a recorded call: the account and the region.
pub(super) fn complete_from_names(facts: &mut Facts) {
    let principal = facts.principal.as_deref().and_then(Arn::parse);
    let account = principal.map(|arn| arn.account.to_owned()).filter(|account| !account.is_empty());
    facts.account = facts.account.take().or(account);
    facts.region = facts.function.as_ref().map(|function| function.region().to_owned());
}

/// A denied invoke whose fields cannot be believed.
pub(super) fn contradictory(facts: Facts, why: String) -> Event {
    Event::Refused(Rejection::new(facts, Refusal::new(Reason::ContradictoryEvent, why)))
}

/// The denial of another action, or of several.
pub(super) fn other_action(facts: Facts, action: Option<&str>) -> Event {
    let why = match action {
        Some(action) => format!("the action that was denied is `{}`", one_line(action, 128)),
        None => "the message names other actions".to_owned(),
    };
    Event::Ignored(Rejection::new(facts, Refusal::new(Reason::OtherAction, why)))
}

/// Something that is no denied invoke.
pub(super) fn ignored(facts: Facts, why: String) -> Event {
    Event::Ignored(Rejection::new(facts, Refusal::new(Reason::NotADeniedInvoke, why)))
}

/// An error says where accounts or regions contradict each other.
fn agree_on_place(claim: &Claim<'_>, caller: &Caller, function: Option<&FunctionArn>) -> Result<(), String> {
    let account = agreed(claim.accounts, is_account, "account id")?;
    let region = agreed(claim.regions, is_region, "region")?;
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
    Ok(())
}

fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
