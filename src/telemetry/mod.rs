//! The log, and the error that Lambda gets from a function that cannot start.
//!
//! [`subscriber`] filters and formats diagnostic lines. [`outcome_log`] writes the lines that metric filters and alarms
//! read: one for each outcome, error and failed start. [`init_error`] posts a failed start to Lambda.

pub mod init_error;
pub mod outcome_log;
pub mod subscriber;
