//! The commands that take one grant back: one of the `remediator` tool, and those for a shell with the AWS CLI and Python 3,
//! such as AWS CloudShell.
//!
//! The latter take out what the grant added, and the function from grants that run out, and leave every other statement and
//! function as it is at that time, which may be much later; the policy is deleted only when nothing is left in it. Before
//! anything is written the policy is read once more, and if it has changed meanwhile nothing happens. All that goes into the
//! commands was checked to be free of anything that a shell or Python would take for its own.

use crate::actions::ACTION;
use crate::arn::FunctionArn;
use crate::arn::principal::Principal;
use crate::policy::POLICY_NAME;
use serde_json::json;

/// What the second command writes where no statement is left. Not an empty file: that is what a failed read leaves, and a
/// failed read must not end in a deletion.
const NOTHING_LEFT: &str = "nothing-left";

/// The command of the `remediator` tool that takes back the grant of `function` to `principal`.
pub fn by_tool(principal: &Principal, function: &FunctionArn) -> String {
    let [principal, function] = [principal.to_string(), function.to_string()].map(|arn| quoted(&arn));
    format!("remediator undo --principal {principal} --function {function}")
}

/// `text` as one word of a shell. A path may hold any printable ASCII.
fn quoted(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/_+=,.@-".contains(&byte));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The commands that take the grant of `function` out of the policy of `principal`, to be run in this order in one directory:
/// what was `added` out of what is for good, and the whole pair out of what runs out, since half of one would not be ours. What
/// has run out by then goes with it.
pub fn commands(principal: &Principal, function: &FunctionArn, added: &[String]) -> Vec<String> {
    let kind = principal.kind().as_str();
    let of = format!("--{kind}-name={} --policy-name={POLICY_NAME}", principal.name());
    let (file, new, now) =
        (format!("{POLICY_NAME}.json"), format!("{POLICY_NAME}.new"), format!("{POLICY_NAME}.now"));
    let get = format!("aws iam get-{kind}-policy {of} --query PolicyDocument --output json");
    let pair = function.resource_pair();
    // What was added to a grant for good; of one that runs out it is always the pair.
    let gone = match added == pair {
        true => json!(pair).to_string(),
        false => format!("({} if \"Condition\" in s else {})", json!(pair), json!(added)),
    };
    // Nearly as `policy` tells what is ours. It is part of every notice of a grant, several times, hence short.
    let take_out = [
        "import json".to_owned(),
        format!("p = json.load(open(\"{file}\"))"),
        "many = lambda x: x if isinstance(x, list) else [x]".to_owned(),
        "time = lambda c: c.get(\"DateLessThan\", {}).get(\"aws:CurrentTime\")".to_owned(),
        "ends = lambda s: s[\"Condition\"] == {\"DateLessThan\": {\"aws:CurrentTime\": time(s[\"Condition\"])}} and \
         len(str(time(s[\"Condition\"]))) == 20 and pairs(many(s[\"Resource\"]))"
            .to_owned(),
        "pairs = lambda r: set(r) == {f + e for f in r if not f.endswith(\"*\") for e in (\"\", \":*\")}".to_owned(),
        format!(
            "ours = lambda s: s.get(\"Effect\") == \"Allow\" and many(s.get(\"Action\")) == [\"{ACTION}\"] and \
             set(s) <= {{\"Sid\", \"Effect\", \"Action\", \"Resource\", \"Condition\"}} and \
             (\"Condition\" not in s or ends(s))"
        ),
        format!(
            "s = [dict(s, Resource=[r for r in many(s[\"Resource\"]) if r not in {gone}]) if ours(s) else s \
             for s in many(p[\"Statement\"])]"
        ),
        "s = [x for x in s if x.get(\"Resource\", True)]".to_owned(),
        format!(
            "open(\"{new}\", \"w\").write(json.dumps(dict(p, Statement=s)) if s else \"{NOTHING_LEFT}\")"
        ),
    ];
    vec![
        format!("{get} > {file}"),
        format!("rm -f {new}; python3 -c '{}'", take_out.join("; ")),
        format!(
            "{get} > {now} && cmp {file} {now} && if grep -qx {NOTHING_LEFT} {new}; then aws iam delete-{kind}-policy {of}; \
             else aws iam put-{kind}-policy {of} --policy-document file://{new}; fi"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_gets_each_arn_as_one_word() {
        let function = FunctionArn::parse("arn:aws:lambda:us-east-1:281502313273:function:fn").unwrap();
        for (principal, word) in [
            ("arn:aws:iam::281502313273:user/a+=,.@-_", "arn:aws:iam::281502313273:user/a+=,.@-_"),
            ("arn:aws:iam::281502313273:role/a'$(x)/b", r"'arn:aws:iam::281502313273:role/a'\''$(x)/b'"),
            ("arn:aws:iam::281502313273:role/a`x`!/b", "'arn:aws:iam::281502313273:role/a`x`!/b'"),
        ] {
            assert_eq!(
                by_tool(&Principal::parse(principal).unwrap(), &function),
                format!("remediator undo --principal {word} --function {function}")
            );
        }
    }

    #[test]
    fn names_are_friendly_and_the_shell_finds_nothing_of_its_own() {
        let function = FunctionArn::parse("arn:aws:lambda:us-east-1:281502313273:function:fn").unwrap();
        let role = Principal::parse("arn:aws:iam::281502313273:role/a'$(x)/render+=,.@-_").unwrap();
        let commands = commands(&role, &function, &function.resource_pair());
        assert!(commands[0].starts_with(
            "aws iam get-role-policy --role-name=render+=,.@-_ --policy-name=LambdaInvokePermission "
        ));
        for command in commands {
            assert!(!command.contains(['$', '`', '\\', '\n', '!']), "{command}");
            assert!(command.matches('\'').count() <= 2, "{command}");
        }
    }
}
