//! Whether a text speaks of a denied invoke at all, in whatever state it is.
//!
//! What a text says in a sentence that can be read is [`message`](crate::incoming::message)'s business. This is for the others: a
//! denial whose words are broken by line ends, columns, colours or a slip must not pass for a text about something else,
//! since nobody is told of those. So nothing counts but letters and digits, and a few of them may be wrong.

/// How many letters of a word may be wrong, missing or too many.
const EDITS: usize = 2;
/// How many columns of a table are looked at.
const MAX_COLUMNS: usize = 8;

/// How many letters may stand between the words of denial and the action, in a sentence that is broken.
const MAX_BETWEEN: usize = 60;

/// What an invoke is called: IAM's action, the tools' command, and the SDKs' and CloudTrail's names of the call.
const FUNCTION: &str = "invokefunction";
const COMMAND: &str = "lambdainvoke";
const CALLS: [&str; 4] =
    ["invokeoperation", "invokeasyncoperation", "invokewithresponsestreamoperation", "eventnameinvoke"];
/// What a denial is called.
const DENIED: [&str; 2] = ["notauthorized", "notauthorised"];
const ERROR_CODE: &str = "accessdenied";
/// What stands nowhere but in AWS's sentence.
const OF_THE_SENTENCE: [&str; 3] =
    ["toperformlambdainvokefunction", "invokefunctiononresource", "allowsthelambdainvokefunctionaction"];
/// What SDKs print before it.
const OF_THE_ERROR: &str = "callingtheinvokeoperation";

/// Whether `text` speaks of a denied invoke, beside `understood` denials of other actions that are in it.
pub(crate) fn speaks_of_a_denied_invoke(text: &str, understood: usize) -> bool {
    let is_one = |letters: &str| {
        let denials: usize = DENIED.iter().map(|word| places(letters, word).len()).max().unwrap_or(0);
        let names_it = |words: &[&str]| words.iter().any(|word| !places(letters, word).is_empty());
        if understood > 0 {
            return names_it(&OF_THE_SENTENCE)
                || letters.contains(OF_THE_ERROR)
                || (denials > understood && names_it(&[FUNCTION]));
        }
        let is_denied = denials > 0 || letters.contains(ERROR_CODE);
        let is_called = || CALLS.iter().any(|call| letters.contains(call));
        (is_denied && (is_called() || names_it(&[FUNCTION, COMMAND]))) || names_it(&OF_THE_SENTENCE)
    };
    views(text).any(|letters| is_one(&letters))
}

/// The letters of a text, of its columns where it is a table, and without what each line begins with.
fn views(text: &str) -> impl Iterator<Item = String> {
    let more = columns(text).into_iter().chain(without_prefixes(text));
    std::iter::once(letters(text)).chain(more.map(|text| letters(&text)))
}

/// Whether what is left of a text beside a whole sentence holds another one, broken in its words.
pub(crate) fn speaks_of_another_sentence(rest: &str) -> bool {
    let is_one = |letters: &str| {
        let actions = places(letters, FUNCTION);
        let denials = DENIED.iter().flat_map(|word| places(letters, word)).collect::<Vec<_>>();
        let follows =
            |denied: &usize| actions.iter().any(|action| (*denied..denied + MAX_BETWEEN).contains(action));
        denials.iter().any(follows) || OF_THE_SENTENCE.iter().any(|word| !places(letters, word).is_empty())
    };
    views(rest).any(|letters| is_one(&letters))
}

/// Whether `text` is `word`, with a few letters wrong.
pub(crate) fn is_nearly(text: &str, word: &str) -> bool {
    let (text, word) = (letters(text), letters(word));
    text.len().abs_diff(word.len()) <= EDITS && !places(&text, &word).is_empty()
}

/// Whether words of an explicit deny stand anywhere, however they are broken.
pub(crate) fn speaks_of_an_explicit_deny(text: &str) -> bool {
    // A clock at the beginning of the next line makes no difference.
    views(text).any(|letters| {
        let letters = letters.replace(|letter: char| letter.is_ascii_digit(), "");
        !places(&letters, "explicitdeny").is_empty() || letters.contains("explicitlyden")
    })
}

/// The letters and digits alone, in lower case.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Where `word` ends in `letters`, with at most [`EDITS`] letters wrong.
///
/// It goes through the columns of the table of Levenshtein distances, in which a match may begin anywhere (P. Sellers, 1980).
fn places(letters: &str, word: &str) -> Vec<usize> {
    // Of one part more than there may be wrong letters, one is right in every match; most texts hold none of them.
    let parts = word.as_bytes().chunks(word.len().div_ceil(EDITS + 1));
    if !parts.filter_map(|part| std::str::from_utf8(part).ok()).any(|part| letters.contains(part)) {
        return Vec::new();
    }
    let start: Vec<usize> = (0..=word.len()).collect();
    let mut distances = start.clone();
    let mut found = Vec::new();
    for (place, letter) in letters.bytes().enumerate() {
        let mut diagonal = 0;
        let mut above = 0;
        for (distance, expected) in distances.iter_mut().skip(1).zip(word.bytes()) {
            let replaced = diagonal + usize::from(expected != letter);
            diagonal = *distance;
            *distance = replaced.min(above + 1).min(diagonal + 1);
            above = *distance;
        }
        if above <= EDITS {
            found.push(place);
            distances.clone_from(&start);
        }
    }
    found
}

/// The text without what every line begins with: a clock, a host, a program. Digits differ from line to line.
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
            "Sep 14 00:10:09 host app[123]: is not\nSep 14 00:10:10 host app[123]: authorized to perform: lambda:InvokeFunction",
            "rized to perform: lambda:InvokeFunction on resource: arn",
            "AccessDenied, when calling the InvokeWithResponseStream operation",
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
        assert!(!speaks_of_an_explicit_deny("it is explicit, and something was denied"));
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
            assert_eq!(places(text, "invokefunction").len(), found, "{text}");
        }
        assert_eq!(places(&"invokefunction".repeat(3), "invokefunction").len(), 3);
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
            assert!(speaks_of_another_sentence(rest), "{rest}");
        }
        for rest in [
            "",
            "You are not authorized to perform this operation. Ask whoever administers the account to add what is needed here: \
             lambda:InvokeFunction",
            "is not authorized to perform: s3:GetObject on resource: x",
        ] {
            assert!(!speaks_of_another_sentence(rest), "{rest}");
        }
    }
}
