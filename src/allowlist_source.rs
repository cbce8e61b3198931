//! Where the allowlist comes from: the environment, or an SSM parameter that is read again when it is a minute old.
//!
//! A list that cannot be read is no list: nothing is decided on one of unknown age.

use crate::aws::error::explain;
use crate::config::{AllowlistLocation, SsmParameter};
use remediator_core::allowlist::{Allowlist, AllowlistError};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// How old a list from SSM may be.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// The allowlist in force.
#[derive(Debug)]
pub struct AllowlistSource(Source);

#[derive(Debug)]
enum Source {
    Inline(Arc<Allowlist>),
    Ssm { client: aws_sdk_ssm::Client, parameter: SsmParameter, last: Mutex<Option<Read>> },
}

#[derive(Debug)]
struct Read {
    list: Arc<Allowlist>,
    /// By the wall clock: the monotonic one may stand still while Lambda has the environment frozen.
    at: SystemTime,
}

/// Why there is no list to decide on.
#[derive(Debug, thiserror::Error)]
pub enum AllowlistUnreadable {
    /// SSM did not give it.
    #[error(
        "environment variable ALLOWLIST: SSM parameter `{name}` cannot be read: {context}; expected the name or ARN of a \
         parameter that the function's role may read"
    )]
    Ssm {
        /// The parameter.
        name: String,
        /// The cause.
        context: String,
    },
    /// SSM gave something that is no list at all. It may be a secret, where the variable names the wrong parameter, so that
    /// nothing of it is told.
    #[error(
        "environment variable ALLOWLIST: SSM parameter `{name}` holds no JSON object; expected a JSON document {{\"rules\": [...]}}"
    )]
    NoObject {
        /// The parameter.
        name: String,
    },
    /// SSM gave something else.
    #[error(
        "environment variable ALLOWLIST: SSM parameter `{name}` is malformed: {source}; expected a JSON document {{\"rules\": [...]}}"
    )]
    Malformed {
        /// The parameter.
        name: String,
        /// What is wrong, and where.
        source: AllowlistError,
    },
}

impl AllowlistSource {
    /// Knows where the list is; reads nothing yet.
    pub fn new(location: &AllowlistLocation, client: &impl Deref<Target = aws_sdk_ssm::Client>) -> Self {
        Self(match location {
            AllowlistLocation::Inline(list) => Source::Inline(Arc::new(list.clone())),
            AllowlistLocation::Ssm(parameter) => Source::Ssm {
                client: (**client).clone(),
                parameter: parameter.clone(),
                last: Mutex::new(None),
            },
        })
    }

    /// The list, at most [`MAX_AGE`] old at `now`. Needs `ssm:GetParameter` on the parameter.
    pub async fn current(&self, now: SystemTime) -> Result<Arc<Allowlist>, AllowlistUnreadable> {
        let (client, parameter, last) = match &self.0 {
            Source::Inline(list) => return Ok(Arc::clone(list)),
            Source::Ssm { client, parameter, last } => (client, parameter, last),
        };
        let mut last = last.lock().await;
        // A clock that was set back says nothing about the age.
        if let Some(Read { list, at }) = last.as_ref()
            && now.duration_since(*at).is_ok_and(|age| age <= MAX_AGE)
        {
            return Ok(Arc::clone(list));
        }
        *last = None;
        let list = Arc::new(read(client, &parameter.name).await?);
        *last = Some(Read { list: Arc::clone(&list), at: now });
        Ok(list)
    }
}

async fn read(client: &aws_sdk_ssm::Client, name: &str) -> Result<Allowlist, AllowlistUnreadable> {
    let answer = client.get_parameter().name(name).with_decryption(true).send().await;
    let answer = answer.map_err(|error| AllowlistUnreadable::Ssm {
        name: name.to_owned(),
        context: explain("ssm:GetParameter", &error),
    })?;
    let text = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
    if !text.trim_start().starts_with('{') {
        return Err(AllowlistUnreadable::NoObject { name: name.to_owned() });
    }
    Allowlist::parse(&text).map_err(|source| AllowlistUnreadable::Malformed { name: name.to_owned(), source })
}
