//! `remediator canary`: makes one denied call in a real account, and follows it through a deployed stack.
//!
//! A role without permissions calls a function and is denied. A rule and a subscription of the canary's own show whether
//! CloudTrail delivers such a call, and whether the notice arrives; the function's log and the role's policy show what happens
//! between. Whatever happens, also after Ctrl-C, the canary deletes again what it made.

mod denied_call;
mod deployment;
mod evidence;
mod follow;
mod function_log;
mod interrupts;
mod stack;
mod stages;
mod throwaway;
mod trails;

use crate::NO;
use crate::args::Canary;
use crate::problem::Problem;
use crate::ui::output::{Escaped, err};
use deployment::Deployment;
use evidence::Evidence;
use follow::Follower;
use function_log::FunctionLog;
use interrupts::Interrupts;
use remediator_core::arn::principal::Principal;
use stages::Stages;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use throwaway::{Queue, RoleSpec, Throwaway};

pub(crate) async fn run(args: &Canary) -> Result<ExitCode, Problem> {
    if !args.yes {
        return Err(Problem::new(format!(
            "nothing was done. The canary makes the role `{}`, a queue, a rule and a subscription in your account, makes one call \
             with that role that AWS denies, and deletes them again. --yes starts it (YES=1 with make)",
            args.role
        )));
    }
    let deployment = Deployment::find(args).await?;
    let mut interrupts = Interrupts::listen()?;
    let id = format!("{:08x}", fastrand::u32(..));
    let mut throwaway = Throwaway::new(&deployment.config, &id);
    let evidence = collect(args, &deployment, &mut throwaway, &id, &mut interrupts).await;
    say("cleaning up");
    let left_behind = throwaway.delete_all().await;
    for command in &left_behind {
        err!("left behind, delete it by hand: {command}");
    }
    let stages = Stages::of(&evidence?, &deployment);
    stages.print(args.json, &left_behind);
    Ok(match stages.are_all_reached() && left_behind.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NO),
    })
}

/// Makes what the canary needs, makes the call, and collects evidence of what follows from it.
///
/// An interrupt ends the call and the waiting. One that comes while something is made ends the canary once that is made.
async fn collect(
    args: &Canary,
    deployment: &Deployment,
    throwaway: &mut Throwaway,
    id: &str,
    interrupts: &mut Interrupts,
) -> Result<Evidence, Problem> {
    let trails = trails::describe(&deployment.config).await.unwrap_or_else(|problem| problem.to_string());
    say("making a role without permissions, and a queue for what the canary is to see");
    let name = format!("remediator-canary-{id}");
    let (role, queue) = make(args, deployment, throwaway, &name).await?;
    let mut evidence = Evidence::new(role, trails);
    let call_and_follow = async {
        let credentials = denied_call::assume_role(&deployment.config, &evidence.role, &name).await?;
        let log_group = deployment.stack.output("LogGroupName")?;
        let log = FunctionLog::from_now_on(&deployment.config, log_group, &evidence.role).await?;
        let message = denied_call::invoke(&deployment.config, credentials, &deployment.function).await?;
        say(&format!("the call was denied; each stage from here may take minutes: {}", Escaped(&message)));
        let max_wait = Duration::from_secs(args.wait);
        Follower { deployment, queue: &queue, log, max_wait }.follow(&mut evidence).await
    };
    tokio::select! {
        followed = call_and_follow => followed?,
        () = interrupts.any() => return Err(Problem::new("interrupted")),
    }
    Ok(evidence)
}

/// Makes the role to call with, and a queue that gets what CloudTrail records of the role's session and what the stack notifies of.
async fn make(
    args: &Canary,
    deployment: &Deployment,
    throwaway: &mut Throwaway,
    name: &str,
) -> Result<(Principal, Queue), Problem> {
    let Deployment { stack, partition, region, account, caller, .. } = deployment;
    let required_boundary = stack.parameter("RequiredPermissionsBoundary");
    let role = throwaway
        .make_role(&RoleSpec {
            name: &args.role,
            trusted: caller,
            boundary: args.permissions_boundary.as_deref().or(required_boundary),
            tag: stack.parameter("RequiredTagValue"),
        })
        .await?;
    let session = format!("arn:{partition}:sts::{account}:assumed-role/{}/{name}", role.name());
    let rule = format!("arn:{partition}:events:{region}:{account}:rule/{name}");
    let topic = stack.output("TopicArn")?;
    let senders = [("events.amazonaws.com", rule.as_str()), ("sns.amazonaws.com", topic)];
    let queue = throwaway.make_queue(name, senders).await?;
    throwaway.make_rule(name, &session, &queue).await?;
    throwaway.make_subscription(topic, &queue).await?;
    Ok((role, queue))
}

/// Reports progress on the standard error: only the report goes to the standard output.
fn say(progress: &str) {
    err!("{progress} ...");
}
