//! The source of an event: the way by which it reached the function.
//!
//! Sources differ in who can write to them, so a rule of the allowlist says which it admits; see SECURITY.md. A [`Source`] follows
//! from the form of an event and is no proof: whoever may invoke the function can send any form.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The source of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(!try_from))]
pub enum Source {
    /// CloudTrail's record of the call, delivered by EventBridge.
    Cloudtrail,
    /// An event in which an application reports an error that it got.
    Report,
    /// A line of a log, delivered by a CloudWatch Logs subscription.
    Log,
    /// The text of an error that somebody pasted.
    Manual,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 4] = [Self::Cloudtrail, Self::Report, Self::Log, Self::Manual];

    /// Returns its name in the allowlist and the outcome.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cloudtrail => "cloudtrail",
            Self::Report => "report",
            Self::Log => "log",
            Self::Manual => "manual",
        }
    }

    /// Returns the service that writes the fields around what others wrote.
    pub(super) fn writer(self) -> &'static str {
        match self {
            Self::Cloudtrail => "CloudTrail",
            Self::Report | Self::Manual => "EventBridge",
            Self::Log => "CloudWatch Logs",
        }
    }
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|source| source.as_str() == name);
        known.ok_or_else(|| format!("`{name}` is none of cloudtrail, report, log and manual"))
    }
}

/// A set of sources, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Source>")]
pub struct Sources(BTreeSet<Source>);

impl Sources {
    /// Whether `source` is in the set.
    pub(crate) fn has(&self, source: Source) -> bool {
        self.0.contains(&source)
    }

    /// Whether all of `others` are in the set.
    pub fn has_all(&self, others: &Self) -> bool {
        self.0.is_superset(&others.0)
    }
}

/// The sources to which nobody can write but CloudTrail and whoever may invoke the function.
impl Default for Sources {
    fn default() -> Self {
        Self(BTreeSet::from([Source::Cloudtrail, Source::Manual]))
    }
}

impl TryFrom<Vec<Source>> for Sources {
    type Error = &'static str;

    fn try_from(sources: Vec<Source>) -> Result<Self, &'static str> {
        if sources.is_empty() { Err("the list is empty") } else { Ok(Self(sources.into_iter().collect())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_source_has_one_name() {
        for source in Source::ALL {
            assert_eq!(json!(source), json!(source.as_str()));
            assert_eq!(serde_json::from_value::<Source>(json!(source)).unwrap(), source);
        }
        for other in
            [json!("CloudTrail"), json!("logs"), json!(""), json!(0), json!({"log": null}), json!(null)]
        {
            assert!(serde_json::from_value::<Source>(other.clone()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let of = |names: &[&str]| serde_json::from_value::<Sources>(json!(names));
        let some = of(&["log", "manual", "log"]).unwrap();
        let had: Vec<_> = Source::ALL.into_iter().filter(|source| some.has(*source)).collect();
        assert_eq!(had, [Source::Log, Source::Manual]);
        assert!(some.has_all(&of(&["log"]).unwrap()) && !some.has_all(&Sources::default()));
        assert_eq!(of(&["manual", "cloudtrail"]).unwrap(), Sources::default());
        assert!(of(&[]).is_err());
    }
}
