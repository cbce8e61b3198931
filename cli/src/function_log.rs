//! The function's log, as far as it speaks of one role, or of the function not starting at all, from the moment on that
//! somebody began to look.
//!
//! Earlier lines are known by their ids and not by their time: this machine's clock may differ from that of the log.

use crate::problem::Problem;
use aws_config::SdkConfig;
use lambda_invoke_remediator::telemetry::outcome_log::CANNOT_START;
use remediator_core::arn::principal::Principal;
use serde_json::Value;
use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far back is looked, which is more than clocks differ.
const LOOK_BACK: Duration = Duration::from_secs(600);

/// The lines about a role, and those that tell why the function cannot start: these name nobody.
#[derive(Debug)]
pub(crate) struct FunctionLog {
    client: aws_sdk_cloudwatchlogs::Client,
    group: String,
    patterns: [String; 2],
    since: i64,
    earlier: HashSet<String>,
}

impl FunctionLog {
    /// Begins to look: what is there already is left out from now on. Needs `logs:FilterLogEvents`.
    pub(crate) async fn of(config: &SdkConfig, group: &str, role: &Principal) -> Result<Self, Problem> {
        let since = (SystemTime::now() - LOOK_BACK).duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut log = Self {
            client: aws_sdk_cloudwatchlogs::Client::new(config),
            group: group.to_owned(),
            patterns: [format!("\"{role}\""), format!("\"{CANNOT_START}\"")],
            since: i64::try_from(since.as_millis()).unwrap_or(0),
            earlier: HashSet::new(),
        };
        log.earlier = log.read().await?.into_iter().map(|(id, _)| id).collect();
        Ok(log)
    }

    /// The new lines that are JSON.
    pub(crate) async fn lines(&self) -> Result<Vec<Value>, Problem> {
        let lines = self.read().await?.into_iter().filter(|(id, _)| !self.earlier.contains(id));
        Ok(lines.filter_map(|(_, line)| serde_json::from_str(&line).ok()).collect())
    }

    async fn read(&self) -> Result<Vec<(String, String)>, Problem> {
        let mut lines = Vec::new();
        for pattern in &self.patterns {
            let call = self.client.filter_log_events().log_group_name(&self.group).start_time(self.since);
            let pages = call.filter_pattern(pattern).into_paginator().send().collect::<Result<Vec<_>, _>>();
            let pages = pages.await.map_err(|error| Problem::of_call("logs:FilterLogEvents", &error))?;
            let events = pages.into_iter().flat_map(|page| page.events.unwrap_or_default());
            lines.extend(events.filter_map(|event| Some((event.event_id?, event.message?))));
        }
        Ok(lines)
    }
}
