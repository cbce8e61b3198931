//! What comes in, and what it says.

pub mod called_function;
pub mod caller;
pub mod consistency;
pub mod denial;
pub mod error_text;
pub mod event;
pub mod log_batch;
pub mod message;
pub mod source;
