//! What would end the process: Ctrl-C, a CI job that is cancelled, a terminal that is closed. From the moment that somebody
//! listens it ends nothing by itself any more, and is heard when it is asked for, also where it came before.

use std::io::Result;

#[cfg(unix)]
mod system {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Their signals.
    pub(crate) struct Interrupts([Signal; 3]);

    impl Interrupts {
        pub(crate) fn listen() -> super::Result<Self> {
            let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            Ok(Self([interrupt, terminate, signal(SignalKind::hangup())?]))
        }

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

    /// The console's two.
    pub(crate) struct Interrupts(CtrlC, CtrlBreak);

    impl Interrupts {
        pub(crate) fn listen() -> super::Result<Self> {
            Ok(Self(ctrl_c()?, ctrl_break()?))
        }

        pub(crate) async fn any(&mut self) {
            tokio::select! {
                _ = self.0.recv() => {}
                _ = self.1.recv() => {}
            }
        }
    }
}

pub(crate) use system::Interrupts;
