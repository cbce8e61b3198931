//! Tests of the library through its public face, in one binary so that there is one to link.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod broken_texts;
mod events;
mod fake_aws;
mod grants;
mod hostile;
mod lines;
mod pasted;
mod storms;
