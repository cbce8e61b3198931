//! The one place that knows the order of steps: read what comes in, admit it, judge it, grant it, notify.
//!
//! In comes an invocation, out goes a [`Reply`] or a [`HandlerError`]. `event` handles one event, `batch` the lines of a
//! log, `invocation` knows until when and as whom.

mod batch;
mod error;
mod event;
mod invocation;
#[cfg(test)]
mod tests;

pub use error::{ErrorCode, HandlerError};
pub use invocation::EventObserver;

use crate::allowlist_source::{AllowlistSource, AllowlistUnreadable};
use crate::aws::clients::Clients;
use crate::config::Config;
use crate::memory::Memory;
use crate::reply::Reply;
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
    allowlist: AllowlistSource,
    memory: Mutex<Memory>,
    clock: Clock,
}

impl Remediator {
    /// Puts the parts together; nothing is called yet.
    pub fn new(config: Config, clients: Clients, clock: Clock) -> Self {
        let allowlist = AllowlistSource::new(&config.allowlist, clients.ssm.as_ref());
        let memory = Mutex::new(Memory::new(config.notice_interval));
        Self { config, clients, allowlist, memory, clock }
    }

    /// Reads the allowlist for the first time, so that a bad one stops the cold start.
    ///
    /// # Errors
    ///
    /// There is no list to decide on.
    pub async fn start(&self) -> Result<(), AllowlistUnreadable> {
        self.allowlist.current(self.now()).await.map(drop)
    }

    /// Handles one invocation. `observe` is called at the end of each event, but not of a log's lines about something else.
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
