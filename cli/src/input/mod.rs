//! What a person gives to a command: an allowlist, events, policy documents; as a file, or `-` for the standard input.
//!
//! Out come an `Allowlist` and the payloads that the function would be invoked with. Nothing is judged here.

pub(crate) mod allowlist;
pub(crate) mod events;
pub(crate) mod pasted;

use crate::problem::Problem;
use std::path::Path;

/// Whether a path stands for the standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.to_str() == Some("-")
}

/// Reads a file, or the standard input.
pub(crate) fn read_text(path: &Path) -> Result<String, Problem> {
    let text = match is_standard_input(path) {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    text.map_err(|error| Problem::of_file(path, &error))
}

/// Returns the name by which messages call a file.
pub(crate) fn display_name(path: &Path) -> String {
    match is_standard_input(path) {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}
