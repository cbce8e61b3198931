//! How often the tests try a property.

use proptest::test_runner::Config;

/// Tries a property `usual` times, or as often as `PROPTEST_CASES` says. `make quick` says fewer.
pub(crate) fn cases(usual: u32) -> Config {
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { Config { cases: usual, ..config } }
}
