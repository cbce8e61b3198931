//! The standard variables of AWS's SDKs that a Lambda function has: credentials, region and endpoints.
//!
//! There is no other source: no profile, no instance metadata, no container or web identity. Lambda passes the role's
//! credentials in variables, and if they are missing, others would be the wrong ones.
//!
//! See <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::Builder;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// Returns the value of a variable, or `None` if it is not set.
pub(crate) type Get = fn(&str) -> Option<String>;

/// Reads the variables into the settings that all clients share.
pub(crate) fn read(get: Get) -> Builder {
    let mut config = SdkConfig::builder().service_config(Endpoints(get));
    config
        .set_credentials_provider(Some(SharedCredentialsProvider::new(Variables(credentials(get)))))
        .set_region(set("AWS_REGION", get).or_else(|| set("AWS_DEFAULT_REGION", get)).map(Region::new))
        .set_endpoint_url(endpoint("AWS_ENDPOINT_URL", get))
        .set_use_fips(is_true("AWS_USE_FIPS_ENDPOINT", get))
        .set_use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT", get));
    config
}

/// Provides the credentials, or an error that names the missing variable. Without it the SDK's error is about
/// authentication schemes and identity resolvers.
#[derive(Debug)]
struct Variables(Result<Credentials, &'static str>);

impl ProvideCredentials for Variables {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let missing = |name: &&str| CredentialsError::invalid_configuration(format!("{name} is not set"));
        let found: provider::Result = self.0.as_ref().cloned().map_err(missing);
        future::ProvideCredentials::ready(found)
    }
}

fn credentials(get: Get) -> Result<Credentials, &'static str> {
    let needed = |name| set(name, get).ok_or(name);
    let mut credentials = Credentials::builder()
        .access_key_id(needed("AWS_ACCESS_KEY_ID")?)
        .secret_access_key(needed("AWS_SECRET_ACCESS_KEY")?)
        .provider_name("Environment");
    credentials.set_session_token(set("AWS_SESSION_TOKEN", get));
    Ok(credentials.build())
}

/// Provides `AWS_ENDPOINT_URL_IAM` and the like, which take precedence over `AWS_ENDPOINT_URL`.
#[derive(Debug)]
struct Endpoints(Get);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace(' ', "_");
        endpoint(&format!("{}_{service}", key.env()), self.0)
    }
}

fn endpoint(name: &str, get: Get) -> Option<String> {
    match is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", get) {
        Some(true) => None,
        Some(false) | None => set(name, get),
    }
}

fn is_true(name: &str, get: Get) -> Option<bool> {
    let text = set(name, get)?;
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => {
            tracing::warn!(variable = name, value = text, "neither true nor false, so it is ignored");
            None
        }
    }
}

/// Returns the value of a variable, unless it is blank.
fn set(name: &str, get: Get) -> Option<String> {
    get(name).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint_of_iam(get: Get) -> Option<String> {
        let key =
            ServiceConfigKey::builder().service_id("IAM").env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let shared = read(get).build();
        let own = shared.service_config().and_then(|config| config.load_config(key.build().unwrap()));
        // What the SDK's clients do with both.
        own.or_else(|| shared.endpoint_url().map(str::to_owned))
    }

    #[tokio::test]
    async fn what_lambda_gives() {
        let shared = read(|name| {
            Some(match name {
                "AWS_ACCESS_KEY_ID" => "key".to_owned(),
                "AWS_SECRET_ACCESS_KEY" => "secret".to_owned(),
                "AWS_SESSION_TOKEN" => "token".to_owned(),
                "AWS_REGION" => "eu-west-1".to_owned(),
                "AWS_DEFAULT_REGION" => "us-east-1".to_owned(),
                _ => return None,
            })
        })
        .build();
        let provider = shared.credentials_provider().unwrap();
        let credentials = provider.provide_credentials().await.unwrap();
        assert_eq!((credentials.access_key_id(), credentials.secret_access_key()), ("key", "secret"));
        assert_eq!(credentials.session_token(), Some("token"));
        assert_eq!(shared.region().unwrap().as_ref(), "eu-west-1");
        assert_eq!((shared.endpoint_url(), shared.use_fips(), shared.use_dual_stack()), (None, None, None));
    }

    #[tokio::test]
    async fn what_is_missing_or_blank_is_not_set() {
        let shared = read(|name| (name != "AWS_ACCESS_KEY_ID").then(|| " ".to_owned())).build();
        let error = shared.credentials_provider().unwrap().provide_credentials().await.unwrap_err();
        assert!(format!("{error:?}").contains("AWS_ACCESS_KEY_ID is not set"), "{error:?}");
        assert_eq!((shared.region(), shared.endpoint_url()), (None, None));
        let shared = read(|name| (name == "AWS_ACCESS_KEY_ID").then(|| "key".to_owned())).build();
        let error = shared.credentials_provider().unwrap().provide_credentials().await.unwrap_err();
        assert!(format!("{error:?}").contains("AWS_SECRET_ACCESS_KEY is not set"), "{error:?}");
        let shared = read(|name| (name == "AWS_DEFAULT_REGION").then(|| "us-east-1".to_owned())).build();
        assert_eq!(shared.region().unwrap().as_ref(), "us-east-1");
    }

    #[test]
    fn endpoints() {
        assert_eq!(
            endpoint_of_iam(|name| (name == "AWS_ENDPOINT_URL").then(|| name.to_owned())).unwrap(),
            "AWS_ENDPOINT_URL"
        );
        let both = |name: &str| name.starts_with("AWS_ENDPOINT_URL").then(|| name.to_owned());
        assert_eq!(endpoint_of_iam(both).unwrap(), "AWS_ENDPOINT_URL_IAM");
        let ignored = |name: &str| {
            (name.starts_with("AWS_ENDPOINT_URL") || name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
                .then(|| "true".to_owned())
        };
        assert_eq!(endpoint_of_iam(ignored), None);
        let shared = read(|name| name.starts_with("AWS_USE_").then(|| "True".to_owned())).build();
        assert_eq!((shared.use_fips(), shared.use_dual_stack()), (Some(true), Some(true)));
        let shared = read(|name| name.starts_with("AWS_USE_").then(|| "FALSE".to_owned())).build();
        assert_eq!((shared.use_fips(), shared.use_dual_stack()), (Some(false), Some(false)));
        // Ignored with a warning, as AWS's SDKs do.
        let shared = read(|name| name.starts_with("AWS_USE_").then(|| "1".to_owned())).build();
        assert_eq!((shared.use_fips(), shared.use_dual_stack()), (None, None));
    }
}
