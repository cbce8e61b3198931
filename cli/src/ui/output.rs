//! The standard output and the standard error.
//!
//! A pipe that is closed early (`| head`) ends neither the command nor what it does in an account. Any other output that is
//! lost makes the command fail in the end.

use std::fmt;
use std::io::{ErrorKind, Result, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static HAS_LOST_OUTPUT: AtomicBool = AtomicBool::new(false);

/// Writes a line to the standard output, for people and programs; in colour only on a terminal.
macro_rules! out {
    ($($text:tt)*) => { $crate::ui::output::note_loss(writeln!(anstream::stdout(), $($text)*)) };
}

/// Writes a line to the standard error: progress, and what went wrong.
macro_rules! err {
    ($($text:tt)*) => { $crate::ui::output::note_loss(writeln!(anstream::stderr(), $($text)*)) };
}

pub(crate) use {err, out};

/// Remembers that output was lost.
pub(crate) fn note_loss(written: Result<()>) {
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        HAS_LOST_OUTPUT.store(true, Ordering::Relaxed);
    }
}

/// Writes to the standard output as given.
pub(crate) fn write_bytes(text: &[u8]) {
    note_loss(std::io::stdout().lock().write_all(text));
}

/// Flushes the standard output, and returns whether all output was written.
pub(crate) fn flush() -> bool {
    note_loss(std::io::stdout().flush());
    !HAS_LOST_OUTPUT.load(Ordering::Relaxed)
}

/// Untrusted text, fit for a terminal: a character that could move the cursor, or hide or reverse other text, is shown as its
/// code.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            ' ' | '\n' => write!(f, "{character}"),
            _ if character.is_ascii_graphic() || character.is_alphanumeric() => write!(f, "{character}"),
            _ => write!(f, "{}", character.escape_unicode()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let text = "a\u{e9} \u{1b}[2J\u{9b}1m\u{202e}\r\u{200b}\n\tb";
        let shown = Escaped(text).to_string();
        assert_eq!(shown, "a\u{e9} \\u{1b}[2J\\u{9b}1m\\u{202e}\\u{d}\\u{200b}\n\\u{9}b");
    }
}
