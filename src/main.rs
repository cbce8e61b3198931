//! The Lambda function: reads its configuration, builds its clients and hands every event to the handler.

use lambda_invoke_remediator::log::{self, Handling};
use lambda_invoke_remediator::{clients::Clients, config::Config, event::Payload, handler::Remediator};
use lambda_invoke_remediator::{https::Https, subscriber};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    subscriber::init(|name| std::env::var(name).ok());
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
    let https = Https::new()?;
    let clients = Clients::new(&config, &https);
    clients.connect_ahead(&https).await;
    let remediator = &Remediator::new(config, clients);
    remediator.start().await?;
    // Lambda gives the init phase more of a processor than a small function has afterwards.
    https.connected().await;
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
