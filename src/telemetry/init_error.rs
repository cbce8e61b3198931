//! The initialization error, posted to Lambda before the process of a function that cannot start ends.
//!
//! Lambda passes it on to whoever invokes the function. Without it the caller learns only that the process exited. The
//! runtime crate posts one for failed snapshot hooks only.
//!
//! See "Initialization error" in <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use http::Uri;
use lambda_runtime::Error;
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use remediator_core::text::one_line;
use serde::Serialize;
use std::time::Duration;

/// Limit of the post. Lambda gives the init phase ten seconds, of which reading the allowlist may take six.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The longest text, in characters.
const MAX_TEXT: usize = 2_000;
/// The shortest value that can be a secret of AWS.
const MIN_SECRET: usize = 16;

const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// Variables that are removed from the text: an error of AWS may repeat the request, with its signature and token.
const SECRETS: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The body of the post, which Lambda passes on to the caller.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InitError<'a> {
    error_message: String,
    error_type: &'a str,
    stack_trace: [&'a str; 0],
}

/// Posts to Lambda why the function cannot start, within a second. `code` and `text` are those of the log line; variables
/// are read through `get`.
///
/// A failed post is only logged, since the process ends anyway.
pub async fn post(code: &str, text: &str, get: impl Fn(&str) -> Option<String>) {
    let posted = match get(AWS_LAMBDA_RUNTIME_API) {
        Some(api) => {
            let error = InitError { error_message: fit(text, &get), error_type: code, stack_trace: [] };
            tokio::time::timeout(MAX_WAIT, send(&api, &error)).await
        }
        None => Ok(Err(format!("{AWS_LAMBDA_RUNTIME_API} is not set").into())),
    };
    let problem = match posted {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer after {MAX_WAIT:?}"),
    };
    tracing::warn!(error = problem, "Lambda could not be told why the function cannot start");
}

async fn send(api: &str, error: &InitError<'_>) -> Result<(), Error> {
    let api: Uri = api.parse()?;
    if api.authority().is_none() {
        return Err(format!("{AWS_LAMBDA_RUNTIME_API} names no host").into());
    }
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("Content-Type", "application/vnd.aws.lambda.error+json")
        // The form that AWS recommends: a category and a reason.
        .header("Lambda-Runtime-Function-Error-Type", format!("Function.{}", error.error_type))
        .body(Body::from(serde_json::to_vec(error)?))?;
    let response = PooledClient::builder().with_endpoint(api).build().call(request).await?;
    match response.status() {
        // 202 in Lambda; some emulators answer 200.
        status if status.is_success() => Ok(()),
        status => Err(format!("the Runtime API answered {status}").into()),
    }
}

/// Returns the text on one line and without secrets: the caller may have no right but to invoke the function. Backticks
/// stay, since the error quotes with them.
fn fit(text: &str, get: impl Fn(&str) -> Option<String>) -> String {
    let mut text = text.to_owned();
    for name in SECRETS {
        if let Some(secret) = get(name).filter(|secret| secret.len() >= MIN_SECRET) {
            text = text.replace(&secret, &format!("({name})"));
        }
    }
    let parts: Vec<_> = text.split('`').map(|part| one_line(part, MAX_TEXT)).collect();
    let mut text = parts.join("`");
    if text.len() > MAX_TEXT {
        text.truncate(MAX_TEXT - 3);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let get = |name: &str| match name {
            "AWS_SESSION_TOKEN" => Some("IQoJb3JpZ2luX2VjEXAMPLE".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            _ => None,
        };
        fit(text, get)
    }

    #[test]
    fn a_text_is_shown_as_it_is_on_one_line() {
        let text = "environment variable MODE: `dry` is neither; expected enforce or dry-run";
        assert_eq!(shown(text), text);
        assert_eq!(shown("`a\u{1b}[2Jb`\n\u{202e}c"), "`a\\u{1b}[2Jb`\\u{a}\\u{202e}c");
        let long = shown(&"`\u{e9}".repeat(4_000));
        assert_eq!((long.len(), long.is_ascii(), long.ends_with("...")), (MAX_TEXT, true, true));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let text = "The Canonical String should have been\nx-amz-security-token:IQoJb3JpZ2luX2VjEXAMPLE\n";
        assert_eq!(
            shown(text),
            "The Canonical String should have been\\u{a}x-amz-security-token:(AWS_SESSION_TOKEN)\\u{a}"
        );
        // Too short for a secret of AWS.
        assert_eq!(shown("local"), "local");
    }
}
