//! The body of a notice for a mail: what happened, to whom, why, what to do next, and how to take it back.
//!
//! Whoever reads it needs to open nothing to understand it. Prose is wrapped, since SNS sends plain text that many readers
//! show as it is. Each fact has a line of its own, no text of others leaves its line, and neither an ARN nor a command is
//! ever broken: a broken one cannot be pasted.

use crate::incoming::source::Source;
use crate::notice::content::{Told, Undo};
use crate::outcome::name;
use crate::policy::POLICY_NAME;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, fill};

/// Where prose is wrapped: RFC 5322 asks for lines of less than 79 characters, and a reply puts `> ` before them.
const WIDTH: usize = 72;

/// A space at which nothing is wrapped. It is not ASCII, so that no text that is told has one of its own.
const GLUE: &str = "\u{a0}";

/// Writes the body.
pub fn text(told: &Told<'_>) -> String {
    let mut text = format!("{}\n\n", wrapped("", &told.outcome.summary));
    for (label, value) in lines(told) {
        text.push_str(&format!("{label:<17} {}\n", value.as_deref().unwrap_or("not known")));
    }
    if told.left_out > 0 {
        text.push_str(&format!(
            "{:<17} {} more like this since the last notice\n",
            "Left out", told.left_out
        ));
    }
    text.push_str("\nWhat to do next\n");
    for step in told.next_steps() {
        text.push_str(&item("-", &step));
    }
    if let Some(undo) = &told.undo {
        text.push_str(&take_it_back(undo));
    }
    text
}

fn take_it_back(undo: &Undo) -> String {
    let first = item(
        "1.",
        "Take it out of the allowlist, or the next denial grants it again: deploy a list that is a parameter of the stack, or \
         wait a minute for one in SSM.",
    );
    let then = item("2.", "Run this. What other policies and statements allow stays allowed.");
    let without = wrapped(
        "",
        "Without that tool, run these instead, in this order, in a shell with the AWS CLI and Python 3 (AWS CloudShell has \
         both):",
    );
    let Undo { tool, shell } = undo;
    format!("\nTake it back\n{first}{then}\n{tool}\n\n{without}\n\n{}\n", shell.join("\n\n"))
}

/// One item of a list, with a hanging indent.
fn item(mark: &str, text: &str) -> String {
    format!("{}\n", wrapped(&format!("{mark} "), text))
}

/// Wraps prose behind a mark. A word that is longer than a line stays whole, and so does what stands in backticks: were text
/// of others broken, it could begin a line, and look like a line of ours.
fn wrapped(mark: &str, text: &str) -> String {
    let indent = " ".repeat(mark.len());
    let options = Options::new(WIDTH)
        .initial_indent(mark)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let parts = text.split('`').enumerate();
    let glued: Vec<_> = parts
        .map(|(index, part)| if index % 2 == 0 { part.into() } else { part.replace(' ', GLUE) })
        .collect();
    fill(&glued.join("`"), options).replace(GLUE, " ")
}

fn lines(told: &Told<'_>) -> Vec<(&'static str, Option<String>)> {
    let Told { outcome, facts, .. } = told;
    let reason = match outcome.reason {
        Some(reason) => format!("{} ({})", name(outcome.outcome), name(reason)),
        None => name(outcome.outcome),
    };
    let mut lines = vec![
        ("Outcome", Some(reason)),
        ("Principal", outcome.principal.clone()),
        ("Function", outcome.function.clone()),
    ];
    let (denied_by, policy) = told.denied_by().unzip();
    lines.push(("Denied by", denied_by));
    if let Some(policy) = policy.flatten() {
        lines.push(("Denying policy", Some(policy)));
    }
    // Without a rule nobody has looked at the policy.
    if let Some(rule) = &outcome.rule {
        lines.push(("Rule", Some(rule.clone())));
        lines.push(("Policy", Some(format!("{POLICY_NAME} (inline)"))));
    }
    if let Some(expiry) = told.verdict.expires() {
        lines.push(("Expires", Some(expiry.to_string())));
    }
    lines.extend([
        ("Account", outcome.account.clone()),
        ("Region", outcome.region.clone()),
        ("Time", outcome.event_time.clone()),
        ("Came in by", outcome.source.map(name)),
    ]);
    // Only CloudTrail's record has these.
    if outcome.source.is_none_or(|source| source == Source::Cloudtrail) {
        lines.push(("Source address", facts.source_ip_address.clone()));
        lines.push(("User agent", facts.user_agent.clone()));
    }
    lines.push((told.event_id_label(), outcome.event_id.clone()));
    // AWS keeps them for a day, and only messages of 2026 and later have them.
    if let Some(details) = &facts.authorization {
        lines.push(("Details at AWS", details.console_url().or_else(|| Some(details.id.clone()))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_and_no_word_is_broken() {
        let arn = format!("arn:aws:iam::281502313273:role/a-long-path-{}/b-c", "x".repeat(72));
        let text = wrapped(
            "- ",
            &format!("Some prose before, and then {arn}, and-then/some/more of it after that."),
        );
        assert!(text.contains(&arn), "{text}");
        for line in text.lines() {
            assert!(
                line.len() <= WIDTH || line.split(' ').filter(|word| !word.is_empty()).count() == 1,
                "{line}"
            );
            assert!(line.starts_with("- ") || line.starts_with("  "), "{line}");
        }
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>().join(" ").matches("and-then/some/more").count(),
            1
        );
    }
}
