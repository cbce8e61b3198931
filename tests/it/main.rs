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
mod ledger_model;
mod lines;
mod pasted;
mod storms;

use proptest::test_runner::Config;

/// Tries a property `usual` times, or as often as `PROPTEST_CASES` says. `make quick` says fewer.
fn cases(usual: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { Config { cases: usual, ..config } }
}
