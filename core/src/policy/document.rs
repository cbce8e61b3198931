//! A policy document of which every part keeps the text that it was written with.
//!
//! Numbers, escapes, the order of keys and keys that nobody here knows come through unchanged. A document that does not follow
//! the grammar as far as it is looked at is not read at all.
//!
//! See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use crate::text::one_line;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::fmt;

/// A policy document.
#[derive(Debug)]
pub(super) struct PolicyDocument<'a> {
    object: Object<'a>,
    statements: Vec<Statement<'a>>,
    /// Whether `Statement` is a list, and not a single statement.
    is_list: bool,
}

impl<'a> PolicyDocument<'a> {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// Says why it cannot be understood, as a clause about "it", on one line.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let object: Object<'a> =
            read(text).map_err(|error| format!("it is no policy document: {}", describe(&error)))?;
        let statement = object.get("Statement").ok_or("it has no Statement")?;
        let (texts, is_list) = match read::<Vec<&'a RawValue>>(statement.get()) {
            Ok(texts) => (texts, true),
            Err(_) => (vec![statement], false),
        };
        let statements = texts.into_iter().map(Statement::parse).collect::<Result<_, _>>()?;
        Ok(Self { object, statements, is_list })
    }

    /// Its statements, in order.
    pub(super) fn statements(&self) -> &[Statement<'a>] {
        &self.statements
    }

    /// Returns the document's text with other statements. A single statement stays without a list around it.
    pub(super) fn with_statements(&self, statements: &[String]) -> String {
        let list = statements.join(",");
        let is_single = !self.is_list && statements.len() == 1;
        self.object.with("Statement", &if is_single { list } else { format!("[{list}]") })
    }
}

/// One statement of a document.
#[derive(Debug)]
pub(super) struct Statement<'a> {
    text: &'a RawValue,
    object: Object<'a>,
}

impl<'a> Statement<'a> {
    fn parse(text: &'a RawValue) -> Result<Self, String> {
        // Reading it as a value finds out whether it is too deep, or holds what no value can hold.
        let object = read::<Value>(text.get()).and_then(|_| read::<Object<'a>>(text.get()));
        let object = object.map_err(|error| format!("a statement cannot be read: {}", describe(&error)))?;
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

    /// The statement as it was written.
    pub(super) fn text(&self) -> &'a str {
        self.text.get()
    }

    /// The text of the value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.object.get(key)
    }

    /// The texts under `key`: one, or a list of them.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        self.object.texts(key)
    }

    /// Whether it is an `Allow`.
    pub(super) fn is_allow(&self) -> bool {
        self.texts("Effect").is_some_and(|effect| effect == ["Allow"])
    }

    /// Whether it is an `Allow` with nothing but `Effect`, perhaps `Sid`, and some of `keys`.
    pub(super) fn is_allow_with_only(&self, keys: &[&str]) -> bool {
        let is_known = |key: &str| ["Effect", "Sid"].contains(&key) || keys.contains(&key);
        self.object.0.iter().all(|(key, _)| is_known(key)) && self.is_allow()
    }

    /// Returns the statement's text with another list under `Resource`.
    pub(super) fn with_resources(&self, resources: &[String]) -> String {
        self.object.with("Resource", &json!(resources).to_string())
    }
}

/// A JSON object of which every value keeps its text. A repeated key is refused: which one counts, only IAM knows.
#[derive(Debug)]
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    fn texts(&self, key: &str) -> Option<Vec<String>> {
        let text = self.get(key)?.get();
        read::<Vec<String>>(text).or_else(|_| read::<String>(text).map(|one| vec![one])).ok()
    }

    /// Returns the object's text with another value under `key`.
    fn with(&self, key: &str, value: &str) -> String {
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

/// Returns the value under `key` of an object that has no other key.
pub(super) fn only_value<'a>(object: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    match read::<Object<'a>>(object.get()).ok()?.0.as_slice() {
        [(name, value)] if name == key => Some(*value),
        _ => None,
    }
}

/// Returns the text that a JSON value is.
pub(super) fn text_of(value: &RawValue) -> Option<String> {
    read(value.get()).ok()
}

/// Describes an error of serde, which may quote untrusted text of the document.
fn describe(error: &serde_json::Error) -> String {
    one_line(&error.to_string(), 256)
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}
