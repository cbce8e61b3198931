//! The level and format of diagnostic lines, from this code and its libraries.
//!
//! Lambda's logging controls set them: `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT`. `RUST_LOG` may name levels by
//! module, such as `aws_smithy_runtime=debug`. The runtime's own subscriber is not used: for the rest of `RUST_LOG`'s syntax
//! it compiles regular expressions at each cold start.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Installs the subscriber, once in a process. Reads variables through `get`.
pub fn init(get: impl Fn(&str) -> Option<String>) {
    let lines = fmt::layer().with_target(false).without_time();
    let is_json = get("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = if is_json { lines.json().boxed() } else { lines.boxed() };
    registry().with(lines.with_filter(filter(get))).init();
}

fn filter(get: impl Fn(&str) -> Option<String>) -> Targets {
    let wanted: Targets = get("RUST_LOG").and_then(|text| text.parse().ok()).unwrap_or_default();
    let level = match get("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        // Lambda has this level, the libraries do not.
        Some("FATAL") => Some(LevelFilter::ERROR),
        Some(level) => level.parse().ok(),
        None => wanted.default_level(),
    };
    wanted.with_default(level.unwrap_or(LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn levels() {
        let level = |variables: &[(&str, &str)], target: &str| {
            let get = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            let filter = filter(get);
            [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR]
                .into_iter()
                .find(|level| filter.would_enable(target, level))
        };
        let (lambda, rust) = ("AWS_LAMBDA_LOG_LEVEL", "RUST_LOG");
        assert_eq!(level(&[], "a"), Some(Level::INFO));
        assert_eq!(level(&[(lambda, "DEBUG")], "a"), Some(Level::DEBUG));
        assert_eq!(level(&[(lambda, "FATAL")], "a"), Some(Level::ERROR));
        assert_eq!(level(&[(lambda, "loud")], "a"), Some(Level::INFO));
        assert_eq!(level(&[(rust, "warn")], "a"), Some(Level::WARN));
        assert_eq!(level(&[(rust, "warn"), (lambda, "INFO")], "a"), Some(Level::INFO));
        let by_module = [(rust, "aws_smithy_runtime=debug")];
        assert_eq!(level(&by_module, "aws_smithy_runtime::client"), Some(Level::DEBUG));
        assert_eq!(level(&by_module, "a"), Some(Level::INFO));
        assert_eq!(level(&[(rust, "a[b]=c=d")], "a"), Some(Level::INFO));
    }
}
