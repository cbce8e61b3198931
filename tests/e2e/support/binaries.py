"""The programs under test, as `cargo build` leaves them; others can be named in the environment."""

import os

from local.aws import ROOT

# The function: the one that `cargo test` has just built; a release build can be named instead.
BINARY = os.environ.get("REMEDIATOR_BINARY", str(ROOT / "target/debug/lambda-invoke-remediator"))
# The operator's tool, likewise.
CLI = os.environ.get("REMEDIATOR_CLI", str(ROOT / "target/debug/remediator"))
