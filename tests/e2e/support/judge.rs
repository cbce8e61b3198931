//! Judges calls by IAM policies, for tests that are not in Rust: iam-rs behind standard input and output.
//!
//! In: `{"policies": [document], "calls": [{"principal": arn, "action": name, "resource": arn, "context": {key: text}}]}`.
//! Out: for each call `Allow`, `Deny` (an explicit one) or `NotApplicable` (nothing allows it).

use iam_rs::{
    Arn, Context, Decision, EvaluationError, IAMPolicy, IAMRequest, PolicyEvaluator, Principal, PrincipalId,
};
use serde::Deserialize;
use std::error::Error;
use std::io;

#[derive(Deserialize)]
struct Case {
    policies: Vec<IAMPolicy>,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    principal: String,
    action: String,
    resource: String,
    #[serde(default)]
    context: Context,
}

fn main() -> Result<(), Box<dyn Error>> {
    let case: Case = serde_json::from_reader(io::stdin())?;
    let evaluator = PolicyEvaluator::with_policies(case.policies);
    let judge = |call: Call| -> Result<Decision, EvaluationError> {
        let resource =
            Arn::parse(&call.resource).map_err(|error| EvaluationError::InvalidArn(error.to_string()))?;
        let principal = Principal::Aws(PrincipalId::String(call.principal));
        let request = IAMRequest::new_with_context(principal, call.action, resource, call.context);
        Ok(evaluator.evaluate(&request)?.decision)
    };
    let decisions = case.calls.into_iter().map(judge).collect::<Result<Vec<_>, _>>()?;
    serde_json::to_writer(io::stdout(), &decisions)?;
    Ok(())
}
