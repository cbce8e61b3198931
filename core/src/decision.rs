//! Decides on a denial: grant, or refuse with a reason. The same denial, list and time always give the same decision.
//!
//! A denial is [admitted](admit): what no list can change is refused there. Then the allowlist [judges](Admitted::judge) it.
//! Where a text alone names the caller, IAM is asked who that is in between, and the denial is admitted again with the answer.
//!
//! A [`Grant`] can be made here alone, and what is granted is read from it alone. So nothing can be granted that was not
//! decided, and a grant is always the exact function that was denied, however wide the pattern that admitted it.

use crate::allowlist::{Allowlist, NoRule, Rule, RuleAction};
use crate::arn::FunctionArn;
use crate::arn::principal::{Principal, SessionRole};
use crate::incoming::Rejection;
use crate::incoming::caller::Caller;
use crate::incoming::denial::Denial;
use crate::incoming::message::{Cause, DenialKind, DeniedBy};
use crate::incoming::source::Source;
use crate::policy::lease::Expiry;
use crate::reason::{Reason, Refusal};
use crate::text::shown;
use std::time::SystemTime;

/// Who we are: grants stay inside our account, and never go to ourselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnIdentity {
    /// The partition that the function runs in.
    pub partition: String,
    /// The account that the function runs in.
    pub account: String,
    /// The function's execution role, if it is known.
    pub role: Option<Principal>,
}

/// One principal may invoke one function, because a rule says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    principal: Principal,
    function: FunctionArn,
    rule: String,
    expiry: Option<Expiry>,
    decided_at: SystemTime,
}

impl Grant {
    /// Whose inline policy it goes into.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The one function.
    pub fn function(&self) -> &FunctionArn {
        &self.function
    }

    /// The id of the rule that admits it.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// When it runs out, if the rule says so. It is fixed here, so that a write that is made again says the same.
    pub fn expiry(&self) -> Option<Expiry> {
        self.expiry
    }

    /// The time that it was decided at, by which other grants count as run out.
    pub fn decided_at(&self) -> SystemTime {
        self.decided_at
    }
}

/// A denied invoke that an allowlist could admit: nothing but the list speaks against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    denial: Denial,
    party: Party,
}

/// To whom the function could be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Party {
    Principal(Principal),
    /// A role whose path is not known yet.
    Session(SessionRole),
}

/// The judgement on an admitted denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is decided.
    Decided(Decision),
    /// The list may admit whom the text names: IAM has to say who that is.
    NeedsIdentity(Unidentified),
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Grant it.
    Grant(Grant),
    /// Do not.
    Refuse {
        /// Why not.
        refusal: Refusal,
        /// The id of the rule that says so, where one does.
        rule: Option<String>,
    },
}

/// An admitted denial whose caller a text alone names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unidentified(Box<Admitted>);

/// An admitted denial whose caller a text names and IAM knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    denial: Denial,
    principal: Principal,
}

/// Admits a denial unless something refuses it whatever the list says. The order of the checks is part of the contract: each
/// event has one reason.
///
/// # Errors
///
/// The rejection names the first check that refuses.
pub fn admit(denial: Denial, own: &OwnIdentity) -> Result<Admitted, Rejection> {
    match admissible(&denial, own) {
        Ok(party) => Ok(Admitted { denial, party }),
        Err(refusal) => Err(Rejection::new(denial.facts().clone(), refusal)),
    }
}

impl Admitted {
    /// The denial.
    pub fn denial(&self) -> &Denial {
        &self.denial
    }

    /// Asks the list. The time has no part in whether something is granted, only in how long.
    pub fn judge(&self, allowlist: &Allowlist, now: SystemTime) -> Judgement {
        let denial = &self.denial;
        match &self.party {
            Party::Principal(principal) => {
                match granting_rule(denial.source(), principal, denial.function(), allowlist) {
                    Ok(_) if !denial.is_identified() => {
                        Judgement::NeedsIdentity(Unidentified(Box::new(self.clone())))
                    }
                    Ok(rule) => {
                        Judgement::Decided(Decision::Grant(grant(principal, denial.function(), rule, now)))
                    }
                    Err((refusal, rule)) => Judgement::Decided(Decision::Refuse { refusal, rule }),
                }
            }
            Party::Session(role) if allowlist.may_admit(denial.source(), role, denial.function()) => {
                Judgement::NeedsIdentity(Unidentified(Box::new(self.clone())))
            }
            Party::Session(_) => {
                let why =
                    "no rule of the allowlist can match this role, whatever its path, and this function";
                let refusal = Refusal::new(Reason::NotAllowlisted, why);
                Judgement::Decided(Decision::Refuse { refusal, rule: None })
            }
        }
    }
}

impl Unidentified {
    /// The denial.
    pub fn denial(&self) -> &Denial {
        &self.0.denial
    }

    /// Takes in the user or role that IAM holds under the caller's name, and admits the denial with it.
    ///
    /// # Errors
    ///
    /// IAM names somebody else, or one that is never granted anything.
    pub fn resolve(self, principal: Principal, own: &OwnIdentity) -> Result<Identified, Rejection> {
        let Admitted { denial, party } = admit(self.0.denial.identified(principal)?, own)?;
        match party {
            Party::Principal(principal) => Ok(Identified { denial, principal }),
            Party::Session(_) => {
                let refusal = Refusal::new(Reason::NoSuchPrincipal, "IAM does not say who the caller is");
                Err(Rejection::new(denial.facts().clone(), refusal))
            }
        }
    }
}

impl Identified {
    /// The denial.
    pub fn denial(&self) -> &Denial {
        &self.denial
    }

    /// Asks the list.
    pub fn decide(&self, allowlist: &Allowlist, now: SystemTime) -> Decision {
        let (denial, principal) = (&self.denial, &self.principal);
        match granting_rule(denial.source(), principal, denial.function(), allowlist) {
            Ok(rule) => Decision::Grant(grant(principal, denial.function(), rule, now)),
            Err((refusal, rule)) => Decision::Refuse { refusal, rule },
        }
    }
}

/// Decides anew on a pair that another execution environment found denied: `None` unless this allowlist grants it.
///
/// What no list can change is refused here as it is for a denial, except for its cause and its source, which only the other
/// environment has seen. `principal` is one that CloudTrail or IAM has identified to this environment, never one that the other names.
pub fn decide_again(
    (principal, function, source): (&Principal, &FunctionArn, Source),
    own: &OwnIdentity,
    allowlist: &Allowlist,
    now: SystemTime,
) -> Option<Grant> {
    party(&Caller::Principal(principal.clone()), function, None, own).ok()?;
    let rule = granting_rule(source, principal, function, allowlist).ok()?;
    Some(grant(principal, function, rule, now))
}

/// Returns the rule that grants the function to `principal`; an error is the refusal, and the rule that says so, where one does.
fn granting_rule<'a>(
    source: Source,
    principal: &Principal,
    function: &FunctionArn,
    allowlist: &'a Allowlist,
) -> Result<&'a Rule, (Refusal, Option<String>)> {
    let rule = allowlist.rule_for(source, principal, function).map_err(|NoRule { of_another_source }| {
        let why = match of_another_source {
            Some(rule) => {
                let (id, source) = (rule.id(), source.as_str());
                format!("the rule `{id}` matches, but does not admit the source `{source}`")
            }
            None => "no rule of the allowlist matches this principal and this function".to_owned(),
        };
        (Refusal::new(Reason::NotAllowlisted, why), None)
    })?;
    match rule.action() {
        RuleAction::Grant => Ok(rule),
        RuleAction::Notify => Err((
            Refusal::new(Reason::NotifyOnly, "the rule that matches says `notify`"),
            Some(rule.id().to_owned()),
        )),
    }
}

fn grant(principal: &Principal, function: &FunctionArn, rule: &Rule, now: SystemTime) -> Grant {
    Grant {
        principal: principal.clone(),
        function: function.clone(),
        rule: rule.id().to_owned(),
        expiry: rule.expires_after().map(|lease| Expiry::new(lease, now)),
        decided_at: now,
    }
}

/// Returns whom any list could admit, or the first of the refusals that no list can lift.
fn admissible(denial: &Denial, own: &OwnIdentity) -> Result<Party, Refusal> {
    let party = party(denial.caller(), denial.function(), denial.facts().account.as_deref(), own)?;
    match denial.cause().is_curable() {
        true => Ok(party),
        false => Err(Refusal::new(Reason::NotIdentityBased, incurable(denial.cause()))),
    }
}

/// Returns to whom `function` could be granted, or the first refusal that comes before the cause.
fn party(
    caller: &Caller,
    function: &FunctionArn,
    recorded_in: Option<&str>,
    own: &OwnIdentity,
) -> Result<Party, Refusal> {
    let refuse = |reason, why: String| Err(Refusal::new(reason, why));

    let accounts = [
        ("the caller", caller.account()),
        ("the function", Some(function.account())),
        ("the record", recorded_in),
    ];
    for (who, account) in accounts {
        if let Some(account) = account.filter(|account| *account != own.account) {
            return refuse(
                Reason::OtherAccount,
                format!("{who} is of account `{}`, this is {}", shown(account), own.account),
            );
        }
    }
    let partitions = [("the caller", caller.partition()), ("the function", Some(function.partition()))];
    for (who, partition) in partitions {
        if let Some(partition) = partition.filter(|partition| *partition != own.partition) {
            let why = format!("{who} is of partition `{partition}`, this is {}", own.partition);
            return refuse(Reason::OtherAccount, why);
        }
    }
    let (party, is_protected, is_own) = match caller {
        Caller::Principal(principal) => {
            let is_own = own.role.as_ref().is_some_and(|role| role.is_same(principal));
            (Party::Principal(principal.clone()), principal.is_protected(), is_own)
        }
        Caller::Session(role) => {
            let is_own = own.role.as_ref().is_some_and(|own| role.may_be(own));
            (Party::Session(role.clone()), role.is_protected(), is_own)
        }
        Caller::Other { what, .. } => {
            return refuse(Reason::UnsupportedPrincipal, format!("the caller is {what}"));
        }
    };
    if is_protected {
        return refuse(Reason::ProtectedRole, "the role is AWS's own, nobody else can modify it".to_owned());
    }
    if is_own {
        return refuse(Reason::OwnRole, "the role is that of the remediator itself".to_owned());
    }
    Ok(party)
}

fn incurable(cause: &Cause) -> &'static str {
    match cause {
        Cause::Stated { denial: DenialKind::Explicit, .. } => {
            "an explicit deny cannot be cured by an identity-based policy"
        }
        Cause::Stated { denied_by: DeniedBy::Unstated, .. } => {
            "the reason in the message cannot be read: it names a kind of policy that is not known here"
        }
        Cause::Stated { .. } | Cause::Unstated => {
            "what does not allow the call is not an identity-based policy"
        }
        Cause::Unread => "the reason in the message is cut off or in words that are not known here",
    }
}
