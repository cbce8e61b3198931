"""An evaluator of IAM policies that is not ours, asked from Python: see judge.rs beside this file."""

import json
import subprocess
from typing import NamedTuple

from local.aws import OWN_ROLE_ARN, ROOT

# `cargo test` builds it, as it builds every example.
JUDGE = ROOT / "target/debug/examples/judge"


class Call(NamedTuple):
    """What IAM decides on: the action, the resource's ARN, and the keys that conditions can look at."""

    action: str
    resource: str
    context: dict = {}


def judge(policies, calls):
    """For each call of the role's `Allow`, `Deny` (an explicit one) or `NotApplicable` (nothing allows it)."""
    case = {"policies": policies, "calls": [{"principal": OWN_ROLE_ARN, **call._asdict()} for call in calls]}
    done = subprocess.run([JUDGE], input=json.dumps(case), capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"the judge gave up: {done.stderr.strip()}")
    return json.loads(done.stdout)


def allowed(policies, calls):
    return [call for call, decision in zip(calls, judge(policies, calls), strict=True) if decision == "Allow"]
