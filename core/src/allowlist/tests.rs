use super::*;
use crate::allowlist::document::Document;
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
        Allowlist::parse(&list.to_string()).unwrap().rules()[0].expires_after().map(|lease| lease.to_string())
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
        (json!([[good]]), "the document: invalid type: sequence, expected an object at line 1 column "),
        (
            json!("rules"),
            "the document: invalid type: string \"rules\", expected an object at line 1 column ",
        ),
        (
            json!({"rules": [good, "x"]}),
            "rules[1]: invalid type: string \"x\", expected an object at line 1 column ",
        ),
        (
            json!({"rules": [["a", [USER], [FUNCTION], "grant"]]}),
            "rules[0]: invalid type: sequence, expected an object at line 1 column ",
        ),
        (
            json!({"rules": [good, []]}),
            "rules[1]: invalid type: sequence, expected an object at line 1 column ",
        ),
        (
            json!({"rules": [{"id": "a", "principals": [USER], "functions": [FUNCTION], "action": {"grant": null}}]}),
            "rules[0].action: invalid type: map, expected a string at line 1 column ",
        ),
        (
            json!({"rules": [{"id": "a", "principals": [USER], "functions": [FUNCTION], "action": 1}]}),
            "rules[0].action: invalid type: integer `1`, expected a string at line 1 column ",
        ),
        (json!({}), "the document: missing field `rules`"),
        (json!({"rules": []}), "rules: "),
        (json!({"rules": [good], "more": 1}), "more: unknown field"),
        (json!({"rules": [good], "": 1}), "the document: unknown field"),
        (json!({"rules": [good, {"id": "b"}]}), "rules[1]: missing field `principals`"),
        (json!({"rules": [good, good]}), "rules[1].id: "),
        (json!({"rules": [{"id": "", "principals": [USER], "functions": [FUNCTION]}]}), "rules[0].id"),
        (json!({"rules": [{"id": "a\nb", "principals": [USER], "functions": [FUNCTION]}]}), "rules[0].id"),
        (json!({"rules": [{"id": "a", "principals": [], "functions": [FUNCTION]}]}), "rules[0].principals"),
        (json!({"rules": [{"id": "a", "principals": [USER], "functions": []}]}), "rules[0].functions"),
        (json!({"rules": [{"id": "a", "principals": USER, "functions": [FUNCTION]}]}), "rules[0].principals"),
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
    let schema = serde_json::to_value(schemars::schema_for!(Document)).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../allowlist.schema.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(path, format!("{schema:#}\n")).unwrap();
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(kept, schema, "write it anew: UPDATE_SCHEMAS=1 cargo test the_schema");
}
