"""Denials of one user's many functions, and what is in a ledger."""

import json
import time
import uuid

from local.aws import ACCOUNT, REGION, ROOT

USER = "user/remotion_user"
USER_ARN = f"arn:aws:iam::{ACCOUNT}:{USER}"
PARTITION = f"{ACCOUNT}#{USER}"
FOREIGN = {"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
LIST = {
    "rules": [
        {
            "id": "clips",
            "principals": [USER_ARN, f"arn:aws:iam::{ACCOUNT}:role/render-worker"],
            "functions": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:clip-*"],
        }
    ]
}


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def denial(name, at=None, event_id=None, **changes):
    """A user's denial of a function, as of `at` (seconds since 1970; now, if not given), as bytes."""
    text = (ROOT / "events/user.json").read_text().replace("ffmpeg-clip-cutter", name)
    event = json.loads(text)
    event["detail"]["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    event["detail"]["eventID"] = event_id or str(uuid.uuid4())
    event["detail"].update(changes)
    return json.dumps(event).encode()


def refusal(event_id=None):
    """A denial that no rule admits."""
    event = json.loads((ROOT / "events/not-allowlisted.json").read_text())
    event["detail"]["eventID"] = event_id or str(uuid.uuid4())
    return json.dumps(event).encode()


def granted(account, principal=USER):
    """The functions that the policy lists, each with its qualifiers, by name."""
    document = account.policy(principal) or {"Statement": []}
    resources = {
        resource
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for resource in ([statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"])
    }
    return {resource.split(":")[6] for resource in resources if f"{resource}:*" in resources}


def items(dynamodb, table, kind=""):
    """The items whose sort key begins with `kind`."""
    found = dynamodb.get_paginator("scan").paginate(TableName=table).build_full_result()["Items"]
    return [item for item in found if item["sk"]["S"].startswith(kind)]


def outcomes(account):
    """The outcomes of the notices since the last look."""
    return [json.loads(notice["Message"])["outcome"] for notice in account.notices()]
