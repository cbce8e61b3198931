//! What would happen to one event, as far as IAM need not be asked.

use crate::args::Events;
use crate::events::Event;
use crate::pasted;
use crate::problem::Problem;
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::{Principal, PrincipalKind};
use remediator_core::decision::{Decision, Grant, Judgement, OwnIdentity, admit};
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::{self, Incoming, Rejection, lines};
use remediator_core::outcome::{Outcome, Report, Verdict};
use remediator_core::policy::lease::Expiry;
use remediator_core::reason::{Reason, Refusal};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::SystemTime;

const OWN_ROLE: &str =
    "if this is the function's own execution role it is refused: --own-role ARN says which that is";

/// An event and the verdict on it.
#[derive(Debug)]
pub(crate) struct Case {
    name: String,
    note: Option<String>,
    report: Report,
    /// Who was denied what, where both are known in full.
    pair: Option<(Principal, FunctionArn)>,
    grant: Option<Grant>,
}

/// The patterns of the rule that matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) principal: String,
    pub(crate) function: String,
}

impl Case {
    /// Judges an event as the function would; a batch of a log's lines is a case for each.
    pub(crate) fn all(
        event: Event,
        list: &Allowlist,
        own: &OwnIdentity,
        role: Option<&Principal>,
    ) -> Vec<Self> {
        let Event { name, payload, note } = event;
        match incoming::read(&payload) {
            Incoming::Event(read) => vec![Self::of(name, note, read, list, own, role)],
            Incoming::Lines(batch) => {
                let line = |(index, read)| {
                    Self::of(format!("{name} [{index}]"), note.clone(), read, list, own, role)
                };
                lines::read(&batch).into_iter().enumerate().map(line).collect()
            }
        }
    }

    fn of(
        name: String,
        mut note: Option<String>,
        read: incoming::Event,
        list: &Allowlist,
        own: &OwnIdentity,
        role: Option<&Principal>,
    ) -> Self {
        let judged = match read {
            incoming::Event::Ignored(Rejection { facts, refusal }) => {
                Judged::no_decision(Report::new(*facts, Verdict::Ignored(refusal)))
            }
            incoming::Event::Refused(rejection) => Judged::no_decision(Report::refused(rejection)),
            incoming::Event::Denial(denial) => judge(denial, &mut note, list, own, role),
        };
        let Judged { report, pair, grant } = judged;
        let is_role = grant.as_ref().is_some_and(|grant| grant.principal().kind() == PrincipalKind::Role);
        let unknown = (is_role && own.role.is_none()).then(|| OWN_ROLE.to_owned());
        let notes: Vec<String> = [note, unknown].into_iter().flatten().collect();
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Self { name, note, report, pair, grant }
    }

    /// What is to be granted, if the policy does not say otherwise.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }

    /// The same event, when the policy has said what becomes of the grant.
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        self.report.verdict = verdict;
    }

    /// Where the event comes from.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What was done to the event before it was judged.
    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The outcome that the function would answer with, in a dry run.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::new(&self.report)
    }

    /// When the grant would run out, or what covers it does, if there is one and it does.
    pub(crate) fn expires(&self) -> Option<Expiry> {
        self.report.verdict.expires()
    }

    /// The patterns that matched, of the rule that decided.
    pub(crate) fn clause(&self, list: &Allowlist) -> Option<Clause> {
        let rule = list.rules().iter().find(|rule| Some(rule.id()) == self.report.rule.as_deref())?;
        let (principal, function) = self.pair()?;
        let clause = rule.clause_for(principal, function)?;
        Some(Clause {
            principal: clause.principal.as_str().to_owned(),
            function: clause.function.as_str().to_owned(),
        })
    }

    /// Of an event that no rule matches: the rules of which one half does.
    pub(crate) fn near_misses(&self, list: &Allowlist) -> Vec<String> {
        let Some((principal, function)) = self.pair().filter(|_| self.is_not_listed()) else {
            return Vec::new();
        };
        let half = list.rules().iter().filter_map(|rule| {
            let id = rule.id();
            let names_principal = rule.principals().iter().any(|pattern| pattern.matches(principal));
            let names_function = rule.functions().iter().any(|pattern| pattern.matches(function));
            match (names_principal, names_function) {
                (true, false) => Some(format!("the rule `{id}` matches the principal, but not the function")),
                (false, true) => Some(format!("the rule `{id}` matches the function, but not the principal")),
                (true, true) | (false, false) => None,
            }
        });
        half.collect()
    }

    /// The outcome as JSON with what explains it. Nobody is told, so there is no `notice`.
    pub(crate) fn to_json(&self, list: &Allowlist) -> Value {
        let mut json = json!(self.outcome());
        if let Some(fields) = json.as_object_mut() {
            fields.remove("notice");
            let clause = self
                .clause(list)
                .map(|Clause { principal, function }| json!({"principal": principal, "function": function}));
            fields.insert("event".to_owned(), json!(self.name));
            fields.insert("clause".to_owned(), json!(clause));
            fields.insert("expires".to_owned(), json!(self.expires().map(|expiry| expiry.to_string())));
            fields.insert("nearMisses".to_owned(), json!(self.near_misses(list)));
            fields.insert("note".to_owned(), json!(self.note));
        }
        json
    }

    fn is_not_listed(&self) -> bool {
        matches!(&self.report.verdict, Verdict::Refused(refusal) if refusal.reason == Reason::NotAllowlisted)
    }

    fn pair(&self) -> Option<(&Principal, &FunctionArn)> {
        self.pair.as_ref().map(|(principal, function)| (principal, function))
    }
}

/// The report of an event, and what it was judged by.
struct Judged {
    report: Report,
    pair: Option<(Principal, FunctionArn)>,
    grant: Option<Grant>,
}

impl Judged {
    fn no_decision(report: Report) -> Self {
        Self { report, pair: None, grant: None }
    }

    fn decided(denial: &Denial, decision: Decision) -> Self {
        let pair = match denial.caller() {
            Caller::Principal(principal) => Some((principal.clone(), denial.function().clone())),
            Caller::Session(_) | Caller::Other { .. } => None,
        };
        let facts = denial.facts().clone();
        match decision {
            Decision::Refuse { refusal, rule } => {
                Self { report: Report { facts, verdict: Verdict::Refused(refusal), rule }, pair, grant: None }
            }
            Decision::Grant(grant) => {
                let verdict = Verdict::WouldGrant { expires: grant.expiry() };
                let rule = Some(grant.rule().to_owned());
                Self { report: Report { facts, verdict, rule }, pair, grant: Some(grant) }
            }
        }
    }
}

/// Judges a denial as the function would. Where that asks IAM, `note` says what is taken for its answer.
fn judge(
    denial: Denial,
    note: &mut Option<String>,
    list: &Allowlist,
    own: &OwnIdentity,
    role: Option<&Principal>,
) -> Judged {
    let now = SystemTime::now();
    let admitted = match admit(denial, own) {
        Ok(admitted) => admitted,
        Err(rejection) => return Judged::no_decision(Report::refused(rejection)),
    };
    let unidentified = match admitted.judge(list, now) {
        Judgement::Decided(decision) => return Judged::decided(admitted.denial(), decision),
        Judgement::NeedsIdentity(unidentified) => unidentified,
    };
    let (principal, told) = pasted::principal_of(admitted.denial(), role);
    note.get_or_insert_with(|| told.to_owned());
    let Some(principal) = principal else {
        let refusal = Refusal::new(Reason::NoSuchPrincipal, "it cannot be told who the caller is");
        return Judged::decided(admitted.denial(), Decision::Refuse { refusal, rule: None });
    };
    match unidentified.resolve(principal, own) {
        Ok(identified) => Judged::decided(identified.denial(), identified.decide(list, now)),
        Err(rejection) => Judged::no_decision(Report::refused(rejection)),
    }
}

/// Who the function would be: of the account that is named, or of the only one that the list's functions have.
pub(crate) fn own_identity(args: &Events, list: &Allowlist) -> Result<OwnIdentity, Problem> {
    let role = args.own_role.clone();
    let patterns = || list.rules().iter().flat_map(|rule| rule.functions()).map(|pattern| pattern.as_str());
    let accounts: BTreeSet<&str> = patterns().filter_map(|pattern| pattern.split(':').nth(4)).collect();
    let account = match (&args.account, &role, accounts.len()) {
        (Some(account), _, _) => account.clone(),
        (None, Some(role), _) => role.account().to_owned(),
        (None, None, 1) => accounts.into_iter().collect(),
        (None, None, _) => {
            let accounts: Vec<&str> = accounts.into_iter().collect();
            return Err(Problem::new(format!(
                "the list speaks of several accounts ({}): name the one that the function runs in with --account",
                accounts.join(", ")
            )));
        }
    };
    // A pattern may leave the partition open.
    let partition =
        patterns().filter_map(|pattern| pattern.split(':').nth(1)).find(|text| !text.contains(['*', '?']));
    let partition = role.as_ref().map(Principal::partition).or(partition).unwrap_or("aws").to_owned();
    Ok(OwnIdentity { partition, account, role })
}
