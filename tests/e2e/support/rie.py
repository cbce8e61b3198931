"""AWS's Runtime Interface Emulator, which is in each of AWS's base images, with the real binary in it.

The emulator comes in the package of the SAM CLI: https://github.com/aws/aws-lambda-runtime-interface-emulator
"""

import platform
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from local.aws import ROOT, free_port, wait_until_up
from local.process import running

ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
SET_UP = ROOT / "target/rie"


class Emulator:
    def __init__(self, port, log):
        self.log = log
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(self, payload):
        """What the caller sees: the status, and the body as text."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self._url, data=payload, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def output(self):
        """Its own log, and the function's."""
        return Path(self.log.name).read_text(errors="replace")


def program():
    found = SET_UP / f"samcli/local/rapid/aws-lambda-rie-{ARCHITECTURES[platform.machine()]}"
    assert found.exists(), f"{found} is missing: `make test` sets it up, and `make target/rie/.ready` alone"
    return found


@contextmanager
def emulator(binary, variables):
    """Starts the emulator with nothing in its environment but `variables`; it starts `binary` at the first invocation."""
    port = free_port()
    command = [program(), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", binary]
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        with running(command, env=variables, stdout=log, stderr=subprocess.STDOUT) as process:
            # Any other address than that of the invocations is not found, and starts nothing.
            wait_until_up(f"http://127.0.0.1:{port}/", process, "AWS's emulator")
            yield Emulator(port, log)
