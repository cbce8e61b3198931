//! The Lambda function: reads its configuration, builds its clients and hands every event to the handler.

use lambda_invoke_remediator::aws::clients::Clients;
use lambda_invoke_remediator::aws::https::Https;
use lambda_invoke_remediator::config::Config;
use lambda_invoke_remediator::handler::{HandlerError, Remediator};
use lambda_invoke_remediator::reply::Reply;
use lambda_invoke_remediator::telemetry::log::{self, Handling};
use lambda_invoke_remediator::telemetry::{init_error, subscriber};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use remediator_core::incoming::payload::Payload;
use remediator_core::outcome::Outcome;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    subscriber::init(variable);
    let remediator = match start().await {
        Ok(started) => started,
        Err(error) => {
            // First, since it may take a while to tell it to somebody else.
            let failure = fail(error.as_ref());
            let (code, text) = (log::failure_code(error.as_ref()), error.to_string());
            init_error::post(code, &text, variable).await;
            return failure;
        }
    };
    match run(remediator).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    log::write_failure(&mut std::io::stdout().lock(), error);
    ExitCode::FAILURE
}

/// What may fail before the first event.
async fn start() -> Result<Remediator, Error> {
    let config = Config::read(variable)?;
    let https = Https::new()?;
    let clients = Clients::new(&https, &config.topic.region, config.allowlist.ssm_region());
    clients.preconnect(&https).await;
    let remediator = Remediator::new(config, clients, Box::new(SystemTime::now));
    remediator.start().await?;
    // Lambda gives the init phase more of a processor than a small function has afterwards.
    https.wait_for_preconnections().await;
    Ok(remediator)
}

async fn run(remediator: Remediator) -> Result<(), Error> {
    let remediator = &remediator;
    lambda_runtime::run(service_fn(|event| handle(remediator, event))).await
}

async fn handle(remediator: &Remediator, event: LambdaEvent<Payload>) -> Result<Reply, HandlerError> {
    let request_id = event.context.request_id.clone();
    let on_handled = |took: Duration, handled: Result<&Outcome, &HandlerError>| {
        let handling = Handling { request_id: &request_id, took, ended: SystemTime::now() };
        log::write(&mut std::io::stdout().lock(), &handling, handled);
    };
    remediator.handle(event, &on_handled).await
}
