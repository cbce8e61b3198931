//! The stack to be tested, in its account.

use super::stack::Stack;
use crate::args::Canary;
use crate::aws;
use crate::problem::Problem;
use aws_config::SdkConfig;
use remediator_core::arn::{Arn, FunctionArn};

/// The stack to be tested, and where it is.
pub(super) struct Deployment {
    pub(super) config: SdkConfig,
    pub(super) stack: Stack,
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
    /// The operator's own ARN.
    pub(super) caller: String,
    /// The function to call.
    pub(super) function: FunctionArn,
}

impl Deployment {
    /// Finds the stack and the function that the command line names. Calls `sts:GetCallerIdentity`.
    pub(super) async fn find(args: &Canary) -> Result<Self, Problem> {
        let config = aws::config().await?;
        let region = config.region().map(ToString::to_string);
        let region = region.ok_or_else(|| Problem::new("no AWS region is set: set AWS_REGION"))?;
        let caller = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let caller = caller.map_err(|error| Problem::of_call("sts:GetCallerIdentity", &error))?;
        let caller = caller.arn.unwrap_or_default();
        let own = Arn::parse(&caller).ok_or_else(|| {
            Problem::new(format!("sts:GetCallerIdentity returned `{caller}`, which is not an ARN"))
        })?;
        let (partition, account) = (own.partition.to_owned(), own.account.to_owned());
        let stack = Stack::describe(&config, &args.stack).await?;
        let name = match &args.function {
            Some(name) => name.as_str(),
            None => stack.output("FunctionName")?,
        };
        let function =
            FunctionArn::parse(name).or_else(|| FunctionArn::new(&partition, &region, &account, name));
        let function = function
            .ok_or_else(|| Problem::new(format!("`{name}` is neither the name nor the ARN of a function")))?;
        Ok(Self { config, stack, partition, region, account, caller, function })
    }
}
