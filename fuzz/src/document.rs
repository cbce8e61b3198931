//! A stored policy read a second time: every part with its own text, and what it allows asked call by call.

use crate::{texts, wildcard_matches};
use remediator_core::arn::FunctionArn;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

type Object = BTreeMap<String, Box<RawValue>>;

/// The texts of an object's entries, by their keys.
pub type Texts<'a> = BTreeMap<&'a str, &'a str>;

/// A document that the library could read.
pub struct Document {
    object: Object,
    statements: Vec<Statement>,
}

impl Document {
    pub fn parse(text: &str) -> Self {
        let object: Object = serde_json::from_str(text).unwrap();
        let statement = object["Statement"].get();
        let list: Vec<Box<RawValue>> = serde_json::from_str(statement)
            .unwrap_or_else(|_| vec![RawValue::from_string(statement.to_owned()).unwrap()]);
        Self { statements: list.into_iter().map(Statement::parse).collect(), object }
    }

    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    pub fn other_keys(&self) -> Texts<'_> {
        texts_of(&self.object, "Statement")
    }

    /// What our statements list that end then, or never.
    pub fn our_resources(&self, end: Option<&str>) -> BTreeSet<String> {
        let ours = self.statements.iter().filter(|statement| statement.ours() == Some(end));
        ours.flat_map(Statement::resources).collect()
    }

    /// What they list that have not ended by `now`.
    pub fn live_resources(&self, now: &str) -> BTreeSet<String> {
        let live = |statement: &&Statement| statement.ours().is_some() && !statement.is_over(now);
        self.statements.iter().filter(live).flat_map(Statement::resources).collect()
    }

    /// Whether some statement allows the call on no condition, or a lease at least up to the end.
    pub fn allows(&self, call: &str, end: Option<&str>) -> bool {
        self.statements.iter().any(|statement| statement.allows(call, end))
    }
}

/// One statement of it.
pub struct Statement {
    text: Box<RawValue>,
    object: Object,
    value: Value,
}

impl Statement {
    fn parse(text: Box<RawValue>) -> Self {
        let (object, value) = (serde_json::from_str(text.get()), serde_json::from_str(text.get()));
        Self { object: object.unwrap(), value: value.unwrap(), text }
    }

    pub fn text(&self) -> &str {
        self.text.get()
    }

    pub fn other_keys(&self, key: &str) -> Texts<'_> {
        texts_of(&self.object, key)
    }

    /// When it ends, if it allows exactly our action and says nothing that we do not write.
    pub fn ours(&self) -> Option<Option<&str>> {
        let is_plain = self.has_only(&["Sid", "Effect", "Action", "Resource", "Condition"])
            && texts(&self.value["Effect"]) == ["Allow"]
            && texts(&self.value["Action"]) == ["lambda:InvokeFunction"]
            && self.object.contains_key("Resource");
        match self.object.get("Condition") {
            None => is_plain.then_some(None),
            Some(condition) => {
                let is_single = is_single(condition.get(), "DateLessThan")
                    && self.value["Condition"]["DateLessThan"].is_object()
                    && is_single(&single(condition.get()).0[0].1, "aws:CurrentTime");
                let end = self.value["Condition"]["DateLessThan"]["aws:CurrentTime"].as_str()?;
                (is_plain && is_single && is_end(end) && self.lists_pairs()).then_some(Some(end))
            }
        }
    }

    pub fn is_ours(&self) -> bool {
        self.ours().is_some()
    }

    /// Whether it is a lease of ours that has ended. Ends of one form are in order as texts are.
    pub fn is_over(&self, now: &str) -> bool {
        self.ours().flatten().is_some_and(|end| end <= now)
    }

    fn lists_pairs(&self) -> bool {
        let listed: BTreeSet<String> = self.resources().into_iter().collect();
        let exact: BTreeSet<String> = listed
            .iter()
            .filter(|one| FunctionArn::parse(one).is_some_and(|arn| arn.as_str() == one.as_str()))
            .cloned()
            .collect();
        let pairs: BTreeSet<String> =
            exact.iter().flat_map(|one| [one.clone(), format!("{one}:*")]).collect();
        !pairs.is_empty() && listed == pairs
    }

    pub fn resources(&self) -> Vec<String> {
        texts(&self.value["Resource"]).into_iter().map(str::to_owned).collect()
    }

    fn allows(&self, call: &str, end: Option<&str>) -> bool {
        if let (Some(Some(own)), Some(end)) = (self.ours(), end) {
            return own >= end && self.resources().iter().any(|listed| resource_matches(listed, call));
        }
        let any = |key: &str, test: &dyn Fn(&str) -> bool| texts(&self.value[key]).into_iter().any(test);
        let action = |pattern: &str| wildcard_matches(&pattern.to_ascii_lowercase(), "lambda:invokefunction");
        // What a variable stands for is not known, so that it may exclude all that begins alike, and includes nothing.
        let resource = |pattern: &str| !pattern.contains("${") && resource_matches(pattern, call);
        let excluded = |pattern: &str| match pattern.split_once("${") {
            Some((before, _)) => wildcard_matches(&format!("{before}*"), call),
            None => resource_matches(pattern, call),
        };
        self.has_only(&["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"])
            && texts(&self.value["Effect"]) == ["Allow"]
            && (any("Action", &action)
                || (self.object.contains_key("NotAction") && !any("NotAction", &action)))
            && (any("Resource", &resource)
                || (self.object.contains_key("NotResource") && !any("NotResource", &excluded)))
    }

    fn has_only(&self, known: &[&str]) -> bool {
        self.object.keys().all(|key| known.contains(&key.as_str()))
    }
}

/// The first five parts each by itself, the rest as one text.
fn resource_matches(pattern: &str, call: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.splitn(6, ':').collect(), call.splitn(6, ':').collect());
    pattern == "*"
        || (patterns.len() == parts.len()
            && patterns[2] == "lambda"
            && patterns.iter().zip(parts).all(|(pattern, part)| wildcard_matches(pattern, part)))
}

fn texts_of<'a>(object: &'a Object, but: &str) -> Texts<'a> {
    object.iter().filter(|(key, _)| *key != but).map(|(key, text)| (key.as_str(), text.get())).collect()
}

/// The entries of an object as they stand, a key that stands twice included.
struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut all = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    all.push((key, value.get().to_owned()));
                }
                Ok(Entries(all))
            }
        }

        deserializer.deserialize_map(All)
    }
}

fn single(object: &str) -> Entries {
    serde_json::from_str(object).unwrap_or(Entries(Vec::new()))
}

/// Whether the object has one entry, and that under `key`.
fn is_single(object: &str, key: &str) -> bool {
    let entries = single(object).0;
    entries.len() == 1 && entries[0].0 == key
}

/// Whether it is a time as we write it, and one that there is.
fn is_end(text: &str) -> bool {
    let form = text.bytes().map(|byte| if byte.is_ascii_digit() { '0' } else { char::from(byte) });
    if !form.eq("0000-00-00T00:00:00Z".chars()) {
        return false;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u32>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => 0,
    };
    year >= 1
        && (1..=days).contains(&day)
        && number(11, 13) < 24
        && number(14, 16) < 60
        && number(17, 19) < 60
}
