//! The inline policy, and how one function is added to it without losing anything.
//!
//! The document belongs to the principal's owner, who may have edited it by hand. So it is not modelled and rewritten: a
//! `PolicyDocument` keeps the text of every statement and key as it is, looks into the few it must, and changes one list
//! of resources. What it cannot understand it leaves alone.
//!
//! # Leases
//!
//! A grant that runs out stands in a statement of its own, with all others that run out at the same instant:
//!
//! ```json
//! {"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":["FUNCTION","FUNCTION:*"],
//!  "Condition":{"DateLessThan":{"aws:CurrentTime":"2026-12-25T00:00:00Z"}}}
//! ```
//!
//! IAM ends it. What has run out allows nothing any more, and is left out whenever the policy is written, which gives its room
//! back. So a lease must be told from a statement that somebody wrote on the same condition: it is ours only if it says
//! nothing else than the above and perhaps `Sid`, in that form of the time, and lists nothing but whole pairs of exact
//! functions. Every other statement with a condition is foreign, and covers nothing.
//!
//! The grammar is that of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

pub mod lease;
pub mod quota;

use crate::actions::ACTION;
use crate::arn::FunctionArn;
use crate::arn::pattern;
use crate::policy::lease::Expiry;
use crate::text::one_line;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::time::SystemTime;

/// The name of the inline policy.
pub const POLICY_NAME: &str = "LambdaInvokePermission";

/// What it takes to let a principal invoke a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// Nothing: the document covers the function, also by a wildcard.
    Covered {
        /// Whether statements of ours list the function itself.
        is_listed: bool,
        /// When what covers it runs out, if it does.
        expires: Option<Expiry>,
    },
    /// A document in place of the one that is there.
    Write {
        /// The document.
        document: String,
        /// The resources in it that no statement of ours of that kind (for good, or until then) listed before.
        added: Vec<String>,
    },
}

/// Adds `function` to `document`, the policy that is there: for good, or until `expiry`.
///
/// What is there for good covers both. What is there until some time to come covers a grant that has an end itself, however
/// near: a denial after that renews it. It does not cover one for good, which would end then.
///
/// The error says why the document is left alone.
pub fn merge(
    document: Option<&str>,
    function: &FunctionArn,
    expiry: Option<Expiry>,
    now: SystemTime,
) -> Result<Merge, String> {
    let pair = function.resource_pair();
    let Some(text) = document else {
        return Ok(Merge::Write { document: first_document(&pair, expiry), added: pair.into() });
    };
    let document = PolicyDocument::parse(text)?;
    let covered = document.covered(&pair, now).filter(|lasts| match lasts {
        Lasts::ForGood => true,
        Lasts::Until(_) => expiry.is_some(),
    });
    if let Some(lasts) = covered {
        let is_listed = pair.iter().all(|resource| document.lists(resource, now));
        return Ok(Merge::Covered { is_listed, expires: lasts.expiry() });
    }
    let is_new = |resource: &&String| !document.lists_until(resource, expiry);
    let added = pair.iter().filter(is_new).cloned().collect();
    Ok(Merge::Write { document: document.with(&pair, expiry, now), added })
}

/// `document` with our own statements made shorter: each resource once, and none that another one of the same statement
/// covers. What is granted stays the same. A document that cannot be understood stays as it is.
pub fn fold(document: &str) -> String {
    let Ok(parsed) = PolicyDocument::parse(document) else {
        return document.to_owned();
    };
    let statements = parsed.statements.iter().map(|statement| match statement.ours() {
        Some(Ours { listed, .. }) => statement.with_resources(&folded(listed)),
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

/// Takes `function` out of our own statements in `document`, with whatever they are until, and leaves out those that have run
/// out; every other statement and function stays. What another statement allows stays allowed: see [`may_allow`].
///
/// The error says why the document is left alone.
pub fn take_out(document: &str, function: &FunctionArn, now: SystemTime) -> Result<Removal, String> {
    let pair = function.resource_pair();
    let document = PolicyDocument::parse(document)?;
    let is_pair = |resource: &String| pair.contains(resource);
    // What has run out is in nobody's way, but whoever wants it taken back shall not be told that it is not there.
    if !document.statements.iter().filter_map(Statement::ours).any(|ours| ours.listed.iter().any(is_pair)) {
        return Ok(Removal::NotListed);
    }
    let statements: Vec<String> = document
        .statements
        .iter()
        .filter_map(|statement| match statement.ours() {
            Some(ours) if ours.is_over(now) => None,
            Some(Ours { listed, .. }) if listed.iter().any(is_pair) => {
                let kept: Vec<_> = listed.into_iter().filter(|resource| !is_pair(resource)).collect();
                (!kept.is_empty()).then(|| statement.with_resources(&kept))
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
fn first_document(pair: &[String; 2], expiry: Option<Expiry>) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, first_statement(pair, expiry))
}

fn first_statement(pair: &[String; 2], expiry: Option<Expiry>) -> String {
    let condition = expiry.map_or_else(String::new, |expiry| {
        format!(r#","Condition":{{"{BEFORE}":{{"{CURRENT_TIME}":"{expiry}"}}}}"#)
    });
    format!(r#"{{"Effect":"Allow","Action":["{ACTION}"],"Resource":{}{condition}}}"#, json!(pair))
}

/// The operator and the key of a lease's condition.
const BEFORE: &str = "DateLessThan";
const CURRENT_TIME: &str = "aws:CurrentTime";

/// How long something is covered: the later, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lasts {
    Until(Expiry),
    ForGood,
}

impl Lasts {
    fn expiry(self) -> Option<Expiry> {
        match self {
            Self::Until(expiry) => Some(expiry),
            Self::ForGood => None,
        }
    }
}

/// What a statement of ours says.
#[derive(Debug)]
struct Ours {
    listed: Vec<String>,
    expiry: Option<Expiry>,
}

impl Ours {
    /// Whether it allows nothing any more.
    fn is_over(&self, now: SystemTime) -> bool {
        self.expiry.is_some_and(|expiry| expiry.is_over(now))
    }
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

    /// How long both of the pair are covered, if they are.
    fn covered(&self, pair: &[String; 2], now: SystemTime) -> Option<Lasts> {
        let longest =
            |resource| self.statements.iter().filter_map(|one| one.covers_until(resource, now)).max();
        let [unqualified, qualified] = pair;
        Some(longest(unqualified)?.min(longest(qualified)?))
    }

    /// Whether a statement of ours that has not run out lists the resource itself.
    fn lists(&self, resource: &String, now: SystemTime) -> bool {
        let mut ours = self.statements.iter().filter_map(Statement::ours);
        ours.any(|ours| !ours.is_over(now) && ours.listed.contains(resource))
    }

    /// The same of statements that say the same time.
    fn lists_until(&self, resource: &String, expiry: Option<Expiry>) -> bool {
        let mut ours = self.statements.iter().filter_map(Statement::ours);
        ours.any(|ours| ours.expiry == expiry && ours.listed.contains(resource))
    }

    /// The document with the pair in the first statement of ours that says the same time, or in a new one, and without those
    /// that have run out.
    fn with(&self, pair: &[String; 2], expiry: Option<Expiry>, now: SystemTime) -> String {
        let mut is_added = false;
        let mut statements: Vec<String> = Vec::with_capacity(self.statements.len() + 1);
        for statement in &self.statements {
            statements.push(match statement.ours() {
                Some(ours) if ours.is_over(now) => continue,
                Some(ours) if ours.expiry == expiry && !is_added => {
                    is_added = true;
                    statement.with(ours.listed, pair)
                }
                Some(_) | None => statement.text.get().to_owned(),
            });
        }
        if !is_added {
            statements.push(first_statement(pair, expiry));
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

    /// What it says, if it is ours: an `Allow` of exactly our action, and nothing else, or nothing else but a lease.
    fn ours(&self) -> Option<Ours> {
        let condition = self.object.get("Condition");
        let is_plain = self.is_allow_of(&["Action", "Resource", "Condition"]);
        (is_plain && self.object.texts("Action")? == [ACTION]).then_some(())?;
        let listed = self.object.texts("Resource")?;
        match condition {
            None => Some(Ours { listed, expiry: None }),
            Some(condition) => {
                let expiry = lease(condition)?;
                are_pairs(&listed).then_some(Ours { listed, expiry: Some(expiry) })
            }
        }
    }

    /// How long it covers `resource`: for good, or as a lease of ours that has not run out.
    fn covers_until(&self, resource: &String, now: SystemTime) -> Option<Lasts> {
        if self.covers(resource) {
            return Some(Lasts::ForGood);
        }
        let ours = self.ours().filter(|ours| !ours.is_over(now) && ours.listed.contains(resource))?;
        ours.expiry.map(Lasts::Until)
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
        self.with_resources(&listed)
    }

    fn with_resources(&self, listed: &[String]) -> String {
        self.object.text_with("Resource", &json!(listed).to_string())
    }
}

/// When a statement on this condition runs out, if it is one that we write.
fn lease(condition: &RawValue) -> Option<Expiry> {
    let time = only(condition, BEFORE).and_then(|keys| only(keys, CURRENT_TIME))?;
    Expiry::parse(&read::<String>(time.get()).ok()?)
}

/// What stands under `key`, if nothing stands beside it.
fn only<'a>(object: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    match read::<Object<'a>>(object.get()).ok()?.0.as_slice() {
        [(name, value)] if name == key => Some(*value),
        _ => None,
    }
}

/// Whether these are whole pairs of exact functions, at least one.
fn are_pairs(listed: &[String]) -> bool {
    let all: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    let is_exact = |text: &str| FunctionArn::parse(text).is_some_and(|function| function.as_str() == text);
    let is_of_pair = |resource: &&str| match resource.strip_suffix(":*") {
        Some(unqualified) => is_exact(unqualified) && all.contains(unqualified),
        None => is_exact(resource) && all.contains(format!("{resource}:*").as_str()),
    };
    !all.is_empty() && all.iter().all(is_of_pair)
}

/// Whether the `Resource` entry `pattern` covers all that `resource` covers: part by part, as IAM compares ARNs.
fn resource_covers(pattern: &str, resource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    // Most entries are about something else, which their beginnings tell.
    let is_alike = match pattern.split_once(pattern::WILDCARDS) {
        Some((fixed, _)) => resource.starts_with(fixed),
        None => resource == pattern,
    };
    if !is_alike || pattern.contains("${") {
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
