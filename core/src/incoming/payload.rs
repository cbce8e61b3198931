//! The bytes of an invocation, JSON or not.

use serde::de::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The largest payload that is read: far larger than any event of EventBridge, and as values it still fits into the smallest
/// function's memory.
pub(super) const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// The bytes of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// JSON, as values.
    Json(Value),
    /// JSON that is too deep, too large or not representable as values; the text says which.
    Unreadable(String),
    /// Something else; the text says where it is not JSON.
    NotJson(String),
}

impl Payload {
    /// Reads any bytes. Never fails, so that each payload can be classified.
    pub fn from_slice(bytes: &[u8]) -> Self {
        // Most payloads can be read as values at once. For others the raw JSON shows why not.
        if bytes.len() <= MAX_PAYLOAD_BYTES
            && let Ok(value) = serde_json::from_slice(bytes)
        {
            return Self::Json(value);
        }
        match serde_json::from_slice(bytes) {
            Ok(raw) => Self::from_raw(raw),
            Err(error) => Self::NotJson(error.to_string()),
        }
    }

    fn from_raw(raw: &RawValue) -> Self {
        if raw.get().len() > MAX_PAYLOAD_BYTES {
            let length = raw.get().len();
            return Self::Unreadable(format!(
                "{length} bytes are more than the {MAX_PAYLOAD_BYTES} that are read"
            ));
        }
        match serde_json::from_str(raw.get()) {
            Ok(value) => Self::Json(value),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    /// Never fails: the runtime would answer with an error, and Lambda would retry what no retry can cure.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Box::<RawValue>::deserialize(deserializer) {
            Ok(raw) => Self::from_raw(&raw),
            Err(error) => Self::NotJson(error.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn any_bytes_are_a_payload() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let large = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES));
        for text in [deep.as_str(), &large, "1e400", r#""\ud800""#] {
            assert!(matches!(Payload::from_slice(text.as_bytes()), Payload::Unreadable(_)), "{:.20}", text);
        }
        for bytes in [&b""[..], b"{", b"\xff", b"nonsense", b"{} {}"] {
            assert!(matches!(Payload::from_slice(bytes), Payload::NotJson(_)), "{bytes:?}");
        }
        for text in ["null", "[]", "\"\"", "-0.5", "{\"detail\": null}"] {
            assert!(matches!(Payload::from_slice(text.as_bytes()), Payload::Json(_)), "{text}");
        }
    }

    #[test]
    fn a_payload_never_fails_to_deserialize() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for text in [deep.as_str(), "", "{", "nonsense", r#""\ud800""#] {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let payload: Payload = serde_path_to_error::deserialize(&mut deserializer).unwrap();
            assert!(!matches!(payload, Payload::Json(_)), "{:.20}", text);
        }
        let payload: Payload =
            serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str("{}")).unwrap();
        assert_eq!(payload, Payload::Json(json!({})));
    }
}
