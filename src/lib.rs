//! Grants `lambda:InvokeFunction` to allowlisted IAM users and roles when CloudTrail reports that they were denied it.
//!
//! The way of the data, one direction only:
//!
//! ```text
//! event ──► denial ──► decision ──► grant ──► notice ──► outcome
//! (as it    (facts,    (allowlist,  (IAM)     (SNS)      (reply, log line
//!  came)     or not     pure)                             and notice)
//!            a denial)
//! ```
//!
//! Everything up to the decision is pure: no clock, no environment, no network. There are two edges, [`grant`] and
//! [`notice`], and one place that knows the order, [`handler`]. Each module is named after its noun and says what that is
//! and is not.

pub mod actions;
mod agreement;
pub mod allowlist;
pub mod allowlist_source;
pub mod arn;
mod called_function;
pub mod caller;
pub mod clients;
pub mod config;
pub mod decision;
pub mod denial;
pub mod error_text;
pub mod escapes;
pub mod event;
pub mod grant;
pub mod handler;
pub mod https;
pub mod iam_error;
pub mod identity;
pub mod init_error;
pub mod inline_policies;
mod lanes;
pub mod lease;
pub mod log;
pub mod log_batch;
pub mod markdown;
mod mentions;
pub mod message;
pub mod next_step;
pub mod notice;
pub mod notice_chat;
pub mod notice_text;
pub mod outcome;
pub mod pattern;
mod pieces;
pub mod policy;
pub mod principal;
pub mod refusal;
pub mod repeats;
pub mod reply;
mod rule_index;
pub mod sdk_error;
mod sdk_variables;
pub mod sentences;
pub mod source;
mod strict_form;
pub mod subscriber;
pub mod text;
pub mod told;
pub mod undo;
