//! IAM's names of the actions that this is about.

/// The only action that is ever granted.
pub const ACTION: &str = "lambda:InvokeFunction";

/// What a call of a function URL needs as well, and is never granted.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>.
pub const URL_ACTION: &str = "lambda:InvokeFunctionUrl";
