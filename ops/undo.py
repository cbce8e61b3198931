"""Takes one grant back with the operator's tool, which records that in the stack's ledger, if it has one.

    python -m ops.undo --remediator PROGRAM --stack STACK --principal ARN --function ARN [--yes]
"""

import argparse
import os
import sys

from ops import stack as stacks
from ops.command import Failure, run


def main():
    parser = argparse.ArgumentParser()
    for name in ("remediator", "stack", "principal", "function"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--yes", action="store_true")
    given = parser.parse_args()
    stack = stacks.find(given.stack)
    if stack is None:
        print(f"there is no stack {given.stack} here: if the function has a ledger, this undo is not recorded in it", file=sys.stderr)
    ledger = stack.outputs.get("LedgerTableArn") if stack else None
    command = [given.remediator, "undo", "--principal", given.principal, "--function", given.function]
    command += ["--ledger", ledger] if ledger else []
    command += ["--yes"] if given.yes else []
    sys.stdout.flush()
    try:
        os.execv(given.remediator, command)
    except OSError as error:
        raise Failure(f"{given.remediator} cannot be run, so nothing was taken back: {error.strerror}") from None


if __name__ == "__main__":
    run(main)
