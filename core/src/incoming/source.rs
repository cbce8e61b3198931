//! The way on which a denial came in.
//!
//! Ways differ in who can write what comes in on them, which is why a rule of the allowlist says which it admits; SECURITY.md
//! tells who that is. A [`Source`] is what the form of an event says, not a proof: whoever may invoke the function can give
//! it any form.

use serde::{Deserialize, Serialize};

/// The way on which a denial came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(!try_from))]
pub enum Source {
    /// CloudTrail's record of the call, delivered by EventBridge.
    Cloudtrail,
    /// An event that an application published about an error that it got.
    Report,
    /// A line of a log, delivered by a CloudWatch Logs subscription.
    Log,
    /// The text of an error, given to the function by hand.
    Manual,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cloudtrail, Self::Report, Self::Log, Self::Manual];

    /// The name by which the allowlist and the outcome know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cloudtrail => "cloudtrail",
            Self::Report => "report",
            Self::Log => "log",
            Self::Manual => "manual",
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

/// Some of the ways, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Source>")]
pub struct Sources(u8);

impl Sources {
    /// Whether `source` is one of them.
    pub fn has(self, source: Source) -> bool {
        self.0 & bit(source) != 0
    }

    /// Whether all of `others` are among them.
    pub fn has_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// What nobody but CloudTrail, and whoever may invoke the function, can bring in.
impl Default for Sources {
    fn default() -> Self {
        Self(bit(Source::Cloudtrail) | bit(Source::Manual))
    }
}

impl TryFrom<Vec<Source>> for Sources {
    type Error = &'static str;

    fn try_from(sources: Vec<Source>) -> Result<Self, &'static str> {
        let all = sources.into_iter().map(bit).fold(0, |all, one| all | one);
        if all == 0 { Err("the list is empty") } else { Ok(Self(all)) }
    }
}

fn bit(source: Source) -> u8 {
    1 << source as u8
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
        assert!(some.has_all(of(&["log"]).unwrap()) && !some.has_all(Sources::default()));
        assert_eq!(of(&["manual", "cloudtrail"]).unwrap(), Sources::default());
        assert!(of(&[]).is_err());
    }
}
