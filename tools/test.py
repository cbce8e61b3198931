"""`make test`: all tests, or those that a word chooses.

The word is a folder of tests/e2e, the name of a file in one of them, or a word in the names of tests. It chooses among the Rust
tests as well: those that have it in their names, modules included, in the singular where it is a plural.
"""

import argparse
import re
import subprocess
import sys

from tools.crates import FUNCTION, ROOT, TESTED

E2E = ROOT / "tests/e2e"
WORKERS, FEW_WORKERS, LEDGER_WORKERS = 8, 4, 3
# What pytest ends with where it finds no test.
NO_TESTS = 5


def run(*command):
    """Runs a command, and ends with it where it fails."""
    code = subprocess.run(command, cwd=ROOT).returncode
    if code:
        sys.exit(code)


def cargo(command, package, *arguments):
    return ["cargo", command, "--locked", "--quiet", "--package", package, *arguments]


def pytest(*arguments):
    return [sys.executable, "-m", "pytest", "--quiet", *arguments]


def singular(word):
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


def folders():
    return sorted({path.parent.name for path in E2E.glob("*/test_*.py")})


def chosen_in_python(word):
    """Returns pytest's arguments for the word's tests, or None where there are none."""
    if word in folders():
        return [str(E2E.relative_to(ROOT) / word)]
    names = {f"test_{word.removeprefix('test_').removesuffix('.py')}.py"}
    if files := sorted(path for path in E2E.glob("*/test_*.py") if path.name in names):
        return [str(path.relative_to(ROOT)) for path in files]
    found = subprocess.run(pytest("--collect-only", "-k", word), cwd=ROOT, capture_output=True, text=True)
    if found.returncode not in (0, NO_TESTS):
        sys.exit(found.stdout + found.stderr)
    return None if found.returncode == NO_TESTS else ["-k", word]


def chosen_in_rust(word):
    """Counts the tests with the word in their names, for each crate that has any."""
    found = {}
    for package in TESTED:
        listed = subprocess.run(cargo("test", package, "--", "--list", word), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if listed.returncode:
            sys.exit(listed.returncode)
        found[package] = len(re.findall(r": test$", listed.stdout, re.M))
    return {package: count for package, count in found.items() if count}


def build():
    """Builds the binaries with the features that they are deployed with, and the tests' policy evaluator."""
    run(*cargo("build", FUNCTION))
    run(*cargo("build", "remediator"))
    run(*cargo("test", FUNCTION, "--example", "judge", "--no-run"))


def all_of_them():
    for package in TESTED:
        run(*cargo("test", package))
    build()
    # Each test of the ledger is many processes at once, with time limits of seconds: fewer of them beside each other.
    run(*pytest("--numprocesses", str(WORKERS), "--ignore", "tests/e2e/ledger"))
    run(*pytest("--numprocesses", str(LEDGER_WORKERS), "tests/e2e/ledger"))


def only(word):
    if not re.fullmatch(r"[\w.:-]+", word):
        sys.exit(f"ONLY={word} is not one word: a folder of tests/e2e ({', '.join(folders())}), a file in one, or a word in tests' names")
    in_python, rust_word = chosen_in_python(word), singular(word)
    in_rust = chosen_in_rust(rust_word)
    if not in_python and not in_rust:
        sys.exit(f"no test has ONLY={word} in its name. The folders of tests/e2e are: {', '.join(folders())}")
    for package, count in in_rust.items():
        print(f"-- {package}: {count} tests with `{rust_word}` in their names", flush=True)
        run(*cargo("test", package, rust_word))
    if missing := [package for package in TESTED if package not in in_rust]:
        print(f"-- no test with `{rust_word}` in its name: {', '.join(missing)}", flush=True)
    if not in_python:
        print(f"-- end to end: no folder, file or test of the name `{word}`")
        return
    print(f"-- end to end: {' '.join(in_python)}", flush=True)
    build()
    run(*pytest("--numprocesses", str(FEW_WORKERS), *in_python))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="the word; all tests without one")
    word = parser.parse_args().only.strip()
    only(word) if word else all_of_them()
