"""cargo-lambda's emulator of Lambda's runtime and invoke APIs, with the real binary in it."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from local.aws import ROOT, free_port, wait_until_up
from local.process import running

FUNCTION = "lambda-invoke-remediator"
CARGO_LAMBDA = Path(sys.executable).parent / "cargo-lambda"


class Emulator:
    def __init__(self, port, log):
        self.port = port
        self.log = log

    def invoke(self, event):
        """Invokes the function with the file `event`, and returns the reply."""
        command = [CARGO_LAMBDA, "lambda", "invoke", FUNCTION, "--data-file", str(event)]
        command += ["--invoke-address", "127.0.0.1", "--invoke-port", str(self.port)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"no answer within {error.timeout} seconds\n{self.last_log_lines()}") from None
        if done.returncode != 0:
            raise RuntimeError(f"the invocation failed: {done.stderr.strip()}\n{self.last_log_lines()}")
        reply = json.loads(done.stdout)
        if isinstance(reply, dict) and "errorType" in reply:
            # cargo-lambda returns the error of a function that cannot start as if it were a reply.
            raise RuntimeError(f"the invocation failed: {reply['errorType']}: {reply['errorMessage']}\n{self.last_log_lines()}")
        return reply

    def last_log_lines(self, count=15):
        self.log.flush()
        lines = Path(self.log.name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])


@contextmanager
def emulator(variables):
    """Starts the emulator, which starts the function at the first invocation."""
    port = free_port()
    command = [CARGO_LAMBDA, "lambda", "watch", "--ignore-changes", "--invoke-address", "127.0.0.1"]
    command += ["--invoke-port", str(port)]
    # Keeps the function's output, with its outcome lines, for error messages.
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        options = {"cwd": ROOT, "env": {**os.environ, **variables}, "stdout": log, "stderr": subprocess.STDOUT}
        with running(command, **options) as process:
            wait_until_up(f"http://127.0.0.1:{port}/", process, "cargo-lambda's emulator")
            yield Emulator(port, log)
