//! The Lambda function: reads its configuration, builds its clients and hands every event to the handler.

use lambda_invoke_remediator::{clients::Clients, config::Config, event::Payload, handler::Remediator, log};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing::init_default_subscriber();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %error, "the function cannot start, or cannot go on");
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
        let request_id = event.context.request_id.clone();
        let handled = remediator.handle(event).await;
        log::write(&mut std::io::stdout().lock(), &request_id, &handled);
        handled
    };
    lambda_runtime::run(service_fn(handle)).await
}
