//! The schemas, and what every notice of every reason and layer has.

use super::*;
use crate::arn::FunctionArn;
use crate::incoming::facts::Facts;
use crate::incoming::message::{Cause, DenialKind, DeniedBy};
use crate::incoming::source::Source;
use crate::outcome::Verdict;
use crate::outcome::tests::assert_schema_is_kept;
use crate::reason::{Reason, Refusal};
use serde_json::Value;

#[test]
fn the_schemas_are_those_of_the_types() {
    assert_schema_is_kept::<Machine<'_>>("notice.schema.json");
    assert_schema_is_kept::<ChatNotice>("notice-chat.schema.json");
}

fn facts(source: Source, cause: Option<Cause>) -> Facts {
    Facts {
        source: Some(source),
        principal: Some("arn:aws:iam::281502313273:user/remotion_user".to_owned()),
        function: FunctionArn::parse("arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter"),
        cause,
        ..Facts::default()
    }
}

/// The mail, its white space as single spaces, and the card's next steps.
fn mail_and_steps(facts: Facts, reason: Reason) -> (String, Vec<String>) {
    let report = Report::new(facts, Verdict::Refused(Refusal::new(reason, "it is so")));
    let notice = Notice::new(&Outcome::new(&report), &report, 0, None);
    let bodies: Value = serde_json::from_str(&notice.message).unwrap();
    let card: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    let steps = card["content"]["nextSteps"].as_array().unwrap();
    let mail = bodies["email"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    (mail, steps.iter().map(|step| step.as_str().unwrap().to_owned()).collect())
}

#[test]
fn each_layer_is_shown_with_who_can_change_it() {
    for denied_by in DeniedBy::ALL {
        for denial in DenialKind::ALL {
            let cause = Cause::Stated { denied_by: *denied_by, denial: *denial, policy: None };
            let (mail, steps) =
                mail_and_steps(facts(Source::Cloudtrail, Some(cause)), Reason::NotIdentityBased);
            let (layer, kind) = (json_name(denied_by), json_name(denial));
            assert!(mail.contains(&format!("Denied by {layer} ({kind})")), "{mail}");
            let owner = crate::notice::layers::Layer::of(*denied_by).owner_for(*denial);
            assert!(mail.contains(owner) && steps.contains(&owner.to_owned()), "{layer}: {mail} {steps:?}");
        }
    }
}

#[test]
fn each_step_is_whole_in_a_card_and_in_a_mail() {
    for reason in Reason::ALL {
        for source in Source::ALL {
            let (mail, steps) = mail_and_steps(facts(source, None), *reason);
            for step in steps.iter().filter(|step| !step.contains("https://")) {
                assert!(
                    !step.ends_with("...") && mail.contains(step.as_str()),
                    "`{}`: {step}",
                    json_name(reason)
                );
            }
        }
    }
}
