//! The AWS clients, and what they share: settings, HTTPS, and the text of errors.
//!
//! In come the standard environment variables and the regions to call; out come clients of IAM, SNS and SSM over one
//! connection pool. Which calls are made, and what their errors mean, is up to `iam`, `sns` and `allowlist_source`.

pub mod clients;
mod dialer;
pub mod error;
pub mod https;
mod variables;
