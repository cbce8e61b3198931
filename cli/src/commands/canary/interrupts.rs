//! Signals that would end the process: Ctrl-C, a cancelled CI job, a closed terminal.
//!
//! Once the canary listens, none of them ends the process by itself. One that came earlier is received when it is awaited.

use std::io::Result;

#[cfg(unix)]
mod system {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGINT, SIGTERM and SIGHUP.
    pub(crate) struct Interrupts([Signal; 3]);

    impl Interrupts {
        /// Begins to listen.
        pub(crate) fn listen() -> super::Result<Self> {
            let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            Ok(Self([interrupt, terminate, signal(SignalKind::hangup())?]))
        }

        /// Waits for any of them.
        pub(crate) async fn any(&mut self) {
            let [interrupt, terminate, hang_up] = &mut self.0;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        }
    }
}

#[cfg(windows)]
mod system {
    use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

    /// The console's Ctrl-C and Ctrl-Break.
    pub(crate) struct Interrupts(CtrlC, CtrlBreak);

    impl Interrupts {
        /// Begins to listen.
        pub(crate) fn listen() -> super::Result<Self> {
            Ok(Self(ctrl_c()?, ctrl_break()?))
        }

        /// Waits for any of them.
        pub(crate) async fn any(&mut self) {
            tokio::select! {
                _ = self.0.recv() => {}
                _ = self.1.recv() => {}
            }
        }
    }
}

pub(super) use system::Interrupts;
