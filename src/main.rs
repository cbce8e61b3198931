//! The Lambda function: reads its configuration, builds its clients and hands every event to the handler.

use lambda_invoke_remediator::log::{self, Handling};
use lambda_invoke_remediator::{clients::Clients, config::Config, event::Payload, handler::Remediator};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing::init_default_subscriber();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::write_failure(&mut std::io::stdout().lock(), error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let config = Config::read(|name| std::env::var(name).ok())?;
    let clients = Clients::new(&config).await;
    let remediator = &Remediator::new(config, clients);
    remediator.start().await?;
    let handle = |event: LambdaEvent<Payload>| async move {
        let began = Instant::now();
        let request_id = event.context.request_id.clone();
        let handled = remediator.handle(event).await;
        let handling = Handling { request_id: &request_id, took: began.elapsed(), ended: SystemTime::now() };
        log::write(&mut std::io::stdout().lock(), &handling, &handled);
        handled
    };
    lambda_runtime::run(service_fn(handle)).await
}
