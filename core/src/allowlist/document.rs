//! The JSON document: read into rules, or refused with the place of the first error.

use crate::allowlist::rule::Rule;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IntoDeserializer, MapAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

/// The whole document.
#[derive(Debug, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Allowlist"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// The rules, in order: the first that matches decides.
    #[serde(deserialize_with = "objects")]
    #[cfg_attr(test, schemars(length(min = 1)))]
    rules: Vec<Rule>,
}

/// Why a document is refused, and where: `rules[0].principals[1]: ... at line 5 column 9`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct AllowlistError {
    place: String,
    problem: String,
    position: Option<(usize, usize)>,
}

impl AllowlistError {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), position: None }
    }

    fn from_json(place: impl Into<String>, error: &serde_json::Error) -> Self {
        let position = Some((error.line(), error.column())).filter(|(line, _)| *line > 0);
        Self { position, ..Self::new(place, error.to_string()) }
    }

    /// The path of the wrong value, such as `rules[0].principals[1]`, or `the document`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The error, without the place.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Line and column at which reading stopped, each from 1 on. `None` if the text was read to its end.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position
    }
}

/// Reads the rules of a document.
///
/// # Errors
///
/// Anything in the document is wrong.
pub(crate) fn read(text: &str) -> Result<Vec<Rule>, AllowlistError> {
    let read: Result<Object<Document>, _> = serde_json::from_str(text);
    let Object(Document { rules }) = read.map_err(|error| locate(text, &error))?;
    check(&rules)?;
    Ok(rules)
}

/// Returns the error of a document that cannot be read, with its place.
///
/// Reads the document a second time, since keeping track of the place makes reading slow, and most documents are valid.
fn locate(text: &str, error: &serde_json::Error) -> AllowlistError {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read: Result<Object<Document>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let Err(error) = read else { return AllowlistError::from_json("after the document", error) };
    let path = error.path().to_string();
    // A key may be the empty text.
    let place = if ["", "."].contains(&path.as_str()) { "the document".to_owned() } else { path };
    AllowlistError::from_json(place, error.inner())
}

/// Checks what the types do not express.
fn check(rules: &[Rule]) -> Result<(), AllowlistError> {
    let error = |place: String, problem: &str| Err(AllowlistError::new(place, problem));
    if rules.is_empty() {
        return error("rules".to_owned(), "the list is empty");
    }
    let mut ids = HashMap::with_capacity(rules.len());
    for (index, rule) in rules.iter().enumerate() {
        let id = rule.id();
        let is_printable = id.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !is_printable || !(1..=128).contains(&id.len()) {
            return error(format!("rules[{index}].id"), "an id is 1 to 128 printable ASCII characters");
        }
        if let Some(first) = ids.insert(id, index) {
            let problem = format!("the id `{id}` is that of rules[{first}] already");
            return error(format!("rules[{index}].id"), &problem);
        }
        if rule.principals().is_empty() {
            return error(format!("rules[{index}].principals"), "the list is empty");
        }
        if rule.functions().is_empty() {
            return error(format!("rules[{index}].functions"), "the list is empty");
        }
    }
    Ok(())
}

/// A struct that is read from a JSON object only. What serde derives also reads an array, as the fields' values in order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

/// Reads a list of [`Object`]s.
fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects: Vec<Object<T>> = Deserialize::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(object)| object).collect())
}

/// Reads an enum from a string only. What serde derives also reads an object, `{"grant": null}`.
pub(crate) fn from_string<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// Reads a value that may be left out, but not null.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
