//! `remediator plan`: what would change in the policies, against a document that is given or those that IAM holds.
//!
//! Several events are taken one after the other, as the function would: each sees what those before it have added.

use crate::args::Plan;
use crate::diff::diff;
use crate::explain;
use crate::output::{Harmless, out};
use crate::problem::Problem;
use crate::verdict::Case;
use crate::{aws, check};
use lambda_invoke_remediator::iam::error::NotDone;
use lambda_invoke_remediator::iam::inline_policies::InlinePolicies;
use remediator_core::arn::principal::Principal;
use remediator_core::decision::Grant;
use remediator_core::outcome::Verdict;
use remediator_core::policy::lease::Expiry;
use remediator_core::policy::quota::{counted_size, quota};
use remediator_core::policy::{self, Merge, POLICY_NAME};
use remediator_core::reason::{Reason, Refusal};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;

/// The inline policies of one principal, as far as a plan needs them.
#[derive(Debug, Clone)]
struct Policies {
    document: Option<String>,
    /// What the principal's other inline policies hold; 0 where only a file is known.
    others: usize,
}

/// What becomes of a grant.
enum Planned {
    /// It changes the policy.
    Change(Change),
    /// The policy covers it, perhaps until then.
    Covered(Option<Expiry>),
}

/// What a grant would do.
struct Change {
    before: Option<String>,
    after: String,
    used: usize,
    quota: usize,
}

pub(crate) async fn run(plan: &Plan) -> Result<ExitCode, Problem> {
    let (list, mut cases) = explain::judge(&plan.events)?;
    let mut source = Source::new(plan).await?;
    let mut known: HashMap<Principal, Result<Policies, Refusal>> = HashMap::new();
    let mut told = Vec::new();
    for case in &mut cases {
        let mut change = None;
        if let Some(grant) = case.grant().cloned() {
            let principal = grant.principal();
            if !known.contains_key(principal) {
                known.insert(principal.clone(), source.read(principal).await?);
            }
            let planned = known.get_mut(principal).map_or(Err(no_such()), |policies| match policies {
                Ok(policies) => policies.grant(&grant),
                Err(refusal) => Err(refusal.clone()),
            });
            match planned {
                Ok(Planned::Change(planned)) => change = Some((grant, planned)),
                Ok(Planned::Covered(expires)) => {
                    case.settle(Verdict::AlreadyGranted { is_listed: false, expires })
                }
                Err(refusal) => case.settle(Verdict::Refused(refusal)),
            }
        }
        if plan.events.json {
            let mut json = case.to_json(&list);
            if let Some(fields) = json.as_object_mut() {
                fields.insert("change".to_owned(), json!(change.map(|(_, change)| change.to_json())));
            }
            told.push(json);
        } else {
            show(case, &list, change);
        }
    }
    if plan.events.json {
        out!("{:#}", Value::from(told));
    }
    Ok(ExitCode::SUCCESS)
}

fn no_such() -> Refusal {
    Refusal::new(Reason::NoSuchPrincipal, "nothing is known of it")
}

fn show(case: &Case, list: &remediator_core::allowlist::Allowlist, change: Option<(Grant, Change)>) {
    out!("{}: {}", Harmless(case.name()), explain::outcome(case));
    for line in explain::why(case, list).lines() {
        out!("  {line}");
    }
    if let Some(rule) = case.outcome().rule {
        out!("  Rule: {rule}");
    }
    if let Some(expiry) = case.expires() {
        out!("  Expires: {expiry}");
    }
    if let Some((grant, Change { before, after, used, quota })) = change {
        out!("  Size: {used} of {quota} characters then\n");
        out!("{}", diff(&grant.principal().to_string(), before.as_deref(), Some(&after)).trim_end());
    }
    out!();
}

impl Change {
    fn to_json(&self) -> Value {
        let Self { before, after, used, quota } = self;
        json!({"policyName": POLICY_NAME, "before": before, "after": after, "used": used, "quota": quota})
    }
}

impl Policies {
    /// Adds the grant, unless it is covered.
    fn grant(&mut self, grant: &Grant) -> Result<Planned, Refusal> {
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
        Ok(Planned::Change(Change { before, after: document, used, quota }))
    }
}

/// Where documents come from.
enum Source {
    Given(Option<String>),
    Iam(Box<aws_sdk_iam::Client>),
}

impl Source {
    async fn new(plan: &Plan) -> Result<Self, Problem> {
        Ok(match &plan.policy {
            Some(path) => Self::Given(Some(document_in(check::read(path)?))),
            None if plan.no_policy => Self::Given(None),
            None => Self::Iam(Box::new(aws_sdk_iam::Client::new(&aws::config().await?))),
        })
    }

    async fn read(&mut self, principal: &Principal) -> Result<Result<Policies, Refusal>, Problem> {
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

/// The document itself, or the answer of `aws iam get-user-policy` that holds it.
fn document_in(text: String) -> String {
    let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
    let answer: Option<Value> = serde_json::from_str(&text).ok();
    match answer.as_ref().and_then(|answer| answer.get("PolicyDocument")) {
        Some(document) => document.to_string(),
        None => text,
    }
}
