//! Who may be granted which function: the owner's document, and nothing else gives permission.
//!
//! An [`Allowlist`] is a list of [`Rule`]s, the first of which that matches decides. It is not a policy: it has no deny,
//! no condition and no default, and what it does not list is not granted. A document with anything wrong in it is refused
//! as a whole, so that a slip never leaves half a list in force.

pub mod rule_index;
pub mod strict_form;

use crate::allowlist::rule_index::RuleIndex;
use crate::allowlist::strict_form::StrictForm;
use crate::arn::pattern;
use crate::arn::principal::{self, Principal, RoleSession, SessionRole};
use crate::arn::{self, FunctionArn, is_account, is_partition};
use crate::incoming::source::{Source, Sources};
use crate::policy::lease::Lease;
use serde::de::{Deserialize, Deserializer};
use std::collections::HashMap;

/// The whole document.
#[derive(Debug, Clone, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Allowlist {
    /// The rules, in order: the first that matches decides.
    #[cfg_attr(test, schemars(length(min = 1)))]
    rules: Vec<Rule>,
    /// What is found in them without asking all.
    #[serde(skip)]
    index: RuleIndex,
}

/// One rule: it matches when one of its principals and one of its functions match, and the denial came in on one of its
/// sources.
#[derive(Debug, Clone, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Rule {
    /// A name for the rule, unique in the list; it is told with every outcome.
    #[cfg_attr(test, schemars(length(min = 1, max = 128), regex(pattern = "^[ -~]*$")))]
    id: String,
    /// IAM users and roles that may be granted the functions.
    #[cfg_attr(test, schemars(length(min = 1)))]
    principals: Vec<PrincipalPattern>,
    /// Lambda functions that they may be granted.
    #[cfg_attr(test, schemars(length(min = 1)))]
    functions: Vec<FunctionPattern>,
    /// What to do when the rule matches.
    #[serde(default)]
    action: RuleAction,
    /// The ways on which a denial may come in for the rule to match; `cloudtrail` and `manual` where nothing is said.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<Source>", length(min = 1)))]
    sources: Sources,
    /// How long a grant by this rule lasts; for good where it is left out. A denial after that renews it.
    #[serde(default, rename = "expiresAfter", deserialize_with = "given")]
    #[cfg_attr(test, schemars(with = "Lease"))]
    expires_after: Option<Lease>,
}

/// What a rule is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", remote = "Self")]
pub enum RuleAction {
    /// Grant the function.
    #[default]
    Grant,
    /// Only tell that it was denied.
    Notify,
}

/// The ARN of an IAM user or role, path included. `*` and `?` match as in IAM's ArnLike, inside one colon-separated part;
/// the account is twelve digits.
#[derive(Debug, Clone, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
#[cfg_attr(test, schemars(extend("pattern" = r"^arn:[a-z0-9*?-]+:iam::[0-9]{12}:(user|role)/[!-~]+$")))]
pub struct PrincipalPattern(String);

/// The unqualified ARN of a Lambda function. `*` and `?` match as in IAM's ArnLike, inside one colon-separated part; the
/// account is twelve digits.
#[derive(Debug, Clone, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
#[cfg_attr(
    test,
    schemars(extend(
        "pattern" = r"^arn:[a-z0-9*?-]+:lambda:[a-z0-9*?-]+:[0-9]{12}:function:[A-Za-z0-9_*?-]+$"
    ))
)]
pub struct FunctionPattern(String);

impl<'de> Deserialize<'de> for Allowlist {
    fn deserialize<D: Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
        Self::deserialize(StrictForm { inner, problem: "it is no object" })
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
        Self::deserialize(StrictForm { inner, problem: "a rule is an object" })
    }
}

impl<'de> Deserialize<'de> for RuleAction {
    fn deserialize<D: Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
        Self::deserialize(StrictForm { inner, problem: "an action is a text" })
    }
}

/// A value that may be left out, but is no null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(inner: D) -> Result<Option<T>, D::Error> {
    T::deserialize(inner).map(Some)
}

/// Why a document is refused, with the place: `rules[0].principals[1]: ... at line 5 column 9`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct AllowlistError {
    place: String,
    problem: String,
    position: Option<(usize, usize)>,
}

impl AllowlistError {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), position: None }
    }

    fn of_json(place: impl Into<String>, error: &serde_json::Error) -> Self {
        let position = Some((error.line(), error.column())).filter(|(line, _)| *line > 0);
        Self { position, ..Self::new(place, error.to_string()) }
    }

    /// The path to the part that is wrong, such as `rules[0].principals[1]`, or words where there is none.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Line and column where the reading stopped, each from 1 on; `None` where the text as such can be read.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position
    }
}

/// Which of a rule's patterns matched.
#[derive(Debug, Clone, Copy)]
pub struct Clause<'a> {
    /// The first of its principals that matches.
    pub principal: &'a PrincipalPattern,
    /// The first of its functions that matches.
    pub function: &'a FunctionPattern,
}

/// No rule matches.
#[derive(Debug, Clone, Copy)]
pub struct NoRule<'a> {
    /// The first that would, had the denial come in on another way.
    pub of_another_source: Option<&'a Rule>,
}

impl Allowlist {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, AllowlistError> {
        let mut list: Self = serde_json::from_str(text).map_err(|error| place_of(text, &error))?;
        list.check()?;
        for (place, rule) in list.rules.iter().enumerate() {
            let principals = rule.principals.iter().map(PrincipalPattern::as_str);
            list.index.add(place, principals, rule.functions.iter().map(FunctionPattern::as_str));
        }
        list.index.sort();
        Ok(list)
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), AllowlistError> {
        let fail = |place: String, problem: &str| Err(AllowlistError::new(place, problem));
        if self.rules.is_empty() {
            return fail("rules".to_owned(), "the list is empty");
        }
        let mut ids = HashMap::with_capacity(self.rules.len());
        for (index, rule) in self.rules.iter().enumerate() {
            let is_plain = rule.id.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            if !is_plain || !(1..=128).contains(&rule.id.len()) {
                return fail(format!("rules[{index}].id"), "an id is 1 to 128 printable ASCII characters");
            }
            if let Some(first) = ids.insert(rule.id.as_str(), index) {
                let problem = format!("the id `{}` is that of rules[{first}] already", rule.id);
                return fail(format!("rules[{index}].id"), &problem);
            }
            for (list, is_empty) in
                [("principals", rule.principals.is_empty()), ("functions", rule.functions.is_empty())]
            {
                if is_empty {
                    return fail(format!("rules[{index}].{list}"), "the list is empty");
                }
            }
        }
        Ok(())
    }

    /// The rule that decides on a denial from `source` for `principal` and `function`: the first that matches.
    pub fn rule_for(
        &self,
        source: Source,
        principal: &Principal,
        function: &FunctionArn,
    ) -> Result<&Rule, NoRule<'_>> {
        let mut of_another_source = None;
        for rule in self.rules_of(principal, function) {
            if rule.sources.has(source) {
                return Ok(rule);
            }
            of_another_source.get_or_insert(rule);
        }
        Err(NoRule { of_another_source })
    }

    /// The rules that match `principal` and `function`, each for its own sources.
    pub fn rules_of(&self, principal: &Principal, function: &FunctionArn) -> impl Iterator<Item = &Rule> {
        let places = self.index.candidates(principal, function);
        let rules = places.into_iter().filter_map(|place| self.rules.get(place));
        rules.filter(move |rule| rule.clause_for(principal, function).is_some())
    }

    /// Whether a rule may match a denial from `source` for `role`, whatever the role's path; says yes where it is hard to
    /// tell.
    pub fn may_admit(&self, source: Source, role: &SessionRole, function: &FunctionArn) -> bool {
        self.rules.iter().any(|rule| {
            rule.sources.has(source)
                && rule.functions.iter().any(|pattern| pattern.matches(function))
                && rule.principals.iter().any(|pattern| pattern.may_match(role))
        })
    }

    /// The rules, in the order in which they are asked.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

/// The error of a document that cannot be read, with its place. It is read a second time for that: to keep the path in mind
/// makes reading slow, and most documents are right.
fn place_of(text: &str, error: &serde_json::Error) -> AllowlistError {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read: Result<Allowlist, _> = serde_path_to_error::deserialize(&mut deserializer);
    let Err(error) = read else { return AllowlistError::of_json("after the document", error) };
    let path = error.path().to_string();
    // A key may be the empty text.
    let place = if ["", "."].contains(&path.as_str()) { "the document".to_owned() } else { path };
    AllowlistError::of_json(place, error.inner())
}

impl Rule {
    /// The rule's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the rule is for.
    pub fn action(&self) -> RuleAction {
        self.action
    }

    /// The ways on which a denial may come in.
    pub fn sources(&self) -> Sources {
        self.sources
    }

    /// How long a grant by it lasts, where that has an end.
    pub fn expires_after(&self) -> Option<Lease> {
        self.expires_after
    }

    /// Who may be granted its functions.
    pub fn principals(&self) -> &[PrincipalPattern] {
        &self.principals
    }

    /// What they may be granted.
    pub fn functions(&self) -> &[FunctionPattern] {
        &self.functions
    }

    /// The patterns that match, if the rule does.
    pub fn clause_for(&self, principal: &Principal, function: &FunctionArn) -> Option<Clause<'_>> {
        let function = self.functions.iter().find(|pattern| pattern.matches(function))?;
        let principal = self.principals.iter().find(|pattern| pattern.matches(principal))?;
        Some(Clause { principal, function })
    }
}

/// IAM's ArnLike: each colon-separated part is matched by itself.
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.
fn arn_like(pattern: &str, arn: &str) -> bool {
    // Most patterns of a list differ in the last part alone, so that is asked first.
    match (pattern.rsplit_once(':'), arn.rsplit_once(':')) {
        (Some((patterns, pattern)), Some((parts, part))) => {
            pattern::matches(pattern, part) && pattern::matches_parts(patterns, parts)
        }
        (None, _) | (_, None) => false,
    }
}

impl PrincipalPattern {
    /// The pattern as it stands in the document.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches.
    pub fn matches(&self, principal: &Principal) -> bool {
        arn_like(&self.0, principal.as_str())
    }

    /// Whether it may match `role` under some path; says yes where it is hard to tell.
    fn may_match(&self, role: &SessionRole) -> bool {
        let RoleSession { partition, account, role_name } = role.session();
        let Some([_, of_partition, _, _, of_account, resource]) = arn::split(&self.0) else { return false };
        let Some(path_and_name) = resource.strip_prefix("role/") else { return false };
        // The name is what stands behind any slash of the pattern, or behind any star, which may end in one.
        let mut names = path_and_name.char_indices().filter_map(|(at, character)| match character {
            '/' => path_and_name.get(at + 1..),
            '*' => path_and_name.get(at..),
            _ => None,
        });
        // A question mark may stand for a slash as well.
        let has_question_mark = path_and_name.contains('?');
        of_account == account
            && pattern::matches(of_partition, partition)
            && (has_question_mark
                || pattern::matches(path_and_name, role_name)
                || names.any(|name| pattern::matches(name, role_name)))
    }
}

impl FunctionPattern {
    /// The pattern as it stands in the document.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it matches.
    pub fn matches(&self, function: &FunctionArn) -> bool {
        arn_like(&self.0, function.as_str())
    }
}

impl TryFrom<String> for PrincipalPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(["arn", partition, service, region, account, resource]) = arn::split(&text) else {
            return Err(format!("`{text}` is not the ARN of an IAM user or role"));
        };
        if service == "sts" {
            return Err(format!("`{text}` is a session; name the role: arn:aws:iam::ACCOUNT:role/PATH/NAME"));
        }
        let of_user_or_role = ["user/", "role/"]
            .iter()
            .find_map(|kind| resource.strip_prefix(kind))
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
        if service != "iam" || !region.is_empty() || !is_partition_pattern(partition) || !of_user_or_role {
            return Err(format!("`{text}` is not the ARN of an IAM user or role"));
        }
        check_account_and_variables(&text, account)?;
        // A slip in a name would never match, and never be noticed.
        let is_possible = if pattern::has_wildcard(resource) {
            resource.split('/').all(|part| !part.is_empty())
        } else {
            principal::split_resource(resource).is_some()
        };
        if !is_possible {
            return Err(format!(
                "`{text}` cannot be the ARN of an IAM user or role: look at its path and name"
            ));
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for FunctionPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(["arn", partition, "lambda", region, account, resource]) = arn::split(&text) else {
            return Err(format!("`{text}` is not the ARN of a Lambda function"));
        };
        let Some(name) = resource.strip_prefix("function:") else {
            return Err(format!("`{text}` is not the ARN of a Lambda function"));
        };
        if name.split_once(':').is_some_and(|(_, qualifier)| !qualifier.contains(':')) {
            return Err(format!("`{text}` has a qualifier; a grant is for the function: leave it out"));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_*?".contains(&byte);
        let well_formed = is_partition_pattern(partition)
            && is_pattern_label(region)
            && (1..=64).contains(&name.len())
            && name.bytes().all(is_name);
        if !well_formed {
            return Err(format!("`{text}` is not the ARN of a Lambda function"));
        }
        check_account_and_variables(&text, account)?;
        Ok(Self(text))
    }
}

fn check_account_and_variables(text: &str, account: &str) -> Result<(), String> {
    if !is_account(account) {
        return Err(format!("`{text}` needs an account of twelve digits, without a wildcard"));
    }
    if text.contains("${") {
        return Err(format!("`{text}` holds a policy variable; the list knows none"));
    }
    Ok(())
}

fn is_partition_pattern(text: &str) -> bool {
    if pattern::has_wildcard(text) { is_pattern_label(text) } else { is_partition(text) }
}

fn is_pattern_label(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*?".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Users and roles as a list may name them; the last are names, too.
    const PRINCIPALS: &str =
        r"arn:(aws|\*|aw\?):iam::281502313273:(user|role)/((x/)?[ab?*]{1,3}|[*]/[ab]|x:[a*]/[ab]|[ab]{1,2})";
    const FUNCTIONS: &str =
        r"arn:(aws|a\*):lambda:(us-east-1|\*|us-\*):281502313273:function:([ab?*]{1,3}|[ab]{1,2})";
    const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";
    const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";

    fn rule(principal: &str, function: &str) -> Value {
        json!({"id": "a", "principals": [principal], "functions": [function]})
    }

    fn admits(principal: &str, function: &str, caller: &str, called: &str) -> bool {
        let list = Allowlist::parse(&json!({"rules": [rule(principal, function)]}).to_string()).unwrap();
        list.rule_for(
            Source::Cloudtrail,
            &Principal::parse(caller).unwrap(),
            &FunctionArn::parse(called).unwrap(),
        )
        .is_ok()
    }

    fn error(document: &Value) -> String {
        Allowlist::parse(&document.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn exact_arns_match_exactly() {
        assert!(admits(USER, FUNCTION, USER, FUNCTION));
        assert!(admits(USER, FUNCTION, USER, &format!("{FUNCTION}:live")));
        for (caller, called) in [
            ("arn:aws:iam::281502313273:user/remotion_user2", FUNCTION),
            ("arn:aws:iam::281502313273:user/Remotion_user", FUNCTION),
            ("arn:aws:iam::281502313273:user/x/remotion_user", FUNCTION),
            ("arn:aws:iam::281502313273:role/remotion_user", FUNCTION),
            ("arn:aws:iam::281502313274:user/remotion_user", FUNCTION),
            ("arn:aws-cn:iam::281502313273:user/remotion_user", FUNCTION),
            (USER, "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter2"),
            (USER, "arn:aws:lambda:us-east-1:281502313273:function:FFMPEG-clip-cutter"),
            (USER, "arn:aws:lambda:us-east-2:281502313273:function:ffmpeg-clip-cutter"),
        ] {
            assert!(!admits(USER, FUNCTION, caller, called), "{caller} {called}");
        }
    }

    #[test]
    fn wildcards_stay_in_their_part() {
        let functions = "arn:aws:lambda:*:281502313273:function:ffmpeg-*";
        assert!(admits("arn:aws:iam::281502313273:user/*", functions, USER, FUNCTION));
        assert!(admits(
            "arn:aws:iam::281502313273:user/*",
            functions,
            "arn:aws:iam::281502313273:user/a/b",
            FUNCTION
        ));
        assert!(admits("arn:*:iam::281502313273:user/remotion_use?", functions, USER, FUNCTION));
        assert!(!admits("arn:aws:iam::281502313273:user/remotion_user?", functions, USER, FUNCTION));
        assert!(!admits("arn:aws:iam::281502313273:role/*", functions, USER, FUNCTION));
        // A path may hold a colon; a star does not reach over it.
        assert!(!admits(
            "arn:aws:iam::281502313273:user/*",
            functions,
            "arn:aws:iam::281502313273:user/a:b/c",
            FUNCTION
        ));
        assert!(!admits(USER, "arn:aws:lambda:*:281502313273:function:clip", USER, FUNCTION));
        assert!(!admits(USER, "arn:aws:lambda:*:281502313273:function:*-clip", USER, FUNCTION));
    }

    #[test]
    fn the_first_matching_rule_decides() {
        let list = json!({"rules": [
            {"id": "one", "principals": [USER], "functions": ["arn:aws:lambda:us-east-1:281502313273:function:other"]},
            {"id": "two", "principals": ["arn:aws:iam::281502313273:user/nobody", USER], "functions": [FUNCTION],
             "action": "notify"},
            {"id": "three", "principals": [USER], "functions": [FUNCTION], "action": "grant"},
        ]});
        let list = Allowlist::parse(&list.to_string()).unwrap();
        let rule = list
            .rule_for(
                Source::Cloudtrail,
                &Principal::parse(USER).unwrap(),
                &FunctionArn::parse(FUNCTION).unwrap(),
            )
            .unwrap();
        assert_eq!((rule.id(), rule.action()), ("two", RuleAction::Notify));
    }

    proptest! {
        /// The rule that is found is the one that asking each in turn finds.
        #[test]
        fn the_index_leaves_out_nothing(
            rules in vec((vec(PRINCIPALS, 1..3), vec(FUNCTIONS, 1..3)), 1..12),
            caller in "(user|role)/(x/|x:a/)?[ab]{1,3}",
            called in "[ab]{1,3}",
        ) {
            let rules: Vec<Value> = rules
                .iter()
                .enumerate()
                .map(|(id, (principals, functions))| {
                    json!({"id": id.to_string(), "principals": principals, "functions": functions})
                })
                .collect();
            let list = Allowlist::parse(&json!({"rules": rules}).to_string()).unwrap();
            let principal = Principal::parse(&format!("arn:aws:iam::281502313273:{caller}")).unwrap();
            let function = FunctionArn::new("aws", "us-east-1", "281502313273", &called).unwrap();
            let in_turn = list.rules.iter().find(|rule| rule.clause_for(&principal, &function).is_some());
            prop_assert_eq!(list.rule_for(Source::Cloudtrail, &principal, &function).ok().map(Rule::id), in_turn.map(Rule::id));
        }
    }

    #[test]
    fn every_way_to_write_a_pattern_is_found() {
        let others: Vec<Value> = (0..50)
            .map(|team| {
                json!({
                    "id": format!("team-{team}"),
                    "principals": [format!("arn:aws:iam::281502313273:user/team-{team}-*")],
                    "functions": [format!("arn:aws:lambda:*:281502313273:function:*-team-{team}")],
                })
            })
            .collect();
        let (user, function) = (Principal::parse(USER).unwrap(), FunctionArn::parse(FUNCTION).unwrap());
        for principal in
            ["remotion_user", "*", "remotion*", "*user", "*motion*", "r*r", "?emotion_use?", "**_****"]
        {
            for called in
                ["ffmpeg-clip-cutter", "*", "ffmpeg-*", "*-cutter", "*-clip-*", "f*r", "?fmpeg-clip-cutte?"]
            {
                for (partition, region) in [("aws", "us-east-1"), ("*", "*"), ("aw?", "us-*-1")] {
                    let mut rules = others.clone();
                    rules.insert(25, json!({
                        "id": "asked",
                        "principals": [format!("arn:{partition}:iam::281502313273:user/{principal}")],
                        "functions": [format!("arn:{partition}:lambda:{region}:281502313273:function:{called}")],
                    }));
                    let list = Allowlist::parse(&json!({"rules": rules}).to_string()).unwrap();
                    assert_eq!(
                        list.rule_for(Source::Cloudtrail, &user, &function).ok().map(Rule::id),
                        Some("asked"),
                        "{principal} {called}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_rule_may_say_how_long_its_grants_last() {
        let mut list = json!({"rules": [rule(USER, FUNCTION)]});
        let lease = |list: &Value| {
            Allowlist::parse(&list.to_string()).unwrap().rules()[0]
                .expires_after()
                .map(|lease| lease.to_string())
        };
        assert_eq!(lease(&list), None);
        list["rules"][0]["expiresAfter"] = json!("30d");
        assert_eq!(lease(&list).as_deref(), Some("30d"));
    }

    #[test]
    fn anything_malformed_is_refused_with_its_place() {
        let good = rule(USER, FUNCTION);
        for (document, place) in [
            (json!([]), "the document"),
            (json!([[good]]), "the document: it is no object at line 1 column "),
            (json!("rules"), "the document: invalid type: string \"rules\", expected struct Allowlist"),
            (json!({"rules": [good, "x"]}), "rules[1]: invalid type: string \"x\", expected struct Rule"),
            (
                json!({"rules": [["a", [USER], [FUNCTION], "grant"]]}),
                "rules[0]: a rule is an object at line 1 column ",
            ),
            (json!({"rules": [good, []]}), "rules[1]: a rule is an object at line 1 column "),
            (
                json!({"rules": [{"id": "a", "principals": [USER], "functions": [FUNCTION], "action": {"grant": null}}]}),
                "rules[0].action: an action is a text at line 1 column ",
            ),
            (
                json!({"rules": [{"id": "a", "principals": [USER], "functions": [FUNCTION], "action": 1}]}),
                "rules[0].action: invalid type: integer `1`, expected enum RuleAction",
            ),
            (json!({}), "the document: missing field `rules`"),
            (json!({"rules": []}), "rules: "),
            (json!({"rules": [good], "more": 1}), "more: unknown field"),
            (json!({"rules": [good], "": 1}), "the document: unknown field"),
            (json!({"rules": [good, {"id": "b"}]}), "rules[1]: missing field `principals`"),
            (json!({"rules": [good, good]}), "rules[1].id: "),
            (json!({"rules": [{"id": "", "principals": [USER], "functions": [FUNCTION]}]}), "rules[0].id"),
            (
                json!({"rules": [{"id": "a\nb", "principals": [USER], "functions": [FUNCTION]}]}),
                "rules[0].id",
            ),
            (
                json!({"rules": [{"id": "a", "principals": [], "functions": [FUNCTION]}]}),
                "rules[0].principals",
            ),
            (json!({"rules": [{"id": "a", "principals": [USER], "functions": []}]}), "rules[0].functions"),
            (
                json!({"rules": [{"id": "a", "principals": USER, "functions": [FUNCTION]}]}),
                "rules[0].principals",
            ),
            (
                json!({"rules": [{"id": "a", "principals": [USER], "functions": [FUNCTION], "Action": "grant"}]}),
                "rules[0].Action",
            ),
            (
                json!({"rules": [{"id": "a", "principals": [USER], "functions": [FUNCTION], "action": "allow"}]}),
                "rules[0].action",
            ),
            (
                json!({"rules": [{"id": "a", "principals": [USER], "functions": [FUNCTION], "action": null}]}),
                "rules[0].action",
            ),
        ] {
            let error = error(&document);
            assert!(error.starts_with(place), "{error}");
        }
        for lease in [
            json!("30"),
            json!("0d"),
            json!("3651d"),
            json!("1h"),
            json!(30),
            json!(null),
            json!(["1d"]),
            json!({}),
        ] {
            let mut rule = good.clone();
            rule["expiresAfter"] = lease;
            let error = error(&json!({"rules": [rule]}));
            assert!(error.starts_with("rules[0].expiresAfter: "), "{error}");
        }
        for (text, place) in [
            ("", "line 1"),
            ("{\"rules\": [", "line 1"),
            ("{\"rules\":\n [1]}", "line 2"),
            (r#"{"rules": [{"id": "a", "id": "b"}]}"#, "duplicate field `id`"),
        ] {
            let error = Allowlist::parse(text).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
        let trailing = format!("{} x", json!({"rules": [good]}));
        assert!(Allowlist::parse(&trailing).unwrap_err().to_string().starts_with("after the document"));
    }

    #[test]
    fn patterns_that_could_mean_more_than_they_say_are_refused() {
        for principal in [
            "*",
            "",
            "arn:aws:iam::281502313273:*",
            "arn:aws:iam::281502313273:user/",
            "arn:aws:iam::281502313273:root",
            "arn:aws:iam::281502313273:group/x",
            "arn:aws:iam::*:user/remotion_user",
            "arn:aws:iam::28150231327?:user/remotion_user",
            "arn:aws:iam:us-east-1:281502313273:user/x",
            "arn:aws:*::281502313273:user/x",
            "arn:aws:sts::281502313273:assumed-role/x/y",
            "arn:aws:iam::281502313273:user/${aws:username}",
            "arn:aws:iam::281502313273:user/a b",
            "arn:aws:iam::281502313273:user/remotion_user/",
            "arn:aws:iam::281502313273:user/a//b",
            "arn:aws:iam::281502313273:user/a//*",
            "arn:aws:iam::281502313273:user/*/",
            "arn:aws:iam::281502313273:user/remotion!user",
            "arn:aws:iam::281502313273:user/a:b",
            "arn:aws:iam::281502313273:user/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "arn:asw:iam::281502313273:user/remotion_user",
            "arn:aws:iam::281502313273:user/r\u{e9}mi",
        ] {
            let error = error(&json!({"rules": [rule(principal, FUNCTION)]}));
            assert!(error.starts_with("rules[0].principals[0]: "), "{error}");
        }
        for function in [
            "*",
            "arn:aws:lambda:us-east-1:281502313273:*",
            "arn:aws:lambda:us-east-1:281502313273:function:",
            "arn:aws:lambda:us-east-1:281502313273:function:fn:live",
            "arn:aws:lambda:us-east-1:281502313273:function:fn:*",
            "arn:aws:lambda:us-east-1:*:function:fn",
            "arn:aws:lambda:us-east-1::function:fn",
            "arn:aws:lambda::281502313273:function:fn",
            "arn:aws:*:us-east-1:281502313273:function:fn",
            "arn:aws:lambda:us-east-1:281502313273:function:${x}",
            "arn:aws:lambda:us-east-1:281502313273:layer:fn",
            "arn:asw:lambda:us-east-1:281502313273:function:fn",
            "arn:aws:lambda:us-east-1:281502313273:function:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let error = error(&json!({"rules": [rule(USER, function)]}));
            assert!(error.starts_with("rules[0].functions[0]: "), "{error}");
        }
    }

    #[test]
    fn the_schema_is_that_of_the_types() {
        let schema = serde_json::to_value(schemars::schema_for!(Allowlist)).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../allowlist.schema.json");
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(path, format!("{schema:#}\n")).unwrap();
        }
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(kept, schema, "write it anew: UPDATE_SCHEMAS=1 cargo test the_schema");
    }
}
