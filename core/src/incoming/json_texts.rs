//! All texts in a JSON value, as one text.

use serde_json::Value;

/// What no sentence crosses: each text in JSON is one by itself.
const BETWEEN: &str = "\n\u{1e}\n";

/// All texts in a JSON value, each on lines of its own; those that are keys as well, where `with_keys`.
pub(super) fn texts_of(value: &Value, with_keys: bool) -> String {
    let mut texts = Vec::new();
    collect_texts(value, with_keys, &mut texts);
    texts.join(BETWEEN)
}

/// Values are no deeper than JSON's reader goes.
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
        assert_eq!(texts_of(&error, false), "x\n\u{1e}\ny");
        assert_eq!(texts_of(&json!({"k": "v"}), true), "k\n\u{1e}\nv");
    }
}
