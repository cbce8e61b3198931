//! The pure part of the remediator: from what came in to the decision, the policy document and what is said of it.
//!
//! No async runtime, no AWS SDK, no clock, no environment: whoever needs the time is given it. `core/clippy.toml` and
//! `core/tests/dependencies.rs` keep it so.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests may read the environment and the clock"))]

pub mod actions;
pub mod allowlist;
pub mod arn;
pub mod decision;
pub mod incoming;
pub mod ledger;
pub mod notice;
pub mod outcome;
pub mod policy;
#[cfg(test)]
mod property;
pub mod reason;
pub mod rfc3339;
pub mod text;
mod variants;
