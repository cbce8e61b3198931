//! `remediator plan`: shows what would change in the policies, those that IAM holds or a given one.
//!
//! Events are planned in their order, as the function would handle them: each sees what those before it have added.

use crate::args::Plan;
use crate::cases::{self, Case};
use crate::problem::Problem;
use crate::ui::diff::diff;
use crate::ui::output::{Escaped, out};
use crate::{aws, input};
use lambda_invoke_remediator::iam::error::NotDone;
use lambda_invoke_remediator::iam::inline_policies::InlinePolicies;
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::principal::Principal;
use remediator_core::decision::Grant;
use remediator_core::outcome::Verdict;
use remediator_core::policy::lease::Expiry;
use remediator_core::policy::quota::{counted_size, quota};
use remediator_core::policy::{self, Merge, POLICY_NAME};
use remediator_core::reason::{Reason, Refusal};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) async fn run(args: &Plan) -> Result<ExitCode, Problem> {
    let (list, mut cases) = cases::judge(&args.events)?;
    let mut planner = Planner { source: Source::new(args).await?, known: HashMap::new() };
    let mut all = Vec::new();
    for case in &mut cases {
        let change = planner.settle(case).await?;
        match args.events.json {
            true => all.push(to_json(case, &list, change.as_ref())),
            false => print(case, &list, change.as_ref()),
        }
    }
    if args.events.json {
        out!("{:#}", Value::from(all));
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(case: &Case, list: &Allowlist, change: Option<&Change>) -> Value {
    let mut json = case.to_json(list);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("change".to_owned(), json!(change.map(Change::to_json)));
    }
    json
}

fn print(case: &Case, list: &Allowlist, change: Option<&Change>) {
    out!("{}: {}", Escaped(case.name()), case.outcome_and_reason());
    for line in case.explanation(list) {
        out!("  {line}");
    }
    if let Some(rule) = case.outcome().rule {
        out!("  Rule: {rule}");
    }
    if let Some(expiry) = case.expires() {
        out!("  Expires: {expiry}");
    }
    if let Some(Change { principal, before, after, used, quota }) = change {
        out!("  Size afterwards: {used} of {quota} characters\n");
        out!("{}", diff(&principal.to_string(), before.as_deref(), Some(after)).trim_end());
    }
    out!();
}

/// The policies of all principals so far, with what has been planned for them.
struct Planner {
    source: Source,
    known: HashMap<Principal, Result<Policies, Refusal>>,
}

/// The inline policies of one principal, as far as a plan needs them.
#[derive(Debug, Clone)]
struct Policies {
    document: Option<String>,
    /// The size of the principal's other inline policies; 0 where the document comes from a file.
    others: usize,
}

/// What a grant leads to.
enum Planned {
    /// It changes the policy.
    Change(Change),
    /// The policy covers it; with when that coverage expires, if it does.
    Covered(Option<Expiry>),
}

/// A change of one principal's policy.
struct Change {
    principal: Principal,
    before: Option<String>,
    after: String,
    /// The size of all inline policies afterwards.
    used: usize,
    quota: usize,
}

impl Planner {
    /// Gives a case the verdict that the policy leads to, and returns the change that its grant makes.
    async fn settle(&mut self, case: &mut Case) -> Result<Option<Change>, Problem> {
        let Some(grant) = case.grant() else { return Ok(None) };
        match self.plan(grant).await? {
            Ok(Planned::Change(change)) => return Ok(Some(change)),
            Ok(Planned::Covered(expires)) => {
                case.settle(Verdict::AlreadyGranted { is_listed: false, expires });
            }
            Err(refusal) => case.settle(Verdict::Refused(refusal)),
        }
        Ok(None)
    }

    /// Plans a grant on what the grants before it have left. The inner error is the function's refusal.
    async fn plan(&mut self, grant: &Grant) -> Result<Result<Planned, Refusal>, Problem> {
        let principal = grant.principal();
        let policies = match self.known.entry(principal.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.source.read(principal).await?),
        };
        Ok(match policies {
            Ok(policies) => policies.add(grant),
            Err(refusal) => Err(refusal.clone()),
        })
    }
}

impl Policies {
    /// Adds a grant, unless it is covered.
    fn add(&mut self, grant: &Grant) -> Result<Planned, Refusal> {
        let document = self.document.as_deref();
        let merged = policy::merge(document, grant.function(), grant.expiry(), grant.decided_at());
        let merged = merged.map_err(|why| {
            Refusal::new(Reason::UnreadablePolicy, format!("{POLICY_NAME} is left alone: {why}"))
        })?;
        let mut document = match merged {
            Merge::Covered { expires, .. } => return Ok(Planned::Covered(expires)),
            Merge::Write { document, .. } => document,
        };
        let quota = quota(grant.principal().kind());
        let size = |document: &str| self.others + counted_size(document);
        if size(&document) > quota {
            document = policy::fold(&document);
        }
        let used = size(&document);
        if used > quota {
            let why =
                format!("its inline policies would hold {used} of {quota} characters, white space left out");
            return Err(Refusal::new(Reason::PolicyFull, why));
        }
        let before = self.document.replace(document.clone());
        let principal = grant.principal().clone();
        Ok(Planned::Change(Change { principal, before, after: document, used, quota }))
    }
}

impl Change {
    fn to_json(&self) -> Value {
        let Self { principal: _, before, after, used, quota } = self;
        json!({"policyName": POLICY_NAME, "before": before, "after": after, "used": used, "quota": quota})
    }
}

/// Where the policy documents come from.
enum Source {
    /// A file, for every principal; or the statement that they have no such policy.
    Given(Option<String>),
    Iam(Box<aws_sdk_iam::Client>),
}

impl Source {
    async fn new(args: &Plan) -> Result<Self, Problem> {
        Ok(match &args.policy {
            Some(path) => Self::Given(Some(document_in(input::read_text(path)?))),
            None if args.no_policy => Self::Given(None),
            None => Self::Iam(Box::new(aws_sdk_iam::Client::new(&aws::config().await?))),
        })
    }

    /// Reads the policies of one principal. The inner error is the function's refusal.
    async fn read(&self, principal: &Principal) -> Result<Result<Policies, Refusal>, Problem> {
        let iam = match self {
            Self::Given(document) => return Ok(Ok(Policies { document: document.clone(), others: 0 })),
            Self::Iam(iam) => iam,
        };
        let policies = InlinePolicies::new(iam, principal);
        let document = match policies.get().await.map_err(NotDone::from) {
            Ok(document) => document,
            Err(NotDone::Refused(refusal)) => return Ok(Err(refusal)),
            Err(NotDone::Failed(error)) => return Err(error.into()),
        };
        let own = document.as_deref().map_or(0, counted_size);
        let used = policies.usage(document.as_deref()).await.map_or(own, |usage| usage.used);
        Ok(Ok(Policies { document, others: used.saturating_sub(own) }))
    }
}

/// Returns the policy document in a text: the text itself, or the `PolicyDocument` in the answer of `aws iam get-user-policy`.
fn document_in(text: String) -> String {
    let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
    let answer: Option<Value> = serde_json::from_str(&text).ok();
    match answer.as_ref().and_then(|answer| answer.get("PolicyDocument")) {
        Some(document) => document.to_string(),
        None => text,
    }
}
