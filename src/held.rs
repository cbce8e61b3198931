//! A call that is made ready before its time has come: written, signed, and held back at the place where it would be sent.
//!
//! What a call costs the processor, it costs before it is sent. Where it is known what will be called while something is
//! waited for anyway, that is the time for it. Nothing leaves the process before [`Held::send`], and a call that is dropped
//! instead never does.

use crate::https::{Gate, Https};
use crate::on_heap::on_heap;
use futures_util::FutureExt;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// A call's time limits run while it is held. One that was held for longer is made anew, so that seven eighths of an attempt's
/// are left.
const MAX_HELD: Duration = Duration::from_millis(500);

/// A call that is made ready, with all that follows on its answer.
pub(crate) struct Held<'a, Answer> {
    gate: Gate,
    since: Instant,
    call: Call<'a, Answer>,
}

enum Call<'a, Answer> {
    /// It waits, mostly at the gate, or has not been begun.
    Waiting(Pin<Box<dyn Future<Output = Answer> + 'a>>),
    /// It failed before it got there.
    Ended(Answer),
}

impl<'a, Answer> Held<'a, Answer> {
    /// Makes a call ready. `make` is given the gate that has to be among the extensions of its first request, and there is none
    /// without an `https` that looks for it: then the call is only begun by [`send`](Self::send).
    pub(crate) fn new<Made>(https: Option<&Https>, make: impl FnOnce(Option<Gate>) -> Made) -> Self
    where
        Made: Future<Output = Answer> + 'a,
    {
        let (since, gate) = (Instant::now(), Gate::shut());
        let mut call: Pin<Box<dyn Future<Output = Answer> + 'a>> =
            on_heap(|| make(https.map(|_| gate.clone())));
        // As far as it gets without waiting, which is to the gate.
        let ended = https.and_then(|_| call.as_mut().now_or_never());
        Self { gate, since, call: ended.map_or(Call::Waiting(call), Call::Ended) }
    }

    /// The call, if it was not held for too long.
    pub(crate) fn in_time(self) -> Option<Self> {
        (self.since.elapsed() < MAX_HELD).then_some(self)
    }

    /// Sends it, and waits for the answer.
    pub(crate) async fn send(self) -> Answer {
        self.gate.open();
        match self.call {
            Call::Waiting(call) => call.await,
            Call::Ended(answer) => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_iam::Client;
    use aws_sdk_iam::config::interceptors::BeforeTransmitInterceptorContextRef;
    use aws_sdk_iam::config::{BehaviorVersion, ConfigBag, Intercept, Region, RuntimeComponents};
    use aws_sdk_iam::error::BoxError;
    use std::cell::Cell;
    use std::future::ready;
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::{advance, sleep, timeout};

    /// Counts signed requests.
    #[derive(Debug, Clone, Default)]
    struct Signed(Arc<AtomicUsize>);

    impl Intercept for Signed {
        fn name(&self) -> &'static str {
            "Signed"
        }

        fn read_after_signing(
            &self,
            _: &BeforeTransmitInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    fn client(https: &Https, endpoint: &str, region: Option<Region>, signed: &Signed) -> Client {
        let config = aws_sdk_iam::Config::builder().behavior_version(BehaviorVersion::latest());
        let config = config.with_test_defaults().http_client(https.client()).interceptor(signed.clone());
        Client::from_conf(config.endpoint_url(endpoint).region(region).build())
    }

    fn hold<'a>(https: &Https, iam: &Client) -> Held<'a, bool> {
        let call = iam.list_users().customize();
        Held::new(Some(https), |gate| {
            let call = call.mutate_request(gate.unwrap().hold()).send();
            call.map(|answer| answer.is_ok())
        })
    }

    #[tokio::test]
    async fn nothing_leaves_before_it_is_sent() {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        peer.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", peer.local_addr().unwrap());
        let (https, signed) = (Https::new().unwrap(), Signed::default());
        let iam = client(&https, &endpoint, Some(Region::from_static("us-east-1")), &signed);
        let nobody_came = || peer.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);

        let (dropped, sent) = (hold(&https, &iam), hold(&https, &iam));
        assert_eq!(signed.0.load(Ordering::Relaxed), 2);
        sleep(Duration::from_millis(50)).await;
        assert!(nobody_came());
        drop(dropped);
        sleep(Duration::from_millis(50)).await;
        assert!(nobody_came());
        let somebody_came = async {
            while nobody_came() {
                sleep(Duration::from_millis(1)).await
            }
        };
        tokio::select! {
            _ = sent.send() => panic!("nobody answered"),
            came = timeout(Duration::from_secs(10), somebody_came) => came.unwrap(),
        }
        assert_eq!(signed.0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_cannot_be_held_is_begun_when_it_is_sent() {
        let is_begun = &Cell::new(false);
        let held = Held::new(None, |gate| async move {
            assert!(gate.is_none());
            is_begun.set(true);
        });
        assert!(!is_begun.get());
        held.send().await;
        assert!(is_begun.get());
    }

    #[tokio::test]
    async fn what_failed_on_the_way_is_told_when_it_is_sent() {
        let (https, signed) = (Https::new().unwrap(), Signed::default());
        let held = hold(&https, &client(&https, "http://127.0.0.1:1", None, &signed));
        assert!(matches!(held.call, Call::Ended(false)));
        assert!(!held.send().await);
        assert_eq!(signed.0.load(Ordering::Relaxed), 0);
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
