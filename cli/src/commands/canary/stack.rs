//! A deployed stack, as CloudFormation describes it.

use crate::problem::Problem;
use aws_config::SdkConfig;
use std::collections::HashMap;

/// The outputs and parameters of a CloudFormation stack, by name.
#[derive(Debug)]
pub(super) struct Stack {
    name: String,
    outputs: HashMap<String, String>,
    parameters: HashMap<String, String>,
}

impl Stack {
    /// Looks a stack up in the region. Calls `cloudformation:DescribeStacks`.
    pub(super) async fn describe(config: &SdkConfig, name: &str) -> Result<Self, Problem> {
        let client = aws_sdk_cloudformation::Client::new(config);
        let answer = client.describe_stacks().stack_name(name).send().await;
        let answer = answer.map_err(|error| Problem::of_call("cloudformation:DescribeStacks", &error))?;
        let stack = answer.stacks.unwrap_or_default().into_iter().next();
        let stack =
            stack.ok_or_else(|| Problem::new(format!("there is no stack `{name}` in this region")))?;
        let outputs = stack.outputs.unwrap_or_default();
        let parameters = stack.parameters.unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            outputs: outputs.into_iter().filter_map(|o| Some((o.output_key?, o.output_value?))).collect(),
            parameters: parameters
                .into_iter()
                .filter_map(|p| Some((p.parameter_key?, p.parameter_value?)))
                .collect(),
        })
    }

    /// Returns an output that each stack of the template has.
    pub(super) fn output(&self, key: &str) -> Result<&str, Problem> {
        self.outputs.get(key).map(String::as_str).ok_or_else(|| {
            Problem::new(format!(
                "the stack `{}` has no output {key}, so it was not made from this project's template",
                self.name
            ))
        })
    }

    /// Returns a parameter's value, unless it is empty.
    pub(super) fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}
