//! In which order the events of a batch are handled: those about one principal and one function one after the other, so that
//! what the first does is known to the others; all others side by side, since a grant waits most of its time.

use remediator_core::arn::principal::RoleSession;
use remediator_core::incoming::denial::Facts;
use std::collections::BTreeMap;

/// Puts what was read into lanes; each keeps the order in which things came.
pub(crate) fn of<T>(read: impl IntoIterator<Item = (Facts, T)>) -> Vec<Vec<(Facts, T)>> {
    let mut lanes: BTreeMap<(String, String), Vec<(Facts, T)>> = BTreeMap::new();
    for (facts, rest) in read {
        lanes.entry(parties(&facts)).or_default().push((facts, rest));
    }
    lanes.into_values().collect()
}

/// Whom and what it is about. All sessions of a role are that role.
fn parties(facts: &Facts) -> (String, String) {
    let principal = facts.principal.as_deref().unwrap_or_default();
    let principal = match RoleSession::parse(principal) {
        Some(RoleSession { account, role_name, .. }) => format!("{account} {role_name}"),
        None => principal.to_owned(),
    };
    (principal, facts.function.as_ref().map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use remediator_core::arn::FunctionArn;

    #[test]
    fn one_principal_and_one_function_have_one_lane() {
        let facts = |principal: &str, function: &str| Facts {
            principal: Some(principal.to_owned()),
            function: FunctionArn::parse(&format!(
                "arn:aws:lambda:us-east-1:281502313273:function:{function}"
            )),
            ..Facts::default()
        };
        let session = |name: &str| format!("arn:aws:sts::281502313273:assumed-role/{name}");
        let read = [
            facts(&session("render/a"), "f"),
            facts("arn:aws:iam::281502313273:user/u", "f"),
            facts(&session("render/b"), "f"),
            facts(&session("render/a"), "g"),
            Facts::default(),
            facts(&session("other/a"), "f"),
            Facts::default(),
        ];
        let lanes = of(read.into_iter().zip(0..));
        let mut lanes: Vec<Vec<i32>> =
            lanes.into_iter().map(|lane| lane.into_iter().map(|(_, index)| index).collect()).collect();
        lanes.sort();
        assert_eq!(lanes, [vec![0, 2], vec![1], vec![3], vec![4, 6], vec![5]]);
    }
}
