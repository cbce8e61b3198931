//! The Lambda function: reads its configuration, makes its clients and passes every event to the handler.

use lambda_invoke_remediator::aws::clients::{Clients, shared_config};
use lambda_invoke_remediator::aws::https::Https;
use lambda_invoke_remediator::config::Config;
use lambda_invoke_remediator::fatal_error::FatalError;
use lambda_invoke_remediator::handler::{HandlerError, Remediator};
use lambda_invoke_remediator::ledger::Ledger;
use lambda_invoke_remediator::reply::Reply;
use lambda_invoke_remediator::telemetry::outcome_log::{self, HandledEvent};
use lambda_invoke_remediator::telemetry::{init_error, subscriber};
use lambda_runtime::{LambdaEvent, service_fn};
use remediator_core::incoming::payload::Payload;
use remediator_core::outcome::Outcome;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    subscriber::init(variable);
    let remediator = match start().await {
        Ok(remediator) => remediator,
        Err(error) => {
            log_fatal_error(&error);
            // After the log line, since this may take a second.
            init_error::post(error.code(), &error.to_string(), variable).await;
            return ExitCode::FAILURE;
        }
    };
    match lambda_runtime::run(service_fn(|event| handle(&remediator, event))).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log_fatal_error(&FatalError::Runtime(error));
            ExitCode::FAILURE
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Does all that may fail before the first event.
async fn start() -> Result<Remediator, FatalError> {
    let config = Config::read(variable)?;
    let https = Https::new()?;
    let shared = shared_config(&https);
    let clients = Clients::new(&shared, &config.topic.region, config.allowlist.ssm_region());
    let ledger = config.ledger.as_ref().map(|location| Ledger::new(&shared, location, SystemTime::now));
    clients.preconnect(&https).await;
    let remediator = Remediator::new(config, clients, ledger, Box::new(SystemTime::now));
    remediator.start().await?;
    // Handshakes are quicker now: in the init phase a small function has more CPU than later.
    https.wait_for_preconnections().await;
    Ok(remediator)
}

async fn handle(remediator: &Remediator, event: LambdaEvent<Payload>) -> Result<Reply, HandlerError> {
    let request_id = event.context.request_id.clone();
    let on_handled = |duration: Duration, handled: Result<&Outcome, &HandlerError>| {
        let event = HandledEvent { request_id: &request_id, duration, ended_at: SystemTime::now() };
        let log = &mut io::stdout().lock();
        match handled {
            Ok(outcome) => outcome_log::write_outcome(log, &event, outcome),
            Err(error) => outcome_log::write_error(log, &event, error.code(), &error.to_string()),
        }
    };
    remediator.handle(event, &on_handled).await
}

fn log_fatal_error(error: &FatalError) {
    outcome_log::write_fatal_error(&mut io::stdout().lock(), error.code(), &error.to_string());
}
