//! A text and what came with it.

use crate::incoming::source::Source;
use std::borrow::Cow;

/// A text that may hold a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorText<'a> {
    /// The source of the text.
    pub source: Source,
    /// The text, with whatever an SDK put around the message.
    pub text: Cow<'a, str>,
    /// The account that the report was published in, or that the line was logged in.
    pub account: Option<&'a str>,
    /// EventBridge's id of the report, or CloudWatch's of the line.
    pub event_id: Option<&'a str>,
    /// The time at which it was published or logged, RFC 3339.
    pub event_time: Option<&'a str>,
    /// The path of the first field in a form that its writer does not write.
    pub malformed: Option<&'static str>,
}

impl<'a> ErrorText<'a> {
    /// Creates a text that somebody pasted.
    pub(in crate::incoming) fn manual(text: &'a str) -> Self {
        Self {
            source: Source::Manual,
            text: text.into(),
            account: None,
            event_id: None,
            event_time: None,
            malformed: None,
        }
    }
}
