//! The one function on which the message, `resources` and `requestParameters` agree.
//!
//! Each of them may be missing, and each that is present must name one exact function.

use crate::arn::{FunctionArn, FunctionName};
use crate::incoming::caller::Caller;
use crate::incoming::cloudtrail::RecordedResource;
use crate::incoming::consistency::require_equal;
use crate::incoming::message::Resource;
use crate::text::shown;

/// The fields of a record that name the function. A text has none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FunctionFields<'a> {
    /// `resources`, those of the type `AWS::Lambda::Function` or of no type.
    pub(super) resources: &'a [RecordedResource<'a>],
    /// `requestParameters.functionName`.
    pub(super) function_name: Option<&'a str>,
    /// The region of the call, to which a bare name belongs.
    pub(super) region: Option<&'a str>,
}

impl FunctionFields<'_> {
    /// Whether one of the fields names a function.
    pub(super) fn name_a_function(&self) -> bool {
        self.function_name.is_some() || self.resources.iter().any(|resource| resource.arn.is_some())
    }
}

/// The function of an event without contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CalledFunction {
    /// One exact function.
    Exact(FunctionArn),
    /// No function that can be trusted, and why.
    Untrusted(String),
}

impl CalledFunction {
    /// Returns the exact function, if there is one.
    pub(super) fn exact(&self) -> Option<&FunctionArn> {
        match self {
            Self::Exact(function) => Some(function),
            Self::Untrusted(_) => None,
        }
    }
}

/// Returns the function on which all fields agree. A bare name is a function of `caller`'s account.
///
/// # Errors
///
/// The fields name different functions.
pub(super) fn reconcile_function(
    fields: &FunctionFields<'_>,
    resource: &Resource,
    caller: Option<&Caller>,
) -> Result<CalledFunction, String> {
    let references = FunctionReferences::collect(fields, resource)?;
    references.check()?;
    if let Some(why) = references.untrusted {
        return Ok(CalledFunction::Untrusted(why));
    }
    let by_arn = references.arns.into_iter().next().map(|(_, function)| function);
    let by_name = || {
        let name = references.name?;
        let region = fields.region?;
        let caller = caller?;
        FunctionArn::new(caller.partition()?, region, name.account.or(caller.account())?, name.name)
    };
    Ok(match by_arn.or_else(by_name) {
        Some(function) => CalledFunction::Exact(function),
        None => CalledFunction::Untrusted("the event does not name the function".to_owned()),
    })
}

const MESSAGE: &str = "the message's resource";
const RESOURCES: &str = "`resources`";
const FUNCTION_NAME: &str = "`requestParameters.functionName`";

/// Every reference to a function in one event.
#[derive(Default)]
struct FunctionReferences<'a> {
    /// The ARNs, each with its field.
    arns: Vec<(&'static str, FunctionArn)>,
    /// The name in `requestParameters`, where it is not an ARN.
    name: Option<FunctionName<'a>>,
    /// Why the first reference that does not name one exact function is not trusted.
    untrusted: Option<String>,
}

impl<'a> FunctionReferences<'a> {
    fn collect(fields: &FunctionFields<'a>, resource: &Resource) -> Result<Self, String> {
        let mut references = Self::default();
        match resource {
            Resource::Missing => {}
            Resource::Cut => {
                references.untrusted = Some("the message is cut off where it names the resource".to_owned());
            }
            Resource::Named(text) => {
                references.add_arn(MESSAGE, text);
            }
        }
        for recorded in fields.resources {
            let Some(arn) = recorded.arn else { continue };
            if let (Some(function), Some(account)) = (references.add_arn(RESOURCES, arn), recorded.account) {
                require_equal(
                    "`resources.accountId`",
                    account,
                    "the account of its ARN",
                    function.account(),
                )?;
            }
        }
        if let Some(text) = fields.function_name {
            match FunctionName::parse(text) {
                Some(name) => references.name = Some(name),
                None => {
                    references.add_arn(FUNCTION_NAME, text);
                }
            }
        }
        Ok(references)
    }

    /// Adds a text that should be the ARN of one function, and returns the function if it is.
    fn add_arn(&mut self, field: &'static str, text: &str) -> Option<&FunctionArn> {
        match FunctionArn::parse(text) {
            Some(function) => self.arns.push((field, function)),
            None => {
                let why = || format!("{field} holds `{}`, which is not one exact function", shown(text));
                self.untrusted.get_or_insert_with(why);
                return None;
            }
        }
        self.arns.last().map(|(_, function)| function)
    }

    /// Compares all references.
    fn check(&self) -> Result<(), String> {
        let Some(((field, function), others)) = self.arns.split_first() else { return Ok(()) };
        for (other_field, other) in others {
            require_equal(field, function.as_str(), other_field, other.as_str())?;
        }
        let Some(name) = self.name else { return Ok(()) };
        require_equal(FUNCTION_NAME, name.name, field, function.name())?;
        let account = name.account.unwrap_or(function.account());
        let account_field = "the account in `requestParameters.functionName`";
        require_equal(account_field, account, field, function.account())
    }
}
