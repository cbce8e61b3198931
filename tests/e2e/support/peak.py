"""How much memory a process has taken."""

import re
from pathlib import Path


def peak_kib(function):
    """The most memory that the process ever had, in KiB."""
    status = Path(f"/proc/{function.process.pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)[1])
