"""A second DynamoDB on the loopback, of another make than moto's: ministack's server, in its own virtual environment."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from local.aws import ACCOUNT, REGION, ROOT, free_port, wait_until_up
from local.process import running

# `make test` sets it up.
PYTHON = Path(os.environ.get("MINISTACK_PYTHON", ROOT / ".venv-ministack/bin/python"))


@contextmanager
def ministack():
    """Starts the server with DynamoDB alone, yields its endpoint, and ends the server."""
    if not PYTHON.exists():
        raise RuntimeError(f"{PYTHON} is missing: make .venv-ministack/.ready sets it up")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "dynamodb",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
    }
    command = [PYTHON, "-m", "ministack"]
    with running(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        endpoint = f"http://127.0.0.1:{port}"
        wait_until_up(f"{endpoint}/_ministack/health", server, "ministack's server")
        yield endpoint
