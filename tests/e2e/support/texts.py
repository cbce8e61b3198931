"""Texts of errors as they are reported and listed, and what they led to: policies, notices, calls, the log."""

import json

from local.aws import ACCOUNT, ROOT
from support.denied import function as arn_of

OTHER_ACCOUNT = "111122223333"
CUTTER, QUOTE = arn_of("ffmpeg-clip-cutter"), arn_of("price-quote")
BATCH = "user/shop-batch"


def name_of(function):
    return function.split(":")[-1]


def short(principal):
    """`user/name` or `role/name`, as the account knows it."""
    kind, *_, name = principal.split("/")
    return f"{kind}/{name}"


def report(text, account=ACCOUNT):
    found = json.loads((ROOT / "events/report.json").read_text())
    return {**found, "account": account, "detail": {"errorMessage": text}}


def granted(account):
    """The policies that are there."""
    policies = {principal: account.policy(principal) for principal in account.principals()}
    return {principal: policy for principal, policy in policies.items() if policy is not None}


def told(account, source):
    """The notices, each of which says in its body and beside it where it came from: (outcome or reason, principal)."""
    found = []
    for notice in account.notices():
        body = json.loads(notice["Message"])
        assert body["source"] == notice["MessageAttributes"]["source"]["Value"] == source
        found.append((body["reason"] or body["outcome"], body["principal"]))
    return found


def iam_calls(calls):
    return [action for action in calls.actions() if action.startswith("iam:")]


def logged(function):
    """The outcomes in the log, as replies have them."""
    beside = {"level", "message", "requestId", "durationMs", "sinceDenialMs"}
    return [{name: value for name, value in line.items() if name not in beside} for line in function.outcome_lines()]


def rule(principal, **more):
    return {"id": "a-rule", "principals": [f"arn:aws:iam::{ACCOUNT}:{principal}"], "functions": [QUOTE], **more}
