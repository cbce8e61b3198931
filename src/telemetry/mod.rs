//! The log.

pub mod init_error;
pub mod log;
pub mod subscriber;
