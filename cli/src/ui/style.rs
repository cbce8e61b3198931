//! The colours. `anstream` removes them where the output is not a terminal.

use anstyle::{AnsiColor, Color, Reset, Style};

pub(crate) const RED: Style = foreground(AnsiColor::Red);
pub(crate) const GREEN: Style = foreground(AnsiColor::Green);
pub(crate) const CYAN: Style = foreground(AnsiColor::Cyan);
/// Ends a colour.
pub(crate) const PLAIN: Reset = Reset;

const fn foreground(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}
