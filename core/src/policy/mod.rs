//! The inline policy `LambdaInvokePermission`: how one function is added to its document, and taken out again.
//!
//! In comes the document's text as IAM holds it, with a function and the time; out goes the text to put in its place, or the
//! reason why the document is left alone. The document belongs to the principal's owner, who may have edited it by hand:
//! every part keeps its text, and only grant statements, those in the function's own form, are changed.

mod coverage;
mod document;
mod grant_statement;
pub mod lease;
mod merge;
pub mod quota;
mod removal;
#[cfg(test)]
mod tests;

pub use merge::{Merge, fold, merge};
pub use removal::{Removal, may_allow, remove};

/// The name of the inline policy.
pub const POLICY_NAME: &str = "LambdaInvokePermission";
