//! The trails that would record a denied call: those that are logging and select Lambda's data events.

use crate::problem::Problem;
use aws_config::SdkConfig;
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, EventSelector};

const FUNCTIONS: &str = "AWS::Lambda::Function";

/// Describes the trails of the region in a sentence for the report.
///
/// Calls `cloudtrail:DescribeTrails`, `cloudtrail:GetTrailStatus` and `cloudtrail:GetEventSelectors`.
pub(super) async fn describe(config: &SdkConfig) -> Result<String, Problem> {
    let client = aws_sdk_cloudtrail::Client::new(config);
    let answer = client.describe_trails().send().await;
    let answer = answer.map_err(|error| Problem::of_call("cloudtrail:DescribeTrails", &error))?;
    let (mut recording, mut stopped) = (Vec::new(), Vec::new());
    for trail in answer.trail_list.unwrap_or_default() {
        let Some(arn) = trail.trail_arn else { continue };
        // The organization's trail may hide its selectors from member accounts.
        let Ok(selectors) = client.get_event_selectors().trail_name(&arn).send().await else { continue };
        let advanced = selectors.advanced_event_selectors.unwrap_or_default();
        let basic = selectors.event_selectors.unwrap_or_default();
        if !advanced.iter().any(selects) && !basic.iter().any(selects_basic) {
            continue;
        }
        let status = client.get_trail_status().name(&arn).send().await;
        match status.is_ok_and(|status| status.is_logging == Some(true)) {
            true => recording.push(arn),
            false => stopped.push(arn),
        }
    }
    Ok(match (recording.is_empty(), stopped.is_empty()) {
        (false, _) => format!("a trail records data events of Lambda: {}", recording.join(", ")),
        (true, false) => format!("a trail selects the data events of Lambda, but is not logging: {}", stopped.join(", ")),
        (true, true) => {
            "no trail of this region records data events of Lambda, as far as you may see; the template makes one with \
             CreateTrail=yes"
                .to_owned()
        }
    })
}

/// Whether an advanced selector takes Lambda's data events. Its other conditions are not judged.
fn selects(selector: &AdvancedEventSelector) -> bool {
    let equals = |field: &str, value: &str| {
        selector.field_selectors.iter().any(|condition| {
            condition.field == field
                && condition.equals.as_ref().is_some_and(|values| values.iter().any(|one| one == value))
        })
    };
    equals("eventCategory", "Data") && equals("resources.type", FUNCTIONS)
}

/// Whether a basic selector takes Lambda's data events.
fn selects_basic(selector: &EventSelector) -> bool {
    let resources = selector.data_resources.as_deref().unwrap_or_default();
    resources.iter().any(|resource| resource.r#type.as_deref() == Some(FUNCTIONS))
}
