//! What a person sees: lines on the standard output and error, tables, differences between policies.
//!
//! In come texts and documents, untrusted ones too; out comes what a terminal can show safely. Nothing here decides.

pub(crate) mod diff;
pub(crate) mod output;
pub(crate) mod style;
pub(crate) mod table;
