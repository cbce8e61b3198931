"""The Makefile's targets for a deployed stack: which stack, and how they end."""

STACK = "lambda-invoke-remediator"
PARAMETER = "/remediator/allowlist"
QUEUES = ["FailedInvocations", "UndeliveredEvents"]


def called(program):
    return program.with_suffix(".called").read_text().splitlines()


def is_told_plainly(done):
    """It failed with one sentence; the line after it is make's own."""
    told = [line for line in done.stderr.splitlines() if not line.startswith(("make: ", "The stack "))]
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert len(told) == 1, done.stderr
    return told[0]
