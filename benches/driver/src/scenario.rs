//! What one process is put through, and what each step has to answer: a figure of a wrong answer is no figure.

use crate::backend::Backend;
use crate::certificates::Certificates;
use crate::events;
use crate::subject::{Cost, NOTABLE, Running, Subject};
use serde_json::Value;
use std::error::Error;

/// The policy that the function writes.
pub(crate) const POLICY_NAME: &str = "LambdaInvokePermission";
/// A user who is granted one function after the other.
const GRANTED: &str = "remotion_user-granted";
/// A user whose policy covers what is asked for.
pub(crate) const COVERED: &str = "remotion_user-covered";

/// How often each warm step is taken in one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeats {
    /// Each costs the watch of the write protocol.
    pub(crate) granted: usize,
    pub(crate) others: usize,
}

/// What one process did.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The steps in order, each with its name.
    pub(crate) steps: Vec<(&'static str, Cost)>,
    /// In KiB.
    pub(crate) peak_memory: u64,
}

/// The outcomes, in the order in which they are measured.
pub(crate) const WARM: [&str; 4] = ["granted", "already_granted", "refused", "suppressed"];

/// The whole way: a cold start, the first grant, and then each outcome as often as is wanted.
pub(crate) async fn remediate(
    subject: &Subject,
    backend: &Backend,
    certificates: &Certificates,
    repeats: Repeats,
) -> Result<Run, Box<dyn Error>> {
    let variables = [("ALLOWLIST", events::ALLOWLIST)];
    backend.put_policy(COVERED, POLICY_NAME, events::policy(repeats.others));
    let (mut running, cost) = subject.start(backend, certificates, &variables).await?;
    let mut run = Run::default();
    run.steps.push(("init", cost));
    let grants = (0..=repeats.granted).map(|number| ("granted", number));
    let others = |name| (0..repeats.others).map(move |number| (name, number));
    let steps = grants.chain(others("already_granted")).chain(others("refused")).chain(others("suppressed"));
    for (number_of_step, (name, number)) in steps.enumerate() {
        let cost = take(&mut running, backend, name, number)
            .await
            .map_err(|why| format!("{}: {name}: {why}\n{}", subject.name, running.log()))?;
        run.steps.push((if number_of_step == 0 { "first" } else { name }, cost));
    }
    (run.peak_memory, _) = running.memory()?;
    running.stop().await?;
    Ok(run)
}

/// Takes one step, and looks at its answer.
pub(crate) async fn take(
    running: &mut Running<'_>,
    backend: &Backend,
    name: &str,
    number: usize,
) -> Result<Cost, Box<dyn Error>> {
    let event = match name {
        // The first has no policy yet, the later ones go into it.
        "granted" => events::listed(GRANTED, number),
        "already_granted" => events::listed(COVERED, number),
        // A repeat of one that was told already.
        "suppressed" => events::unlisted(0),
        _ => events::unlisted(number),
    };
    let reply = running.invoke(event).await?;
    let body: Value = serde_json::from_slice(&reply.body)?;
    let expected = match name {
        "suppressed" => ("refused", "suppressed"),
        _ => (name, "published"),
    };
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let found = (text("outcome"), text("notice"));
    if reply.is_error || found != expected {
        return Err(format!("{name} {number}: {body}").into());
    }
    if name == "granted" {
        let policy = backend.policy(GRANTED, POLICY_NAME).unwrap_or_default();
        if !(0..=number).all(|number| policy.contains(&format!("{:?}", events::arn(number)))) {
            return Err(format!("{name} {number}, and the policy is {policy}").into());
        }
    }
    // Whoever takes so long has waited, and says for how long; nothing else waits.
    if (reply.cost.wall > NOTABLE) == reply.cost.waited.is_zero() {
        return Err(format!(
            "{name} {number} took {:?}, and waited {:?}",
            reply.cost.wall, reply.cost.waited
        )
        .into());
    }
    Ok(reply.cost)
}

/// The same for hello world, which has one answer.
pub(crate) async fn greet(
    subject: &Subject,
    backend: &Backend,
    certificates: &Certificates,
    count: usize,
) -> Result<Run, Box<dyn Error>> {
    let (mut running, cost) = subject.start(backend, certificates, &[]).await?;
    let mut run = Run::default();
    run.steps.push(("init", cost));
    for number in 0..=count {
        let reply = running.invoke(events::listed(GRANTED, number)).await?;
        if reply.is_error || !reply.body.starts_with(b"{\"message\"") {
            return Err(format!("{}: {}", subject.name, String::from_utf8_lossy(&reply.body)).into());
        }
        run.steps.push((if number == 0 { "first" } else { "hello" }, reply.cost));
    }
    (run.peak_memory, _) = running.memory()?;
    running.stop().await?;
    Ok(run)
}
