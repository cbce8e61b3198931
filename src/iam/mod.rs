//! The edge to IAM: one principal's inline policies, and the user or role that a name stands for.
//!
//! In come a decided grant, or whose caller to look up; out goes what became of it. Nothing is decided here, and what a
//! document says is the core's to know. A failure is sorted once, in `error`: it is final (a refusal) or to be retried.

pub mod error;
pub mod exclusive_writer;
pub mod grant;
pub mod inline_policies;
pub mod lookup;
pub mod writer;
