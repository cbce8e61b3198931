// Reports a denied Lambda invoke to lambda-invoke-remediator.

import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";

// The stack's ReportSource.
const SOURCE = "com.example.clips";
const DENIED = "is not authorized to perform: lambda:InvokeFunction";

const events = new EventBridgeClient({ maxAttempts: 2 });

/** Returns what `call` returns. Reports its error if it is a denied invoke, and passes every error on. */
export async function reported(call) {
  try {
    return await call();
  } catch (error) {
    const message = String(error?.message);
    if (message.includes(DENIED)) {
      await report(message);
    }
    throw error;
  }
}

async function report(message) {
  try {
    const entry = { Source: SOURCE, DetailType: "Lambda Invoke Denied", Detail: JSON.stringify({ errorMessage: message }) };
    // The denied call waits for the report, so give up soon.
    const abortSignal = AbortSignal.timeout(4000);
    const answer = await events.send(new PutEventsCommand({ Entries: [entry] }), { abortSignal });
    if (answer.FailedEntryCount) {
      throw new Error(answer.Entries[0].ErrorMessage);
    }
  } catch (error) {
    // A failed report must not hide the denial.
    console.warn(`a denied invoke could not be reported: ${error.message}`);
  }
}
