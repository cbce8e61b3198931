"""Execution environments whose clocks are wrong."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

from local import runtime_api
from support.binaries import BINARY


def build(directory):
    """Compiles the clock that is preloaded, with the C compiler that Rust links with, and returns its path."""
    library = directory / "skew.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


class Skewed:
    """A function whose deadlines, which Lambda gives by the environment's own clock, are as wrong as that."""

    def __init__(self, function, seconds):
        self.function, self.seconds = function, seconds

    def invoke(self, event, timeout=60.0):
        return self.function.invoke(event, timeout=timeout, skew=self.seconds)


@contextmanager
def skewed(library, variables, seconds):
    """Starts the binary with a clock that is `seconds` ahead, or behind."""
    given = {**variables, "LD_PRELOAD": str(library), "SKEW_SECONDS": str(seconds)}
    with runtime_api.function(BINARY, given) as function:
        yield Skewed(function, seconds)
