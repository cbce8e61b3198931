//! The body of a notice for a mail: what happened, to whom, why, what to do next, and how to take it back.
//!
//! Prose is wrapped, since SNS sends plain text that many readers show as it is. Each fact has a line of its own, which no
//! untrusted text leaves, and no ARN, address or command is ever broken: a broken one cannot be pasted.

use crate::notice::content::{FACTS, NoticeContent};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, fill};

/// Where prose is wrapped: RFC 5322 asks for lines of less than 79 characters, and a reply puts `> ` before them.
const WIDTH: usize = 72;

/// A space at which nothing is wrapped. It is not ASCII, so that no text of a notice has one of its own.
const GLUE: &str = "\u{a0}";

/// The room for a label.
const LABEL_WIDTH: usize = 17;

const _: () = {
    let mut facts = FACTS;
    while let Some((fact, others)) = facts.split_first() {
        assert!(fact.label.len() <= LABEL_WIDTH, "a label of `FACTS` is longer than a mail has room for");
        facts = others;
    }
};

/// Writes the body.
pub(crate) fn body(notice: &NoticeContent<'_>) -> String {
    let mut text = format!("{}\n\n", wrapped("", &notice.outcome.summary));
    for (fact, value) in notice.facts() {
        let value = value.as_deref().unwrap_or("not known");
        text.push_str(&format!("{:<LABEL_WIDTH$} {value}\n", fact.label));
    }
    text.push_str("\nWhat to do next\n");
    for step in notice.next_steps() {
        text.push_str(&item("-", &step));
    }
    if let Some(command) = &notice.undo {
        text.push_str(&take_it_back(command));
    }
    text
}

fn take_it_back(command: &str) -> String {
    let first = item(
        "1.",
        "Take it out of the allowlist, or the next denial grants it again. Deploy a list that is a parameter of the stack; for one \
         in SSM, wait a minute.",
    );
    let then = item("2.", "Run this. What other policies and statements allow stays allowed.");
    let without = wrapped(
        "",
        "Without that tool, edit the policy in the IAM console, or see \"Undo without the tool\" in docs/operations.md.",
    );
    format!("\nTake it back\n{first}{then}\n{command}\n\n{without}\n")
}

/// One item of a list, with a hanging indent.
fn item(mark: &str, text: &str) -> String {
    format!("{}\n", wrapped(&format!("{mark} "), text))
}

/// Wraps prose behind a mark. A word that is longer than a line stays whole, and so does what stands in backticks: untrusted
/// text that is broken could begin a line, and look like a line of ours.
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
