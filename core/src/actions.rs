//! The IAM actions that denials are about.

/// The only action that is ever granted.
pub const ACTION: &str = "lambda:InvokeFunction";

/// The action that a call of a function URL needs as well. It is never granted.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>.
pub const URL_ACTION: &str = "lambda:InvokeFunctionUrl";
