//! What the fuzz targets know without asking the library: wildcards, allowlists and texts, written a second time.
//!
//! Slow and simple on purpose. A matcher that shared its idea with the library's would share its mistakes.

pub mod document;
pub mod rename;

use serde_json::Value;

/// The account that the targets take for their own.
pub const OWN_ACCOUNT: &str = "281502313273";

/// Whether `pattern` matches all of `text`: a table of which beginnings match which, one row a character.
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern == text;
    }
    let text: Vec<char> = text.chars().collect();
    // `row[n]`: the pattern so far matches the first `n` characters.
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        if wanted == '*' {
            let first = row.iter().position(|matched| *matched).unwrap_or(row.len());
            next[first..].fill(true);
        } else {
            for (index, character) in text.iter().enumerate() {
                next[index + 1] = row[index] && (wanted == '?' || wanted == *character);
            }
        }
        row = next;
    }
    row[text.len()]
}

/// IAM's ArnLike, each colon-separated part by itself.
pub fn arn_like(pattern: &str, arn: &str) -> bool {
    pattern.matches(':').count() == arn.matches(':').count()
        && pattern.split(':').zip(arn.split(':')).all(|(pattern, part)| wildcard_matches(pattern, part))
}

/// Whether a wildcard could be read out of the text.
pub fn has_live_text(text: &str) -> bool {
    text.contains(['*', '?']) || text.contains("${")
}

/// The first rule of an allowlist (a document that was accepted) that matches, as its JSON value.
pub fn first_rule<'a>(list: &'a Value, source: &str, principal: &str, function: &str) -> Option<&'a Value> {
    let any = |rule: &Value, key: &str, arn: &str| texts(&rule[key]).iter().any(|text| arn_like(text, arn));
    list["rules"].as_array()?.iter().find(|rule| {
        let admits = match rule.get("sources") {
            Some(sources) => texts(sources).contains(&source),
            None => ["cloudtrail", "manual"].contains(&source),
        };
        admits && any(rule, "principals", principal) && any(rule, "functions", function)
    })
}

/// A text, or the texts of a list.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Whether the text is printable ASCII on one line.
pub fn is_one_line(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// A word of a message without quotes and without what closes the sentence.
pub fn bare(word: &str) -> &str {
    word.trim_end_matches(['.', ',', ';', '}', '"', '\'', '`']).trim_start_matches(['"', '\'', '`'])
}

/// Whether a message allows to think that an identity-based policy is the cure: after who was denied what on which
/// resource there is the clause that says so, or nothing in which a reason could be told; never both.
pub fn may_be_curable(message: &str) -> bool {
    const WORDS: [&str; 8] =
        ["because", "explicit", "deny", "denies", "policy", "boundary", "allow", "not authorized"];
    let message = message.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let Some((_, denied)) = message.split_once("is not authorized to perform: ") else { return false };
    let mut words: Vec<&str> = denied.split(' ').collect();
    let action = bare(words.remove(0)).to_ascii_lowercase();
    if words.starts_with(&["on", "resource:"]) {
        words.drain(..words.len().min(3));
    }
    let rest = words.join(" ").to_ascii_lowercase();
    let clause = format!("because no identity-based policy allows the {action} action");
    let tail = rest.strip_prefix(&clause).unwrap_or(&rest);
    !WORDS.iter().any(|word| tail.contains(word))
}
