//! IAM and SNS on the loopback, each behind TLS at a port of its own: as much of them as the function and its peer call.
//!
//! It speaks AWS's query protocol and keeps users' inline policies. It is no judge of requests: the end-to-end tests have
//! another backend for that.

use crate::certificates::Certificates;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the backend saw since it was asked last.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) calls: Vec<Call>,
    pub(crate) handshakes: usize,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) action: String,
    /// When it had arrived, and when it was answered.
    pub(crate) arrived: Instant,
    pub(crate) answered: Instant,
}

#[derive(Debug, Default)]
struct State {
    seen: Seen,
    /// By user and policy name.
    policies: HashMap<(String, String), String>,
}

/// Both services, for as long as their tasks run.
pub(crate) struct Backend {
    state: Arc<Mutex<State>>,
    pub(crate) iam: String,
    pub(crate) sns: String,
}

impl Backend {
    /// Each call is answered after `delay`.
    pub(crate) async fn start(certificates: &Certificates, delay: Duration) -> Result<Self, Box<dyn Error>> {
        let state = Arc::<Mutex<State>>::default();
        let iam = listen(certificates, Arc::clone(&state), delay).await?;
        let sns = listen(certificates, Arc::clone(&state), delay).await?;
        Ok(Self { state, iam, sns })
    }

    /// What was seen since the last time.
    pub(crate) fn take_seen(&self) -> Seen {
        std::mem::take(&mut lock(&self.state).seen)
    }

    /// Puts a policy there, as if somebody else had.
    pub(crate) fn put_policy(&self, user: &str, name: &str, document: String) {
        lock(&self.state).policies.insert((user.to_owned(), name.to_owned()), document);
    }

    /// A policy that is there.
    pub(crate) fn policy(&self, user: &str, name: &str) -> Option<String> {
        lock(&self.state).policies.get(&(user.to_owned(), name.to_owned())).cloned()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(
    certificates: &Certificates,
    state: Arc<Mutex<State>>,
    delay: Duration,
) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    let acceptor = TlsAcceptor::from(Arc::clone(&certificates.server));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
            tokio::spawn(async move {
                drop(stream.set_nodelay(true));
                let Ok(stream) = acceptor.accept(stream).await else { return };
                lock(&state).seen.handshakes += 1;
                let service = service_fn(|request| answer(request, &state, delay));
                // A client that goes away is no error here.
                drop(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    Ok(url)
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
    delay: Duration,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let arrived = Instant::now();
    let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let (status, text) = lock(state).carry_out(&form);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let action = form.get("Action").cloned().unwrap_or_default();
    lock(state).seen.calls.push(Call { action, arrived, answered: Instant::now() });
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    Ok(response)
}

impl State {
    fn carry_out(&mut self, form: &HashMap<String, String>) -> (StatusCode, String) {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let (action, user) = (field("Action"), field("UserName"));
        let result = match action.as_str() {
            "GetUserPolicy" => {
                let name = field("PolicyName");
                let Some(document) = self.policies.get(&(user.clone(), name.clone())) else {
                    return no_such_entity(&name);
                };
                let document = utf8_percent_encode(document, NON_ALPHANUMERIC);
                format!(
                    "<UserName>{user}</UserName><PolicyName>{name}</PolicyName><PolicyDocument>{document}</PolicyDocument>"
                )
            }
            "ListUserPolicies" => {
                let names = self.policies.keys().filter(|(owner, _)| *owner == user);
                let members: String = names.map(|(_, name)| format!("<member>{name}</member>")).collect();
                format!("<IsTruncated>false</IsTruncated><PolicyNames>{members}</PolicyNames>")
            }
            "PutUserPolicy" => {
                self.policies.insert((user, field("PolicyName")), field("PolicyDocument"));
                String::new()
            }
            "Publish" => "<MessageId>0f5e0a5e-7d0c-5b1c-9a52-5b3f5c1d2e4a</MessageId>".to_owned(),
            other => {
                let code = format!(
                    "<ErrorResponse><Error><Code>InvalidAction</Code><Message>{other}</Message></Error></ErrorResponse>"
                );
                return (StatusCode::BAD_REQUEST, code);
            }
        };
        let id = "<ResponseMetadata><RequestId>7f</RequestId></ResponseMetadata>";
        (
            StatusCode::OK,
            format!("<{action}Response><{action}Result>{result}</{action}Result>{id}</{action}Response>"),
        )
    }
}

fn no_such_entity(name: &str) -> (StatusCode, String) {
    let error = format!(
        "<Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user policy with name {name} cannot be found.</Message>"
    );
    (
        StatusCode::NOT_FOUND,
        format!("<ErrorResponse><Error>{error}</Error><RequestId>7f</RequestId></ErrorResponse>"),
    )
}
