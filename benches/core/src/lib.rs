//! Allowlists of any length, as platform teams write them: what the benchmarks of the decision core read and ask.
//!
//! In each of them it is the last rule that may admit the seed's event, so that nothing is found early.

use serde_json::{Value, json};

/// The seed's event.
pub const EVENT: &[u8] = include_bytes!("../../../events/user.json");

/// The account of the event and of all rules.
pub const ACCOUNT: &str = "281502313273";

/// The numbers of rules that are timed.
pub const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

/// How the rules of a list name who may call what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Without a wildcard.
    Exact,
    /// By a team's prefix: `user/team-17-*`.
    Prefixes,
    /// The same, and none of them admits the event.
    PrefixesOfOthers,
    /// By a team's suffix, in any region: `user/*-team-17`.
    Suffixes,
    /// By a word that may stand anywhere: `user/*-team-17-*`. Nothing of it can be looked up.
    Infixes,
    /// Each of the forms above in turn.
    Mixed,
}

impl Rules {
    /// What the benchmarks call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefixes => "prefixes",
            Self::PrefixesOfOthers => "prefixes of others",
            Self::Suffixes => "suffixes",
            Self::Infixes => "infixes",
            Self::Mixed => "mixed",
        }
    }

    /// A list of `length` rules of this form.
    pub fn list(self, length: usize) -> String {
        let others = (1..length).map(|team| self.rule(team));
        json!({ "rules": others.chain([self.last(length)]).collect::<Vec<_>>() }).to_string()
    }

    /// One that speaks of somebody else.
    fn rule(self, team: usize) -> Value {
        let (principal, region, function) = match self {
            Self::Exact => {
                (format!("user/team-{team}-deployer"), "us-east-1", format!("team-{team}-thumbnails"))
            }
            Self::Prefixes | Self::PrefixesOfOthers => {
                (format!("user/team-{team}-*"), "us-east-1", format!("team-{team}-*"))
            }
            Self::Suffixes => (format!("user/*-team-{team}"), "*", format!("*-team-{team}")),
            Self::Infixes => (format!("user/*-team-{team}-*"), "*", format!("*-team-{team}-*")),
            Self::Mixed => {
                let forms = [Self::Exact, Self::Prefixes, Self::Suffixes, Self::Exact];
                return forms.get(team % forms.len()).unwrap_or(&Self::Exact).rule(team);
            }
        };
        rule(team, &principal, region, &function)
    }

    /// The one at the end.
    fn last(self, length: usize) -> Value {
        match self {
            Self::Exact | Self::Mixed => {
                rule(length, "user/remotion_user", "us-east-1", "ffmpeg-clip-cutter")
            }
            Self::Prefixes => rule(length, "user/remotion_*", "us-east-1", "ffmpeg-*"),
            Self::PrefixesOfOthers => self.rule(length),
            Self::Suffixes => rule(length, "user/*_user", "*", "*-cutter"),
            Self::Infixes => rule(length, "user/*motion*", "*", "*-clip-*"),
        }
    }
}

fn rule(id: usize, principal: &str, region: &str, function: &str) -> Value {
    json!({
        "id": format!("rule-{id}"),
        "principals": [format!("arn:aws:iam::{ACCOUNT}:{principal}")],
        "functions": [format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{function}")],
    })
}
