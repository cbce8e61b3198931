//! HTTP to AWS's endpoints: HTTP/1.1 over TLS with one pool for all clients, and connections that are opened ahead.
//!
//! It is the glue between the SDK and hyper. The SDK's own does the same with a proxy, HTTP/2 and more pools on top, none of
//! which is used here: it made a fifth of the deployed binary, and had no way to connect before the first call.

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
use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as Tcp, HttpInfo, capture_connection,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::RootCertStore;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower_service::Service;

/// How long it may take to connect, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection that was opened ahead may wait for its first call: less than a server waits for it.
const MAX_AHEAD: Duration = Duration::from_secs(5);

/// How long is waited for connections that are opened ahead, in the init phase or before a put: as long as it takes to the
/// other side of the world.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Why a call ends that is there for the connection.
const NOTHING_WANTED: &str = "nothing but the connection is wanted";

type BoxError = Box<dyn Error + Send + Sync>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// In a request's extensions: how it uses connections, other than any that there is.
///
/// A kept one may be closed by the other side at the very moment at which a request is sent over it, and nothing tells whether
/// that arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Connect {
    /// One is opened for a request that wants a new one, and nothing is sent.
    Ahead,
    /// It goes over one that none went over before.
    Anew,
}

/// One pool of connections.
#[derive(Debug, Clone)]
pub struct Https {
    client: legacy::Client<Dial, SdkBody>,
    dial: Dial,
}

impl Https {
    /// Knows whom to trust; nothing is connected yet.
    pub fn new() -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(certificate_authorities())
            .with_no_client_auth();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let dial = Dial { https, ahead: Arc::default() };
        Ok(Self { client: pool(&dial, usize::MAX), dial })
    }

    /// For the SDK's clients.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(Connector(self.clone()));
        http_client_fn(move |_, _| connector.clone())
    }

    /// Waits until what was begun is connected, or has failed, but not for long.
    pub async fn connected(&self) {
        let deadline = Instant::now() + MAX_WAIT;
        for mut ahead in self.dial.take_all() {
            if let Connection::Begun(task) = &mut ahead.connection {
                match tokio::time::timeout_at(deadline, task).await {
                    Ok(Ok(Ok(stream))) => ahead.connection = Connection::Done(Box::new(stream)),
                    // Whoever needs it connects anew, and is told why that fails.
                    Ok(Ok(Err(_)) | Err(_)) => continue,
                    // It goes on, and whoever needs it waits for it.
                    Err(_) => {}
                }
            }
            self.dial.ahead().push(ahead);
        }
    }

    /// Ends a call before anything is sent, and begins to connect to where it would have gone.
    pub(crate) fn connect_only(&self) -> impl Intercept + use<> {
        ConnectOnly(self.dial.clone())
    }
}

/// Reads the certificate authorities of the machine, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as for OpenSSL.
fn certificate_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (valid, invalid) = roots.add_parsable_certificates(found.certs);
    if valid == 0 {
        tracing::warn!(invalid, errors = ?found.errors, "there is no certificate authority to trust");
    }
    roots
}

/// Keeps up to so many connections to each origin that wait for another request.
fn pool(dial: &Dial, max_idle: usize) -> legacy::Client<Dial, SdkBody> {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_max_idle_per_host(max_idle).build(dial.clone())
}

/// The SDK knows the endpoint of a call, from the region, the partition and the variables that change it, only in the call.
#[derive(Debug)]
struct ConnectOnly(Dial);

#[dyn_dispatch_hint]
impl Intercept for ConnectOnly {
    fn name(&self) -> &'static str {
        "ConnectOnly"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.open(context.request().uri().parse()?);
        Err(NOTHING_WANTED.into())
    }
}

/// Sends the SDK's requests.
#[derive(Debug)]
struct Connector(Https);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let client = match request.extensions().get() {
            Some(Connect::Ahead) => {
                let (https, uri) = (self.0.clone(), request.uri().clone());
                return HttpConnectorFuture::new(async move {
                    https.dial.open(uri);
                    https.connected().await;
                    Err(ConnectorError::user(NOTHING_WANTED.into()))
                });
            }
            Some(Connect::Anew) => pool(&self.0.dial, 0),
            None => self.0.client.clone(),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let answer = client.request(request);
        HttpConnectorFuture::new(async move {
            // Whatever came between may pass: a connection that was refused, cut or given up, TLS that failed.
            let response = answer.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The connection that a request went over, so that the SDK does not repeat a call on one that failed.
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

/// Where a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin(Scheme, Authority);

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        Some(Self(uri.scheme()?.clone(), uri.authority()?.clone()))
    }
}

/// A connection that nobody has asked for yet.
#[derive(Debug)]
struct Ahead {
    origin: Origin,
    /// By the wall clock: the monotonic one may stand still while Lambda has the environment frozen.
    since: SystemTime,
    connection: Connection,
}

#[derive(Debug)]
enum Connection {
    Begun(JoinHandle<Result<Stream, BoxError>>),
    Done(Box<Stream>),
}

/// Connects, or hands out what was connected ahead.
#[derive(Debug, Clone)]
struct Dial {
    https: HttpsConnector<Tcp>,
    ahead: Arc<Mutex<Vec<Ahead>>>,
}

impl Dial {
    /// The first call to that origin goes on with the connection; if it fails, that call connects anew.
    fn open(&self, uri: Uri) {
        let Some(origin) = Origin::of(&uri) else { return };
        let mut ahead = self.ahead();
        if ahead.iter().all(|opened| opened.origin != origin) {
            let connection = Connection::Begun(tokio::spawn(connect(self.https.clone(), uri)));
            ahead.push(Ahead { origin, since: SystemTime::now(), connection });
        }
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut ahead = self.ahead();
        let place = ahead.iter().position(|opened| opened.origin == *origin)?;
        let opened = ahead.swap_remove(place);
        let age = opened.since.elapsed().ok()?;
        (age < MAX_AHEAD).then_some(opened.connection)
    }

    fn take_all(&self) -> Vec<Ahead> {
        std::mem::take(&mut *self.ahead())
    }

    fn ahead(&self) -> MutexGuard<'_, Vec<Ahead>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Uri> for Dial {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let ahead = Origin::of(&uri).and_then(|origin| self.take(&origin));
        let https = self.https.clone();
        Box::pin(async move {
            let stream = match ahead {
                Some(Connection::Done(stream)) => Some(*stream),
                Some(Connection::Begun(task)) => task.await.ok().and_then(Result::ok),
                None => None,
            };
            if let Some(mut stream) = stream
                && is_open(&mut stream).await
            {
                return Ok(stream);
            }
            connect(https, uri).await
        })
    }
}

/// Whether the other side waits for a request. hyper tries a request again whose connection turns out to be closed, but not
/// on one that is new to it, and the SDK does so only after a pause.
///
/// There is nothing to read on an open one but what TLS keeps to itself.
async fn is_open(stream: &mut Stream) -> bool {
    let mut stream = TokioIo::new(stream);
    let mut byte = [0];
    poll_fn(|context| {
        let read = Pin::new(&mut stream).poll_read(context, &mut ReadBuf::new(&mut byte));
        Poll::Ready(read.is_pending())
    })
    .await
}

async fn connect(mut https: HttpsConnector<Tcp>, uri: Uri) -> Result<Stream, BoxError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, https.call(uri)).await {
        Ok(connected) => connected,
        Err(_) => Err(format!("not connected after {CONNECT_TIMEOUT:?}").into()),
    }
}
