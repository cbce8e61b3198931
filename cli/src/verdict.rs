//! What would happen to one event, as far as IAM need not be asked.

use crate::args::Events;
use crate::events::Event;
use crate::pasted;
use crate::problem::Problem;
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::{Principal, PrincipalKind};
use remediator_core::decision::{self, Decision, Grant, OwnIdentity};
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::{self, Denial, Facts, Reading};
use remediator_core::incoming::event::Payload;
use remediator_core::incoming::log_batch::LogBatch;
use remediator_core::outcome::{Outcome, Verdict};
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
    facts: Facts,
    denial: Option<Denial>,
    verdict: Verdict,
    rule: Option<String>,
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
        let batch = match &payload {
            Payload::Json(value) => LogBatch::read(value),
            Payload::Unreadable(_) | Payload::NotJson(_) => None,
        };
        let Some(batch) = batch else {
            return vec![Self::of(name, note, denial::read(&payload), list, own, role)];
        };
        let lines = denial::read_batch(&batch).into_iter().enumerate();
        let line = |(index, read)| Self::of(format!("{name} [{index}]"), note.clone(), read, list, own, role);
        lines.map(line).collect()
    }

    fn of(
        name: String,
        mut note: Option<String>,
        (mut facts, reading): (Facts, Reading),
        list: &Allowlist,
        own: &OwnIdentity,
        role: Option<&Principal>,
    ) -> Self {
        let case = |facts, note, verdict, denial, rule, grant| Self {
            name,
            note,
            facts,
            denial,
            verdict,
            rule,
            grant,
        };
        let mut denial = match reading {
            Reading::Ignored(refusal) => {
                return case(facts, note, Verdict::Ignored(refusal), None, None, None);
            }
            Reading::Refused(refusal) => {
                return case(facts, note, Verdict::Refused(refusal), None, None, None);
            }
            Reading::Denial(denial) => denial,
        };
        let now = SystemTime::now();
        let mut decision = decision::of(&denial, own, list, now);
        if decision == Decision::Identify {
            let (identified, told) = pasted::identified(&denial, role);
            note.get_or_insert_with(|| told.to_owned());
            match identified {
                Ok(identified) => denial = identified,
                Err(refusal) => return case(facts, note, Verdict::Refused(refusal), None, None, None),
            }
            facts.principal = denial.caller().arn();
            decision = decision::of(&denial, own, list, now);
        }
        match decision {
            Decision::Identify => {
                let refusal = Refusal::new(Reason::NoSuchPrincipal, "it cannot be told who the caller is");
                case(facts, note, Verdict::Refused(refusal), Some(denial), None, None)
            }
            Decision::Refuse { refusal, rule } => {
                case(facts, note, Verdict::Refused(refusal), Some(denial), rule, None)
            }
            Decision::Grant(grant) => {
                let rule = grant.rule().to_owned();
                let is_role = grant.principal().kind() == PrincipalKind::Role;
                let unknown = (is_role && own.role.is_none()).then(|| OWN_ROLE.to_owned());
                let notes: Vec<String> = [note, unknown].into_iter().flatten().collect();
                let note = (!notes.is_empty()).then(|| notes.join("; "));
                let verdict = Verdict::WouldGrant { expires: grant.expiry() };
                case(facts, note, verdict, Some(denial), Some(rule), Some(grant))
            }
        }
    }

    /// What is to be granted, if the policy does not say otherwise.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }

    /// The same event, when the policy has said what becomes of the grant.
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        self.verdict = verdict;
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
        Outcome::new(&self.facts, &self.verdict, self.rule.as_deref())
    }

    /// When the grant would run out, or what covers it does, if there is one and it does.
    pub(crate) fn expires(&self) -> Option<Expiry> {
        self.verdict.expires()
    }

    /// The patterns that matched, of the rule that decided.
    pub(crate) fn clause(&self, list: &Allowlist) -> Option<Clause> {
        let rule = list.rules().iter().find(|rule| Some(rule.id()) == self.rule.as_deref())?;
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
        matches!(&self.verdict, Verdict::Refused(refusal) if refusal.reason == Reason::NotAllowlisted)
    }

    fn pair(&self) -> Option<(&Principal, &FunctionArn)> {
        let denial = self.denial.as_ref()?;
        match denial.caller() {
            Caller::Principal(principal) => Some((principal, denial.function())),
            Caller::Session(_) | Caller::Other { .. } => None,
        }
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
