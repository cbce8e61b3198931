//! A stored policy read a second time: every part with its own text, and what it allows asked call by call.

use crate::{texts, wildcard_matches};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

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

    pub fn our_resources(&self) -> BTreeSet<String> {
        self.statements
            .iter()
            .filter(|statement| statement.is_ours())
            .flat_map(Statement::resources)
            .collect()
    }

    /// Whether some statement allows the call on no condition.
    pub fn allows(&self, call: &str) -> bool {
        self.statements.iter().any(|statement| statement.allows(call))
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

    /// Whether it allows exactly our action and says nothing that we do not write.
    pub fn is_ours(&self) -> bool {
        self.has_only(&["Sid", "Effect", "Action", "Resource"])
            && texts(&self.value["Effect"]) == ["Allow"]
            && texts(&self.value["Action"]) == ["lambda:InvokeFunction"]
            && self.object.contains_key("Resource")
    }

    pub fn resources(&self) -> Vec<String> {
        texts(&self.value["Resource"]).into_iter().map(str::to_owned).collect()
    }

    fn allows(&self, call: &str) -> bool {
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
