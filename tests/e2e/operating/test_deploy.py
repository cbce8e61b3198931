"""`make deploy`: what is asked, what is refused before anything is built, and what the SAM CLI is called with."""

import json
import os
import re
import subprocess

import pytest

from local.aws import ACCOUNT, REGION, ROOT
from support import front as fronts
from support.binaries import CLI
from support.created import Created
from support.stack_targets import PARAMETER, STACK, is_told_plainly


@pytest.fixture
def sam(tmp_path):
    """An environment whose `sam` notes how it is called; the real one takes minutes, and wants AWS."""
    venv, own = tmp_path / "venv", ROOT / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "lib").symlink_to(own / "lib")
    (venv / "pyvenv.cfg").write_bytes((own / "pyvenv.cfg").read_bytes())
    (venv / "bin/python").symlink_to((own / "bin/python").resolve())
    program = venv / "bin/sam"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" -- >> "$0.called"\n! grep -qx "$1" "$0.fails"\n')
    program.chmod(0o755)
    program.with_suffix(".fails").touch()
    program.with_suffix(".called").touch()
    (venv / ".ready").touch()
    return program


def runs(program):
    """What it was called with, each time, since the last look."""
    text = program.with_suffix(".called").read_text()
    program.with_suffix(".called").write_text("")
    return [run.splitlines() for run in text.split("--\n")[:-1]]


@pytest.fixture
def deploy(make, sam, tmp_path):
    def deploy(*arguments, **options):
        venv, config = f"DEPLOY_VENV={sam.parent.parent}", f"CONFIG={tmp_path}/samconfig.toml"
        return make("deploy", venv, config, "ALLOWLIST=allowlist.example.json", *arguments, **options)

    return deploy


def option(run, name):
    return run[run.index(name) + 1]


def test_the_first_deployment_is_guided(deploy, sam, tmp_path):
    done = deploy(answer="")
    assert done.returncode == 0, done.stderr
    assert f"Stack {STACK} in account {ACCOUNT}, {REGION}, for " in done.stdout
    assert "dry-run is recommended first" in done.stdout
    build, guided = runs(sam)
    architecture = "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64"
    assert build == ["build", "--parameter-overrides", f"Architecture={architecture}"]
    assert guided[:2] == ["deploy", "--guided"]
    assert (option(guided, "--stack-name"), option(guided, "--region")) == (STACK, REGION)
    assert option(guided, "--capabilities") == "CAPABILITY_IAM"
    assert option(guided, "--config-file") == f"{tmp_path}/samconfig.toml"
    overrides = dict(item.split("=", 1) for item in guided[guided.index("--parameter-overrides") + 1 :])
    # Those whom the list grants to, as the tool says them, too.
    checked = subprocess.run([CLI, "check", "--json", ROOT / "allowlist.example.json"], capture_output=True, check=True)
    principals = set(json.loads(checked.stdout)["principalArns"])
    assert set(overrides.pop("PrincipalArns").split(",")) == principals
    assert overrides == {"Architecture": architecture, "Allowlist": f"ssm:{PARAMETER}", "Mode": "dry-run"}
    # This `sam` has kept nothing, so that the next time is a first time again.
    assert not (tmp_path / "samconfig.toml").exists()


KEPT = """
version = 0.1
[default.deploy.parameters]
stack_name = "lambda-invoke-remediator"
region = "us-east-1"
parameter_overrides = "Allowlist=\\"ssm:/remediator/allowlist\\" Architecture=\\"x86_64\\" Mode=\\"dry-run\\""
"""


def test_the_next_deployments_ask_nothing(deploy, sam, tmp_path):
    config = tmp_path / "samconfig.toml"
    config.write_text(KEPT)
    done = deploy()
    if "Rust cannot build for x86_64 yet" in done.stderr:
        pytest.fail("this test needs Rust's target x86_64-unknown-linux-gnu")
    assert done.returncode == 0, done.stderr
    build, again = runs(sam)
    # That of the stack, whatever machine this is.
    assert build == ["build", "--parameter-overrides", "Architecture=x86_64"]
    assert again == ["deploy", "--resolve-s3", "--no-fail-on-empty-changeset", "--config-file", str(config)]


def reserving(value):
    """What the SAM CLI has kept, with so much reserved."""
    return KEPT.replace('Mode=', f'ReservedConcurrency=\\"{value}\\" Mode=')


# The account's limit, what of it is unreserved, what is wanted, and whether that is refused, may be refused, or is not.
CONCURRENCY = [
    (10, 10, 1, "refused"),
    (1000, 10, 1, "refused"),
    (1000, 104, 95, "refused"),
    (11, 11, 1, "may be"),
    (50, 50, 1, "may be"),
    (1000, 100, 1, "may be"),
    (1000, 101, 1, "taken"),
    (1000, 1000, 900, "taken"),
]


@pytest.mark.parametrize(("limit", "unreserved", "wanted", "expected"), CONCURRENCY)
def test_what_lambda_would_refuse_to_reserve_is_said_before_anything_is_built(
    deploy, sam, tmp_path, front, limit, unreserved, wanted, expected
):
    front.settings = fronts.account_limit(limit, unreserved)
    (tmp_path / "samconfig.toml").write_text(reserving(wanted))
    done = deploy("STACK=lambda-invoke-remediator")
    told = f"this account's limit is {limit} concurrent executions in this region, {unreserved} of them unreserved"
    what_to_do = f"set ReservedConcurrency=0 among the parameter_overrides of {tmp_path}/samconfig.toml"
    assert front.asked_settings == 1
    if expected == "refused":
        sentence = is_told_plainly(done)
        assert sentence.startswith(f"ReservedConcurrency={wanted} cannot be deployed") and told in sentence
        assert what_to_do in sentence and "quota Concurrent executions" in sentence
        assert runs(sam) == []
        return
    assert done.returncode == 0, done.stderr
    assert (f"ReservedConcurrency={wanted} may be refused" in done.stdout) == (expected == "may be")
    assert (told in done.stdout and what_to_do in done.stdout) == (expected == "may be")
    assert [run[0] for run in runs(sam)] == ["build", "deploy"]


@pytest.mark.parametrize("kept", [KEPT, reserving(0), reserving("")], ids=["not named", "0", "empty"])
def test_where_nothing_is_reserved_no_limit_is_asked_for(deploy, tmp_path, front, kept):
    front.settings = fronts.account_limit(10, 10)
    (tmp_path / "samconfig.toml").write_text(kept)
    done = deploy()
    assert done.returncode == 0 and "ReservedConcurrency" not in done.stdout
    assert front.asked_settings == 0


def test_what_the_stack_has_reserved_already_is_not_counted_twice(deploy, sam, tmp_path, front, the_account, template):
    """A stack that holds 1 of an account whose rest is what has to stay."""
    parameters = {"Allowlist": f"ssm:{PARAMETER}", "PrincipalArns": f"arn:aws:iam::{ACCOUNT}:user/remotion_user"}
    Created(the_account, template, "reserving", {**parameters, "ReservedConcurrency": "2"})
    front.settings = fronts.account_limit(12, 10)
    for wanted, is_refused in [(1, False), (2, False), (3, True)]:
        (tmp_path / "samconfig.toml").write_text(reserving(wanted).replace(STACK, "reserving"))
        done = deploy("STACK=reserving")
        assert (done.returncode != 0) == is_refused, (wanted, done.stdout, done.stderr)
        assert ("ReservedConcurrency=3 cannot be deployed" in done.stderr) == is_refused
    # Only what is more than it has is asked about.
    assert front.asked_settings == 1


REFUSED_SETTINGS = {
    "not allowed": ((403, [("X-Amzn-Errortype", "AccessDeniedException")], b'{"Message": "User is not authorized"}'), "(AccessDeniedException)"),
    "not known": ((404, [("Content-Type", "text/html")], b"<html>\n<p>not\nfound\n"), "(404)"),
    "no limit in it": ((200, [("Content-Type", "application/json")], b"{}"), "names no limit"),
}


@pytest.mark.parametrize("why", REFUSED_SETTINGS)
def test_where_the_limit_is_not_told_that_is_one_line(deploy, sam, tmp_path, front, why):
    front.settings, told = REFUSED_SETTINGS[why]
    (tmp_path / "samconfig.toml").write_text(reserving(1))
    done = deploy()
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if "ReservedConcurrency" in line]
    assert "was not looked up (lambda:GetAccountSettings): " in line and told in line
    assert [run[0] for run in runs(sam)] == ["build", "deploy"]


def test_the_first_deployment_says_whether_any_can_be_reserved(deploy, sam, tmp_path, front):
    hint = "Lambda accepts no ReservedConcurrency here: this account's limit is 10 concurrent executions in this region, "
    assert "accepts no" not in deploy(answer="").stdout
    front.settings = fronts.account_limit(10, 10)
    done = deploy(answer="")
    assert done.returncode == 0 and f"{hint}10 of them unreserved. Leave it at 0, or " in done.stdout
    # Whoever answered otherwise is told why it failed, where the SAM CLI has kept the answer.
    (tmp_path / "kept.toml").write_text(reserving(1))
    sam.write_text(f'#!/bin/sh\n[ "$1" = build ] && exit\ncp {tmp_path}/kept.toml {tmp_path}/samconfig.toml\nexit 1\n')
    assert is_told_plainly(deploy(answer="")).startswith("ReservedConcurrency=1 cannot be deployed")


def test_what_would_deploy_the_wrong_thing_is_refused(deploy, sam, tmp_path):
    (tmp_path / "samconfig.toml").write_text(KEPT)
    assert "you asked for another in us-east-1" in is_told_plainly(deploy("STACK=another"))
    assert "you asked for lambda-invoke-remediator in eu-west-1" in is_told_plainly(deploy("REGION=eu-west-1"))
    assert "says Architecture=x86_64" in is_told_plainly(deploy("ARCHITECTURE=arm64"))
    assert "is not one of Lambda's" in is_told_plainly(deploy("ARCHITECTURE=mips"))
    (tmp_path / "samconfig.toml").write_text("[default")
    assert "samconfig.toml cannot be read" in is_told_plainly(deploy())
    assert runs(sam) == []


def test_what_deploy_needs_is_said_before_anything_is_built(deploy, sam):
    assert "run it on a terminal" in is_told_plainly(deploy())
    assert is_told_plainly(deploy(answer="", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)).startswith("no AWS cred")
    assert is_told_plainly(deploy(answer="", AWS_REGION=None)).startswith("the region is not known")
    assert "write your list first" in is_told_plainly(deploy("ALLOWLIST=none.json", answer=""))
    assert "is no allowlist" in is_told_plainly(deploy("ALLOWLIST=Makefile", answer=""))
    assert runs(sam) == []


def test_a_target_of_rust_that_is_missing(deploy, sam, tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "rustc").write_text("#!/bin/sh\necho /nowhere\n")
    (bare / "rustc").chmod(0o755)
    path = f"{bare}{os.pathsep}{os.environ['PATH']}"
    told = is_told_plainly(deploy("ARCHITECTURE=arm64", answer="", PATH=path))
    assert told == "Rust cannot build for arm64 yet: `rustup target add aarch64-unknown-linux-gnu`"
    assert runs(sam) == []


def test_what_was_not_built_is_not_deployed(deploy, sam):
    sam.with_suffix(".fails").write_text("build\n")
    assert "nothing was deployed" in is_told_plainly(deploy(answer=""))
    assert [run[0] for run in runs(sam)] == ["build"]
    sam.with_suffix(".fails").write_text("deploy\n")
    assert is_told_plainly(deploy(answer="")) == "the deployment failed, see above"


def test_the_deploy_tools_are_pinned():
    lines = (ROOT / "requirements-deploy.txt").read_text().splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in packages)
    assert {"aws-sam-cli", "cargo-lambda", "ziglang"} < {line.split("==")[0] for line in packages}
