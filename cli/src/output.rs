//! The two ways out. A pipe that is closed early (`| head`) ends neither the command nor what it does in an account; any other
//! output that is lost makes the command fail in the end.

use std::fmt;
use std::io::{ErrorKind, Result, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static IS_LOST: AtomicBool = AtomicBool::new(false);

/// A line on the standard output, for people and programs; colours only on a terminal.
macro_rules! out {
    ($($text:tt)*) => { $crate::output::noted(writeln!(anstream::stdout(), $($text)*)) };
}

/// A line on the standard error: progress, and what went wrong.
macro_rules! err {
    ($($text:tt)*) => { $crate::output::noted(writeln!(anstream::stderr(), $($text)*)) };
}

pub(crate) use {err, out};

/// Keeps in mind that output was lost.
pub(crate) fn noted(written: Result<()>) {
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        IS_LOST.store(true, Ordering::Relaxed);
    }
}

/// Whether output was lost that somebody may have waited for.
pub(crate) fn is_lost() -> bool {
    noted(std::io::stdout().flush());
    IS_LOST.load(Ordering::Relaxed)
}

/// Text of others, on a terminal: what could move the cursor, hide or turn around other text is shown as its code.
pub(crate) struct Harmless<'a>(pub(crate) &'a str);

impl fmt::Display for Harmless<'_> {
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
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        let text = "a\u{e9} \u{1b}[2J\u{9b}1m\u{202e}\r\u{200b}\n\tb";
        let shown = Harmless(text).to_string();
        assert_eq!(shown, "a\u{e9} \\u{1b}[2J\\u{9b}1m\\u{202e}\\u{d}\\u{200b}\n\\u{9}b");
    }
}
