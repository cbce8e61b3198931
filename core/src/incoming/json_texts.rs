//! The texts in a JSON value, joined to one text.

use serde_json::Value;

/// Stands between two texts, so that no sentence reaches from one into the other.
const SEPARATOR: &str = "\n\u{1e}\n";

/// Joins all texts in a JSON value, each on lines of its own.
pub(super) fn texts_of(value: &Value) -> String {
    joined(value, false)
}

/// Joins all texts and all keys in a JSON value, each on lines of its own.
pub(super) fn texts_and_keys_of(value: &Value) -> String {
    joined(value, true)
}

fn joined(value: &Value, with_keys: bool) -> String {
    let mut texts = Vec::new();
    collect_texts(value, with_keys, &mut texts);
    texts.join(SEPARATOR)
}

/// Recurses no deeper than `serde_json` reads.
fn collect_texts<'a>(value: &'a Value, with_keys: bool, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, with_keys, texts)),
        Value::Object(fields) => {
            for (key, field) in fields {
                texts.extend(with_keys.then_some(key.as_str()));
                collect_texts(field, with_keys, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_in_json_stay_apart() {
        let error = json!({"b": ["x", {"c": "y"}], "a": null, "d": 1});
        assert_eq!(texts_of(&error), "x\n\u{1e}\ny");
        assert_eq!(texts_and_keys_of(&json!({"k": "v"})), "k\n\u{1e}\nv");
    }
}
