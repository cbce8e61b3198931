//! The commands: one file or folder for each, named like it.
//!
//! In come its arguments; each prints its answer and returns the exit code, or a [`Problem`](crate::problem::Problem). No
//! command uses another one: what two of them need is in `cases`, `input` or `ui`.

pub(crate) mod canary;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod explain;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod undo;
