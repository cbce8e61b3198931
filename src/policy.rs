//! The inline policy, and how one function is added to it without losing anything.
//!
//! The document belongs to the principal's owner, who may have edited it by hand. So it is not modelled and rewritten: a
//! `PolicyDocument` keeps the text of every statement and key as it is, looks into the few it must, and changes one list
//! of resources. What it cannot understand it leaves alone.
//!
//! The grammar is that of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use crate::arn::FunctionArn;
use crate::denial::ACTION;
use crate::pattern;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::fmt;

/// The name of the inline policy.
pub const POLICY_NAME: &str = "LambdaInvokePermission";

/// What it takes to let a principal invoke a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// Nothing: the document covers the function, also by a wildcard.
    Covered {
        /// Whether it is our own statement that lists the function itself.
        is_listed: bool,
    },
    /// This document in place of the one that is there.
    Write(String),
}

/// Adds `function` to `document`, the policy that is there.
///
/// The error says why the document is left alone.
pub fn merge(document: Option<&str>, function: &FunctionArn) -> Result<Merge, String> {
    let Some(text) = document else {
        return Ok(Merge::Write(first_document(function)));
    };
    let document = PolicyDocument::parse(text)?;
    let pair = function.resource_pair();
    if document.covers(&pair) {
        return Ok(Merge::Covered {
            is_listed: document.lists(&pair),
        });
    }
    Ok(Merge::Write(document.with(&pair)))
}

/// The document where there was none: one statement for one function.
fn first_document(function: &FunctionArn) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        first_statement(&function.resource_pair())
    )
}

fn first_statement(pair: &[String; 2]) -> String {
    format!(
        r#"{{"Effect":"Allow","Action":["{ACTION}"],"Resource":{}}}"#,
        json!(pair)
    )
}

/// A policy document of which every part keeps its text.
#[derive(Debug)]
struct PolicyDocument<'a> {
    object: Object<'a>,
    statements: Vec<Statement<'a>>,
    is_list: bool,
}

impl<'a> PolicyDocument<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let object: Object<'a> = read(text).map_err(|error| format!("it is no policy document: {error}"))?;
        let statement = object.get("Statement").ok_or("it has no Statement")?;
        let (texts, is_list) = match read::<Vec<&'a RawValue>>(statement.get()) {
            Ok(texts) => (texts, true),
            Err(_) => (vec![statement], false),
        };
        let statements = texts
            .into_iter()
            .map(|text| {
                Statement::parse(text).map_err(|error| format!("a statement cannot be read: {error}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            object,
            statements,
            is_list,
        })
    }

    fn covers(&self, pair: &[String; 2]) -> bool {
        pair.iter()
            .all(|resource| self.statements.iter().any(|statement| statement.covers(resource)))
    }

    /// Whether a statement of ours lists the pair itself.
    fn lists(&self, pair: &[String; 2]) -> bool {
        let mut ours = self.statements.iter().filter_map(Statement::our_resources);
        ours.any(|listed| pair.iter().all(|resource| listed.contains(resource)))
    }

    /// The document with the pair in the first statement of ours, or in a new one.
    fn with(&self, pair: &[String; 2]) -> String {
        let mut is_added = false;
        let mut statements: Vec<String> = Vec::with_capacity(self.statements.len() + 1);
        for statement in &self.statements {
            statements.push(match statement.our_resources() {
                Some(listed) if !is_added => {
                    is_added = true;
                    statement.with(listed, pair)
                }
                Some(_) | None => statement.text.get().to_owned(),
            });
        }
        if !is_added {
            statements.push(first_statement(pair));
        }
        let list = statements.join(",");
        let keeps_form = !self.is_list && statements.len() == 1;
        self.object
            .text_with("Statement", &if keeps_form { list } else { format!("[{list}]") })
    }
}

/// One statement, with the parts that are looked at.
#[derive(Debug)]
struct Statement<'a> {
    text: &'a RawValue,
    object: Object<'a>,
}

impl<'a> Statement<'a> {
    fn parse(text: &'a RawValue) -> Result<Self, serde_json::Error> {
        // Reading it as a value finds out whether it is too deep, or holds what no value can hold.
        read::<Value>(text.get())?;
        Ok(Self {
            text,
            object: read(text.get())?,
        })
    }

    /// Whether it is an `Allow` that says nothing but `Effect`, `Action`, `Resource` and perhaps `Sid`.
    fn is_plain_allow(&self) -> bool {
        self.object
            .0
            .iter()
            .all(|(key, _)| ["Effect", "Action", "Resource", "Sid"].contains(&key.as_str()))
            && self.object.texts("Effect") == Some(vec!["Allow".to_owned()])
    }

    /// The resources, if the statement is ours: an `Allow` of exactly our action, and nothing else.
    fn our_resources(&self) -> Option<Vec<String>> {
        (self.is_plain_allow() && self.object.texts("Action")? == [ACTION]).then_some(())?;
        self.object.texts("Resource")
    }

    /// Whether it allows our action on `resource`, of which a final `*` stands for every qualifier.
    ///
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.
    fn covers(&self, resource: &str) -> bool {
        let (Some(actions), Some(resources)) = (self.object.texts("Action"), self.object.texts("Resource"))
        else {
            return false;
        };
        let action = ACTION.to_ascii_lowercase();
        self.is_plain_allow()
            && actions
                .iter()
                .any(|pattern| pattern::matches(&pattern.to_ascii_lowercase(), &action))
            && resources.iter().any(|pattern| resource_covers(pattern, resource))
    }

    fn with(&self, mut listed: Vec<String>, pair: &[String; 2]) -> String {
        for resource in pair {
            if !listed.contains(resource) {
                listed.push(resource.clone());
            }
        }
        self.object.text_with("Resource", &json!(listed).to_string())
    }
}

/// Whether the `Resource` entry `pattern` covers all that `resource` covers: part by part, as IAM compares ARNs.
fn resource_covers(pattern: &str, resource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if pattern.contains("${") {
        return false;
    }
    let (patterns, parts): (Vec<_>, Vec<_>) = (
        pattern.splitn(6, ':').collect(),
        resource.splitn(6, ':').collect(),
    );
    patterns.len() == parts.len()
        && patterns.iter().zip(parts).all(|(pattern, part)| pattern::matches(pattern, part))
        // A wildcard is not allowed where the service stands.
        && patterns.get(2).is_some_and(|service| !pattern::has_wildcard(service))
}

/// A JSON object of which every value keeps its text. A key that stands twice is refused: which one counts, only IAM knows.
#[derive(Debug)]
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| *value)
    }

    /// The texts under `key`: one, or a list of them.
    fn texts(&self, key: &str) -> Option<Vec<String>> {
        let text = self.get(key)?.get();
        read::<Vec<String>>(text)
            .or_else(|_| read::<String>(text).map(|one| vec![one]))
            .ok()
    }

    /// The object's text with another text under `key`.
    fn text_with(&self, key: &str, value: &str) -> String {
        let entries = self.0.iter().map(|(name, kept)| {
            let value = if name == key { value } else { kept.get() };
            format!("{}:{value}", json!(name))
        });
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut entries: Vec<(String, &'de RawValue)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if entries.iter().any(|(name, _)| *name == key) {
                        return Err(A::Error::custom(format!("the key `{key}` stands twice")));
                    }
                    entries.push((key, map.next_value()?));
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}
