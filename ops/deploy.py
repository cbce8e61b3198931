"""Builds the function and deploys the stack with the AWS SAM CLI, which asks questions the first time only.

    python -m ops.deploy --stack STACK --config FILE --allowlist FILE [--architecture arm64|x86_64]

It runs in the virtual environment that has the SAM CLI. The file --config keeps the answers for the next time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

from ops import concurrency
from ops import stack as stacks
from ops.allowlist import DEFAULT_PARAMETER
from ops.command import Failure, run

# By what `uname -m` says: Lambda's name, and Rust's.
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
SAM = Path(sys.executable).parent / "sam"

BEFORE_THE_QUESTIONS = """
The SAM CLI asks for the stack's parameters now. Return takes the value in brackets.
  Allowlist       where the function reads the list. `make allowlist` puts it there: run it before the first event comes
  PrincipalArns   the users and roles whose policies IAM lets the function write: as narrow as your list
  Mode            dry-run is recommended first: the function decides and notifies, and writes nothing. Deploy enforce later
  CreateTrail     yes only if no trail of this region records Lambda data events; CloudTrail charges for them
  Ledger          create for one memory of all execution environments, in DynamoDB, and grants without the wait of 3 seconds;
                  in a second region of the account, the ARN of the first one's table: see docs/operations.md
  ReportSource, DeniedInvokeLogGroup   more ways in than CloudTrail, off while they are empty: see docs/reporting.md
template.yaml describes the others. Say yes to saving the arguments, under the name that the SAM CLI offers.
"""


def parameters_of(config):
    """Returns the parameters of the last deployment, which the SAM CLI saved, or None."""
    try:
        kept = tomllib.loads(Path(config).read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Failure(f"{config} cannot be read: {error}") from None
    default = kept.get("default", {})
    found = {**default.get("global", {}).get("parameters", {}), **default.get("deploy", {}).get("parameters", {})}
    return found if "stack_name" in found else None


def override(parameters, name):
    """Returns the value of one template parameter, or None."""
    overrides = parameters.get("parameter_overrides", "")
    text = " ".join(overrides) if isinstance(overrides, list) else overrides
    for word in text.replace('"', "").split():
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return None


def principals_of(allowlist):
    """Returns the principals that the list grants to, for PrincipalArns. A rule that only notifies needs no permission."""
    try:
        rules = json.loads(Path(allowlist).read_text())["rules"]
        granting = [rule for rule in rules if rule.get("action") != "notify"]
        # A comma separates the parameter's values, so a wildcard for one character takes its place.
        return sorted({principal.replace(",", "?") for rule in granting for principal in rule["principals"]})
    except FileNotFoundError:
        raise Failure(
            f"there is no file {allowlist}: write your list first (allowlist.example.json shows one), check it and put it "
            "to SSM with `make allowlist`, or name it with ALLOWLIST=..."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Failure(f"{allowlist} is no allowlist: `make allowlist` says what is wrong with it") from None


def architecture_of(asked, kept, config):
    """Returns the requested architecture, or the deployed one, or this machine's."""
    if asked and asked not in TARGETS:
        raise Failure(f"ARCHITECTURE={asked} is not one of Lambda's: {' or '.join(TARGETS)}")
    deployed = override(kept, "Architecture") if kept else None
    if deployed and asked and asked != deployed:
        raise Failure(f"{config} says Architecture={deployed}: change it there, and leave ARCHITECTURE out")
    machine = ARCHITECTURES.get(platform.machine().lower())
    found = asked or deployed or machine
    if not found:
        raise Failure(f"Lambda has no processor like this machine's ({platform.machine()}): name one with ARCHITECTURE=arm64")
    return found


def require_target(architecture):
    """Fails if Rust's standard library for the function's processor is missing."""
    target = TARGETS[architecture]
    command = ["rustc", "--print", "target-libdir", "--target", target]
    try:
        found = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Failure("Rust is not installed: install it from https://rustup.rs") from None
    if found.returncode != 0 or not Path(found.stdout.strip()).is_dir():
        raise Failure(f"Rust cannot build for {architecture} yet: `rustup target add {target}`")


def sam(*arguments):
    environment = {"SAM_CLI_TELEMETRY": "0", **os.environ}
    # The SAM CLI looks for cargo-lambda, and cargo-lambda for zig, in PATH.
    environment["PATH"] = f"{SAM.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return subprocess.run([SAM, *arguments], env=environment).returncode


@contextmanager
def begun(config):
    """Creates the file, since the SAM CLI wants its configuration file to exist, and deletes it if the SAM CLI left it empty."""
    path, empty = Path(config), "version = 0.1\n"
    if not path.exists():
        path.write_text(empty)
    try:
        yield
    finally:
        if path.read_text() == empty:
            path.unlink()


def main():
    parser = argparse.ArgumentParser(prog="ops.deploy")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("--allowlist", required=True)
    parser.add_argument("--parameter")
    parser.add_argument("--architecture")
    arguments = parser.parse_args()

    config = arguments.config
    kept = parameters_of(config)
    architecture = architecture_of(arguments.architecture, kept, config)
    session = stacks.session()
    region = session.region_name
    if kept is None:
        principals = principals_of(arguments.allowlist)
        if not sys.stdin.isatty():
            raise Failure(f"the first deployment asks questions: run it on a terminal, or write {config} by hand")
    elif (kept["stack_name"], kept.get("region", region)) != (arguments.stack, region):
        raise Failure(
            f"{config} is for stack {kept['stack_name']} in {kept.get('region', region)}, and you asked for "
            f"{arguments.stack} in {region}: name them with STACK=... and REGION=..., or another file with CONFIG=..."
        )
    require_target(architecture)
    # Credentials that are missing should fail here, before minutes of building.
    account = session.client("sts").get_caller_identity()["Account"]
    print(f"Stack {arguments.stack} in account {account}, {region}, for {architecture}.", flush=True)
    if kept is not None:
        concurrency.require(session, arguments.stack, override(kept, concurrency.PARAMETER), config)

    if sam("build", "--parameter-overrides", f"Architecture={architecture}") != 0:
        raise Failure("the function could not be built, see above; nothing was deployed")
    keeping = ["--config-file", str(Path(config).resolve())]
    if kept is None:
        print(BEFORE_THE_QUESTIONS, flush=True)
        concurrency.before_the_questions(session)
        overrides = [
            f"Architecture={architecture}",
            f"Allowlist=ssm:{arguments.parameter or DEFAULT_PARAMETER}",
            f"PrincipalArns={','.join(principals)}",
            "Mode=dry-run",
        ]
        options = ["--guided", "--stack-name", arguments.stack, "--region", region, "--capabilities", "CAPABILITY_IAM"]
        with begun(config):
            status = sam("deploy", *options, *keeping, "--parameter-overrides", *overrides)
    else:
        status = sam("deploy", "--resolve-s3", "--no-fail-on-empty-changeset", *keeping)
    if status != 0:
        # Only now the answers are known.
        if kept is None and (answered := parameters_of(config)):
            concurrency.require(session, arguments.stack, override(answered, concurrency.PARAMETER), config)
        raise Failure("the deployment failed, see above")
    return 0


if __name__ == "__main__":
    run(main)
