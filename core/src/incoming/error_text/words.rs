//! AWS's own words in a denial, in the forms in which a text is compared with them.

/// The words between who was denied and what, without white space.
pub(super) const DENIED_COMPACT: &str = "isnotauthorizedtoperform:";
/// The first of them, after which the principal's name is complete.
pub(super) const NOT_AUTHORIZED_COMPACT: &str = "isnotauthorized";
/// Both spellings of a denial, in letters alone.
pub(super) const NOT_AUTHORIZED_LETTERS: [&str; 2] = ["notauthorized", "notauthorised"];

/// The only reason that an identity-based policy cures, after the resource.
pub(super) const CURABLE: &str = " because no identity-based policy allows the lambda:InvokeFunction action";
/// The same without white space.
pub(super) const CURABLE_COMPACT: &str = "becausenoidentity-basedpolicyallowsthelambda:InvokeFunctionaction";

/// Where a sentence about a user, a role or a session begins.
pub(super) const USER: &str = "User:";

/// Returns the text without white space, so that it makes no difference how it was wrapped.
pub(super) fn compact(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Returns the letters and digits alone, in lower case.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incoming::message::SENTENCE;

    #[test]
    fn each_form_is_of_the_same_words() {
        assert_eq!(compact(SENTENCE), DENIED_COMPACT);
        assert_eq!(compact(CURABLE), CURABLE_COMPACT);
        assert!(DENIED_COMPACT.starts_with(NOT_AUTHORIZED_COMPACT));
        for word in NOT_AUTHORIZED_LETTERS {
            let american = word.replace("ise", "ize");
            assert!(letters(SENTENCE).starts_with(&format!("is{american}")), "{word}");
        }
    }
}
