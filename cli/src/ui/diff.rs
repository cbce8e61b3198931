//! Policy documents as a person compares them: pretty-printed with every key, number and escape as written, line by line.

use crate::ui::output::Escaped;
use crate::ui::style::{CYAN, GREEN, PLAIN, RED};
use anstyle::Style;
use remediator_core::policy::POLICY_NAME;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// Returns the coloured difference between two documents of a principal's policy. `None` stands for no policy.
pub(crate) fn diff(principal: &str, before: Option<&str>, after: Option<&str>) -> String {
    let (old, new) = (before.map(pretty).unwrap_or_default(), after.map(pretty).unwrap_or_default());
    let side = |document: Option<&str>, when: &str| match document {
        Some(_) => format!("{POLICY_NAME} of {principal} ({when})"),
        None => format!("no {POLICY_NAME} ({when})"),
    };
    let mut text =
        format!("{RED}--- {}{PLAIN}\n{GREEN}+++ {}{PLAIN}\n", side(before, "now"), side(after, "then"));
    let changes = TextDiff::from_lines(old.as_str(), new.as_str());
    for hunk in changes.unified_diff().context_radius(3).iter_hunks() {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{CYAN}{}{PLAIN}", hunk.header());
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', RED),
                ChangeTag::Insert => ('+', GREEN),
                ChangeTag::Equal => (' ', Style::new()),
            };
            let line = Escaped(change.value().trim_end_matches('\n'));
            let _ = writeln!(text, "{style}{sign}{line}{PLAIN}");
        }
    }
    text
}

/// Indents a document. It is not parsed into values, which would lose duplicate keys, the order of keys and long numbers.
fn pretty(document: &str) -> String {
    let mut written = Vec::new();
    let mut from = serde_json::Deserializer::from_str(document);
    let mut to = serde_json::Serializer::pretty(&mut written);
    match serde_transcode::transcode(&mut from, &mut to) {
        Ok(()) => String::from_utf8_lossy(&written).into_owned() + "\n",
        // It is not JSON, and so shown as written.
        Err(_) => document.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_marked() {
        let text = diff("user/x", Some(r#"{"b":1,"a":["x"],"b":2}"#), Some(r#"{"b":1,"a":["x","y"],"b":2}"#));
        let plain = anstream::adapter::strip_str(&text).to_string();
        let marked: Vec<&str> = plain.lines().skip(2).filter(|line| line.starts_with(['+', '-'])).collect();
        assert_eq!(marked, ["-    \"x\"", "+    \"x\",", "+    \"y\""]);
        assert!(plain.contains(" \"b\": 1") && plain.contains(" \"b\": 2"));
    }

    #[test]
    fn a_policy_that_does_not_exist_is_named() {
        let plain = anstream::adapter::strip_str(&diff("user/x", None, Some("{}"))).to_string();
        assert!(plain.starts_with(
            "--- no LambdaInvokePermission (now)\n+++ LambdaInvokePermission of user/x (then)\n"
        ));
    }
}
