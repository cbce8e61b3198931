//! The edge to IAM.

pub mod error;
pub mod inline_policies;
pub mod lookup;
pub mod writer;
