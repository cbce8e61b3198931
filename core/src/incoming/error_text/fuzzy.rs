//! Recognition of a denied invoke whose words are broken or misspelt.
//!
//! A sentence that can be read is [`message`](crate::incoming::message)'s business. A denial whose words are broken by line ends,
//! columns, colours or a slip must not pass for a text about something else, since nobody is notified of those. So only letters
//! and digits count here, and a few of them may be wrong.

use crate::incoming::error_text::words::{NOT_AUTHORIZED_LETTERS, letters};

/// The most letters of a word that may be wrong, missing or too many.
const MAX_EDITS: usize = 2;
/// The most columns of a table that are read.
const MAX_COLUMNS: usize = 8;
/// The most letters between the words of denial and the action of a broken sentence.
const MAX_BETWEEN: usize = 60;

/// The names of an invoke: IAM's action, the tools' command, and the SDKs' and CloudTrail's names of the call.
const FUNCTION: &str = "invokefunction";
const COMMAND: &str = "lambdainvoke";
const CALLS: [&str; 4] =
    ["invokeoperation", "invokeasyncoperation", "invokewithresponsestreamoperation", "eventnameinvoke"];
/// The error code of a denial.
const ERROR_CODE: &str = "accessdenied";
/// Words that only AWS's sentence about a denied invoke has.
const SENTENCE_ONLY: [&str; 3] =
    ["toperformlambdainvokefunction", "invokefunctiononresource", "allowsthelambdainvokefunctionaction"];
/// The words that SDKs print before that sentence.
const SDK_PREFIX: &str = "callingtheinvokeoperation";
/// An explicit deny, as AWS's clause and other texts name it.
const EXPLICIT_DENY: &str = "explicitdeny";
const EXPLICITLY_DENIED: &str = "explicitlyden";

/// Whether `text` mentions a denied invoke, besides `understood` denials of other actions in it.
pub(in crate::incoming) fn mentions_denied_invoke(text: &str, understood: usize) -> bool {
    let is_mention = |letters: &str| {
        let denials =
            NOT_AUTHORIZED_LETTERS.iter().map(|word| matches(letters, word).len()).max().unwrap_or(0);
        if understood > 0 {
            return holds_any(letters, &SENTENCE_ONLY)
                || letters.contains(SDK_PREFIX)
                || (denials > understood && holds_any(letters, &[FUNCTION]));
        }
        let is_denied = denials > 0 || letters.contains(ERROR_CODE);
        let is_called = || CALLS.iter().any(|call| letters.contains(call));
        (is_denied && (is_called() || holds_any(letters, &[FUNCTION, COMMAND])))
            || holds_any(letters, &SENTENCE_ONLY)
    };
    views(text).any(|letters| is_mention(&letters))
}

/// Whether the rest of a text besides a complete sentence holds another sentence, broken in its words.
pub(super) fn mentions_another_denial(rest: &str) -> bool {
    let is_mention = |letters: &str| {
        let actions = matches(letters, FUNCTION);
        let mut denials = NOT_AUTHORIZED_LETTERS.iter().flat_map(|word| matches(letters, word));
        denials.any(|denial| actions.iter().any(|action| (denial..denial + MAX_BETWEEN).contains(action)))
            || holds_any(letters, &SENTENCE_ONLY)
    };
    views(rest).any(|letters| is_mention(&letters))
}

/// Whether `text` mentions an explicit deny, however its words are broken.
pub(super) fn mentions_explicit_deny(text: &str) -> bool {
    views(text).any(|letters| {
        // The time at the beginning of the next line must not part the words.
        let letters = letters.replace(|letter: char| letter.is_ascii_digit(), "");
        holds_any(&letters, &[EXPLICIT_DENY]) || letters.contains(EXPLICITLY_DENIED)
    })
}

/// Whether `text` is `word` with at most [`MAX_EDITS`] letters wrong.
pub(super) fn is_nearly(text: &str, word: &str) -> bool {
    let (text, word) = (letters(text), letters(word));
    text.len().abs_diff(word.len()) <= MAX_EDITS && !matches(&text, &word).is_empty()
}

fn holds_any(letters: &str, words: &[&str]) -> bool {
    words.iter().any(|word| !matches(letters, word).is_empty())
}

/// Returns the letters of a text in each way to read it: as a whole, by the columns of a table, and without what each line begins
/// with.
fn views(text: &str) -> impl Iterator<Item = String> {
    let more = columns(text).into_iter().chain(without_prefixes(text));
    std::iter::once(letters(text)).chain(more.map(|text| letters(&text)))
}

/// Returns the places where `word` ends in `letters`, with at most [`MAX_EDITS`] letters wrong.
///
/// This goes through the columns of the table of Levenshtein distances, in which a match may begin anywhere (P. Sellers, 1980).
fn matches(letters: &str, word: &str) -> Vec<usize> {
    // Split into one part more than letters may be wrong, every match has one part without an error. Most texts hold no part.
    let parts = word.as_bytes().chunks(word.len().div_ceil(MAX_EDITS + 1));
    if !parts.filter_map(|part| std::str::from_utf8(part).ok()).any(|part| letters.contains(part)) {
        return Vec::new();
    }
    let start: Vec<usize> = (0..=word.len()).collect();
    let mut distances = start.clone();
    let mut ends = Vec::new();
    for (place, letter) in letters.bytes().enumerate() {
        let mut diagonal = 0;
        let mut above = 0;
        for (distance, expected) in distances.iter_mut().skip(1).zip(word.bytes()) {
            let replaced = diagonal + usize::from(expected != letter);
            diagonal = *distance;
            *distance = replaced.min(above + 1).min(diagonal + 1);
            above = *distance;
        }
        if above <= MAX_EDITS {
            ends.push(place);
            distances.clone_from(&start);
        }
    }
    ends
}

/// Returns the text without what every line begins with: a time, a host, a program. Digits may differ from line to line.
fn without_prefixes(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shape = |letter: char| if letter.is_ascii_digit() { '0' } else { letter };
    let (first, others) = lines.split_first().filter(|(_, others)| !others.is_empty())?;
    let shared = others.iter().fold(first.chars().count(), |shared, line| {
        let both = first.chars().zip(line.chars()).take(shared);
        both.take_while(|(one, other)| shape(*one) == shape(*other)).count()
    });
    let bare = lines.iter().map(|line| line.chars().skip(shared).collect::<String>());
    (shared > 0).then(|| bare.collect::<Vec<_>>().join("\n"))
}

/// Returns the columns of a table, each as one text: the first cell of each line, the second, and so on.
fn columns(text: &str) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for line in text.lines() {
        let cells = line.split(['|', '\u{2502}', '\u{2503}', '\t']).flat_map(|part| part.split("  "));
        let cells = cells.map(str::trim).filter(|cell| !cell.is_empty());
        for (place, cell) in cells.take(MAX_COLUMNS).enumerate() {
            match columns.get_mut(place) {
                Some(column) => column.push_str(cell),
                None => columns.push(cell.to_owned()),
            }
        }
    }
    // A single column is the text itself.
    if columns.len() > 1 { columns } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_denial_is_noticed() {
        for text in [
            "is not authorized to perform: lambda:InvokeFunction on resource",
            "IS NOT AUTHORIZED TO PERFORM: LAMBDA:INVOKEFUNCTION",
            "is not autho-\nrized to perform: lambda:Invoke\nFunction",
            "not authorised ... lambda InvokeFuncton",
            "s not athorized to perform lambda\\u003aInvokeFunction",
            "is n\u{200b}ot auth\u{ad}orized: lambda:\u{ff}InvokeFunction",
            "An error occurred (AccessDeniedException) when calling the Invoke operation",
            "api error AccessDeniedException: ... Lambda: Invoke",
            "│ is not autho  │ 12:30 │\n│ rized to perf │ 12:31 │\n│ orm: lambda:I │ 12:32 │\n│ nvokeFunction │ 12:33 │",
            "CREATE_FAILED    is not auth\n12:30            orized: lambda:Invo\nWarmup           keFunction on",
            "Sep 14 00:10:09 host app[123]: is not\nSep 14 00:10:10 host app[123]: authorized to perform: lambda:InvokeFunction",
            "rized to perform: lambda:InvokeFunction on resource: arn",
            "AccessDenied, when calling the InvokeWithResponseStream operation",
        ] {
            assert!(mentions_denied_invoke(text, 0), "{text}");
        }
    }

    #[test]
    fn what_is_about_something_else_is_not() {
        for text in [
            "",
            "Task timed out after 3.00 seconds",
            "is not authorized to perform: s3:GetObject on resource: x",
            "lambda:InvokeFunction is all that it needs",
            "PreSignUp invocation failed due to error AccessDeniedException.",
            "AccessDenied when calling the GetObject operation",
        ] {
            assert!(!mentions_denied_invoke(text, 0), "{text}");
        }
        // Of another action, by somebody whose name speaks of invoking.
        let other = "LambdaInvokeFunctionOperator is not authorized to perform: s3:GetObject (AccessDenied)";
        assert!(mentions_denied_invoke(other, 0) && !mentions_denied_invoke(other, 1));
        assert!(mentions_denied_invoke(&format!("{other} not authorized: lambda:InvokeFunction"), 1));
    }

    #[test]
    fn a_deny_is_noticed_however_it_is_broken() {
        for text in ["with an explicit deny in a policy", "EXPLICIT\n  DENY", "expli-\ncit de\u{200b}ny"] {
            assert!(mentions_explicit_deny(text), "{text}");
        }
        assert!(!mentions_explicit_deny("it is explicit, and something was denied"));
    }

    #[test]
    fn a_few_letters_may_be_wrong() {
        for (text, found) in [
            ("invokefunction", 1),
            ("invkefuncton", 1),
            ("xinvokeefunctionsx", 1),
            ("invokefunc", 0),
            ("ivokefuncton", 1),
        ] {
            assert_eq!(matches(text, "invokefunction").len(), found, "{text}");
        }
        assert_eq!(matches(&"invokefunction".repeat(3), "invokefunction").len(), 3);
        assert!(is_nearly("lambda:InvokeFuncton", "lambda:InvokeFunction"));
        assert!(!is_nearly("lambda:GetFunction", "lambda:InvokeFunction"));
    }

    #[test]
    fn another_sentence_is_noticed_beside_a_whole_one() {
        for rest in [
            "is not author ized to perform: lambda:InvokeFunction",
            "is\u{ad}not authorized to perform lambda:Invoke Function",
            "ized to perform: lambda:InvokeFunction on resource: arn",
        ] {
            assert!(mentions_another_denial(rest), "{rest}");
        }
        for rest in [
            "",
            "You are not authorized to perform this operation. Ask whoever administers the account to add what is needed here: \
             lambda:InvokeFunction",
            "is not authorized to perform: s3:GetObject on resource: x",
        ] {
            assert!(!mentions_another_denial(rest), "{rest}");
        }
    }
}
