//! `remediator canary`: one denied call in a real account, followed on its whole way.
//!
//! A role that may do nothing calls a function and is denied. A rule and a subscription of the canary's own show whether
//! CloudTrail hands such a call on at all, and whether the notice arrives; the function's log and the role's policy show what
//! is between. Everything is deleted again, whatever happens, also after Ctrl-C.

use crate::args::Canary;
use crate::function_log::FunctionLog;
use crate::interrupts::Interrupts;
use crate::output::{Harmless, err, out};
use crate::problem::Problem;
use crate::stack::Stack;
use crate::throwaway::{Queue, RoleSpec, Workshop};
use crate::{NO, aws, trails};
use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sts::config::Credentials;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use lambda_invoke_remediator::aws::error::explain;
use lambda_invoke_remediator::iam::inline_policies::InlinePolicies;
use lambda_invoke_remediator::telemetry::outcome_log::CANNOT_START;
use remediator_core::arn::principal::Principal;
use remediator_core::arn::{Arn, FunctionArn};
use remediator_core::policy::{self, Removal};
use remediator_core::text::one_line;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// How long IAM may take to let a new role be used.
const SPREADS: Duration = Duration::from_secs(90);
/// How long SQS holds a question open.
const LONG_POLL: Duration = Duration::from_secs(5);
/// Lambda tries an event again after a minute, and once more after two.
///
/// See <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
const RETRIES: Duration = Duration::from_secs(200);
/// How long after the outcome its notice may take.
const NOTICE: Duration = Duration::from_secs(60);

pub(crate) async fn run(args: &Canary) -> Result<ExitCode, Problem> {
    if !args.yes {
        return Err(Problem::new(format!(
            "nothing was done. The canary makes the role `{}`, a queue, a rule and a subscription in your account, makes one call \
             with that role that is to be denied, and deletes them again. --yes does it (YES=1 with make)",
            args.role
        )));
    }
    let site = Site::look(args).await?;
    let id = format!("{:08x}", fastrand::u32(..));
    let mut interrupts = Interrupts::listen()?;
    let mut workshop = Workshop::new(&site.config, &id);
    let seen = fly(args, &site, &mut workshop, &id, &mut interrupts).await;
    say("cleaning up");
    let left = workshop.clean_up().await;
    for line in &left {
        err!("left behind, delete it by hand: {line}");
    }
    let report = Report::of(&seen?, &site);
    report.show(args.json, &left);
    Ok(match report.is_whole() && left.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NO),
    })
}

/// Makes the parts and the call, and waits. An interrupt that comes while something is made is heard when it stands.
async fn fly(
    args: &Canary,
    site: &Site,
    workshop: &mut Workshop,
    id: &str,
    interrupts: &mut Interrupts,
) -> Result<Seen, Problem> {
    let trails = trails::describe(&site.config).await.unwrap_or_else(|problem| problem.to_string());
    say("making a role that may do nothing, and a queue to listen with");
    let name = format!("remediator-canary-{id}");
    let role = workshop
        .role(&RoleSpec {
            name: &args.role,
            trusted: &site.caller,
            boundary: args
                .permissions_boundary
                .as_deref()
                .or(site.stack.parameter("RequiredPermissionsBoundary")),
            tag: site.stack.parameter("RequiredTagValue"),
        })
        .await?;
    let role = Principal::parse(&role).ok_or_else(|| Problem::new(format!("`{role}` is no role")))?;
    let session = format!("arn:{}:sts::{}:assumed-role/{}/{name}", site.partition, site.account, role.name());
    let rule = format!("arn:{}:events:{}:{}:rule/{name}", site.partition, site.region, site.account);
    let topic = site.stack.output("TopicArn")?;
    let queue =
        workshop.queue(&name, [("events.amazonaws.com", &rule), ("sns.amazonaws.com", topic)]).await?;
    workshop.rule(&name, &session, &queue).await?;
    workshop.subscription(topic, &queue).await?;
    let mut seen = Seen::new(role, trails);
    let watch = async {
        let credentials = site.assume(&seen.role, &name).await?;
        let log = FunctionLog::of(&site.config, site.stack.output("LogGroupName")?, &seen.role).await?;
        let message = site.be_denied(credentials).await?;
        say(&format!(
            "the call was denied, and from here on everything takes its time: {}",
            Harmless(&message)
        ));
        Listener { site, queue: &queue, log, wait: Duration::from_secs(args.wait) }.listen(&mut seen).await
    };
    tokio::select! {
        watched = watch => watched?,
        () = interrupts.any() => return Err(Problem::new("interrupted")),
    }
    Ok(seen)
}

/// To the standard error: the report alone goes to the standard output.
fn say(what: &str) {
    err!("{what} ...");
}

/// The account and the stack that is tried.
struct Site {
    config: SdkConfig,
    stack: Stack,
    partition: String,
    region: String,
    account: String,
    caller: String,
    function: FunctionArn,
}

impl Site {
    async fn look(args: &Canary) -> Result<Self, Problem> {
        let config = aws::config().await?;
        let region = config.region().map(ToString::to_string);
        let region = region.ok_or_else(|| Problem::new("no region is set: AWS_REGION says which"))?;
        let caller = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let caller = caller.map_err(|error| Problem::of_call("sts:GetCallerIdentity", &error))?;
        let caller = caller.arn.unwrap_or_default();
        let own =
            Arn::parse(&caller).ok_or_else(|| Problem::new(format!("`{caller}` is no ARN to be trusted")))?;
        let (partition, account) = (own.partition.to_owned(), own.account.to_owned());
        let stack = Stack::describe(&config, &args.stack).await?;
        let name = match &args.function {
            Some(name) => name.as_str(),
            None => stack.output("FunctionName")?,
        };
        let function =
            FunctionArn::parse(name).or_else(|| FunctionArn::new(&partition, &region, &account, name));
        let function = function.ok_or_else(|| Problem::new(format!("`{name}` is no function")))?;
        Ok(Self { config, stack, partition, region, account, caller, function })
    }

    /// Acts as the role, as soon as IAM has spread it.
    async fn assume(&self, role: &Principal, session: &str) -> Result<Credentials, Problem> {
        let sts = aws_sdk_sts::Client::new(&self.config);
        let began = Instant::now();
        loop {
            let asked = sts.assume_role().role_arn(role.to_string()).role_session_name(session).send().await;
            match asked {
                Ok(answer) => {
                    let keys = answer
                        .credentials
                        .ok_or_else(|| Problem::new("sts:AssumeRole gave no credentials"))?;
                    let token = Some(keys.session_token);
                    return Ok(Credentials::new(
                        keys.access_key_id,
                        keys.secret_access_key,
                        token,
                        None,
                        "canary",
                    ));
                }
                Err(error) if began.elapsed() > SPREADS => {
                    return Err(Problem::of_call("sts:AssumeRole", &error));
                }
                Err(_) => tokio::time::sleep(Duration::from_secs(3)).await,
            }
        }
    }

    /// Calls the function as the role; gives the message of the denial.
    async fn be_denied(&self, credentials: Credentials) -> Result<String, Problem> {
        let config = aws_sdk_lambda::config::Builder::from(&self.config)
            .credentials_provider(aws_sdk_lambda::config::SharedCredentialsProvider::new(credentials))
            .build();
        let lambda = aws_sdk_lambda::Client::from_conf(config);
        let began = Instant::now();
        loop {
            use aws_sdk_lambda::error::ProvideErrorMetadata;
            let called =
                lambda.invoke().function_name(self.function.as_str()).payload(Blob::new("{}")).send().await;
            let error = match called {
                Ok(_) => {
                    return Err(Problem::new(format!(
                        "the call of {} was allowed, to a role without any policy: the function's own policy must allow it. \
                         Name another one with --function",
                        self.function
                    )));
                }
                Err(error) => error,
            };
            match error.code() {
                Some("AccessDeniedException" | "AccessDenied") => {
                    return Ok(error.message().unwrap_or_default().to_owned());
                }
                // The new credentials have not spread yet.
                Some(
                    "UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException",
                ) if began.elapsed() < SPREADS => {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                }
                Some(_) | None => return Err(Problem::new(explain("lambda:Invoke", &error))),
            }
        }
    }
}

/// What has been seen of the call so far.
struct Seen {
    role: Principal,
    trails: String,
    event: Option<Value>,
    is_matched: Option<bool>,
    outcome: Option<Value>,
    error: Option<String>,
    /// The error is that the function cannot start: it names no event, and may have come with another one.
    cannot_start: bool,
    is_in_policy: Option<bool>,
    notice: Option<Value>,
    /// All that came from the topic, also of others.
    notices: Vec<Value>,
}

struct Listener<'a> {
    site: &'a Site,
    queue: &'a Queue,
    log: FunctionLog,
    wait: Duration,
}

impl Listener<'_> {
    /// Waits until the notice is there, or nothing new has come for too long.
    async fn listen(&self, seen: &mut Seen) -> Result<(), Problem> {
        let bar = ProgressBar::new(self.wait.as_secs());
        let style = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {pos}/{len} s");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(200));
        let mut last = Instant::now();
        loop {
            let (stage, limit) = seen.awaited(self.wait);
            bar.set_length(limit.as_secs());
            bar.set_position(last.elapsed().as_secs());
            bar.set_message(stage);
            let mut is_new = self.receive(seen).await?;
            is_new |= self.read_log(seen).await?;
            if is_new {
                last = Instant::now();
            }
            if seen.is_done() || last.elapsed() > seen.awaited(self.wait).1 {
                break;
            }
        }
        bar.finish_and_clear();
        if seen.event.is_some() {
            seen.is_matched = self.is_matched(seen).await;
        }
        if seen.outcome.is_some() {
            seen.is_in_policy = self.is_in_policy(seen).await;
        }
        Ok(())
    }

    /// Takes events and notices from the queue.
    async fn receive(&self, seen: &mut Seen) -> Result<bool, Problem> {
        let sqs = aws_sdk_sqs::Client::new(&self.site.config);
        let wait = i32::try_from(LONG_POLL.as_secs()).unwrap_or(1);
        let call = sqs
            .receive_message()
            .queue_url(&self.queue.url)
            .max_number_of_messages(10)
            .wait_time_seconds(wait);
        let messages = call.send().await.map_err(|error| Problem::of_call("sqs:ReceiveMessage", &error))?;
        let mut is_new = false;
        for message in messages.messages.unwrap_or_default() {
            let body: Value =
                serde_json::from_str(message.body.as_deref().unwrap_or_default()).unwrap_or_default();
            if body.get("detail").is_some() && seen.event.is_none() {
                is_new = true;
                seen.event = Some(body);
            } else {
                seen.notices.push(body);
            }
            let handle = message.receipt_handle.unwrap_or_default();
            // What stays comes again, and the queue goes in the end.
            let _ = sqs.delete_message().queue_url(&self.queue.url).receipt_handle(handle).send().await;
        }
        if seen.notice.is_none() {
            // A notice may overtake its event.
            seen.notice = seen.notices.iter().find(|notice| seen.is_of_the_call(notice)).cloned();
            is_new |= seen.notice.is_some();
        }
        Ok(is_new)
    }

    /// Looks for what the function's log says of the role, or of why the function cannot start.
    async fn read_log(&self, seen: &mut Seen) -> Result<bool, Problem> {
        if seen.outcome.is_some() || seen.event.is_none() {
            return Ok(false);
        }
        let had_error = seen.error.is_some();
        for line in self.log.lines().await? {
            let text = |key: &str| line.get(key).and_then(Value::as_str);
            if text("message") == Some("outcome") && seen.is_of_the_call(&line) {
                seen.outcome = Some(line);
                seen.error = None;
                return Ok(true);
            }
            if text("level") == Some("ERROR") {
                // The runtime logs the same error in its own words, without the code.
                let field = |key: &str| line.get("fields").unwrap_or(&line).get(key)?.as_str();
                match (field("code"), field("error")) {
                    (Some(code), Some(error)) => {
                        seen.cannot_start = text("message") == Some(CANNOT_START);
                        seen.error = Some(format!("{code}: {}", one_line(error, 800)))
                    }
                    (_, _) if seen.error.is_none() => seen.error = Some(one_line(&line.to_string(), 800)),
                    (_, _) => {}
                }
            }
        }
        Ok(!had_error && seen.error.is_some())
    }

    /// Whether the stack's rule takes the event, as EventBridge itself judges it; `None` where that cannot be asked.
    async fn is_matched(&self, seen: &Seen) -> Option<bool> {
        let events = aws_sdk_eventbridge::Client::new(&self.site.config);
        let rule = events.describe_rule().name(self.site.stack.output("RuleName").ok()?).send().await.ok()?;
        let is_enabled = rule.state.as_ref().is_some_and(|state| state.as_str() == "ENABLED");
        let event = seen.event.as_ref()?.to_string();
        let asked =
            events.test_event_pattern().event_pattern(rule.event_pattern?).event(event).send().await.ok()?;
        Some(asked.result && is_enabled)
    }

    async fn is_in_policy(&self, seen: &Seen) -> Option<bool> {
        let iam = aws_sdk_iam::Client::new(&self.site.config);
        let document = InlinePolicies::new(&iam, &seen.role).get().await.ok()?;
        let Some(document) = document else { return Some(false) };
        Some(policy::remove(&document, &self.site.function, SystemTime::now()).ok()? != Removal::NotListed)
    }
}

impl Seen {
    fn new(role: Principal, trails: String) -> Self {
        Self {
            role,
            trails,
            event: None,
            is_matched: None,
            outcome: None,
            error: None,
            cannot_start: false,
            is_in_policy: None,
            notice: None,
            notices: Vec::new(),
        }
    }

    /// Whether an outcome is that of this canary's call, and not of an earlier one with the same role.
    fn is_of_the_call(&self, outcome: &Value) -> bool {
        let id =
            self.event.as_ref().and_then(|event| event.pointer("/detail/eventID")).and_then(Value::as_str);
        id.is_some() && outcome.get("eventId").and_then(Value::as_str) == id
    }

    fn text<'a>(&'a self, key: &str) -> Option<&'a str> {
        self.outcome.as_ref()?.get(key)?.as_str()
    }

    /// What is waited for, and how long.
    fn awaited(&self, wait: Duration) -> (&'static str, Duration) {
        match (&self.event, &self.outcome, &self.error) {
            (_, Some(_), _) => ("the notice", NOTICE.min(wait)),
            (_, None, Some(_)) => ("the function's next try", RETRIES.min(wait)),
            (Some(_), None, None) => ("the function", wait),
            (None, None, None) => ("CloudTrail's record", wait),
        }
    }

    /// Whether nothing more can come.
    fn is_done(&self) -> bool {
        let is_told = self.text("notice").is_some_and(|notice| notice != "published");
        self.outcome.is_some() && (self.notice.is_some() || is_told)
    }
}

/// The five stages, and what is known of each.
struct Report {
    stages: Vec<Stage>,
    event: Option<Value>,
}

struct Stage {
    name: &'static str,
    is_reached: Option<bool>,
    text: String,
}

impl Report {
    fn of(seen: &Seen, site: &Site) -> Self {
        let stage = |name, is_reached, text: String| Stage { name, is_reached, text };
        let is_handled = seen.outcome.is_some() || (seen.error.is_some() && !seen.cannot_start);
        let trail = match &seen.event {
            Some(event) => {
                let id = event.pointer("/detail/eventID").and_then(Value::as_str).unwrap_or("unknown");
                stage(
                    "trail",
                    Some(true),
                    format!("CloudTrail recorded the denied call (event {})", one_line(id, 64)),
                )
            }
            None => {
                stage("trail", Some(false), format!("EventBridge got no record of the call; {}", seen.trails))
            }
        };
        let rule = match (seen.is_matched, is_handled) {
            (_, true) => stage("rule", Some(true), "the stack's rule handed it on".to_owned()),
            (Some(false), false) => stage(
                "rule",
                Some(false),
                "the stack's rule is disabled, or its pattern does not match the record (shown below)"
                    .to_owned(),
            ),
            (Some(true), false) => stage("rule", Some(true), "the stack's rule matches it".to_owned()),
            (None, false) => stage("rule", None, String::new()),
        };
        let function = match (&seen.outcome, &seen.error) {
            (Some(_), _) => {
                stage("function", Some(true), seen.text("summary").unwrap_or_default().to_owned())
            }
            (None, Some(error)) if seen.cannot_start => {
                stage("function", Some(false), format!("it cannot start: {error}"))
            }
            (None, Some(error)) => stage("function", Some(false), format!("it failed: {error}")),
            (None, None) if rule.is_reached == Some(true) => {
                let text =
                    "its log says nothing of the role; look at the queue UndeliveredEvents and at its errors";
                stage("function", Some(false), text.to_owned())
            }
            (None, None) => stage("function", None, String::new()),
        };
        Self {
            stages: vec![trail, rule, function, Self::policy(seen, site), Self::topic(seen)],
            event: seen.event.clone(),
        }
    }

    fn policy(seen: &Seen, site: &Site) -> Stage {
        let stage = |is_reached, text: String| Stage { name: "policy", is_reached, text };
        match (seen.text("outcome"), seen.text("reason"), seen.is_in_policy) {
            (None, _, _) => stage(None, String::new()),
            (Some("granted" | "already_granted"), _, Some(true)) => {
                stage(Some(true), "LambdaInvokePermission of the role lists the function".to_owned())
            }
            (Some("granted"), _, _) => stage(
                Some(false),
                "the function reports the grant, and the role's policy does not show it".to_owned(),
            ),
            (Some("would_grant"), _, _) => stage(Some(true), "dry-run: it would be written".to_owned()),
            (Some(_), Some("not_allowlisted"), _) => {
                let rule = json!({
                    "id": "canary", "principals": [seen.role.to_string()], "functions": [site.function.as_str()],
                });
                let text = format!(
                    "no rule admits the canary, so nothing was to be written. To try this stage as well, add {rule} to the \
                     allowlist, and the role's ARN to PrincipalArns"
                );
                stage(Some(false), text)
            }
            (Some(outcome), reason, _) => {
                let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                stage(Some(false), format!("nothing was written: {outcome}{reason}"))
            }
        }
    }

    fn topic(seen: &Seen) -> Stage {
        let stage = |is_reached, text: String| Stage { name: "topic", is_reached, text };
        match (&seen.notice, seen.text("notice")) {
            (Some(_), _) => stage(Some(true), "the notice arrived at a subscriber".to_owned()),
            (None, Some("published")) => {
                let text = "SNS took the notice, and it did not arrive at the canary's queue: look at the topic's key and policy";
                stage(Some(false), text.to_owned())
            }
            (None, Some("suppressed")) => {
                stage(None, "the notice repeats one that was sent a moment ago, and was left out".to_owned())
            }
            (None, Some(_) | None) => stage(None, String::new()),
        }
    }

    fn is_whole(&self) -> bool {
        self.stages.iter().all(|stage| stage.is_reached == Some(true))
    }

    fn show(&self, as_json: bool, left: &[String]) {
        if as_json {
            let stages: Vec<_> = self
                .stages
                .iter()
                .map(|Stage { name, is_reached, text }| json!({"stage": name, "reached": is_reached, "text": text}))
                .collect();
            out!("{:#}", json!({"stages": stages, "event": self.event, "leftBehind": left}));
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(crate::explain::width());
        table.set_header(["Stage", "Reached", ""]);
        for Stage { name, is_reached, text } in &self.stages {
            let reached = match is_reached {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not known",
            };
            table.add_row([name, reached, text]);
        }
        out!("{table}");
        if let Some(event) = self.event.as_ref().filter(|_| !self.is_whole()) {
            out!("The record, as EventBridge delivered it:\n{event:#}");
        }
    }
}
