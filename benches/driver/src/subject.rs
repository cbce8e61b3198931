//! What is measured: a function's process, started as Lambda would start it, and what it costs.

use crate::backend::{Backend, Seen};
use crate::certificates::Certificates;
use crate::runtime_api::{RuntimeApi, Step};
use hyper::body::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use serde::Serialize;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// How long a function may take for anything before it is given up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than anything but a deliberate wait, also under callgrind, and shorter than that is.
pub(crate) const NOTABLE: Duration = Duration::from_secs(3);
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:281502313273:denials";

/// A program that is a Lambda function.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) command: Vec<String>,
    pub(crate) folder: PathBuf,
}

/// What one step took.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    /// From the start, or from the event, to the end.
    pub(crate) wall: Duration,
    /// Of all processors, in all threads.
    pub(crate) cpu: Duration,
    /// How much of the wall time was a deliberate wait.
    pub(crate) waited: Duration,
    pub(crate) seen: Seen,
}

/// An answer and its cost.
pub(crate) struct Reply {
    pub(crate) cost: Cost,
    pub(crate) is_error: bool,
    pub(crate) body: Bytes,
}

/// A running function.
pub(crate) struct Running<'a> {
    api: RuntimeApi,
    backend: &'a Backend,
    child: Child,
    pid: Pid,
    clock: ClockId,
    cpu: Duration,
    log: Arc<Mutex<String>>,
}

impl Subject {
    pub(crate) fn new(name: &'static str, command: &[&str], folder: &Path) -> Self {
        Self {
            name,
            command: command.iter().map(|part| (*part).to_owned()).collect(),
            folder: folder.to_owned(),
        }
    }

    /// Starts it and waits until it asks for the first event; the cost is that of the init phase.
    pub(crate) async fn start<'a>(
        &self,
        backend: &'a Backend,
        certificates: &Certificates,
        variables: &[(&str, &str)],
    ) -> Result<(Running<'a>, Cost), Box<dyn Error>> {
        let mut api = RuntimeApi::start().await?;
        drop(backend.take_seen());
        let (program, arguments) = self.command.split_first().ok_or("there is no command")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).env_clear().kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("SSL_CERT_FILE", &certificates.bundle).env("AWS_CA_BUNDLE", &certificates.bundle);
        for (name, value) in [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("AWS_LAMBDA_RUNTIME_API", &api.address),
            ("AWS_LAMBDA_FUNCTION_NAME", "lambda-invoke-remediator"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE4REMOTION7"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_ENDPOINT_URL_IAM", &backend.iam),
            ("AWS_ENDPOINT_URL_SNS", &backend.sns),
            ("TOPIC_ARN", TOPIC),
        ]
        .iter()
        .chain(variables)
        {
            command.env(name, value);
        }
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let log = Arc::<Mutex<String>>::default();
        keep(child.stdout.take().ok_or("no stdout")?, &log);
        keep(child.stderr.take().ok_or("no stderr")?, &log);
        let pid = Pid::from_raw(child.id().ok_or("it ended at once")?.try_into()?);
        let at = loop {
            match tokio::time::timeout(PATIENCE, api.step()).await? {
                Some(Step::Polled(at)) => break at,
                Some(Step::Answered { body, .. }) => {
                    return Err(
                        format!("{}: init failed: {}", self.name, String::from_utf8_lossy(&body)).into()
                    );
                }
                Some(Step::Given(_)) => {}
                None => return Err("the Runtime API is gone".into()),
            }
        };
        let clock = clock_getcpuclockid(pid)?;
        let mut running = Running { api, backend, child, pid, clock, cpu: Duration::ZERO, log };
        let cpu = running.take_cpu()?;
        let cost = Cost { wall: at - begun, cpu, waited: Duration::ZERO, seen: backend.take_seen() };
        Ok((running, cost))
    }
}

impl Running<'_> {
    /// Gives it an event and waits for the answer, and until it asks for the next.
    pub(crate) async fn invoke(&mut self, event: Vec<u8>) -> Result<Reply, Box<dyn Error>> {
        let logged = self.with_log(|log| log.len());
        self.api.give(event);
        let (mut given, mut answer) = (None, None);
        while answer.is_none() {
            match tokio::time::timeout(PATIENCE, self.api.step()).await? {
                Some(Step::Given(at)) => given = Some(at),
                Some(Step::Answered { at, is_error, body }) => answer = Some((at, is_error, body)),
                Some(Step::Polled(_)) => {}
                None => return Err("the Runtime API is gone".into()),
            }
        }
        loop {
            if let Some(Step::Polled(_)) = tokio::time::timeout(PATIENCE, self.api.step()).await? {
                break;
            }
        }
        let (Some(given), Some((at, is_error, body))) = (given, answer) else {
            return Err("an answer before an event".into());
        };
        let cpu = self.take_cpu()?;
        let seen = self.backend.take_seen();
        if at - given > NOTABLE {
            // What it logged of its wait may still be in the pipe.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let waited = self.with_log(|log| waited(log.get(logged..).unwrap_or_default()));
        Ok(Reply { cost: Cost { wall: at - given, cpu, waited, seen }, is_error, body })
    }

    /// The most memory that it ever had, and what it has now, in KiB.
    pub(crate) fn memory(&self) -> Result<(u64, u64), Box<dyn Error>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        Ok((field("VmHWM:").ok_or("no VmHWM")?, field("VmRSS:").ok_or("no VmRSS")?))
    }

    /// All that it wrote.
    pub(crate) fn log(&self) -> String {
        self.with_log(|log| log.clone())
    }

    /// Forgets what it wrote: the log of many events is large.
    pub(crate) fn forget_log(&self) {
        self.with_log(String::clear);
    }

    /// Ends it as Lambda does, and gives all that it wrote.
    pub(crate) async fn stop(mut self) -> Result<String, Box<dyn Error>> {
        kill(self.pid, Signal::SIGTERM)?;
        tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(self.log())
    }

    fn with_log<T>(&self, look: impl FnOnce(&mut String) -> T) -> T {
        look(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_cpu(&mut self) -> Result<Duration, Box<dyn Error>> {
        let now = Duration::from(clock_gettime(self.clock)?);
        let used = now.saturating_sub(self.cpu);
        self.cpu = now;
        Ok(used)
    }
}

fn keep(stream: impl AsyncRead + Unpin + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// What the log says of deliberate waits.
fn waited(log: &str) -> Duration {
    let waits = log.split("\"waitedMs\":").skip(1);
    let number = |text: &str| text.split([',', '}']).next()?.parse::<f64>().ok();
    Duration::from_secs_f64(waits.filter_map(number).sum::<f64>() / 1_000.0)
}
