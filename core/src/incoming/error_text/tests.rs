//! Texts whose sentences are cut, wrapped or many: none grants what it does not say, and each is read in time.

use crate::incoming::payload::Payload;
use crate::incoming::{self, Event, Incoming};
use serde_json::json;

const USER: &str = "arn:aws:iam::281502313273:user/remotion_user";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter";
const REASON: &str = " because no identity-based policy allows the lambda:InvokeFunction action";

fn denied(who: &str, function: &str, reason: &str) -> String {
    format!("User: {who} is not authorized to perform: lambda:InvokeFunction on resource: {function}{reason}")
}

fn whole() -> String {
    denied(USER, FUNCTION, REASON)
}

/// An explicit deny, or another layer, is never granted: not cut, not wrapped, not beside a whole sentence of somebody else's.
#[test]
#[expect(clippy::string_slice, reason = "places are those of `char_indices`")]
fn no_part_of_another_reason_is_granted() {
    let granted = |text: &str| match incoming::read(&Payload::Json(json!(text))) {
        Incoming::Event(Event::Denial(denial)) => denial.cause().is_curable(),
        Incoming::Event(_) | Incoming::Lines(_) => false,
    };
    for reason in [
        " with an explicit deny in a service control policy",
        " with an explicit deny in an identity-based policy: arn:aws:iam::281502313273:policy/Deny",
        " because no permissions boundary allows the lambda:InvokeFunction action",
        "",
    ] {
        let text = format!("An error occurred: {} (Service: Lambda)", denied(USER, FUNCTION, reason));
        for (end, _) in text.char_indices() {
            assert!(!granted(&text[..end]), "{}", &text[..end]);
            assert!(!granted(&text[end..]), "{}", &text[end..]);
            assert!(!granted(&format!("{}\n{}", &text[..end], &text[end..])), "{end}: {text}");
        }
        let beside = format!("{}\n{}", whole().replace("remotion_user", "somebody"), text);
        // As soon as it is told what was denied.
        let told = beside.rfind("lambda:InvokeFunction on").unwrap() + "lambda:Inv".len();
        for (end, _) in beside.char_indices().filter(|(end, _)| *end > told) {
            assert!(!granted(&beside[..end]), "{}", &beside[..end]);
        }
    }
}

/// However many sentences, names and marks a text has, it is read in time that grows with its length.
#[test]
fn a_long_text_is_read_in_no_time() {
    let began = std::time::Instant::now();
    for text in [
        format!("{}\n{}", whole(), "User: ".repeat(40_000)),
        format!("{}\n{}", whole(), denied(USER, "x...", "").repeat(900)),
        (0..900).map(|index| format!("{}\n", denied(USER, &format!("{FUNCTION}-{index}"), REASON))).collect(),
        format!("{} {}c\n{}{}b", whole(), "a".repeat(400_000), denied(USER, "... ", ""), "a".repeat(400_000)),
        format!("{}{}", whole(), " action".repeat(100_000)),
    ] {
        incoming::read(&Payload::Json(json!(text)));
    }
    // A debug build; what grows with the square of the length takes minutes.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
