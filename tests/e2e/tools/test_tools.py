"""`make quick` and `make test`: what a change or a word chooses, and that nothing which was skipped counts as passed."""

import os
import shutil
import subprocess
import sys

import pytest

from local.aws import ROOT
from tools.crates import TESTED, dependents, touched, workspace

CORE, FUNCTION, TOOL, DRIVER = TESTED
# (a file that changed, the crates that it concerns by itself)
CONCERNED = {
    "core/src/lib.rs": {CORE},
    "core/Cargo.toml": {CORE},
    "src/new/mod.rs": {FUNCTION},
    "tests/it/main.rs": {FUNCTION},
    "tests/e2e/support/judge.rs": {FUNCTION},
    "tests/real-texts/cases.json": {CORE},
    "events/new.json": {FUNCTION},
    "events/expected/new.json": {FUNCTION},
    "outcome.schema.json": {CORE},
    "cli/src/main.rs": {TOOL},
    "benches/driver/src/main.rs": {DRIVER},
    "docs/operations.md": {CORE},
    "ops/logs.py": set(),
    "tests/e2e/conftest.py": set(),
    "template.yaml": set(),
    "fuzz/src/lib.rs": set(),
}


@pytest.fixture(scope="module")
def crates():
    return workspace()


@pytest.mark.parametrize("path", CONCERNED)
def test_a_file_concerns_its_crate(path, crates):
    found, others = touched(crates, [path])
    assert found >= CONCERNED[path] and bool(found) == bool(CONCERNED[path])
    assert others == ([] if found else [path])


def test_a_change_concerns_what_is_built_from_it(crates):
    assert dependents(crates, {CORE}) >= {CORE, FUNCTION, TOOL}
    assert dependents(crates, {FUNCTION}) == {FUNCTION, TOOL}
    assert dependents(crates, {TOOL}) == {TOOL}
    for path in ("Cargo.toml", "Cargo.lock"):
        assert touched(crates, [path]) == (set(crates), [])


def test_every_crate_with_tests_is_tested(crates):
    assert {name for name, crate in crates.items() if "#[test]" in crate.sources()} == set(TESTED)


@pytest.fixture
def run(tmp_path):
    """Runs a recipe with a cargo that notes what it is called with and ends with 1 where that holds `fails`, and a git that
    tells of `changed` files."""
    cargo = shutil.which("cargo")
    (tmp_path / "cargo").write_text(
        f'#!/bin/sh\n[ "$1" = metadata ] && exec {cargo} "$@"\necho "$@" >> {tmp_path}/called\n'
        'case "$*" in *"$FAILS"*) exit 1;; esac\n'
    )
    (tmp_path / "git").write_text(f'#!/bin/sh\n[ "$1" = diff ] && cat {tmp_path}/changed || true\n')
    for name in ("cargo", "git"):
        (tmp_path / name).chmod(0o755)

    def run(*command, changed=(), fails="nothing"):
        (tmp_path / "changed").write_text("".join(f"{path}\0" for path in changed))
        (tmp_path / "called").write_text("")
        environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "FAILS": fails}
        done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True)
        return done, (tmp_path / "called").read_text().splitlines()

    return run


def test_quick_looks_at_what_changed_and_names_the_rest(run):
    done, called = run("tools.quick", changed=["cli/src/main.rs", "ops/logs.py"])
    assert done.returncode == 0, done.stderr
    assert called == [
        "fmt --all --check",
        "clippy --locked --quiet --all-targets --package remediator -- --deny warnings",
        "test --locked --quiet --package remediator",
    ]
    assert f"left out, since nothing in them changed: {CORE}, {FUNCTION}, {DRIVER}" in done.stdout
    assert "left out, since they belong to no crate: ops/logs.py" in done.stdout
    assert "left out always: " in done.stdout


def test_quick_without_a_change_says_so(run):
    done, called = run("tools.quick")
    assert done.returncode == 0 and called[-1] == f"test --locked --quiet --package {CORE}"
    assert done.stdout.startswith(f"nothing has changed since the last commit: {CORE} is taken\n")
    assert f"left out, since nothing in them changed: {FUNCTION}, {TOOL}, {DRIVER}" in done.stdout


def test_quick_stops_at_the_first_failure(run):
    done, called = run("tools.quick", changed=["src/lib.rs"], fails=f"clippy --locked --quiet --all-targets --package {FUNCTION}")
    assert done.returncode == 1 and "passed" not in done.stdout
    assert f"failed: clippy of {FUNCTION}" in done.stderr
    assert f"not run after that: clippy of {TOOL}, tests of {FUNCTION}, tests of {TOOL}" in done.stdout
    assert not any(line.startswith("test ") for line in called)


def test_a_word_that_no_test_has_is_an_error_and_shows_the_folders(run):
    done, called = run("tools.test", "--only", "nobodys")
    assert done.returncode == 1 and all(" --list " in line for line in called)
    assert "no test has ONLY=nobodys in its name" in done.stderr
    assert all(path.parent.name in done.stderr for path in (ROOT / "tests/e2e").glob("*/test_*.py"))
    done, called = run("tools.test", "--only", "two words")
    assert done.returncode == 1 and called == []


def test_all_tests_are_those_of_each_crate_first(run):
    done, called = run("tools.test", fails=f"--package {DRIVER}")
    assert done.returncode == 1
    assert called == [f"test --locked --quiet --package {name}" for name in TESTED]
