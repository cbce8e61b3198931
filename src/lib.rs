//! Grants `lambda:InvokeFunction` to allowlisted IAM users and roles when CloudTrail reports that they were denied it.

pub mod allowlist_source;
pub mod aws;
pub mod config;
pub mod fatal_error;
pub mod handler;
pub mod iam;
pub mod ledger;
pub mod memory;
pub mod reply;
pub mod sns;
pub mod telemetry;
