"""Commands as a page shows them, run by a shell."""

import os
import subprocess
import sys


def run(text, environment, **variables):
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    given = {**environment, "PATH": path, "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(["bash", "-euo", "pipefail", "-c", text], env=given, capture_output=True, text=True, timeout=60)
