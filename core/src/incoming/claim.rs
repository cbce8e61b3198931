//! The claim that one event makes, from CloudTrail's record or from a text: every field that has to agree with the others.

use crate::actions::{ACTION, URL_ACTION};
use crate::arn::{Arn, FunctionArn, is_account};
use crate::incoming::Event;
use crate::incoming::called_function::{CalledFunction, FunctionFields, reconcile_function};
use crate::incoming::caller::{Caller, NamedPrincipal, caller_from_message, reconcile_caller};
use crate::incoming::cloudtrail::{ApiCall, UserIdentity};
use crate::incoming::consistency::{consistent_value, require_equal};
use crate::incoming::denial::Denial;
use crate::incoming::error_text::text::ErrorText;
use crate::incoming::facts::Facts;
use crate::incoming::message::{self, Cause, Message, NotOneDenial, Resource};
use crate::incoming::source::Source;
use crate::reason::Reason;
use crate::text::one_line;

/// A field's name, as an error shows it, and its value.
type Field<'a> = (&'static str, Option<&'a str>);

/// The fields of one event that have to agree.
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
    /// The identity that AWS authenticated; a text has none.
    identity: Option<&'a UserIdentity<'a>>,
    /// The fields that name the function, besides the message.
    function_fields: FunctionFields<'a>,
    /// The path of the first field in a form that its writer does not write.
    malformed: Option<&'static str>,
    message: Option<Result<Message, NotOneDenial>>,
}

impl<'a> Claim<'a> {
    /// Collects the claim of CloudTrail's record.
    pub(super) fn from_call(call: &'a ApiCall<'a>) -> Self {
        Self {
            source: Source::Cloudtrail,
            accounts: call.accounts(),
            regions: call.regions(),
            event_id: call.event_id,
            event_time: call.event_time,
            source_ip_address: call.source_ip_address,
            user_agent: call.user_agent,
            identity: Some(&call.identity),
            function_fields: FunctionFields {
                resources: &call.resources,
                function_name: call.function_name,
                region: call.aws_region.or(call.envelope_region),
            },
            malformed: call.malformed,
            message: call.error_message.map(message::parse),
        }
    }

    /// Collects the claim of a text that holds `message`.
    pub(super) fn from_text(text: &'a ErrorText<'_>, message: Option<Result<Message, NotOneDenial>>) -> Self {
        Self {
            source: text.source,
            accounts: [("the envelope's `account`", text.account), ("", None)],
            regions: [("", None), ("", None)],
            event_id: text.event_id,
            event_time: text.event_time,
            source_ip_address: None,
            user_agent: None,
            identity: None,
            function_fields: FunctionFields::default(),
            malformed: text.malformed,
            message,
        }
    }

    /// Returns the facts that do not depend on the message.
    pub(super) fn facts(&self) -> Facts {
        let line = |text: Option<&str>, max| text.map(|text| one_line(text, max));
        Facts {
            source: Some(self.source),
            account: consistent_value(self.accounts, is_account, "").ok().flatten().map(str::to_owned),
            region: consistent_value(self.regions, is_region, "").ok().flatten().map(str::to_owned),
            event_id: line(self.event_id, 128),
            event_time: line(self.event_time, 64),
            source_ip_address: line(self.source_ip_address, 128),
            user_agent: line(self.user_agent, 256),
            ..Facts::default()
        }
    }

    /// Compares the fields and the message: a denial if they agree, and otherwise the refusal.
    pub(super) fn into_event(self) -> Event {
        let mut facts = self.facts();
        let message = self.message.as_ref().and_then(|message| message.as_ref().ok());
        let named = match message {
            None => NamedPrincipal::Unknown,
            Some(Message { user: None, .. }) => NamedPrincipal::Service,
            Some(Message { user: Some(user), .. }) => NamedPrincipal::User(user),
        };
        let resource = message.map_or(&Resource::Missing, |message| &message.resource);
        let cause = match &self.message {
            None => Cause::Unstated,
            Some(Ok(message)) => message.cause.clone(),
            Some(Err(_)) => Cause::Unread,
        };
        let caller = match self.identity {
            Some(identity) => reconcile_caller(identity, named),
            None => Ok(caller_from_message(named)),
        };
        let function = reconcile_function(&self.function_fields, resource, caller.as_ref().ok());
        facts.principal = caller.as_ref().ok().and_then(Caller::arn);
        let user = message.and_then(|message| message.user.as_deref());
        let asked_by = self.identity.and_then(|identity| identity.arn).or(user);
        facts.asked_by = asked_by.map(|arn| one_line(arn, 2_048));
        facts.function = function.as_ref().ok().and_then(CalledFunction::exact).cloned();
        facts.cause = Some(cause.clone());
        facts.authorization = message.and_then(|message| message.authorization.clone());
        if self.identity.is_none() {
            complete_from_arns(&mut facts);
        }

        let action = message.and_then(|message| message.action.as_deref());
        let is_url_action = action.is_some_and(|action| action.eq_ignore_ascii_case(URL_ACTION));
        let ambiguous = match (&self.message, action) {
            (_, Some(action)) if !is_url_action && !action.eq_ignore_ascii_case(ACTION) => {
                return Event::other_action(facts, Some(action));
            }
            (Some(Err(NotOneDenial::Ambiguous { names_invoke: false })), _) => {
                return Event::other_action(facts, None);
            }
            (Some(Err(NotOneDenial::Ambiguous { names_invoke: true })), _) => {
                Err("the message cannot be read as one denial".to_owned())
            }
            (None | Some(Ok(_) | Err(NotOneDenial::OtherText)), _) => Ok(()),
        };
        let consistent = self.well_formed().and(ambiguous).and_then(|()| {
            let (caller, function) = (caller?, function?);
            self.check_place(&caller, function.exact())?;
            Ok((caller, function))
        });
        let (caller, function) = match consistent {
            Err(why) => return Event::contradictory(facts, why),
            Ok((_, CalledFunction::Untrusted(why))) => {
                return Event::refused(facts, Reason::UntrustedResource, why);
            }
            Ok((caller, CalledFunction::Exact(function))) => (caller, function),
        };
        if is_url_action {
            let why = format!("what was denied is `{URL_ACTION}`, which a call of its URL needs as well");
            return Event::refused(facts, Reason::FunctionUrl, why);
        }
        // The message alone may have been cut off in the middle of a longer name.
        if cause == Cause::Unstated && !self.function_fields.name_a_function() {
            let why = "nothing but a message without a reason names the function, and its end may be cut off";
            let facts = Facts { function: None, region: self.facts().region, ..facts };
            return Event::refused(facts, Reason::UntrustedResource, why);
        }
        Event::Denial(Denial {
            facts: Box::new(facts),
            source: self.source,
            caller,
            is_identified: self.identity.is_some(),
            function,
            cause,
        })
    }

    /// Returns an error that names the malformed field, if there is one.
    fn well_formed(&self) -> Result<(), String> {
        let Some(field) = self.malformed else { return Ok(()) };
        let writer = self.source.writer();
        Err(format!("`{field}` has a form that {writer} does not write"))
    }

    /// Returns an error where accounts or regions contradict each other.
    fn check_place(&self, caller: &Caller, function: Option<&FunctionArn>) -> Result<(), String> {
        let account = consistent_value(self.accounts, is_account, "account id")?;
        let region = consistent_value(self.regions, is_region, "region")?;
        let Some(function) = function else { return Ok(()) };
        if let Some(region) = region {
            require_equal("the region of the call", region, "the function's", function.region())?;
        }
        // A call is recorded in the caller's account and in the function's, and nowhere else.
        if let Some(account) = account
            && account != function.account()
            && caller.account() != Some(account)
        {
            return Err(format!(
                "account {account} recorded the call, and has neither the caller nor the function"
            ));
        }
        Ok(())
    }
}

/// Takes the account and the region of a text from the ARNs in it, as a record's fields state them.
pub(super) fn complete_from_arns(facts: &mut Facts) {
    let principal = facts.principal.as_deref().and_then(Arn::parse);
    let account = principal.map(|arn| arn.account.to_owned()).filter(|account| !account.is_empty());
    facts.account = facts.account.take().or(account);
    facts.region = facts.function.as_ref().map(|function| function.region().to_owned());
}

fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
