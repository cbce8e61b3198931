//! The grant, as a change to a policy.
//!
//! It does what a [`Grant`] says and nothing else. A lease ([`lease`](remediator_core::policy::lease)) is written and watched
//! like any other grant. Its expiry was fixed when it was decided, so that a repeated write says the same, and which existing
//! leases count as expired goes by that time, too. A lease that expires while it is read is found again by the next denial.

use crate::aws::clients::Clients;
use crate::config::Mode;
use crate::iam::error::{IamError, NotDone};
use crate::iam::inline_policies::InlinePolicies;
use crate::iam::writer::{self, Change, Edit, Written};
use remediator_core::decision::Grant;
use remediator_core::outcome::Verdict;
use remediator_core::policy::lease::Expiry;
use remediator_core::policy::{self, Merge};
use std::cell::Cell;

/// Makes the grant, or says what would become of it in a dry run.
///
/// `on_write` is called before each write with the resources that it adds; `has_written` is set when IAM has confirmed one.
///
/// # Errors
///
/// The grant may or may not have been written; a retry finds out. What is final is a verdict.
pub async fn make(
    clients: &Clients,
    grant: &Grant,
    mode: Mode,
    on_write: &dyn Fn(&[String]),
    has_written: &Cell<bool>,
) -> Result<Verdict, IamError> {
    let policies = InlinePolicies::of(clients, grant.principal());
    let addition = Addition { grant, on_write, has_written };
    let verdict = match mode {
        Mode::Enforce => enforce(policies, &addition).await,
        Mode::DryRun => dry_run(policies, &addition).await,
    };
    match verdict {
        Ok(verdict) => Ok(verdict),
        Err(NotDone::Refused(refusal)) => Ok(Verdict::Refused(refusal)),
        Err(NotDone::Failed(error)) => Err(error),
    }
}

async fn enforce(policies: InlinePolicies<'_>, addition: &Addition<'_>) -> Result<Verdict, NotDone> {
    Ok(match writer::write(policies, addition).await? {
        Written::Nothing(covered) => covered.into(),
        Written::Stays { done: Covered { expires, .. }, added, usage } => {
            Verdict::Granted { added, usage, expires, taken_away: 0 }
        }
    })
}

async fn dry_run(policies: InlinePolicies<'_>, addition: &Addition<'_>) -> Result<Verdict, NotDone> {
    Ok(match writer::preview(policies, addition).await? {
        Edit::Nothing(covered) => covered.into(),
        Edit::Put { .. } | Edit::Delete => Verdict::WouldGrant { expires: addition.grant.expiry() },
    })
}

/// One function added to a principal's policy.
struct Addition<'a> {
    grant: &'a Grant,
    on_write: &'a dyn Fn(&[String]),
    has_written: &'a Cell<bool>,
}

/// How the policy covers the function.
struct Covered {
    is_listed: bool,
    expires: Option<Expiry>,
}

impl From<Covered> for Verdict {
    fn from(Covered { is_listed, expires }: Covered) -> Self {
        Self::AlreadyGranted { is_listed, expires }
    }
}

impl Change for Addition<'_> {
    type Done = Covered;
    const REPORTS_USAGE: bool = true;

    fn edit(&self, document: Option<&str>) -> Result<Edit<Covered>, String> {
        let grant = self.grant;
        let merge = policy::merge(document, grant.function(), grant.expiry(), grant.decided_at())?;
        Ok(match merge {
            Merge::Covered { is_listed, expires } => Edit::Nothing(Covered { is_listed, expires }),
            Merge::Write { document, added } => Edit::Put { document, added },
        })
    }

    fn before_write(&self, added: &[String]) {
        (self.on_write)(added);
    }

    fn after_write(&self) {
        self.has_written.set(true);
        // The log says what was done even if the notice, or the rest of this invocation, gets lost.
        tracing::info!(
            principal = %self.grant.principal(),
            function = %self.grant.function(),
            rule = self.grant.rule(),
            expires = self.grant.expiry().map(tracing::field::display),
            "LambdaInvokePermission was written"
        );
    }
}
