//! Reports a denied Lambda invoke to lambda-invoke-remediator.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

/// The stack's ReportSource.
const SOURCE: &str = "com.example.clips";
const DENIED: &str = "is not authorized to perform: lambda:InvokeFunction";

/// Reports the result of a call if it is a denied invoke, and passes every result on.
pub async fn reported<T, E: ProvideErrorMetadata>(events: &Client, result: Result<T, E>) -> Result<T, E> {
    if let Err(error) = &result {
        if let Some(message) = error.message().filter(|message| message.contains(DENIED)) {
            // The denied call waits for the report, so give up soon. A failed report must not hide the denial.
            match tokio::time::timeout(Duration::from_secs(4), report(events, message)).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => eprintln!("a denied invoke could not be reported: {why}"),
                Err(_) => eprintln!("a denied invoke could not be reported in time"),
            }
        }
    }
    result
}

async fn report(events: &Client, message: &str) -> Result<(), String> {
    let entry = PutEventsRequestEntry::builder()
        .source(SOURCE)
        .detail_type("Lambda Invoke Denied")
        .detail(serde_json::json!({ "errorMessage": message }).to_string())
        .build();
    let sent = events.put_events().entries(entry).send().await;
    let answer = sent.map_err(|error| DisplayErrorContext(error).to_string())?;
    match answer.entries().iter().find_map(|entry| entry.error_message()) {
        Some(why) => Err(why.to_owned()),
        None => Ok(()),
    }
}
