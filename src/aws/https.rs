//! The SDK's HTTP client: HTTP/1.1 over TLS, with hyper and rustls, and one connection pool for all AWS clients.
//!
//! It can open a connection before the first call, and send a call over a connection of its own. The SDK's own HTTP
//! client can do neither, and brings HTTP/2, proxies and more pools, a fifth of the binary.

use crate::aws::dialer::{BoxError, Dialer};
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as TcpConnector, HttpInfo, capture_connection,
};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use std::sync::Arc;

/// The error of a call that was made for its connection only.
const PRECONNECT_ONLY: &str = "the call only opens a connection";

/// In a request's extensions: which connection the request needs. Without it any kept or new one will do.
///
/// The server may close a kept connection just when a request is sent over it. Then nothing tells whether the request
/// arrived, which matters for a put.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ConnectionMode {
    /// Opens a connection for a [`Fresh`](Self::Fresh) request to the same server, and sends nothing.
    Preconnect,
    /// Sends the request over a connection that none was sent over before.
    Fresh,
}

/// One connection pool.
#[derive(Debug, Clone)]
pub struct Https {
    pool: legacy::Client<Dialer, SdkBody>,
    dialer: Dialer,
}

impl Https {
    /// Reads the certificate authorities; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// The TLS provider lacks the default protocol versions.
    pub fn new() -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(certificate_authorities())
            .with_no_client_auth();
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let dialer = Dialer::new(connector);
        Ok(Self { pool: pool(&dialer, usize::MAX), dialer })
    }

    /// Waits until the connections that were begun are open or have failed, for at most a second.
    pub async fn wait_for_preconnections(&self) {
        self.dialer.wait_for_preconnections().await;
    }

    /// Returns the HTTP client for the SDK's clients.
    pub(crate) fn sdk_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(SdkConnector(self.clone()));
        http_client_fn(move |_, _| connector.clone())
    }

    /// Returns an interceptor that begins to connect to the endpoint of a call, and fails the call before it is sent.
    pub(crate) fn preconnect_only(&self) -> impl Intercept + use<> {
        PreconnectOnly(self.dialer.clone())
    }
}

/// Reads the machine's certificate authorities, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as OpenSSL does.
fn certificate_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (valid, invalid) = roots.add_parsable_certificates(found.certs);
    if valid == 0 {
        tracing::warn!(invalid, errors = ?found.errors, "there is no certificate authority to trust");
    }
    roots
}

/// Makes a pool that keeps up to `max_idle` unused connections to each server.
fn pool(dialer: &Dialer, max_idle: usize) -> legacy::Client<Dialer, SdkBody> {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_max_idle_per_host(max_idle).build(dialer.clone())
}

/// The interceptor of [`Https::preconnect_only`].
///
/// The SDK derives an endpoint from the region, the partition and variables, and only within a call.
#[derive(Debug)]
struct PreconnectOnly(Dialer);

#[dyn_dispatch_hint]
impl Intercept for PreconnectOnly {
    fn name(&self) -> &'static str {
        "PreconnectOnly"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.preconnect(context.request().uri().parse()?);
        Err(PRECONNECT_ONLY.into())
    }
}

/// Sends the SDK's requests through hyper.
#[derive(Debug)]
struct SdkConnector(Https);

impl HttpConnector for SdkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let Self(Https { pool: kept, dialer }) = self;
        let pool = match request.extensions().get() {
            Some(ConnectionMode::Preconnect) => {
                let (dialer, uri) = (dialer.clone(), request.uri().clone());
                return HttpConnectorFuture::new(async move {
                    dialer.preconnect(uri);
                    dialer.wait_for_preconnections().await;
                    Err(ConnectorError::user(PRECONNECT_ONLY.into()))
                });
            }
            Some(ConnectionMode::Fresh) => pool(dialer, 0),
            None => kept.clone(),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let response = pool.request(request);
        HttpConnectorFuture::new(async move {
            // The SDK may retry any of these: a connection that was refused, cut or too slow, and TLS that failed.
            let response = response.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Describes a request's connection to the SDK, so that no retry uses one that failed.
fn metadata(captured: &CaptureConnection) -> Option<ConnectionMetadata> {
    let mut extensions = http::Extensions::new();
    captured.connection_metadata().as_ref()?.get_extras(&mut extensions);
    let info = extensions.get::<HttpInfo>();
    let captured = captured.clone();
    let poison = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    let mut metadata = ConnectionMetadata::builder().proxied(false).poison_fn(poison);
    metadata.set_local_addr(info.map(HttpInfo::local_addr)).set_remote_addr(info.map(HttpInfo::remote_addr));
    Some(metadata.build())
}
