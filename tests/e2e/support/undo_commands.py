"""The commands with which a notice takes its grant back."""

import json
import subprocess
import sys
from pathlib import Path


def undo(account, directory):
    """Runs the commands of the last notice as its reader would: a shell, the AWS CLI, Python 3."""
    commands = json.loads(account.notices()[-1]["Message"])["undo"]
    tools = Path(sys.executable).parent
    environment = {**account.environment(), "PATH": f"{tools}:/usr/bin:/bin", "HOME": str(directory)}
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=directory, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
