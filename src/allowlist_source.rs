//! The source of the allowlist: the environment, or an SSM parameter that is read again after a minute.
//!
//! If the parameter cannot be read, there is no list: nothing is decided on a list of unknown age.

use crate::aws::clients::SsmRegion;
use crate::aws::error::explain;
use remediator_core::allowlist::{Allowlist, AllowlistError};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// The greatest age of a list from SSM.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// Where the allowlist is.
#[derive(Debug, Clone)]
pub enum AllowlistLocation {
    /// In the variable itself.
    Inline(Allowlist),
    /// In a parameter of SSM's Parameter Store, by name or ARN.
    Ssm(SsmParameter),
}

/// A parameter of SSM's Parameter Store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsmParameter {
    /// The name or the ARN, as `GetParameter` takes it.
    pub name: String,
    /// The region, if an ARN states it.
    pub region: Option<String>,
}

/// The allowlist in force.
#[derive(Debug)]
pub struct AllowlistSource(Source);

#[derive(Debug)]
enum Source {
    Inline(Arc<Allowlist>),
    Ssm { client: Option<aws_sdk_ssm::Client>, name: String, last: Mutex<Option<LastRead>> },
}

/// A list, and when it was read.
#[derive(Debug)]
struct LastRead {
    list: Arc<Allowlist>,
    /// By the wall clock: the monotonic one may stand still while Lambda freezes the environment.
    read_at: SystemTime,
}

/// There is no list to decide on.
#[derive(Debug, thiserror::Error)]
pub enum AllowlistUnreadable {
    /// SSM did not return the parameter.
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
    /// The parameter holds no list at all. It may be a secret, if the variable names the wrong parameter, so the error shows
    /// nothing of the value.
    #[error(
        "environment variable ALLOWLIST: SSM parameter `{name}` holds no JSON object; expected a JSON document {{\"rules\": [...]}}"
    )]
    NoObject {
        /// The parameter.
        name: String,
    },
    /// The parameter holds a malformed list.
    #[error(
        "environment variable ALLOWLIST: SSM parameter `{name}` is malformed: {source}; expected a JSON document {{\"rules\": [...]}}"
    )]
    Malformed {
        /// The parameter.
        name: String,
        /// The error in the document, with its place.
        source: AllowlistError,
    },
}

impl AllowlistLocation {
    /// The region in which SSM is called. `None` if the list is not in a parameter.
    pub fn ssm_region(&self) -> Option<SsmRegion<'_>> {
        match self {
            Self::Inline(_) => None,
            Self::Ssm(parameter) => {
                Some(parameter.region.as_deref().map_or(SsmRegion::Own, SsmRegion::Stated))
            }
        }
    }
}

impl AllowlistSource {
    /// Reads nothing yet. `ssm` is needed if the list is in a parameter.
    pub fn new(location: &AllowlistLocation, ssm: Option<&aws_sdk_ssm::Client>) -> Self {
        Self(match location {
            AllowlistLocation::Inline(list) => Source::Inline(Arc::new(list.clone())),
            AllowlistLocation::Ssm(parameter) => {
                Source::Ssm { client: ssm.cloned(), name: parameter.name.clone(), last: Mutex::new(None) }
            }
        })
    }

    /// Returns the list, at most [`MAX_AGE`] old at `now`. Needs `ssm:GetParameter` on the parameter.
    ///
    /// # Errors
    ///
    /// The parameter cannot be read, or holds no valid list.
    pub async fn current(&self, now: SystemTime) -> Result<Arc<Allowlist>, AllowlistUnreadable> {
        let (client, name, last) = match &self.0 {
            Source::Inline(list) => return Ok(Arc::clone(list)),
            Source::Ssm { client, name, last } => (client.as_ref(), name, last),
        };
        let mut last = last.lock().await;
        // If the clock was set back, the age is not known.
        if let Some(LastRead { list, read_at }) = last.as_ref()
            && now.duration_since(*read_at).is_ok_and(|age| age <= MAX_AGE)
        {
            return Ok(Arc::clone(list));
        }
        *last = None;
        let list = Arc::new(read(client, name).await?);
        *last = Some(LastRead { list: Arc::clone(&list), read_at: now });
        Ok(list)
    }
}

async fn read(client: Option<&aws_sdk_ssm::Client>, name: &str) -> Result<Allowlist, AllowlistUnreadable> {
    let failed = |context: String| AllowlistUnreadable::Ssm { name: name.to_owned(), context };
    let client = client.ok_or_else(|| failed("there is no client of SSM".to_owned()))?;
    let response = client.get_parameter().name(name).with_decryption(true).send().await;
    let response = response.map_err(|error| failed(explain("ssm:GetParameter", &error)))?;
    let text = response.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
    if !text.trim_start().starts_with('{') {
        return Err(AllowlistUnreadable::NoObject { name: name.to_owned() });
    }
    Allowlist::parse(&text).map_err(|source| AllowlistUnreadable::Malformed { name: name.to_owned(), source })
}
