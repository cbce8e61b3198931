//! The command that takes one grant back.
//!
//! The long form for a shell without the tool is in docs/operations.md, and tested there.

use crate::arn::FunctionArn;
use crate::arn::principal::Principal;

/// Returns the command of the `remediator` tool that takes back the grant of `function` to `principal`, and records that in
/// `ledger`, the table that the function has, if it has one.
pub(crate) fn command(principal: &Principal, function: &FunctionArn, ledger: Option<&str>) -> String {
    let [principal, function] = [principal.as_str(), function.as_str()].map(shell_word);
    let ledger = ledger.map_or_else(String::new, |table| format!(" --ledger {}", shell_word(table)));
    format!("remediator undo --principal {principal} --function {function}{ledger}")
}

/// Quotes `text` as one word of a shell. A path may hold any printable ASCII.
fn shell_word(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/_+=,.@-".contains(&byte));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_finds_nothing_of_its_own() {
        let function = FunctionArn::parse("arn:aws:lambda:us-east-1:281502313273:function:fn").unwrap();
        for (principal, word) in [
            ("arn:aws:iam::281502313273:user/a+=,.@-_", "arn:aws:iam::281502313273:user/a+=,.@-_"),
            ("arn:aws:iam::281502313273:role/a'$(x)/b", r"'arn:aws:iam::281502313273:role/a'\''$(x)/b'"),
            ("arn:aws:iam::281502313273:role/a`x`!/b", "'arn:aws:iam::281502313273:role/a`x`!/b'"),
        ] {
            assert_eq!(
                command(&Principal::parse(principal).unwrap(), &function, None),
                format!("remediator undo --principal {word} --function {function}")
            );
            assert_eq!(
                command(&Principal::parse(principal).unwrap(), &function, Some("led-ger")),
                format!("remediator undo --principal {word} --function {function} --ledger led-ger")
            );
        }
    }
}
