//! The function's configuration: environment variables, read and checked once, before the first event.
//!
//! A missing or bad value stops the cold start with an error that names the variable. The error goes to the log and to
//! whoever invokes the function.

use crate::allowlist_source::{AllowlistLocation, SsmParameter};
use crate::ledger::LedgerLocation;
use crate::sns::Topic;
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::Arn;
use remediator_core::arn::principal::{Principal, PrincipalKind};
use std::time::Duration;

/// An hour: long enough to outlast a burst of denials, short enough for a reminder on the same day.
const DEFAULT_NOTICE_INTERVAL: Duration = Duration::from_secs(3_600);

/// Longer than a year, for whoever is asked what happened a year ago.
pub const DEFAULT_RETENTION_DAYS: u32 = 400;

/// The values of the variables.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ALLOWLIST`: the list, or the SSM parameter that holds it.
    pub allowlist: AllowlistLocation,
    /// `TOPIC_ARN`: the topic of the notices.
    pub topic: Topic,
    /// `MODE`: whether grants are written.
    pub mode: Mode,
    /// `NOTICE_INTERVAL`: how long repeats of a notice are suppressed.
    pub notice_interval: Duration,
    /// `LEDGER_TABLE` and `LEDGER_RETENTION_DAYS`: the table that all execution environments share, if there is one.
    pub ledger: Option<LedgerLocation>,
    /// `OWN_ROLE_ARN`: the function's execution role.
    pub own_role: Option<Principal>,
    /// `AWS_SAM_LOCAL`, which `sam local` sets: the account in the invoked function's ARN is the emulator's invention.
    pub is_emulated: bool,
    /// The log group that this function logs to: `AWS_LAMBDA_LOG_GROUP_NAME`, or if that is not set Lambda's default for
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    ///
    /// Lambda sets both variables: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html> and
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html>.
    pub own_log_group: Option<String>,
}

/// Whether grants are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Decide, write and notify.
    Enforce,
    /// Decide and notify; write nothing.
    DryRun,
}

/// A variable is missing or has a bad value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {variable}: {problem}; expected {expected}")]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
    expected: &'static str,
}

impl ConfigError {
    /// Returns the stable code that an alarm or a metric filter can match.
    pub fn code(&self) -> &'static str {
        if self.variable == ALLOWLIST { "AllowlistUnreadable" } else { "BadConfiguration" }
    }
}

const ALLOWLIST: &str = "ALLOWLIST";
const TOPIC_ARN: &str = "TOPIC_ARN";
const MODE: &str = "MODE";
const NOTICE_INTERVAL: &str = "NOTICE_INTERVAL";
const LEDGER_TABLE: &str = "LEDGER_TABLE";
const LEDGER_RETENTION_DAYS: &str = "LEDGER_RETENTION_DAYS";
const OWN_ROLE_ARN: &str = "OWN_ROLE_ARN";
const AWS_SAM_LOCAL: &str = "AWS_SAM_LOCAL";
const AWS_LAMBDA_LOG_GROUP_NAME: &str = "AWS_LAMBDA_LOG_GROUP_NAME";
const AWS_LAMBDA_FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

impl Config {
    /// Reads the variables through `get`.
    ///
    /// # Errors
    ///
    /// A variable is missing or has a bad value.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            allowlist: allowlist(get(ALLOWLIST))?,
            topic: topic(get(TOPIC_ARN))?,
            mode: mode(get(MODE))?,
            notice_interval: notice_interval(get(NOTICE_INTERVAL))?,
            ledger: ledger(get(LEDGER_TABLE), get(LEDGER_RETENTION_DAYS))?,
            own_role: own_role(get(OWN_ROLE_ARN))?,
            is_emulated: get(AWS_SAM_LOCAL).is_some_and(|value| value == "true"),
            own_log_group: own_log_group(get(AWS_LAMBDA_LOG_GROUP_NAME), get(AWS_LAMBDA_FUNCTION_NAME)),
        })
    }

    /// The account that the function is in, as far as its variables tell: that of its role, or else of its topic.
    pub fn home_account(&self) -> &str {
        match &self.own_role {
            Some(role) => role.account(),
            None => Arn::parse(&self.topic.arn).map_or("", |arn| arn.account),
        }
    }
}

fn allowlist(value: Option<String>) -> Result<AllowlistLocation, ConfigError> {
    let error = |problem: String| ConfigError {
        variable: ALLOWLIST,
        problem,
        expected: "a JSON document {\"rules\": [...]} or ssm:NAME, the name or ARN of an SSM parameter that holds one",
    };
    let text = value.ok_or_else(|| error("it is not set".to_owned()))?;
    if text.trim_start().starts_with('{') {
        let list = Allowlist::parse(&text).map_err(|problem| error(problem.to_string()))?;
        return Ok(AllowlistLocation::Inline(list));
    }
    let name = text.strip_prefix("ssm:").ok_or_else(|| error("it is neither".to_owned()))?;
    let region = Arn::parse(name).map(|arn| arn.region.to_owned());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/:".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(error(format!("`{}` is no parameter's name", name.escape_debug())));
    }
    Ok(AllowlistLocation::Ssm(SsmParameter { name: name.to_owned(), region }))
}

fn topic(value: Option<String>) -> Result<Topic, ConfigError> {
    let error = |problem: String| ConfigError {
        variable: TOPIC_ARN,
        problem,
        expected: "the ARN of a standard SNS topic, arn:PARTITION:sns:REGION:ACCOUNT:NAME",
    };
    let arn = value.ok_or_else(|| error("it is not set".to_owned()))?;
    let region = Arn::parse(&arn).filter(|arn| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        arn.service == "sns"
            && !arn.region.is_empty()
            && !arn.account.is_empty()
            && arn.resource.bytes().all(is_name)
    });
    match region.map(|arn| arn.region.to_owned()) {
        Some(region) => Ok(Topic { arn, region }),
        None => Err(error(format!("`{}` is not one", arn.escape_debug()))),
    }
}

fn mode(value: Option<String>) -> Result<Mode, ConfigError> {
    match value.as_deref() {
        None | Some("enforce") => Ok(Mode::Enforce),
        Some("dry-run") => Ok(Mode::DryRun),
        Some(other) => Err(ConfigError {
            variable: MODE,
            problem: format!("`{}` is neither", other.escape_debug()),
            expected: "enforce or dry-run",
        }),
    }
}

fn notice_interval(value: Option<String>) -> Result<Duration, ConfigError> {
    let Some(text) = value else { return Ok(DEFAULT_NOTICE_INTERVAL) };
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => Err(ConfigError {
            variable: NOTICE_INTERVAL,
            problem: format!("`{}` is not one", text.escape_debug()),
            expected: "a number of seconds, 0 for no quiet interval",
        }),
    }
}

fn ledger(table: Option<String>, retention: Option<String>) -> Result<Option<LedgerLocation>, ConfigError> {
    let error = |text: &str| ConfigError {
        variable: LEDGER_TABLE,
        problem: format!("`{}` is neither", text.escape_debug()),
        expected: "the name of a DynamoDB table, or its ARN, arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME",
    };
    let retention_days = retention_days(retention)?;
    let Some(table) = table else { return Ok(None) };
    LedgerLocation::parse(&table, retention_days).map(Some).ok_or_else(|| error(&table))
}

fn retention_days(value: Option<String>) -> Result<u32, ConfigError> {
    let Some(text) = value else { return Ok(DEFAULT_RETENTION_DAYS) };
    match text.parse::<u32>() {
        Ok(days) if (30..=3_650).contains(&days) => Ok(days),
        Ok(_) | Err(_) => Err(ConfigError {
            variable: LEDGER_RETENTION_DAYS,
            problem: format!("`{}` is not one", text.escape_debug()),
            expected: "a number of days from 30 to 3650",
        }),
    }
}

fn own_role(value: Option<String>) -> Result<Option<Principal>, ConfigError> {
    let Some(text) = value else { return Ok(None) };
    match Principal::parse(&text) {
        Some(role) if role.kind() == PrincipalKind::Role => Ok(Some(role)),
        Some(_) | None => Err(ConfigError {
            variable: OWN_ROLE_ARN,
            problem: format!("`{}` is not one", text.escape_debug()),
            expected: "the ARN of an IAM role, arn:PARTITION:iam::ACCOUNT:role/PATH/NAME",
        }),
    }
}

fn own_log_group(name: Option<String>, function: Option<String>) -> Option<String> {
    let by_default = || function.filter(|name| !name.is_empty()).map(|name| format!("/aws/lambda/{name}"));
    name.filter(|name| !name.is_empty()).or_else(by_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#" {"rules": [{"id": "a",
        "principals": ["arn:aws:iam::281502313273:user/remotion_user"],
        "functions": ["arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter"]}]}"#;
    const TOPIC: &str = "arn:aws:sns:eu-west-1:281502313273:notices";

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let get =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::read(get).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let config = read(&[(ALLOWLIST, LIST), (TOPIC_ARN, TOPIC)]).unwrap();
        assert_eq!(config.mode, Mode::Enforce);
        assert_eq!(config.topic, Topic { arn: TOPIC.to_owned(), region: "eu-west-1".to_owned() });
        assert_eq!(config.own_role, None);
        assert_eq!(config.notice_interval, Duration::from_secs(3_600));
        assert!(!config.is_emulated);
        assert_eq!(config.own_log_group, None);
        assert!(matches!(config.allowlist, AllowlistLocation::Inline(_)));
    }

    #[test]
    fn the_own_log_group_is_the_one_that_lambda_names() {
        for (variables, own) in [
            (vec![(AWS_LAMBDA_LOG_GROUP_NAME, "/own"), (AWS_LAMBDA_FUNCTION_NAME, "f")], Some("/own")),
            (vec![(AWS_LAMBDA_LOG_GROUP_NAME, ""), (AWS_LAMBDA_FUNCTION_NAME, "f")], Some("/aws/lambda/f")),
            (vec![(AWS_LAMBDA_FUNCTION_NAME, "f")], Some("/aws/lambda/f")),
            (vec![(AWS_LAMBDA_FUNCTION_NAME, "")], None),
        ] {
            let all = [variables.clone(), vec![(ALLOWLIST, LIST), (TOPIC_ARN, TOPIC)]].concat();
            assert_eq!(read(&all).unwrap().own_log_group.as_deref(), own, "{variables:?}");
        }
    }

    #[test]
    fn a_parameter_by_name_or_arn() {
        for (value, name, region) in [
            ("ssm:/remediator/allowlist", "/remediator/allowlist", None),
            (
                "ssm:arn:aws:ssm:eu-west-1:281502313273:parameter/allowlist",
                "arn:aws:ssm:eu-west-1:281502313273:parameter/allowlist",
                Some("eu-west-1"),
            ),
        ] {
            let config = read(&[(ALLOWLIST, value), (TOPIC_ARN, TOPIC), (MODE, "dry-run")]).unwrap();
            let AllowlistLocation::Ssm(parameter) = config.allowlist else { panic!("{value}") };
            assert_eq!((parameter.name.as_str(), parameter.region.as_deref()), (name, region));
            assert_eq!(config.mode, Mode::DryRun);
        }
    }

    #[test]
    fn a_bad_value_names_its_variable_and_what_was_expected() {
        for (variable, value) in [
            (ALLOWLIST, ""),
            (ALLOWLIST, "[]"),
            (ALLOWLIST, "{}"),
            (ALLOWLIST, "ssm:"),
            (ALLOWLIST, "ssm:a b"),
            (ALLOWLIST, "/remediator/allowlist"),
            (TOPIC_ARN, ""),
            (TOPIC_ARN, "notices"),
            (TOPIC_ARN, "arn:aws:sqs:eu-west-1:281502313273:notices"),
            (TOPIC_ARN, "arn:aws:sns:eu-west-1:281502313273:notices.fifo"),
            (TOPIC_ARN, "arn:aws:sns:eu-west-1:281502313273:notices:0f5e"),
            (TOPIC_ARN, "arn:aws:sns::281502313273:notices"),
            (MODE, ""),
            (MODE, "dryrun"),
            (MODE, "Enforce"),
            (NOTICE_INTERVAL, ""),
            (NOTICE_INTERVAL, "1h"),
            (NOTICE_INTERVAL, "-1"),
            (LEDGER_TABLE, ""),
            (LEDGER_TABLE, "le"),
            (LEDGER_TABLE, "the ledger"),
            (LEDGER_TABLE, "table/ledger"),
            (LEDGER_TABLE, "arn:aws:dynamodb:eu-west-1:281502313273:ledger"),
            (LEDGER_TABLE, "arn:aws:dynamodb:eu-west-1:281502313273:table/ledger/index/x"),
            (LEDGER_TABLE, "arn:aws:dynamodb:eu-west-1:1:table/ledger"),
            (LEDGER_TABLE, "arn:aws:dynamodb::281502313273:table/ledger"),
            (LEDGER_TABLE, "arn:aws:sqs:eu-west-1:281502313273:ledger"),
            (LEDGER_RETENTION_DAYS, ""),
            (LEDGER_RETENTION_DAYS, "29"),
            (LEDGER_RETENTION_DAYS, "1y"),
            (OWN_ROLE_ARN, ""),
            (OWN_ROLE_ARN, "remediator"),
            (OWN_ROLE_ARN, "arn:aws:iam::281502313273:user/remediator"),
        ] {
            let mut variables = vec![(variable, value)];
            variables.extend(
                [(ALLOWLIST, LIST), (TOPIC_ARN, TOPIC)].into_iter().filter(|(name, _)| *name != variable),
            );
            let error = read(&variables).unwrap_err();
            assert!(error.starts_with(&format!("environment variable {variable}: ")), "{error}");
            assert!(error.contains("; expected "), "{error}");
        }
        assert!(read(&[(TOPIC_ARN, TOPIC)]).unwrap_err().contains("ALLOWLIST: it is not set"));
        assert!(read(&[(ALLOWLIST, LIST)]).unwrap_err().contains("TOPIC_ARN: it is not set"));
    }
}
