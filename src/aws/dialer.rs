//! Opens connections to AWS's endpoints: on demand, or ahead of the first call.

use http::Uri;
use http::uri::{Authority, Scheme};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
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

/// Limit for opening a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Limit for waiting until connections are open: enough for a server on the other side of the world.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The age at which an unused connection is dropped: servers wait longer than this for a first request.
const MAX_AGE: Duration = Duration::from_secs(5);

pub(super) type BoxError = Box<dyn Error + Send + Sync>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connector for hyper's pool. It prefers a connection that was opened ahead, if that is still open.
#[derive(Debug, Clone)]
pub(super) struct Dialer {
    connector: HttpsConnector<HttpConnector>,
    preconnections: Arc<Mutex<Vec<Preconnection>>>,
}

/// The server that a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin(Scheme, Authority);

/// A connection that was opened ahead, and that no request has used yet.
#[derive(Debug)]
struct Preconnection {
    origin: Origin,
    /// By the wall clock: the monotonic one may stand still while Lambda freezes the environment.
    started_at: SystemTime,
    connection: Connection,
}

#[derive(Debug)]
enum Connection {
    Opening(JoinHandle<Result<Stream, BoxError>>),
    Open(Box<Stream>),
}

impl Origin {
    fn from_uri(uri: &Uri) -> Option<Self> {
        Some(Self(uri.scheme()?.clone(), uri.authority()?.clone()))
    }
}

impl Dialer {
    /// Opens nothing yet.
    pub(super) fn new(connector: HttpsConnector<HttpConnector>) -> Self {
        Self { connector, preconnections: Arc::default() }
    }

    /// Begins to open a connection to the server of `uri`, unless there is a preconnection to it. The first request to
    /// that server uses it; if it fails, that request opens another.
    pub(super) fn preconnect(&self, uri: Uri) {
        let Some(origin) = Origin::from_uri(&uri) else { return };
        let mut preconnections = self.preconnections();
        if preconnections.iter().all(|existing| existing.origin != origin) {
            let connection = Connection::Opening(tokio::spawn(open(self.connector.clone(), uri)));
            preconnections.push(Preconnection { origin, started_at: SystemTime::now(), connection });
        }
    }

    /// Waits until each preconnection is open or has failed, for at most [`MAX_WAIT`].
    pub(super) async fn wait_for_preconnections(&self) {
        let deadline = Instant::now() + MAX_WAIT;
        let opening = std::mem::take(&mut *self.preconnections());
        for mut preconnection in opening {
            if let Connection::Opening(task) = &mut preconnection.connection {
                match tokio::time::timeout_at(deadline, task).await {
                    Ok(Ok(Ok(stream))) => preconnection.connection = Connection::Open(Box::new(stream)),
                    // The request that needs it opens another, and reports the error.
                    Ok(Ok(Err(_)) | Err(_)) => continue,
                    // It is still being opened. The request that needs it waits for it.
                    Err(_) => {}
                }
            }
            self.preconnections().push(preconnection);
        }
    }

    /// Takes the preconnection to `origin`, unless it is too old.
    fn take_preconnection(&self, origin: &Origin) -> Option<Connection> {
        let mut preconnections = self.preconnections();
        let place = preconnections.iter().position(|existing| existing.origin == *origin)?;
        let Preconnection { started_at, connection, .. } = preconnections.swap_remove(place);
        let age = started_at.elapsed().ok()?;
        (age < MAX_AGE).then_some(connection)
    }

    fn preconnections(&self) -> MutexGuard<'_, Vec<Preconnection>> {
        self.preconnections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service<Uri> for Dialer {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let preconnection = Origin::from_uri(&uri).and_then(|origin| self.take_preconnection(&origin));
        let connector = self.connector.clone();
        Box::pin(async move {
            let stream = match preconnection {
                Some(Connection::Open(stream)) => Some(*stream),
                Some(Connection::Opening(task)) => task.await.ok().and_then(Result::ok),
                None => None,
            };
            if let Some(mut stream) = stream
                && is_open(&mut stream).await
            {
                return Ok(stream);
            }
            open(connector, uri).await
        })
    }
}

/// Whether the server still waits for a request on an unused connection.
///
/// hyper retries a request if a kept connection turns out to be closed, but not on a new one, and the SDK retries only
/// after a pause. On an open connection there is nothing to read, apart from what TLS consumes itself.
async fn is_open(stream: &mut Stream) -> bool {
    let mut stream = TokioIo::new(stream);
    let mut byte = [0];
    poll_fn(|context| {
        let read = Pin::new(&mut stream).poll_read(context, &mut ReadBuf::new(&mut byte));
        Poll::Ready(read.is_pending())
    })
    .await
}

async fn open(mut connector: HttpsConnector<HttpConnector>, uri: Uri) -> Result<Stream, BoxError> {
    match tokio::time::timeout(CONNECT_TIMEOUT, connector.call(uri)).await {
        Ok(opened) => opened,
        Err(_) => Err(format!("not connected after {CONNECT_TIMEOUT:?}").into()),
    }
}
