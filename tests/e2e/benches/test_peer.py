"""The peer of benches/python/ does the job that it is measured at, on the same wire as the binary."""

import importlib.util
import json
import re
from types import SimpleNamespace

import pytest

from local.aws import ROOT
from local.runtime_api import FUNCTION_ARN
from support.events import event

# It knows no other way in than CloudTrail's, by EventBridge.
TEXTS = ("pasted-", "report", "log-", "record-")
EVENTS = sorted(path for path in (ROOT / "events").glob("*.json") if not path.stem.startswith(TEXTS))
USER = "user/remotion_user"
FUNCTION = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter"
# Where the two differ. A peer is not a copy: these are what an afternoon does not reach.
GRANTED_BY_THE_PEER_ALONE = {
    "contradictory-account",
    "contradictory-parameters",
    "contradictory-region",
    "contradictory-user-name",
    "two-denials",
}
GRANTED_BY_THE_BINARY_ALONE = {
    "function-bare-name",
    "invoke-async",
    "invoke-with-response-stream",
    "no-clause",
    "no-message",
    "quoted-resource",
    "sdk-prefix-and-suffix",
}
REFUSED_FOR_ANOTHER_REASON = {
    "aws-service",
    "contradictory-role",
    "cut-message",
    "hostile-texts",
    "identity-center-user",
    "no-clause-and-nothing-else",
    "no-identity",
    "other-account-caller",
    "other-partition",
    "own-role",
}
# An error reply: Lambda tries it twice again.
NOT_READ_BY_THE_PEER = {"malformed-detail", "malformed-event", "malformed-fields", "too-deep"}
PAIR = [FUNCTION, f"{FUNCTION}:*"]
FIRST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": PAIR}],
}


def expected(name):
    return json.loads((ROOT / f"events/expected/{name}.json").read_text())


@pytest.fixture
def peer(account, calls, monkeypatch):
    """A fresh one, as after a cold start."""
    endpoints = {
        "AWS_ENDPOINT_URL": None,
        "AWS_ENDPOINT_URL_IAM": calls.endpoint,
        "AWS_ENDPOINT_URL_SNS": calls.endpoint,
    }
    for name, value in {**account.environment(), **endpoints}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("peer", ROOT / "benches/python/handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda payload: module.handler(payload, SimpleNamespace(invoked_function_arn=FUNCTION_ARN))


def brief(reply):
    return reply["outcome"], reply["reason"], reply["notice"]


def test_a_grant_and_what_follows_it(peer, account, calls):
    reply = peer(event("user"))
    assert {**reply, "summary": None} == {**expected("user"), "summary": None}
    assert account.policy(USER) == FIRST_POLICY
    assert calls.actions() == ["iam:GetUserPolicy", "iam:PutUserPolicy", "iam:GetUserPolicy", "sns:Publish"]
    [notice] = account.notices()
    assert json.loads(notice["Message"]) == reply
    calls.clear()
    assert brief(peer(event("user"))) == ("already_granted", None, "suppressed")
    assert calls.actions() == ["iam:GetUserPolicy"]
    assert account.notices() == []


def test_a_role_behind_a_session(peer, account):
    reply = peer(event("role-with-path"))
    assert {**reply, "summary": None} == {**expected("role-with-path"), "summary": None}
    assert account.policy("role/render-stitcher") == FIRST_POLICY


def test_the_other_code_for_a_denial(peer):
    payload = event("user")
    payload["detail"]["errorCode"] = "AccessDeniedException"
    assert peer(payload)["outcome"] == "granted"


def test_what_another_environment_granted_is_told(peer, account):
    account.put_policy(USER, FIRST_POLICY)
    assert brief(peer(event("user"))) == ("already_granted", None, "published")


def test_what_is_there_survives(peer, account):
    deny = {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": "*"}
    bounded = {**deny, "Effect": "Allow", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
    other = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"{FUNCTION}-2"}
    account.put_policy(USER, {"Version": "2012-10-17", "Id": "kept", "Statement": [deny, bounded, other]})
    assert peer(event("user"))["outcome"] == "granted"
    assert account.policy(USER) == {
        "Version": "2012-10-17",
        "Id": "kept",
        "Statement": [deny, bounded, {**other, "Resource": [f"{FUNCTION}-2", *PAIR]}],
    }


@pytest.mark.parametrize(
    "statement", [{"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}, FIRST_POLICY["Statement"][0]]
)
def test_one_statement_that_is_no_list_counts(statement, peer, account, calls):
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": statement})
    assert peer(event("user"))["outcome"] == "already_granted"
    assert "iam:PutUserPolicy" not in calls.actions()


def test_a_refusal_touches_no_policy_and_is_told_once(peer, account, calls):
    assert brief(peer(event("not-allowlisted"))) == ("refused", "not_allowlisted", "published")
    assert brief(peer(event("not-allowlisted"))) == ("refused", "not_allowlisted", "suppressed")
    assert calls.actions() == ["sns:Publish"]
    assert len(account.notices()) == 1


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_event(path, peer, account, calls):
    payload, wanted = json.loads(path.read_text()), expected(path.stem)
    if path.stem in NOT_READ_BY_THE_PEER:
        with pytest.raises((AttributeError, TypeError)):
            peer(payload)
        assert calls.actions() == []
        return
    reply = peer(payload)
    assert reply.keys() == wanted.keys()
    is_granted = (reply["outcome"] == "granted", wanted["outcome"] == "granted")
    if path.stem in GRANTED_BY_THE_PEER_ALONE:
        assert is_granted == (True, False)
    elif path.stem in GRANTED_BY_THE_BINARY_ALONE:
        assert is_granted == (False, True)
    elif path.stem in REFUSED_FOR_ANOTHER_REASON:
        assert reply["outcome"] == wanted["outcome"] == "refused"
        assert reply["reason"] != wanted["reason"]
    else:
        assert (reply["outcome"], reply["reason"]) == (wanted["outcome"], wanted["reason"])
    if reply["outcome"] == "refused":
        assert calls.actions() == ["sns:Publish"]
    elif reply["outcome"] == "ignored":
        assert calls.actions() == []
    assert len(account.notices()) == (reply["outcome"] != "ignored")


def test_its_packages_are_pinned():
    lines = (ROOT / "requirements-bench.txt").read_text().splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in packages)
    assert {"awslambdaric", "boto3", "botocore"} < {line.split("==")[0] for line in packages}
