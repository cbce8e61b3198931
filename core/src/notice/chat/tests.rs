//! Limits, threads and texts of the card.

use super::*;
use crate::arn::FunctionArn;
use crate::incoming::facts::Facts;
use crate::incoming::message::{Cause, DenialKind, DeniedBy};
use crate::incoming::source::Source;
use crate::outcome::{Report, Verdict};
use crate::reason::{Reason, Refusal};
use proptest::prelude::*;

const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";

fn facts(principal: Option<&str>, function: Option<&str>) -> Facts {
    Facts {
        principal: principal.map(str::to_owned),
        function: function.map(|function| FunctionArn::parse(function).unwrap()),
        account: Some("281502313273".to_owned()),
        ..Facts::default()
    }
}

fn refused(why: &str) -> Verdict {
    Verdict::Refused(Refusal::new(Reason::ContradictoryEvent, why))
}

fn notice(facts: &Facts, verdict: &Verdict, rule: Option<&str>) -> ChatNotice {
    let report = Report { facts: facts.clone(), verdict: verdict.clone(), rule: rule.map(str::to_owned) };
    ChatNotice::new(&NoticeContent::new(&Outcome::new(&report), &report, 7, None))
}

fn thread(principal: Option<&str>, function: Option<&str>) -> Option<String> {
    notice(&facts(principal, function), &refused("x"), None).metadata.thread_id
}

#[test]
fn a_thread_is_of_one_principal_and_one_function() {
    assert_eq!(
        thread(Some(USER), Some(FUNCTION)).as_deref(),
        Some("281502313273.user.remotion_user.us-east-1.ffmpeg-clip-cutter")
    );
    assert_eq!(thread(Some(USER), None).as_deref(), Some("281502313273.user.remotion_user.none.none"));
    assert_eq!(
        thread(None, Some(FUNCTION)).as_deref(),
        Some("281502313273.none.none.us-east-1.ffmpeg-clip-cutter")
    );
    assert_eq!(thread(None, None), None);

    // What the short form does not tell apart has a hash, which stays the same from release to release.
    assert_eq!(
        thread(Some("arn:aws:iam::281502313273:user/jane@example.com"), Some(FUNCTION)).as_deref(),
        Some("281502313273.user.jane-example.com.us-east-1.ffmpeg-clip-cutter-0d52d723b9ad4d29")
    );
    let long = format!("arn:aws:iam::281502313273:role/{}", "x".repeat(64));
    let principals = [
        USER,
        "arn:aws:iam::281502313273:role/remotion_user",
        "arn:aws:iam::281502313274:user/remotion_user",
        "arn:aws:iam::281502313273:user/jane@example.com",
        "arn:aws:iam::281502313273:user/jane=example.com",
        "arn:aws:iam::281502313273:root",
        "arn:aws:sts::281502313273:federated-user/remotion_user",
        &long,
    ];
    let functions = [
        FUNCTION,
        "arn:aws:lambda:us-east-2:281502313273:function:ffmpeg-clip-cutter",
        "arn:aws:lambda:us-east-1:281502313274:function:ffmpeg-clip-cutter",
    ];
    let threads: std::collections::BTreeSet<_> = principals
        .iter()
        .flat_map(|principal| functions.map(|function| thread(Some(principal), Some(function)).unwrap()))
        .collect();
    assert_eq!(threads.len(), principals.len() * functions.len(), "{threads:#?}");
    for thread in threads {
        assert!(thread.len() <= MAX_THREAD_ID, "{thread}");
        assert!(
            thread.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)),
            "{thread}"
        );
    }
}

#[test]
fn null_and_a_text_that_reads_null_are_told_apart() {
    let of_rule = |rule: Option<&str>| {
        notice(&facts(None, None), &refused("x"), rule).metadata.additional_context["rule"].clone()
    };
    assert_eq!(of_rule(None), "null");
    assert_eq!(of_rule(Some("null")), r"\null");
    assert_eq!(of_rule(Some(r"\null")), r"\\null");
    assert_eq!(of_rule(Some(r"\nulls")), r"\nulls");
}

proptest! {
    #[test]
    fn any_text_keeps_to_the_limits(text in "(<!channel>|@here|`|\\PC|\n|\\*|a|<https://x.example\\|y>){0,400}") {
        let facts = Facts {
            asked_by: None,
            source: Some(Source::Cloudtrail),
            principal: Some(text.clone()),
            function: FunctionArn::parse(FUNCTION),
            cause: Some(Cause::Stated {
                denied_by: DeniedBy::IdentityBasedPolicy,
                denial: DenialKind::Explicit,
                policy: Some(text.clone()),
            }),
            account: Some(text.clone()),
            region: Some(text.clone()),
            event_id: Some(text.clone()),
            event_time: Some(text.clone()),
            source_ip_address: Some(text.clone()),
            user_agent: Some(text.clone()),
            authorization: None,
        };
        let notice = notice(&facts, &refused(&format!("`{text}` is {text}")), Some(&text));
        let Content { title, description, next_steps, keywords, .. } = &notice.content;
        prop_assert!(title.len() <= MAX_TITLE && description.len() <= MAX_DESCRIPTION);
        prop_assert!((1..=MAX_STEPS).contains(&next_steps.len()) && keywords.len() <= 10);
        prop_assert_eq!(description.lines().count(), 14);
        for shown in [title, description, &notice.metadata.summary].into_iter().chain(next_steps) {
            prop_assert!(!shown.is_empty());
            prop_assert!(shown.bytes().all(|byte| byte == b'\n' || byte == b' ' || byte.is_ascii_graphic()));
            prop_assert!(!shown.contains(['<', '>', '&', '[', ']']) && !shown.contains("@here"), "{}", shown);
            prop_assert!(shown.lines().all(|line| line.matches('`').count() % 2 == 0), "{}", shown);
        }
        prop_assert!(next_steps.iter().all(|step| step.len() <= MAX_STEP));
        prop_assert_eq!(notice.metadata.additional_context.len(), 16);
        for value in notice.metadata.additional_context.values() {
            prop_assert!((1..=MAX_CONTEXT).contains(&value.len()) && !value.contains(['<', '\n']), "{}", value);
        }
        prop_assert!(notice.metadata.thread_id.is_some_and(|thread| thread.len() <= MAX_THREAD_ID));
    }
}
