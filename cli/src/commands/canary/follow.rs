//! Following the call: reads the canary's queue and the function's log until the notice is there, or nothing new comes.

use super::deployment::Deployment;
use super::evidence::{Evidence, FunctionError};
use super::function_log::FunctionLog;
use super::throwaway::Queue;
use crate::problem::Problem;
use indicatif::{ProgressBar, ProgressStyle};
use lambda_invoke_remediator::iam::inline_policies::InlinePolicies;
use lambda_invoke_remediator::telemetry::outcome_log::CANNOT_START;
use remediator_core::policy::{self, Removal};
use remediator_core::text::one_line;
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};

/// How long SQS holds a request open until a message comes.
const LONG_POLL_SECONDS: i32 = 5;
/// The most characters of an error that are shown.
const MAX_ERROR: usize = 800;

/// What the canary reads while it waits.
pub(super) struct Follower<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) queue: &'a Queue,
    pub(super) log: FunctionLog,
    /// How long to wait for each stage.
    pub(super) max_wait: Duration,
}

impl Follower<'_> {
    /// Collects evidence until it is complete, or nothing new has come for too long.
    pub(super) async fn follow(&self, evidence: &mut Evidence) -> Result<(), Problem> {
        let bar = progress_bar(self.max_wait);
        let mut last_news = Instant::now();
        loop {
            let (stage, limit) = evidence.awaited(self.max_wait);
            bar.set_length(limit.as_secs());
            bar.set_position(last_news.elapsed().as_secs());
            bar.set_message(stage);
            let mut has_news = self.receive(evidence).await?;
            has_news |= self.read_log(evidence).await?;
            if has_news {
                last_news = Instant::now();
            }
            if evidence.is_complete() || last_news.elapsed() > evidence.awaited(self.max_wait).1 {
                break;
            }
        }
        bar.finish_and_clear();
        evidence.is_matched = self.ask_whether_matched(evidence).await;
        if evidence.outcome.is_some() {
            evidence.is_in_policy = self.ask_whether_in_policy(evidence).await;
        }
        Ok(())
    }

    /// Takes events and notices from the queue, and returns whether there was one of the call. Calls `sqs:ReceiveMessage` and
    /// `sqs:DeleteMessage`.
    async fn receive(&self, evidence: &mut Evidence) -> Result<bool, Problem> {
        let sqs = aws_sdk_sqs::Client::new(&self.deployment.config);
        let call = sqs
            .receive_message()
            .queue_url(&self.queue.url)
            .max_number_of_messages(10)
            .wait_time_seconds(LONG_POLL_SECONDS);
        let answer = call.send().await.map_err(|error| Problem::of_call("sqs:ReceiveMessage", &error))?;
        let mut has_news = false;
        for message in answer.messages.unwrap_or_default() {
            let body: Value =
                serde_json::from_str(message.body.as_deref().unwrap_or_default()).unwrap_or_default();
            if body.get("detail").is_some() && evidence.event.is_none() {
                has_news = true;
                evidence.event = Some(body);
            } else {
                evidence.notices.push(body);
            }
            let handle = message.receipt_handle.unwrap_or_default();
            // A message that is not deleted comes again, and goes with the queue in the end.
            let _ = sqs.delete_message().queue_url(&self.queue.url).receipt_handle(handle).send().await;
        }
        if evidence.notice.is_none() {
            // A notice may overtake its event.
            evidence.notice =
                evidence.notices.iter().find(|notice| evidence.is_about_the_call(notice)).cloned();
            has_news |= evidence.notice.is_some();
        }
        Ok(has_news)
    }

    /// Looks in the function's log for the outcome of the call, or for an error; returns whether there is a first one.
    async fn read_log(&self, evidence: &mut Evidence) -> Result<bool, Problem> {
        if evidence.outcome.is_some() || evidence.event.is_none() {
            return Ok(false);
        }
        let had_error = evidence.error.is_some();
        for line in self.log.new_lines().await? {
            let text = |key: &str| line.get(key).and_then(Value::as_str);
            if text("message") == Some("outcome") && evidence.is_about_the_call(&line) {
                evidence.outcome = Some(line);
                evidence.error = None;
                return Ok(true);
            }
            if text("level") == Some("ERROR") {
                // The runtime logs the same error in its own words, without the code.
                let field = |key: &str| line.get("fields").unwrap_or(&line).get(key)?.as_str();
                match (field("code"), field("error")) {
                    (Some(code), Some(error)) => {
                        let error = format!("{code}: {}", one_line(error, MAX_ERROR));
                        evidence.error = Some(match text("message") == Some(CANNOT_START) {
                            true => FunctionError::CannotStart(error),
                            false => FunctionError::Failed(error),
                        });
                    }
                    (_, _) if evidence.error.is_none() => {
                        let error = one_line(&line.to_string(), MAX_ERROR);
                        evidence.error = Some(FunctionError::Failed(error));
                    }
                    (_, _) => {}
                }
            }
        }
        Ok(!had_error && evidence.error.is_some())
    }

    /// Asks EventBridge whether the stack's rule is enabled and matches the event. Calls `events:DescribeRule` and
    /// `events:TestEventPattern`; `None` where these fail.
    async fn ask_whether_matched(&self, evidence: &Evidence) -> Option<bool> {
        let event = evidence.event.as_ref()?.to_string();
        let events = aws_sdk_eventbridge::Client::new(&self.deployment.config);
        let name = self.deployment.stack.output("RuleName").ok()?;
        let rule = events.describe_rule().name(name).send().await.ok()?;
        let is_enabled = rule.state.as_ref().is_some_and(|state| state.as_str() == "ENABLED");
        let test = events.test_event_pattern().event_pattern(rule.event_pattern?).event(event);
        Some(test.send().await.ok()?.result && is_enabled)
    }

    /// Asks IAM whether the role's policy has the grant. Calls `iam:GetRolePolicy`; `None` where that fails.
    async fn ask_whether_in_policy(&self, evidence: &Evidence) -> Option<bool> {
        let iam = aws_sdk_iam::Client::new(&self.deployment.config);
        let document = InlinePolicies::new(&iam, &evidence.role).get().await.ok()?;
        let Some(document) = document else { return Some(false) };
        let removal = policy::remove(&document, &self.deployment.function, SystemTime::now()).ok()?;
        Some(removal != Removal::NotListed)
    }
}

fn progress_bar(max_wait: Duration) -> ProgressBar {
    let bar = ProgressBar::new(max_wait.as_secs());
    let style = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {pos}/{len} s");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
