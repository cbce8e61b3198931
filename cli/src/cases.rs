//! The events that a command is given, each with the verdict that the function would reach.
//!
//! The function's `handler` asks two things of IAM that are not asked here: who the caller of a pasted text is, which is
//! assumed instead and noted, and what the policy holds. So a granted event ends in [`Verdict::WouldGrant`], until a command
//! that knows the policy settles it.

use crate::args::Events;
use crate::input::events::GivenEvent;
use crate::input::pasted::AssumedCaller;
use crate::input::{self, allowlist, events, pasted};
use crate::problem::Problem;
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::FunctionArn;
use remediator_core::arn::principal::{Principal, PrincipalKind};
use remediator_core::decision::{Decision, Grant, Judgement, OwnIdentity, Unidentified, admit};
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::{self, Event, Incoming, Rejection, lines};
use remediator_core::outcome::{Outcome, Report, Verdict, json_name};
use remediator_core::policy::lease::Expiry;
use remediator_core::reason::{Reason, Refusal};
use serde_json::{Value, json};
use std::time::SystemTime;

const OWN_ROLE_IS_UNKNOWN: &str = "if this is the function's own execution role, the function refuses it: name that role with --own-role ARN";

/// How many rules are named that match one half of a denial. JSON names all.
const MAX_NEAR_MISSES: usize = 3;

/// Reads the allowlist and the events that a command line names, and judges each event.
pub(crate) fn judge(args: &Events) -> Result<(Allowlist, Vec<Case>), Problem> {
    let takes_input = args.events.is_empty() || args.events.iter().any(|path| input::is_standard_input(path));
    if takes_input && input::is_standard_input(&args.allowlist) {
        return Err(Problem::new(
            "the allowlist and an event cannot both come from the standard input: name a file",
        ));
    }
    let list = allowlist::read(&args.allowlist)?;
    let own = allowlist::own_identity(&list, args.account.as_deref(), args.own_role.as_ref())?;
    let judge = Judge { list: &list, own, role: args.principal.as_ref(), now: SystemTime::now() };
    let cases = events::read(&args.events)?.into_iter().flat_map(|event| judge.cases(event)).collect();
    Ok((list, cases))
}

/// What events are judged by.
struct Judge<'a> {
    list: &'a Allowlist,
    own: OwnIdentity,
    /// The role behind the sessions in pasted texts, where the operator has named it.
    role: Option<&'a Principal>,
    now: SystemTime,
}

impl Judge<'_> {
    /// Judges what the function would be given at once: one event, or the lines of a log.
    fn cases(&self, given: GivenEvent) -> Vec<Case> {
        let GivenEvent { name, payload, note } = given;
        match incoming::read(&payload) {
            Incoming::Event(event) => vec![self.case(name, note, event)],
            Incoming::Lines(batch) => {
                let lines = lines::read(&batch).into_iter().enumerate();
                lines
                    .map(|(index, line)| self.case(format!("{name} [{index}]"), note.clone(), line))
                    .collect()
            }
        }
    }

    fn case(&self, name: String, note: Option<String>, event: Event) -> Case {
        let Judged { report, pair, grant, assumption } = self.judge(event);
        let is_role = grant.as_ref().is_some_and(|grant| grant.principal().kind() == PrincipalKind::Role);
        let own_role = (is_role && self.own.role.is_none()).then_some(OWN_ROLE_IS_UNKNOWN);
        // What is wrong with the text itself says already that nobody confirms its caller.
        let of_event = note.as_deref().or(assumption);
        let notes: Vec<&str> = [of_event, own_role].into_iter().flatten().collect();
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Case { name, note, report, pair, grant }
    }

    /// Admits an event and asks the allowlist, as the function does.
    fn judge(&self, event: Event) -> Judged {
        let denial = match event {
            Event::Ignored(Rejection { facts, refusal }) => {
                return Judged::rejected(Report::new(*facts, Verdict::Ignored(refusal)));
            }
            Event::Refused(rejection) => return Judged::rejected(Report::refused(rejection)),
            Event::Denial(denial) => denial,
        };
        let admitted = match admit(denial, &self.own) {
            Ok(admitted) => admitted,
            Err(rejection) => return Judged::rejected(Report::refused(rejection)),
        };
        match admitted.judge(self.list, self.now) {
            Judgement::Decided(decision) => Judged::decided(admitted.denial(), decision),
            Judgement::NeedsIdentity(unidentified) => self.judge_assumed(unidentified),
        }
    }

    /// Judges a denial whose caller the function would ask IAM for.
    fn judge_assumed(&self, unidentified: Unidentified) -> Judged {
        let AssumedCaller { principal, note } = pasted::assume_caller(unidentified.denial(), self.role);
        let judged = match principal.map(|principal| unidentified.clone().resolve(principal, &self.own)) {
            Some(Ok(identified)) => {
                Judged::decided(identified.denial(), identified.decide(self.list, self.now))
            }
            Some(Err(rejection)) => Judged::rejected(Report::refused(rejection)),
            None => {
                let refusal =
                    Refusal::new(Reason::NoSuchPrincipal, "the text does not say who the caller is");
                Judged::decided(unidentified.denial(), Decision::Refuse { refusal, rule: None })
            }
        };
        Judged { assumption: Some(note), ..judged }
    }
}

/// The report on an event, and what led to it.
struct Judged {
    report: Report,
    pair: Option<(Principal, FunctionArn)>,
    grant: Option<Grant>,
    /// What was assumed of the caller.
    assumption: Option<&'static str>,
}

impl Judged {
    /// An event that the allowlist is not asked about.
    fn rejected(report: Report) -> Self {
        Self { report, pair: None, grant: None, assumption: None }
    }

    fn decided(denial: &Denial, decision: Decision) -> Self {
        let pair = match denial.caller() {
            Caller::Principal(principal) => Some((principal.clone(), denial.function().clone())),
            Caller::Session(_) | Caller::Other { .. } => None,
        };
        let (verdict, rule, grant) = match decision {
            Decision::Refuse { refusal, rule } => (Verdict::Refused(refusal), rule, None),
            Decision::Grant(grant) => {
                let verdict = Verdict::WouldGrant { expires: grant.expiry() };
                (verdict, Some(grant.rule().to_owned()), Some(grant))
            }
        };
        let report = Report { facts: denial.facts().clone(), verdict, rule };
        Self { report, pair, grant, assumption: None }
    }
}

/// An event, and the verdict on it.
#[derive(Debug)]
pub(crate) struct Case {
    name: String,
    note: Option<String>,
    report: Report,
    /// The principal and the function of a denial that names both in full.
    pair: Option<(Principal, FunctionArn)>,
    grant: Option<Grant>,
}

/// The two patterns by which a rule matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) principal: String,
    pub(crate) function: String,
}

impl Case {
    /// Returns where the event comes from.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the outcome that the function would reply with in a dry run.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::new(&self.report)
    }

    /// Returns the grant that the function would carry out, unless the policy covers it.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }

    /// Returns when the grant, or what covers it, expires; `None` also where it never does.
    pub(crate) fn expires(&self) -> Option<Expiry> {
        self.report.verdict.expires()
    }

    /// Replaces the verdict by the one that the policy leads to.
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        self.report.verdict = verdict;
    }

    /// Returns the outcome's name with its reason, such as `refused (not_allowlisted)`.
    pub(crate) fn outcome_and_reason(&self) -> String {
        let outcome = self.outcome();
        match outcome.reason {
            Some(reason) => format!("{} ({})", json_name(outcome.outcome), json_name(reason)),
            None => json_name(outcome.outcome),
        }
    }

    /// Returns the lines that explain the outcome to a person.
    pub(crate) fn explanation(&self, list: &Allowlist) -> Vec<String> {
        let mut lines = vec![self.outcome().summary];
        lines
            .extend(self.near_misses(list).iter().take(MAX_NEAR_MISSES).map(|miss| format!("Near: {miss}.")));
        lines.extend(self.note.iter().map(|note| format!("Note: {note}.")));
        lines
    }

    /// Returns the outcome as JSON, with what explains it. It has no `notice`, since none is published.
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

    /// Returns the patterns by which the rule that decided matched.
    pub(crate) fn clause(&self, list: &Allowlist) -> Option<Clause> {
        let rule = list.rules().iter().find(|rule| Some(rule.id()) == self.report.rule.as_deref())?;
        let (principal, function) = self.pair.as_ref()?;
        let clause = rule.clause_for(principal, function)?;
        Some(Clause {
            principal: clause.principal.as_str().to_owned(),
            function: clause.function.as_str().to_owned(),
        })
    }

    /// Returns, where no rule matches, the rules that match only the principal or only the function.
    fn near_misses(&self, list: &Allowlist) -> Vec<String> {
        let Some((principal, function)) = self.pair.as_ref().filter(|_| self.is_not_listed()) else {
            return Vec::new();
        };
        let near_misses = list.rules().iter().filter_map(|rule| {
            let id = rule.id();
            let matches_principal = rule.principals().iter().any(|pattern| pattern.matches(principal));
            let matches_function = rule.functions().iter().any(|pattern| pattern.matches(function));
            match (matches_principal, matches_function) {
                (true, false) => Some(format!("the rule `{id}` matches the principal, but not the function")),
                (false, true) => Some(format!("the rule `{id}` matches the function, but not the principal")),
                (true, true) | (false, false) => None,
            }
        });
        near_misses.collect()
    }

    fn is_not_listed(&self) -> bool {
        matches!(&self.report.verdict, Verdict::Refused(refusal) if refusal.reason == Reason::NotAllowlisted)
    }
}
