"""Checks the allowlist and puts it into its SSM parameter. The function reads it there within a minute.

    python -m ops.allowlist --remediator PROGRAM --stack STACK [--parameter NAME] [--yes] FILE
"""

import argparse
import difflib
import subprocess
import sys
from pathlib import Path

from ops import stack as stacks
from ops.command import Failure, run
from ops.consent import ask

# https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
STANDARD_BYTES = 4096
ADVANCED_BYTES = 8192
DEFAULT_PARAMETER = "/remediator/allowlist"


def check(remediator, file):
    """Returns the text of `file` if the function accepts it as a list."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Failure(f"there is no file {file}: ALLOWLIST=... names the list; allowlist.example.json is an example") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    try:
        status = subprocess.run([remediator, "check", file]).returncode
    except OSError as error:
        raise Failure(f"{remediator} cannot be run, so nothing was checked: {error.strerror}") from None
    if status != 0:
        raise Failure(f"{file} was not put into SSM: `remediator check` refuses it, see above")
    size = len(text.encode())
    if size > ADVANCED_BYTES:
        raise Failure(
            f"{file} has {size} bytes, and an SSM parameter holds {ADVANCED_BYTES} at most: "
            "shorten it, for example with wildcards in names"
        )
    return text


def parameter_of(name, stack):
    """Returns the named parameter, or else the stack's, or else the one that a first deployment offers."""
    if name:
        return name
    if stack is None:
        return DEFAULT_PARAMETER
    if "AllowlistParameter" not in stack.outputs:
        raise Failure(
            f"the {stack} does not read its list from an SSM parameter: deploy it with "
            f"Allowlist=ssm:{DEFAULT_PARAMETER}, or name the parameter with PARAMETER=..."
        )
    return stack.outputs["AllowlistParameter"]


def current(ssm, name):
    """Returns the existing parameter with its tier, or None."""
    try:
        found = ssm.get_parameter(Name=name)["Parameter"]
    except ssm.exceptions.ParameterNotFound:
        return None
    if found["Type"] != "String":
        raise Failure(f"{name} is of type {found['Type']}, and the function reads type String: name another parameter")
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    [described] = ssm.describe_parameters(ParameterFilters=filters)["Parameters"]
    return {**found, "Tier": described.get("Tier", "Standard")}


def tier_of(text, before):
    """Returns the tier for the text. An advanced parameter stays advanced, since SSM cannot make it standard again."""
    size = len(text.encode())
    if before is not None and before["Tier"] == "Advanced":
        return "Advanced"
    if size <= STANDARD_BYTES:
        return "Standard"
    print(
        f"The list has {size} bytes, more than the {STANDARD_BYTES} of a standard parameter: this makes it an advanced "
        "parameter, which AWS charges for by the month, and which SSM cannot make a standard one again."
    )
    return "Advanced"


def show_difference(name, before, text):
    old = before["Value"] if before else ""
    title = f"{name} version {before['Version']}" if before else f"{name} (does not exist yet)"
    lines = difflib.unified_diff(old.splitlines(), text.splitlines(), title, "the file", lineterm="")
    print("\n".join(lines))


def put(ssm, name, text, before):
    expected = before["Version"] + 1 if before else 1
    tier = tier_of(text, before)
    try:
        answer = ssm.put_parameter(Name=name, Value=text, Type="String", Tier=tier, Overwrite=before is not None)
    except ssm.exceptions.ParameterAlreadyExists:
        raise Failure(f"somebody else created {name} in the meantime: look at it, then try again") from None
    version = answer["Version"]
    print(f"{name} is version {version} now. The function reads it within a minute.")
    if version != expected:
        print(f"Somebody else wrote version {expected} in the meantime, and your version {version} replaced it: compare them.")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(prog="ops.allowlist")
    parser.add_argument("--remediator", required=True)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--parameter")
    parser.add_argument("--yes", action="store_true")
    parser.add_argument("file")
    arguments = parser.parse_args()

    text = check(arguments.remediator, arguments.file)
    stack = stacks.find(arguments.stack)
    name = parameter_of(arguments.parameter, stack)
    session = stacks.session()
    ssm = session.client("ssm")
    before = current(ssm, name)
    if before is not None and before["Value"] == text:
        print(f"{name} has this list already, as version {before['Version']}.")
        return 0
    show_difference(name, before, text)
    sys.stdout.flush()
    ask(f"Put this list into {name} in {session.region_name}?", arguments.yes)
    return put(ssm, name, text, before)


if __name__ == "__main__":
    run(main)
