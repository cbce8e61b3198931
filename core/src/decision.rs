//! The verdict on a denial: grant, or refuse with a reason. Pure: the same denial, list and time always give the same decision.
//!
//! A [`Grant`] can be made here alone, and what is granted is read from it alone. So nothing can be granted that was not
//! decided, and a grant is always the exact function that was denied, however wide the pattern that admitted it.

use crate::allowlist::{Allowlist, NoRule, RuleAction};
use crate::arn::FunctionArn;
use crate::arn::principal::{Principal, SessionRole};
use crate::incoming::caller::Caller;
use crate::incoming::consistency::shown;
use crate::incoming::denial::Denial;
use crate::incoming::message::{Cause, DenialKind, DeniedBy};
use crate::policy::lease::Expiry;
use crate::reason::{Reason, Refusal};
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

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Grant it.
    Grant(Grant),
    /// Do not.
    Refuse {
        /// Why not.
        refusal: Refusal,
        /// The rule that says so, where one does.
        rule: Option<String>,
    },
    /// Ask IAM who the caller is, and decide on what it says: the list may admit whom the text names.
    Identify,
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

/// A denial that a list could admit: nothing but the list speaks against it.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    party: Party<'a>,
    denial: &'a Denial,
}

/// To whom it could be granted.
#[derive(Debug, Clone, Copy)]
enum Party<'a> {
    Principal(&'a Principal),
    /// A role whose path is not known yet.
    Session(&'a SessionRole),
}

/// Looks for all that refuses a denial whatever the list says. The order of the checks is part of the contract: each event
/// has one reason.
pub fn admit<'a>(denial: &'a Denial, own: &OwnIdentity) -> Result<Admitted<'a>, Refusal> {
    admissible(denial, own).map(|party| Admitted { party, denial })
}

/// Looks for all that refuses, and then asks the list.
pub fn of(denial: &Denial, own: &OwnIdentity, allowlist: &Allowlist, now: SystemTime) -> Decision {
    match admit(denial, own) {
        Ok(admitted) => admitted.decide(allowlist, now),
        Err(refusal) => Decision::Refuse { refusal, rule: None },
    }
}

impl Admitted<'_> {
    /// Asks the list. The time has no part in whether something is granted, only in how long.
    pub fn decide(self, allowlist: &Allowlist, now: SystemTime) -> Decision {
        let Self { party, denial } = self;
        let (source, function) = (denial.source(), denial.function());
        let principal = match party {
            Party::Principal(principal) => principal,
            Party::Session(role) if allowlist.may_admit(source, role, function) => return Decision::Identify,
            Party::Session(_) => {
                let why =
                    "no rule of the allowlist can match this role, whatever its path, and this function";
                return Decision::Refuse { refusal: Refusal::new(Reason::NotAllowlisted, why), rule: None };
            }
        };
        let rule = match allowlist.rule_for(source, principal, function) {
            Ok(rule) => rule,
            Err(NoRule { of_another_source }) => {
                let why = match of_another_source {
                    Some(rule) => {
                        let (id, source) = (rule.id(), source.as_str());
                        format!("the rule `{id}` matches, but does not admit the source `{source}`")
                    }
                    None => "no rule of the allowlist matches this principal and this function".to_owned(),
                };
                return Decision::Refuse { refusal: Refusal::new(Reason::NotAllowlisted, why), rule: None };
            }
        };
        match rule.action() {
            RuleAction::Grant if !denial.is_identified() => Decision::Identify,
            RuleAction::Grant => Decision::Grant(Grant {
                principal: principal.clone(),
                function: function.clone(),
                rule: rule.id().to_owned(),
                expiry: rule.expires_after().map(|lease| Expiry::new(lease, now)),
                decided_at: now,
            }),
            RuleAction::Notify => Decision::Refuse {
                refusal: Refusal::new(Reason::NotifyOnly, "the rule that matches says `notify`"),
                rule: Some(rule.id().to_owned()),
            },
        }
    }
}

/// Whom of a denial any list could admit.
fn admissible<'a>(denial: &'a Denial, own: &OwnIdentity) -> Result<Party<'a>, Refusal> {
    let refuse = |reason, why: String| Err(Refusal::new(reason, why));
    let (caller, function) = (denial.caller(), denial.function());

    let accounts = [
        ("the caller", caller.account()),
        ("the function", Some(function.account())),
        ("the record", denial.account()),
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
            (Party::Principal(principal), principal.is_protected(), is_own)
        }
        Caller::Session(role) => {
            let is_own = own.role.as_ref().is_some_and(|own| role.may_be(own));
            (Party::Session(role), role.is_protected(), is_own)
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
    if !denial.cause().is_curable() {
        return refuse(Reason::NotIdentityBased, incurable(denial.cause()).to_owned());
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
