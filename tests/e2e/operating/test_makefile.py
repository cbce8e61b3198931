"""The Makefile's targets: what can be called, what stops it, and those that are the tool's."""

import re
import subprocess

import pytest

from local.aws import ACCOUNT, REGION, ROOT
from support.created import Created
from support.stack_targets import PARAMETER, STACK, called, is_told_plainly

SECTIONS = ["Develop", "Verify", "Operate", "Maintain"]
TARGETS = ["deploy", "allowlist", "canary", "logs", "redrive", "undo"]
WHOSE = [f"PRINCIPAL=arn:aws:iam::{ACCOUNT}:user/a", f"FUNCTION=arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"]


def makefile_targets():
    """The targets that the Makefile declares as names for people, with their help."""
    text = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", text, re.M)).split()
    return phony, dict(re.findall(r"^([a-z]+):[^#\n]*## (.*)$", text, re.M))


def test_help_has_one_line_for_each_target():
    phony, described = makefile_targets()
    assert len(phony) == len(set(phony))
    # A name with a hyphen is a part of another target, and nobody's to call.
    assert {name for name in phony if "-" not in name} == set(described)
    assert set(TARGETS) < set(described)
    done = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True)
    sections = re.findall(r"^(\w+):\n((?:  .*\n)+)", done.stdout, re.M)
    assert [section for section, _ in sections] == SECTIONS == re.findall(r"^##@ (.*)$", (ROOT / "Makefile").read_text(), re.M)
    lines = [line.split(maxsplit=1) for _, targets in sections for line in targets.splitlines()]
    assert {name: text for name, text in lines} == described
    assert len(lines) == len(described)


def test_every_target_knows_how_to_get_what_it_needs(tmp_path):
    """In a folder in which nothing has been set up yet: make says so where it has no rule for something."""
    for path in [ROOT / "Makefile", *ROOT.glob("requirements*.txt")]:
        (tmp_path / path.name).write_text(path.read_text())
    phony, _ = makefile_targets()
    for target in phony:
        command = ["make", "--no-print-directory", "--dry-run", target, "PRINCIPAL=x", "FUNCTION=x"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{target}: {done.stderr}"


ASKING_AWS = [["allowlist", "ALLOWLIST=allowlist.example.json", "YES=1"], ["logs"], ["redrive", "YES=1"], ["undo", *WHOSE, "YES=1"]]


@pytest.mark.parametrize("arguments", ASKING_AWS, ids=lambda arguments: arguments[0])
def test_what_is_missing_is_said_in_one_sentence(make, arguments):
    told = is_told_plainly(make(*arguments, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None))
    assert told.startswith("no AWS credentials: log in first")
    told = is_told_plainly(make(*arguments, AWS_REGION=None))
    assert told.startswith("the region is not known: name the region with REGION=...")
    told = is_told_plainly(make(*arguments, AWS_PROFILE="nobody"))
    assert "nobody" in told and "AWS_PROFILE" in told
    told = is_told_plainly(make(*arguments, AWS_ENDPOINT_URL="http://127.0.0.1:1"))
    assert told.startswith("AWS cannot be reached: ")


@pytest.mark.parametrize("target", ["logs", "redrive"])
def test_a_stack_that_is_not_there(make, target):
    told = is_told_plainly(make(target, "STACK=nobodys"))
    assert told.startswith("there is no stack nobodys in us-east-1: STACK=...")


def test_the_region_can_be_named(make):
    told = is_told_plainly(make("logs", "REGION=eu-west-1"))
    assert told.startswith(f"there is no stack {STACK} in eu-west-1: ")


def test_the_commands_are_those_of_the_tool(make):
    """That what make says is what the tool takes."""
    tool = "target/debug/remediator"
    done = make("undo", "PRINCIPAL=nobody", WHOSE[1], "YES=1", tool=tool)
    assert done.returncode != 0 and "not the ARN of an IAM user or role" in done.stderr
    done = make("canary", tool=tool)
    assert done.returncode != 0 and "nothing was done. The canary makes the role" in done.stderr


def test_undo_and_canary_are_the_tools(make, remediator):
    principal, function = (text.split("=")[1] for text in WHOSE)
    assert make("undo", *WHOSE).returncode == 0
    assert called(remediator) == ["undo", "--principal", principal, "--function", function]
    assert make("undo", *WHOSE, "YES=1").returncode == 0
    assert called(remediator)[-1] == "--yes"
    done = make("undo", *WHOSE, "STACK=nobodys")
    assert done.returncode == 0 and "--ledger" not in called(remediator) and "no stack nobodys" in done.stderr
    assert make("canary", "YES=1", "STACK=mine").returncode == 0
    assert called(remediator) == ["canary", "--stack", "mine", "--yes"]
    # No other word than a yes is one.
    assert make("canary", "YES=0").returncode == 0
    assert called(remediator) == ["canary", "--stack", STACK]
    remediator.with_suffix(".status").write_text("1")
    assert make("canary").returncode != 0


LEDGERS = {"own": "create", "of-another-region": f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/shared"}


@pytest.mark.parametrize("name", LEDGERS)
def test_undo_hands_over_the_stacks_ledger(make, remediator, the_account, template, name):
    parameters = {"Allowlist": f"ssm:{PARAMETER}", "PrincipalArns": f"arn:aws:iam::{ACCOUNT}:user/remotion_user"}
    outputs = Created(the_account, template, f"ledger-{name}", {**parameters, "Ledger": LEDGERS[name]}).outputs
    principal, function = (text.split("=")[1] for text in WHOSE)
    done = make("undo", *WHOSE, f"STACK=ledger-{name}", "YES=1")
    assert done.returncode == 0, done.stderr
    ledger = outputs["LedgerTableArn"]
    assert ledger.startswith("arn:aws:dynamodb:") and (LEDGERS[name] in ("create", ledger))
    assert called(remediator) == ["undo", "--principal", principal, "--function", function, "--ledger", ledger, "--yes"]
    # The tool's own status is make's.
    remediator.with_suffix(".status").write_text("1")
    assert make("undo", *WHOSE, f"STACK=ledger-{name}", "YES=1").returncode != 0


def test_an_undo_that_might_not_be_recorded_is_none(make, remediator):
    """Where the stack cannot be asked for, nobody knows whether it has a ledger."""
    remediator.with_suffix(".called").write_text("")
    done = make("undo", *WHOSE, "YES=1", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert is_told_plainly(done).startswith("AWS cannot be reached: ")
    assert called(remediator) == []


def test_undo_asks_for_what_is_missing(make):
    assert is_told_plainly(make("undo", WHOSE[1])).startswith("whose grant? say PRINCIPAL=arn:")
    assert is_told_plainly(make("undo", WHOSE[0])).startswith("of which function? say FUNCTION=arn:")
