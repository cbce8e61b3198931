//! The two ways out. A pipe that is closed early (`| head`) ends neither the command nor what it does in an account.

/// A line on the standard output, for people and programs; colours only on a terminal.
macro_rules! out {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stdout(), $($text)*);
    }};
}

/// A line on the standard error: progress, and what went wrong.
macro_rules! err {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stderr(), $($text)*);
    }};
}

pub(crate) use {err, out};
