"""Child processes that end with their use, together with their own children."""

import os
import signal
import subprocess
from contextlib import contextmanager


@contextmanager
def running(command, **options):
    """Starts `command` in a process group of its own, and ends the whole group."""
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, stop)
            except ProcessLookupError:
                break
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
        process.wait()
