//! Lambda's Runtime API on the loopback, which takes the time of what goes through it.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The ARN of the function that is measured.
pub(crate) const FUNCTION_ARN: &str =
    "arn:aws:lambda:us-east-1:281502313273:function:lambda-invoke-remediator";
/// The function's timeout.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the function did.
#[derive(Debug)]
pub(crate) enum Step {
    /// It asked for the next event.
    Polled(Instant),
    /// It was given an event.
    Given(Instant),
    /// It answered.
    Answered { at: Instant, is_error: bool, body: Bytes },
}

/// The server, for as long as its tasks run.
pub(crate) struct RuntimeApi {
    pub(crate) address: String,
    events: UnboundedSender<Bytes>,
    steps: UnboundedReceiver<Step>,
}

struct Server {
    events: Mutex<UnboundedReceiver<Bytes>>,
    steps: UnboundedSender<Step>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, waiting) = unbounded_channel();
        let (done, steps) = unbounded_channel();
        let server = Arc::new(Server { events: Mutex::new(waiting), steps: done });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    drop(stream.set_nodelay(true));
                    let service = service_fn(|request| answer(request, &server));
                    let connection = hyper::server::conn::http1::Builder::new();
                    drop(connection.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Ok(Self { address, events, steps })
    }

    /// Gives an event, as soon as the function asks for one.
    pub(crate) fn give(&self, event: Vec<u8>) {
        drop(self.events.send(event.into()));
    }

    /// What the function does next; `None` once it can do nothing more.
    pub(crate) async fn step(&mut self) -> Option<Step> {
        self.steps.recv().await
    }
}

async fn answer(request: Request<Incoming>, server: &Server) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let tell = |step| drop(server.steps.send(step));
    if request.method() == Method::GET {
        tell(Step::Polled(Instant::now()));
        let Some(event) = server.events.lock().await.recv().await else {
            return Ok(status(StatusCode::GONE));
        };
        let deadline = SystemTime::now() + TIMEOUT;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut response = Response::new(Full::new(event));
        for (name, value) in [
            ("content-type", "application/json"),
            ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
            ("lambda-runtime-deadline-ms", &deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", FUNCTION_ARN),
        ] {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        tell(Step::Given(Instant::now()));
        return Ok(response);
    }
    let is_error = request.uri().path().ends_with("/error");
    let body = request.into_body().collect().await?.to_bytes();
    tell(Step::Answered { at: Instant::now(), is_error, body });
    Ok(status(StatusCode::ACCEPTED))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
