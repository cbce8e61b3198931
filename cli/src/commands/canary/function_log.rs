//! The function's log: new lines about one role, or about a function that cannot start.
//!
//! Older lines are told apart by their ids and not by their time, since this machine's clock may differ from that of the log.

use crate::problem::Problem;
use aws_config::SdkConfig;
use lambda_invoke_remediator::telemetry::outcome_log::CANNOT_START;
use remediator_core::arn::principal::Principal;
use serde_json::Value;
use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far back to read: more than two clocks differ.
const LOOK_BACK: Duration = Duration::from_secs(600);

/// The lines of a log group that are about a role, or say why the function cannot start, which names no role.
#[derive(Debug)]
pub(super) struct FunctionLog {
    client: aws_sdk_cloudwatchlogs::Client,
    group: String,
    patterns: [String; 2],
    since: i64,
    earlier: HashSet<String>,
}

impl FunctionLog {
    /// Skips all lines that exist now. Calls `logs:FilterLogEvents`.
    pub(super) async fn from_now_on(
        config: &SdkConfig,
        group: &str,
        role: &Principal,
    ) -> Result<Self, Problem> {
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

    /// Returns the new lines that are JSON. Calls `logs:FilterLogEvents`.
    pub(super) async fn new_lines(&self) -> Result<Vec<Value>, Problem> {
        let lines = self.read().await?.into_iter().filter(|(id, _)| !self.earlier.contains(id));
        Ok(lines.filter_map(|(_, line)| serde_json::from_str(&line).ok()).collect())
    }

    /// Returns the lines since `since`, each with its id.
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
