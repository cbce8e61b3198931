//! Any text as an `errorMessage`: what is read out of it stands in it, at its place, and silence is told from what is
//! not understood.
#![no_main]

use invariants::may_be_curable;
use libfuzzer_sys::fuzz_target;
use remediator_core::incoming::message::{Cause, Message, Resource, parse};

const SENTENCE: &str = "is not authorized to perform: ";
/// CloudTrail cuts messages here.
const CUT: usize = 1024;

fuzz_target!(|text: &str| {
    let read = parse(text);
    assert_eq!(read, parse(text));
    if let Ok(message) = &read {
        check(text, message);
        check_cut(text, message);
    }
    // White space is no text.
    let spaced = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if spaced.len() == text.len() {
        assert_eq!(read, parse(&text.replace(' ', "\t")));
    }
});

fn check(text: &str, message: &Message) {
    let line = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(line.matches(SENTENCE).count(), 1);
    let follows = |label: &str, word: &str| {
        let label = format!("{label} ");
        let mut places = line.match_indices(&label).map(|(at, _)| &line[at + label.len()..]);
        places.any(|rest| rest.trim_start_matches(['"', '\'', '`']).starts_with(word))
    };
    for word in [&message.user, &message.action].into_iter().flatten() {
        assert!(text.contains(word) && !word.contains(|c: char| c.is_ascii_whitespace()));
    }
    match &message.user {
        None => assert!(!line.contains("User:")),
        Some(user) => {
            assert_eq!(line.matches("User:").count(), 1);
            assert!(follows("User:", user));
        }
    }
    match &message.action {
        Some(action) => assert!(follows("perform:", action)),
        // Nothing but a cut inside its last word hides the action.
        None => assert!(line.split_once(SENTENCE).is_some_and(|(_, denied)| !denied.contains(' '))),
    }
    if let Resource::Named(resource) = &message.resource {
        assert!(text.contains(resource) && !resource.contains(|c: char| c.is_ascii_whitespace()));
        assert!(follows("on resource:", resource));
    }
    assert!(!message.cause.is_curable() || may_be_curable(text));
    if text.ends_with("...") || text.len() >= CUT {
        assert_ne!(message.cause, Cause::Unstated);
    }
}

/// Where CloudTrail cut a message, what is left names the same resource and user as the whole, or none.
fn check_cut(text: &str, whole: &Message) {
    if text.len() <= CUT || !text.is_char_boundary(CUT) {
        return;
    }
    let Ok(cut) = parse(&text[..CUT]) else { return };
    assert_eq!(cut.user, whole.user);
    if let Resource::Named(_) = cut.resource {
        assert_eq!(cut.resource, whole.resource);
    }
    if cut.action.is_some() {
        assert_eq!(cut.action, whole.action);
    }
}
