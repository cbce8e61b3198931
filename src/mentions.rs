//! Whether a text speaks of a denied invoke at all, in whatever state it is.
//!
//! What a text says in a sentence that can be read is [`message`](crate::message)'s business. This is for the others: a
//! denial whose words are broken by line ends, columns, colours or a slip must not pass for a text about something else,
//! since nobody is told of those. So nothing counts but letters and digits, and a few of them may be wrong.

/// How many letters of a word may be wrong, missing or too many.
const EDITS: usize = 2;
/// How many columns of a table are looked at.
const MAX_COLUMNS: usize = 8;

/// What an invoke is called: IAM's action, the tools' command and the SDKs' operation.
const FUNCTION: &str = "invokefunction";
const COMMAND: &str = "lambdainvoke";
const OPERATION: &str = "invokeoperation";
/// What a denial is called.
const DENIED: [&str; 2] = ["notauthorized", "notauthorised"];
const ERROR_CODE: &str = "accessdenied";

/// Whether `text` speaks of a denied invoke, beside `understood` denials of other actions that are in it.
pub(crate) fn speaks_of_a_denied_invoke(text: &str, understood: usize) -> bool {
    let is_one = |letters: &str| {
        let denials: usize = DENIED.iter().map(|word| count(letters, word)).max().unwrap_or(0);
        if understood > 0 {
            return denials > understood && count(letters, FUNCTION) > 0;
        }
        (denials > 0 || letters.contains(ERROR_CODE))
            && (letters.contains(OPERATION)
                || [FUNCTION, COMMAND].iter().any(|word| count(letters, word) > 0))
    };
    is_one(&letters(text)) || columns(text).iter().any(|column| is_one(&letters(column)))
}

/// Whether words of an explicit deny stand anywhere, however they are broken.
pub(crate) fn speaks_of_an_explicit_deny(text: &str) -> bool {
    letters(text).contains("explicitdeny")
}

/// The letters and digits alone, in lower case.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// How often `word` stands in `letters`, with at most [`EDITS`] letters wrong.
///
/// It goes through the columns of the table of Levenshtein distances, in which a match may begin anywhere (P. Sellers, 1980).
fn count(letters: &str, word: &str) -> usize {
    // Of one part more than there may be wrong letters, one is right in every match; most texts hold none of them.
    let parts = word.as_bytes().chunks(word.len().div_ceil(EDITS + 1));
    if !parts.filter_map(|part| std::str::from_utf8(part).ok()).any(|part| letters.contains(part)) {
        return 0;
    }
    let start: Vec<usize> = (0..=word.len()).collect();
    let mut distances = start.clone();
    let mut found = 0;
    for letter in letters.bytes() {
        let mut diagonal = 0;
        let mut above = 0;
        for (distance, expected) in distances.iter_mut().skip(1).zip(word.bytes()) {
            let replaced = diagonal + usize::from(expected != letter);
            diagonal = *distance;
            *distance = replaced.min(above + 1).min(diagonal + 1);
            above = *distance;
        }
        if above <= EDITS {
            found += 1;
            distances.clone_from(&start);
        }
    }
    found
}

/// The columns of a table, each as one text: what stands in the first place of each line, in the second, and so on.
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
    // One is the text itself.
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
        ] {
            assert!(speaks_of_a_denied_invoke(text, 0), "{text}");
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
            assert!(!speaks_of_a_denied_invoke(text, 0), "{text}");
        }
        // Of another action, by somebody whose name speaks of invoking.
        let other = "LambdaInvokeFunctionOperator is not authorized to perform: s3:GetObject (AccessDenied)";
        assert!(speaks_of_a_denied_invoke(other, 0) && !speaks_of_a_denied_invoke(other, 1));
        assert!(speaks_of_a_denied_invoke(&format!("{other} not authorized: lambda:InvokeFunction"), 1));
    }

    #[test]
    fn a_deny_is_noticed_however_it_is_broken() {
        for text in ["with an explicit deny in a policy", "EXPLICIT\n  DENY", "expli-\ncit de\u{200b}ny"] {
            assert!(speaks_of_an_explicit_deny(text), "{text}");
        }
        assert!(!speaks_of_an_explicit_deny("it is explicit, and denied"));
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
            assert_eq!(count(text, "invokefunction"), found, "{text}");
        }
        assert_eq!(count(&"invokefunction".repeat(3), "invokefunction"), 3);
    }
}
