//! Any text as that of an error: whoever it names and whatever it is about stands in it, and IAM is asked before anything is
//! granted.
#![no_main]

use invariants::{OWN_ACCOUNT, is_one_line};
use libfuzzer_sys::fuzz_target;
use remediator_core::allowlist::Allowlist;
use remediator_core::arn::principal::{Principal, RoleSession};
use remediator_core::decision::{Decision, Judgement, OwnIdentity, admit};
use remediator_core::incoming::Event;
use remediator_core::incoming::caller::Caller;
use remediator_core::incoming::denial::Denial;
use remediator_core::incoming::error_text::ErrorText;
use remediator_core::incoming::error_text::escapes;
use remediator_core::incoming::error_text::parsed::ParsedText;
use remediator_core::incoming::source::Source;
use std::sync::LazyLock;
use std::time::SystemTime;

/// The letters of the only reason that is cured.
const REASON: &str = "becausenoidentitybasedpolicyallowsthelambdaInvokeFunctionaction";
const LONGEST_QUALIFIER: usize = 128;
const OWN_ROLE: &str = "arn:aws:iam::281502313273:role/lambda-invoke-remediator";
/// As wide as a list can be for logs, which it alone admits.
static WIDE: LazyLock<Allowlist> = LazyLock::new(|| {
    let list = r#"{"rules": [{
        "id": "wide", "sources": ["log"],
        "principals": ["arn:*:iam::281502313273:user/*", "arn:*:iam::281502313273:role/*"],
        "functions": ["arn:*:lambda:*:281502313273:function:*"]
    }]}"#;
    Allowlist::parse(list).unwrap()
});
static OWN: LazyLock<OwnIdentity> = LazyLock::new(|| OwnIdentity {
    partition: "aws".to_owned(),
    account: OWN_ACCOUNT.to_owned(),
    role: Principal::parse(OWN_ROLE),
});

fuzz_target!(|text: &str| {
    let parsed = ParsedText::parse(text);
    assert_eq!(parsed, ParsedText::parse(text));
    // Only fragments repeat a sentence, and a complete one is none.
    assert!(!parsed.is_complete() || !parsed.repeats(&parsed));
    let plain = letters(&escapes::unescape(text));
    for source in Source::ALL {
        let error = ErrorText {
            source,
            text: text.into(),
            account: None,
            event_id: None,
            event_time: None,
            malformed: None,
        };
        if source == Source::Cloudtrail {
            continue;
        }
        match error.read() {
            Event::Denial(denial) => check(&plain, &denial, source),
            Event::Refused(rejection) | Event::Ignored(rejection) => {
                assert!(is_one_line(&rejection.refusal.why));
            }
        }
    }
});

/// The letters and digits alone: what frames, quotes and white space there are around the words makes no difference.
fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// `plain` is the text without escapes, in its letters.
fn check(plain: &str, denial: &Denial, source: Source) {
    let function = letters(denial.function().as_str());
    assert!(plain.contains(&function) && !denial.is_identified());
    let Ok(admitted) = admit(denial.clone(), &OWN) else { return };
    let unidentified = match admitted.judge(&WIDE, SystemTime::UNIX_EPOCH) {
        Judgement::Decided(decision) => {
            assert!(matches!(decision, Decision::Refuse { .. }));
            return;
        }
        Judgement::NeedsIdentity(unidentified) => unidentified,
    };
    assert_eq!(source, Source::Log);
    // Whoever it is, and directly behind the function, or its qualifier, the whole reason.
    let named = letters(&denial.caller().arn().unwrap());
    assert!(plain.contains(&named), "{plain}");
    let is_behind = |(at, _): (usize, &str)| {
        plain[at + function.len()..].find(REASON).is_some_and(|place| place <= LONGEST_QUALIFIER)
    };
    assert!(plain.match_indices(&function).any(is_behind), "{plain}");
    let iam = match denial.caller() {
        Caller::Principal(principal) => principal.clone(),
        Caller::Session(role) => {
            let RoleSession { partition, account, role_name } = role.session();
            Principal::parse(&format!("arn:{partition}:iam::{account}:role/some/path/{role_name}")).unwrap()
        }
        Caller::Other { .. } => panic!("{denial:?}"),
    };
    let stranger = Principal::parse("arn:aws:iam::281502313273:user/some/stranger").unwrap();
    assert!(iam == stranger || unidentified.clone().resolve(stranger, &OWN).is_err());
    let Ok(identified) = unidentified.resolve(iam.clone(), &OWN) else { return };
    if let Decision::Grant(grant) = identified.decide(&WIDE, SystemTime::UNIX_EPOCH) {
        assert_eq!((grant.principal(), grant.function()), (&iam, denial.function()));
        assert_eq!((iam.account(), grant.function().account()), (OWN_ACCOUNT, OWN_ACCOUNT));
    }
}
