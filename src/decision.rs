//! The verdict on a denial: grant, or refuse with a reason. Pure: the same denial and list always give the same decision.
//!
//! A [`Grant`] can be made here alone, and what is granted is read from it alone. So nothing can be granted that was not
//! decided, and a grant is always the exact function that was denied, however wide the pattern that admitted it.

use crate::agreement::shown;
use crate::allowlist::{Allowlist, RuleAction};
use crate::arn::FunctionArn;
use crate::caller::Caller;
use crate::denial::Denial;
use crate::message::{Cause, DenialKind};
use crate::principal::Principal;
use crate::refusal::{Reason, Refusal};

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
}

/// One principal may invoke one function, because a rule says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    principal: Principal,
    function: FunctionArn,
    rule: String,
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
}

/// A denial that a list could admit: nothing but the list speaks against it.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    principal: &'a Principal,
    denial: &'a Denial,
}

/// Looks for all that refuses a denial whatever the list says. The order of the checks is part of the contract: each event
/// has one reason.
pub fn admit<'a>(denial: &'a Denial, own: &OwnIdentity) -> Result<Admitted<'a>, Refusal> {
    admissible(denial, own).map(|principal| Admitted { principal, denial })
}

impl Admitted<'_> {
    /// Asks the list.
    pub fn decide(self, allowlist: &Allowlist) -> Decision {
        let Self { principal, denial } = self;
        let Some(rule) = allowlist.rule_for(principal, denial.function()) else {
            let why = "no rule of the allowlist matches this principal and this function";
            return Decision::Refuse { refusal: Refusal::new(Reason::NotAllowlisted, why), rule: None };
        };
        match rule.action() {
            RuleAction::Grant => Decision::Grant(Grant {
                principal: principal.clone(),
                function: denial.function().clone(),
                rule: rule.id().to_owned(),
            }),
            RuleAction::Notify => Decision::Refuse {
                refusal: Refusal::new(Reason::NotifyOnly, "the rule that matches says `notify`"),
                rule: Some(rule.id().to_owned()),
            },
        }
    }
}

/// The principal of a denial that any list could admit.
fn admissible<'a>(denial: &'a Denial, own: &OwnIdentity) -> Result<&'a Principal, Refusal> {
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
    let principal = match caller {
        Caller::Principal(principal) => principal,
        Caller::Other { what, .. } => {
            return refuse(Reason::UnsupportedPrincipal, format!("the caller is {what}"));
        }
    };
    if principal.is_protected() {
        return refuse(Reason::ProtectedRole, "the role is AWS's own, nobody else can modify it".to_owned());
    }
    if own.role.as_ref().is_some_and(|role| role.is_same(principal)) {
        return refuse(Reason::OwnRole, "the role is that of the remediator itself".to_owned());
    }
    if !denial.cause().is_curable() {
        return refuse(Reason::NotIdentityBased, incurable(denial.cause()).to_owned());
    }
    Ok(principal)
}

fn incurable(cause: &Cause) -> &'static str {
    match cause {
        Cause::Stated { denial: DenialKind::Explicit, .. } => {
            "an explicit deny cannot be cured by an identity-based policy"
        }
        Cause::Stated { .. } | Cause::Unstated => {
            "what does not allow the call is not an identity-based policy"
        }
        Cause::Unread => "the reason in the message is cut off or in words that are not known here",
    }
}
