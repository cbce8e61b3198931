//! What was called: the one function on which the message, `resources` and `requestParameters` agree.
//!
//! Each of them may be missing, and each that is there must name one exact function.

use crate::arn::{FunctionArn, FunctionName};
use crate::incoming::caller::Caller;
use crate::incoming::cloudtrail::RecordedResource;
use crate::incoming::consistency::same;
use crate::incoming::message::Resource;
use crate::text::shown;

/// The fields of a record that name the function; in a text there are none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Naming<'a> {
    /// `resources`, those of the type `AWS::Lambda::Function` or of no type.
    pub(crate) resources: &'a [RecordedResource<'a>],
    /// `requestParameters.functionName`.
    pub(crate) function_name: Option<&'a str>,
    /// The region of the call, to which a bare name belongs.
    pub(crate) region: Option<&'a str>,
}

impl Naming<'_> {
    /// Whether one of the fields names a function.
    pub(crate) fn names_a_function(&self) -> bool {
        self.function_name.is_some() || self.resources.iter().any(|resource| resource.arn.is_some())
    }
}

/// What an event without contradictions says of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CalledFunction {
    /// Exactly this one.
    One(FunctionArn),
    /// None that could be trusted, and why.
    Untrusted(String),
}

impl CalledFunction {
    /// The function, if there is one.
    pub(crate) fn one(&self) -> Option<&FunctionArn> {
        match self {
            Self::One(function) => Some(function),
            Self::Untrusted(_) => None,
        }
    }
}

/// The function on which all fields agree; an error says where they do not. `caller` is needed for a bare name.
pub(crate) fn agreed_function(
    naming: &Naming<'_>,
    resource: &Resource,
    caller: Option<&Caller>,
) -> Result<CalledFunction, String> {
    let mentions = Mentions::collect(naming, resource)?;
    mentions.check()?;
    if let Some(why) = mentions.distrust {
        return Ok(CalledFunction::Untrusted(why));
    }
    let by_arn = mentions.by_arn.into_iter().next().map(|(_, function)| function);
    let by_name = || {
        let name = mentions.by_name?;
        // A bare name is a function of the caller's account in the region of the call.
        let region = naming.region?;
        let caller = caller?;
        FunctionArn::new(caller.partition()?, region, name.account.or(caller.account())?, name.name)
    };
    Ok(match by_arn.or_else(by_name) {
        Some(function) => CalledFunction::One(function),
        None => CalledFunction::Untrusted("the event does not name the function".to_owned()),
    })
}

const MESSAGE: &str = "the message's resource";
const RESOURCES: &str = "`resources`";
const FUNCTION_NAME: &str = "`requestParameters.functionName`";

/// Everything in an event that names the function.
#[derive(Default)]
struct Mentions<'a> {
    /// ARNs, each with its field.
    by_arn: Vec<(&'static str, FunctionArn)>,
    /// The name in `requestParameters`, where it is not an ARN.
    by_name: Option<FunctionName<'a>>,
    /// The first that does not name one exact function.
    distrust: Option<String>,
}

impl<'a> Mentions<'a> {
    fn collect(naming: &Naming<'a>, resource: &Resource) -> Result<Self, String> {
        let mut mentions = Self::default();
        match resource {
            Resource::Missing => {}
            Resource::Cut => {
                mentions.distrust = Some("the message is cut off where it names the resource".to_owned());
            }
            Resource::Named(text) => {
                mentions.add(MESSAGE, text);
            }
        }
        for recorded in naming.resources {
            let Some(arn) = recorded.arn else { continue };
            if let (Some(function), Some(account)) = (mentions.add(RESOURCES, arn), recorded.account) {
                same("`resources.accountId`", account, "the account of its ARN", function.account())?;
            }
        }
        if let Some(text) = naming.function_name {
            match FunctionName::parse(text) {
                Some(name) => mentions.by_name = Some(name),
                None => {
                    mentions.add(FUNCTION_NAME, text);
                }
            }
        }
        Ok(mentions)
    }

    /// Takes in a text that should be the ARN of a function, and gives the function if it is.
    fn add(&mut self, field: &'static str, text: &str) -> Option<&FunctionArn> {
        // Most events name the function in the same words everywhere; once is enough to read them.
        let known = self.by_arn.iter().position(|(_, function)| function.as_str() == text);
        let place = known.unwrap_or(self.by_arn.len());
        if known.is_none() {
            match FunctionArn::parse(text) {
                Some(function) => self.by_arn.push((field, function)),
                None => {
                    let why = || format!("{field} holds `{}`, which is not one exact function", shown(text));
                    self.distrust.get_or_insert_with(why);
                }
            }
        }
        self.by_arn.get(place).map(|(_, function)| function)
    }

    /// Compares all that name a function.
    fn check(&self) -> Result<(), String> {
        let Some(((field, function), others)) = self.by_arn.split_first() else { return Ok(()) };
        for (other_field, other) in others {
            same(field, function.as_str(), other_field, other.as_str())?;
        }
        let Some(name) = self.by_name else { return Ok(()) };
        same(FUNCTION_NAME, name.name, field, function.name())?;
        let account = name.account.unwrap_or(function.account());
        same("the account in `requestParameters.functionName`", account, field, function.account())
    }
}
