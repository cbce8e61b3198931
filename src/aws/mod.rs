//! The AWS clients.

pub mod clients;
pub mod error;
pub mod https;
mod variables;
