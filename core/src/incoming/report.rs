//! An application's report of a denial that it got, published on EventBridge.

use crate::incoming::error_text::ErrorText;
use crate::incoming::json_texts::texts_of;
use crate::incoming::source::Source;
use serde_json::Value;

const DETAIL_TYPE: &str = "Lambda Invoke Denied";

/// Reads an application's report in EventBridge's envelope; `None` where `event` is something else. Its text joins all texts in
/// `detail`.
pub(super) fn read(event: &Value) -> Option<ErrorText<'_>> {
    let fields = event.as_object()?;
    let source = fields.get("source").and_then(Value::as_str)?;
    let detail_type = fields.get("detail-type")?;
    // Only AWS can publish events of these sources, and it publishes no reports.
    if detail_type != DETAIL_TYPE || source == "aws" || source.starts_with("aws.") {
        return None;
    }
    let mut malformed = None;
    let mut field = |key: &'static str| match fields.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => {
            malformed.get_or_insert(key);
            None
        }
    };
    let (account, event_id, event_time) = (field("account"), field("id"), field("time"));
    let text = fields.get("detail").map(texts_of).unwrap_or_default().into();
    Some(ErrorText { source: Source::Report, text, account, event_id, event_time, malformed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_has_its_form() {
        let report = |event: &Value| read(event).map(|text| text.source);
        assert_eq!(report(&json!({"detail-type": DETAIL_TYPE, "source": "shop"})), Some(Source::Report));
        for other in [
            json!({}),
            json!("x"),
            json!({"detail-type": DETAIL_TYPE}),
            json!({"detail-type": DETAIL_TYPE, "source": "aws.lambda"}),
            json!({"detail-type": "lambda invoke denied", "source": "shop"}),
        ] {
            assert_eq!(report(&other), None, "{other}");
        }
    }

    #[test]
    fn what_came_with_a_report_is_kept() {
        let mut report = json!({
            "detail-type": DETAIL_TYPE, "source": "shop", "account": "281502313273", "id": "7f",
            "time": "2026-09-14T23:18:49Z",
        });
        let text = read(&report).unwrap();
        assert_eq!(
            (text.account, text.event_id, text.event_time, text.malformed),
            (Some("281502313273"), Some("7f"), Some("2026-09-14T23:18:49Z"), None)
        );
        report["account"] = json!(281_502_313_273_u64);
        assert_eq!(read(&report).unwrap().malformed, Some("account"));
    }
}
