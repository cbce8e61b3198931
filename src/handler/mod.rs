//! The one place that knows the order of steps: read what comes in, admit it, judge it, grant it, notify.
//!
//! In comes an invocation, out goes a [`Reply`] or a [`HandlerError`]. `event` handles one event, `batch` the lines of a
//! log, `invocation` knows until when and as whom.

mod batch;
mod error;
mod event;
mod invocation;
mod shared_grant;
mod shared_notice;
mod shared_write;
#[cfg(test)]
mod tests;

pub use error::{ErrorCode, HandlerError};
pub use invocation::EventObserver;

use crate::allowlist_source::AllowlistSource;
use crate::aws::clients::Clients;
use crate::config::Config;
use crate::fatal_error::FatalError;
use crate::ledger::Ledger;
use crate::ledger::error::LedgerError;
use crate::memory::Memory;
use crate::reply::Reply;
use futures_util::future::join;
use invocation::Invocation;
use lambda_runtime::LambdaEvent;
use remediator_core::incoming::payload::Payload;
use remediator_core::incoming::{self, Incoming};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Tells the time. The function passes the system's clock, a test its own.
pub type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// The function: everything that lives as long as its execution environment.
pub struct Remediator {
    config: Config,
    clients: Clients,
    /// The memory that all execution environments share, if there is one.
    ledger: Option<Ledger>,
    allowlist: AllowlistSource,
    memory: Mutex<Memory>,
    clock: Clock,
}

impl Remediator {
    /// Puts the parts together; nothing is called yet.
    pub fn new(config: Config, clients: Clients, ledger: Option<Ledger>, clock: Clock) -> Self {
        let allowlist = AllowlistSource::new(&config.allowlist, clients.ssm.as_ref());
        let memory = Mutex::new(Memory::new(config.notice_interval));
        Self { config, clients, ledger, allowlist, memory, clock }
    }

    /// Reads the allowlist for the first time and looks for the ledger, so that a bad one stops the cold start. A ledger that
    /// cannot be reached does not: each invocation asks it again.
    ///
    /// # Errors
    ///
    /// There is no list to decide on, or the ledger is none that another try would find.
    pub async fn start(&self) -> Result<(), FatalError> {
        let (list, ledger) = join(self.allowlist.current(self.now()), self.check_ledger()).await;
        list?;
        ledger.map_err(FatalError::Ledger)
    }

    async fn check_ledger(&self) -> Result<(), LedgerError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        match ledger.check(self.config.home_account()).await {
            Err(error) if error.stops_the_start() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the ledger cannot be reached yet");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Handles one invocation. `observe` is called at the end of each event, but not of a log's lines about something else or without
    /// a turn before the timeout.
    ///
    /// # Errors
    ///
    /// Lambda is to try the invocation again.
    pub async fn handle(
        &self,
        event: LambdaEvent<Payload>,
        observe: EventObserver<'_>,
    ) -> Result<Reply, HandlerError> {
        let LambdaEvent { payload, context, .. } = event;
        let invocation = Invocation::new(&context, &self.config, self.now(), observe);
        let incoming = incoming::read(&payload);
        // Nothing else of it is needed while calls are awaited.
        drop(payload);
        match incoming {
            Incoming::Event(event) => {
                self.handle_event(event, &invocation).await.map(|outcome| Reply::One(Box::new(outcome)))
            }
            Incoming::Lines(batch) => self.handle_lines(&batch, &invocation).await,
        }
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Returns the memory. A panic while it was held leaves one that is at worst incomplete.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Remediator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remediator").field("config", &self.config).finish_non_exhaustive()
    }
}
