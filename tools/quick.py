"""`make quick`: format, lints, unit and property tests of the crates that a change concerns, and of what is built from them.

What changed is what differs from the last commit, and files that git does not know yet. It stops at the first thing that
fails, and says at the end what it has left out.
"""

import os
import subprocess
import sys
import time

from tools.crates import ROOT, TESTED, dependents, touched, workspace

# How often each property is tried here; where nothing is said, they are tried up to 2,000 times.
CASES = 64


def changed():
    """Returns the paths, below the root, that differ from the last commit; both for a file that was moved."""
    listed = []
    for command in (["diff", "--name-only", "--no-renames", "-z", "HEAD"], ["ls-files", "--others", "--exclude-standard", "-z"]):
        listed += subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({path for path in listed if path})


def steps(crates, names, paths):
    """Yields each step, in order: (its name, its command)."""
    yield "format", ["cargo", "fmt", "--all", "--check"]
    if any(path.startswith("fuzz/") for path in paths):
        yield "format of fuzz", ["cargo", "fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]
    order = [*TESTED, *sorted(set(crates) - set(TESTED))]
    # One at a time, like `make check`: together they would be built with the features that any of them wants.
    for name in (name for name in order if name in names):
        lint = ["cargo", "clippy", "--locked", "--quiet", "--all-targets", "--package", name, "--", "--deny", "warnings"]
        yield f"clippy of {name}", lint
    for name in (name for name in TESTED if name in names):
        yield f"tests of {name}", ["cargo", "test", "--locked", "--quiet", "--package", name]


def show(title, items):
    """Prints a line with a list behind it, cut where it gets long; nothing for an empty list."""
    items = list(items)
    if items:
        print(f"{title}: {', '.join(items[:8])}{f', and {len(items) - 8} more' if len(items) > 8 else ''}")


def main():
    began = time.monotonic()
    crates, paths = workspace(), changed()
    own, others = touched(crates, paths)
    if own:
        names = dependents(crates, own)
        show("changed", sorted(own))
        show("built from that", sorted(names - own))
    else:
        names = {"remediator-core"}
        print(f"{'nothing has changed in a crate' if paths else 'nothing has changed'} since the last commit: remediator-core is taken")
    left = list(steps(crates, names, paths))
    while left:
        what, command = left.pop(0)
        print(f"-- {what}", flush=True)
        if subprocess.run(command, cwd=ROOT, env={**os.environ, "PROPTEST_CASES": str(CASES)}).returncode:
            show("not run after that", (what for what, _ in left))
            sys.exit(f"failed: {what}")
    print(f"passed, in {time.monotonic() - began:.0f} s")
    show("left out, since nothing in them changed", (name for name in TESTED if name not in names))
    show("left out, since they belong to no crate", others)
    print(f"left out always: properties beyond their first {CASES} cases, end-to-end tests (`make test`), documentation and template (`make check`), fuzzing (`make fuzz`)")


if __name__ == "__main__":
    main()
