//! A call that is made ready before its time has come: written, signed, and held back at the place where it would be sent.
//!
//! What a call costs the processor, it costs before it is sent. Where it is known what will be called while something is
//! waited for anyway, that is the time for it. Nothing leaves the process before [`Held::send`], and a call that is dropped
//! instead never does.

use crate::https::Https;
use crate::on_heap::on_heap;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::FutureExt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// A call's time limits run while it is held, so that one that was held for longer had better be made anew.
const MAX_HELD: Duration = Duration::from_secs(1);

/// What holds requests back until it is opened, for good.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    fn shut() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    fn open(&self) {
        self.0.close();
    }

    /// Waits until it is open.
    pub(crate) async fn opened(&self) {
        // There is nothing to acquire: it ends when the semaphore is closed.
        drop(self.0.acquire().await);
    }
}

/// A call that is made ready, with all that follows on its answer.
pub(crate) struct Held<'a, Answer> {
    gate: Gate,
    since: Instant,
    call: Call<'a, Answer>,
}

enum Call<'a, Answer> {
    AtTheGate(Pin<Box<dyn Future<Output = Answer> + 'a>>),
    /// It failed before it got there.
    Ended(Answer),
}

impl<'a, Answer> Held<'a, Answer> {
    /// Makes a call ready that is sent with the client that `make` is given. Without an `https` whose gate holds it back it is
    /// only begun by [`send`](Self::send).
    pub(crate) fn new<Made>(
        https: Option<&Https>,
        make: impl FnOnce(Option<SharedHttpClient>) -> Made,
    ) -> Self
    where
        Made: Future<Output = Answer> + 'a,
    {
        let gate = Gate::shut();
        let client = https.map(|https| https.behind(&gate));
        let mut call: Pin<Box<dyn Future<Output = Answer> + 'a>> = on_heap(|| make(client));
        // As far as it gets without waiting, which is to the gate.
        let ended = https.and_then(|_| call.as_mut().now_or_never());
        Self { gate, since: Instant::now(), call: ended.map_or(Call::AtTheGate(call), Call::Ended) }
    }

    /// The call, if it was not held for too long.
    pub(crate) fn in_time(self) -> Option<Self> {
        (self.since.elapsed() < MAX_HELD).then_some(self)
    }

    /// Sends it, and waits for the answer.
    pub(crate) async fn send(self) -> Answer {
        self.gate.open();
        match self.call {
            Call::AtTheGate(call) => call.await,
            Call::Ended(answer) => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_iam::config::{BehaviorVersion, Builder, Region};
    use std::cell::Cell;
    use std::future::ready;
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use tokio::time::{advance, sleep};

    #[tokio::test]
    async fn nothing_leaves_before_it_is_sent() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        peer.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", peer.local_addr().unwrap());
        let https = Https::new().unwrap();
        let config = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .with_test_defaults()
            .region(Region::from_static("us-east-1"))
            .endpoint_url(endpoint)
            .http_client(https.client());
        let iam = &aws_sdk_iam::Client::from_conf(config.build());
        let hold = || {
            Held::new(Some(&https), |client| {
                let call = iam.list_users().customize();
                call.config_override(Builder::new().http_client(client.unwrap())).send()
            })
        };
        let nobody_came = || peer.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);

        let (dropped, sent) = (hold(), hold());
        sleep(Duration::from_millis(50)).await;
        assert!(nobody_came());
        drop(dropped);
        sleep(Duration::from_millis(50)).await;
        assert!(nobody_came());
        tokio::select! {
            answer = sent.send() => panic!("nobody answered, and there is {answer:?}"),
            () = async { while nobody_came() { sleep(Duration::from_millis(1)).await } } => {}
        }
    }

    #[tokio::test]
    async fn what_cannot_be_held_is_begun_when_it_is_sent() {
        let is_begun = &Cell::new(false);
        let held = Held::new(None, |client| async move {
            assert!(client.is_none());
            is_begun.set(true);
        });
        assert!(!is_begun.get());
        held.send().await;
        assert!(is_begun.get());
    }

    #[tokio::test]
    async fn what_failed_on_the_way_is_told_when_it_is_sent() {
        let https = Https::new().unwrap();
        assert_eq!(Held::new(Some(&https), |_| ready("failed")).send().await, "failed");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_held_for_a_while() {
        let held = Held::new(None, |_| ready(()));
        advance(MAX_HELD - Duration::from_millis(1)).await;
        let held = held.in_time().unwrap();
        advance(Duration::from_millis(1)).await;
        assert!(held.in_time().is_none());
    }
}
