//! Hello world, as the runtime's own template has it, but for the single thread that the function has, too.

use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(hello)).await
}

async fn hello(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let name = event.payload.get("firstName").and_then(Value::as_str).unwrap_or("world");
    Ok(json!({ "message": format!("Hello, {name}!") }))
}
