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
use crate::text::one_line;
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
    /// A document in place of the one that is there.
    Write {
        /// The document.
        document: String,
        /// The resources in it that our own statement did not list before.
        added: Vec<String>,
    },
}

/// Adds `function` to `document`, the policy that is there.
///
/// The error says why the document is left alone.
pub fn merge(document: Option<&str>, function: &FunctionArn) -> Result<Merge, String> {
    let pair = function.resource_pair();
    let Some(text) = document else {
        return Ok(Merge::Write { document: first_document(&pair), added: pair.into() });
    };
    let document = PolicyDocument::parse(text)?;
    if document.covers(&pair) {
        return Ok(Merge::Covered { is_listed: pair.iter().all(|resource| document.lists(resource)) });
    }
    let added = pair.iter().filter(|resource| !document.lists(resource)).cloned().collect();
    Ok(Merge::Write { document: document.with(&pair), added })
}

/// `document` with our own statements made shorter: each resource once, and none that another one of the same statement
/// covers. What is granted stays the same. A document that cannot be understood stays as it is.
pub fn fold(document: &str) -> String {
    let Ok(parsed) = PolicyDocument::parse(document) else {
        return document.to_owned();
    };
    let statements = parsed.statements.iter().map(|statement| match statement.our_resources() {
        Some(listed) => statement.object.text_with("Resource", &json!(folded(listed)).to_string()),
        None => statement.text.get().to_owned(),
    });
    parsed.text_with(statements.collect())
}

/// What it takes to take a grant back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// Nothing: no statement of ours lists the function itself.
    NotListed,
    /// A document in place of the one that is there.
    Write(String),
    /// The policy's deletion: nothing else was in it, and IAM takes no document without a statement.
    Delete,
}

/// Takes `function` out of our own statements in `document`; every other statement and function stays. What another
/// statement allows stays allowed: see [`may_allow`].
///
/// The error says why the document is left alone.
pub fn take_out(document: &str, function: &FunctionArn) -> Result<Removal, String> {
    let pair = function.resource_pair();
    let document = PolicyDocument::parse(document)?;
    let is_pair = |resource: &String| pair.contains(resource);
    if !document
        .statements
        .iter()
        .filter_map(Statement::our_resources)
        .flatten()
        .any(|listed| is_pair(&listed))
    {
        return Ok(Removal::NotListed);
    }
    let statements: Vec<String> = document
        .statements
        .iter()
        .filter_map(|statement| match statement.our_resources() {
            Some(listed) if listed.iter().any(is_pair) => {
                let kept: Vec<_> = listed.into_iter().filter(|resource| !is_pair(resource)).collect();
                (!kept.is_empty()).then(|| statement.object.text_with("Resource", &json!(kept).to_string()))
            }
            Some(_) | None => Some(statement.text.get().to_owned()),
        })
        .collect();
    Ok(match statements.is_empty() {
        true => Removal::Delete,
        false => Removal::Write(document.text_with(statements)),
    })
}

/// Whether an `Allow` in `document` may let a call of `function` through: without a qualifier or with one, perhaps only on a
/// condition. Says yes where it is hard to tell.
///
/// The error says why the document cannot be understood.
pub fn may_allow(document: &str, function: &FunctionArn) -> Result<bool, String> {
    let document = PolicyDocument::parse(document)?;
    Ok(function
        .resource_pair()
        .iter()
        .any(|resource| document.statements.iter().any(|statement| statement.may_allow(resource))))
}

/// The number of characters that IAM counts against the quota: white space is left out.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub fn counted_size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}

fn folded(listed: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(listed.len());
    for resource in listed {
        if !kept.iter().any(|other| *other == resource || resource_covers(other, &resource)) {
            kept.retain(|other| !resource_covers(&resource, other));
            kept.push(resource);
        }
    }
    kept
}

/// The document where there was none: one statement for one function.
fn first_document(pair: &[String; 2]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, first_statement(pair))
}

fn first_statement(pair: &[String; 2]) -> String {
    format!(r#"{{"Effect":"Allow","Action":["{ACTION}"],"Resource":{}}}"#, json!(pair))
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
        let object: Object<'a> =
            read(text).map_err(|error| format!("it is no policy document: {}", shown(&error)))?;
        let statement = object.get("Statement").ok_or("it has no Statement")?;
        let (texts, is_list) = match read::<Vec<&'a RawValue>>(statement.get()) {
            Ok(texts) => (texts, true),
            Err(_) => (vec![statement], false),
        };
        let statements = texts.into_iter().map(Statement::parse).collect::<Result<_, _>>()?;
        Ok(Self { object, statements, is_list })
    }

    fn covers(&self, pair: &[String; 2]) -> bool {
        pair.iter().all(|resource| self.statements.iter().any(|statement| statement.covers(resource)))
    }

    /// Whether a statement of ours lists the resource itself.
    fn lists(&self, resource: &String) -> bool {
        self.statements.iter().filter_map(Statement::our_resources).any(|listed| listed.contains(resource))
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
        self.text_with(statements)
    }

    /// The document's text with other statements, in the form of `Statement` that it has, as far as that goes.
    fn text_with(&self, statements: Vec<String>) -> String {
        let list = statements.join(",");
        let keeps_form = !self.is_list && statements.len() == 1;
        self.object.text_with("Statement", &if keeps_form { list } else { format!("[{list}]") })
    }
}

/// One statement, with the parts that are looked at.
#[derive(Debug)]
struct Statement<'a> {
    text: &'a RawValue,
    object: Object<'a>,
}

impl<'a> Statement<'a> {
    fn parse(text: &'a RawValue) -> Result<Self, String> {
        // Reading it as a value finds out whether it is too deep, or holds what no value can hold.
        let object = read::<Value>(text.get()).and_then(|_| read::<Object<'a>>(text.get()));
        let object = object.map_err(|error| format!("a statement cannot be read: {}", shown(&error)))?;
        let effect = object.texts("Effect");
        if !effect.is_some_and(|effect| effect == ["Allow"] || effect == ["Deny"]) {
            return Err("a statement has neither the Effect Allow nor Deny".to_owned());
        }
        for key in ["Action", "NotAction", "Resource", "NotResource"] {
            if object.get(key).is_some() && object.texts(key).is_none() {
                return Err(format!("the {key} of a statement is neither a text nor a list of texts"));
            }
        }
        Ok(Self { text, object })
    }

    /// Whether it is an `Allow` that says nothing but `Effect`, perhaps `Sid`, and what is under `keys`.
    fn is_allow_of(&self, keys: &[&str]) -> bool {
        let is_known = |key: &str| ["Effect", "Sid"].contains(&key) || keys.contains(&key);
        self.object.0.iter().all(|(key, _)| is_known(key))
            && self.object.texts("Effect") == Some(vec!["Allow".to_owned()])
    }

    /// The resources, if the statement is ours: an `Allow` of exactly our action, and nothing else.
    fn our_resources(&self) -> Option<Vec<String>> {
        let is_plain = self.is_allow_of(&["Action", "Resource"]);
        (is_plain && self.object.texts("Action")? == [ACTION]).then_some(())?;
        self.object.texts("Resource")
    }

    /// Whether it allows our action on `resource`, of which a final `*` stands for every qualifier, on no condition.
    ///
    /// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.
    fn covers(&self, resource: &str) -> bool {
        let action = ACTION.to_ascii_lowercase();
        let matches_action = |pattern: &String| pattern::matches(&pattern.to_ascii_lowercase(), &action);
        let some = |key: &str, test: &dyn Fn(&String) -> bool| {
            self.object.texts(key).is_some_and(|texts| texts.iter().any(test))
        };
        let none = |key: &str, test: &dyn Fn(&String) -> bool| {
            self.object.texts(key).is_some_and(|texts| !texts.iter().any(test))
        };
        self.is_allow_of(&["Action", "NotAction", "Resource", "NotResource"])
            && (some("Action", &matches_action) || none("NotAction", &matches_action))
            && (some("Resource", &|pattern| resource_covers(pattern, resource))
                || none("NotResource", &|pattern| may_meet(pattern, resource)))
    }

    /// Whether it is an `Allow` that may take in our action on something that `resource` stands for, whatever else it says.
    fn may_allow(&self, resource: &str) -> bool {
        let action = ACTION.to_ascii_lowercase();
        let takes_in = |key: &str, test: &dyn Fn(&String) -> bool| {
            self.object.texts(key).is_none_or(|texts| texts.iter().any(test))
        };
        self.object.texts("Effect") == Some(vec!["Allow".to_owned()])
            && takes_in("Action", &|pattern| pattern::matches(&pattern.to_ascii_lowercase(), &action))
            && takes_in("Resource", &|pattern| {
                let is_open = pattern.contains("${") || pattern::has_wildcard(resource);
                resource_covers(pattern, resource) || (is_open && may_meet(pattern, resource))
            })
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
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.splitn(6, ':').collect(), resource.splitn(6, ':').collect());
    patterns.len() == parts.len()
        && patterns.iter().zip(parts).all(|(pattern, part)| pattern::matches(pattern, part))
        // A wildcard is not allowed where the service stands.
        && patterns.get(2).is_some_and(|service| !pattern::has_wildcard(service))
}

/// Whether the `Resource` or `NotResource` entry `pattern` may match something that `resource` stands for. Up to their first wildcards
/// one of them then begins like the other.
fn may_meet(pattern: &str, resource: &str) -> bool {
    let fixed = |text: &str| text.split(['*', '?', '$']).next().unwrap_or_default().to_owned();
    let (pattern, resource) = (fixed(pattern), fixed(resource));
    pattern.starts_with(&resource) || resource.starts_with(&pattern)
}

/// A JSON object of which every value keeps its text. A key that stands twice is refused: which one counts, only IAM knows.
#[derive(Debug)]
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// The texts under `key`: one, or a list of them.
    fn texts(&self, key: &str) -> Option<Vec<String>> {
        let text = self.get(key)?.get();
        read::<Vec<String>>(text).or_else(|_| read::<String>(text).map(|one| vec![one])).ok()
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
                        return Err(A::Error::custom(format!("the key \"{key}\" stands twice")));
                    }
                    entries.push((key, map.next_value()?));
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// What serde says, which may repeat the document's own text.
fn shown(error: &serde_json::Error) -> String {
    one_line(&error.to_string(), 256)
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}
