"""The steps by which docs/operations.md takes a grant back without the tool."""

import json
import re
import subprocess
import sys
from pathlib import Path

from local.aws import ROOT


def undo_steps(account):
    """The steps of docs/operations.md, each a text for a shell, for the grant of the last notice."""
    outcome = json.loads(account.notices()[-1]["Message"])
    page = (ROOT / "docs/operations.md").read_text()
    whose, *steps = re.findall(r"^```sh\n(# undo: .*?)^```", page, re.M | re.S)
    assert len(steps) == 3
    kind, path = outcome["principal"].split(":", 5)[5].split("/", 1)
    for name, value in {"kind": kind, "name": path.split("/")[-1], "arn": outcome["function"]}.items():
        whose, count = re.subn(rf"^{name}=.*$", lambda _, line=f"{name}={value}": line, whose, flags=re.M)
        assert count == 1, name
    return [whose + step for step in steps]


def undo(account, directory):
    """Takes the grant of the last notice back without the tool: a shell, the AWS CLI, Python 3."""
    tools = Path(sys.executable).parent
    environment = {**account.environment(), "PATH": f"{tools}:/usr/bin:/bin", "HOME": str(directory)}
    for step in undo_steps(account):
        done = subprocess.run(step, shell=True, cwd=directory, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{step}\n{done.stderr}"
