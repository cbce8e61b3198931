//! A document's forms, taken at their word: a struct is an object, and the name of a variant is a text.
//!
//! serde takes an array for a struct as well, and an object for a variant. A type that shall not be read from these derives
//! its reading with `remote = "Self"`, and does it through [`StrictForm`].

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads a struct or a variant in its own form alone; `problem` is what is said of another.
pub(crate) struct StrictForm<D> {
    pub(crate) inner: D,
    pub(crate) problem: &'static str,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for StrictForm<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Self { inner, problem } = self;
        inner.deserialize_struct(name, fields, OnlyObject { visitor, problem })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Self { inner, problem } = self;
        inner.deserialize_any(OnlyText { visitor, problem })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct OnlyObject<V> {
    visitor: V,
    problem: &'static str,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OnlyObject<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(fields)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<V::Value, A::Error> {
        Err(A::Error::custom(self.problem))
    }
}

struct OnlyText<V> {
    visitor: V,
    problem: &'static str,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OnlyText<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<V::Value, E> {
        self.visitor.visit_enum(StrDeserializer::new(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<V::Value, A::Error> {
        Err(A::Error::custom(self.problem))
    }
}
