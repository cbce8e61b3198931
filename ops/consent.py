"""Asks before a command changes something: on the terminal, unless YES=1 has answered already."""

import sys

from ops.command import Failure


def ask(question, is_given):
    """Returns if the operator agrees, and fails otherwise."""
    if is_given:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{question} Nothing was done: agree with YES=1, or answer on a terminal.")
    print(f"{question} [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failure("Nothing was done.")
