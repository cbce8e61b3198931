"""The operator's tool as a process."""

import os
import subprocess

from local.aws import ACCOUNT, ROOT
from support.binaries import CLI
from support.policies import FUNCTION

LIST = ROOT / "allowlist.example.json"
USER = f"arn:aws:iam::{ACCOUNT}:user/remotion_user"
OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda-invoke-remediator"


def run(*arguments, given=None, env=None):
    """Without any of this machine's own settings of AWS, so that a call that nobody asked for would fail."""
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **(env or {})}
    return subprocess.run(
        [CLI, *map(str, arguments)], input=given or "", env=environment, capture_output=True, text=True, timeout=120
    )


def credentials(endpoint):
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def ours(resources):
    return {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": resources}


def message(user, function=FUNCTION, clause="because no identity-based policy allows the lambda:InvokeFunction action"):
    return f"User: {user} is not authorized to perform: lambda:InvokeFunction on resource: {function} {clause}"


def rules(**changes):
    rule = {"id": "a", "principals": [USER], "functions": [FUNCTION], **changes}
    return {"rules": [{key: value for key, value in rule.items() if value is not None}]}
