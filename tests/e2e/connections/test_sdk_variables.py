"""The variables of AWS's SDKs and of Lambda's logging, as the binary understands them: over the wire, and in the log."""

import json

import pytest

from local.aws import ROOT
from support import tls

USER = (ROOT / "events/user.json").read_bytes()
STRANGER = (ROOT / "events/not-allowlisted.json").read_bytes()


@pytest.fixture
def both(calls):
    """A door that is named for all services, without TLS."""
    with tls.door(calls.endpoint) as door:
        yield door


def test_one_endpoint_for_all(start, both):
    with start(AWS_ENDPOINT_URL=both.endpoint) as function:
        assert function.invoke(USER).body["outcome"] == "granted"
    assert {"GetUserPolicy", "PutUserPolicy", "Publish"} <= set(both.actions())
    assert len(both.connections) == 1


def test_an_endpoint_of_one_service_goes_before(start_secured, both, iam, sns):
    with start_secured(AWS_ENDPOINT_URL=both.endpoint, AWS_ENDPOINT_URL_SNS=None) as function:
        assert function.invoke(USER).body["outcome"] == "granted"
    assert "PutUserPolicy" in iam.actions() and "Publish" not in iam.actions()
    assert both.actions() == ["Publish"] and sns.connections == []


# A partition that no public resolver knows: nothing of this leaves the machine.
NOWHERE = {"AWS_REGION": "us-iso-east-1", "AWS_DEFAULT_REGION": "us-iso-east-1"}
NOWHERE |= {"TOPIC_ARN": "arn:aws-iso:sns:us-iso-east-1:281502313273:denied-invokes"}


def test_endpoints_that_are_to_be_ignored(start_secured, both, iam, sns, calls):
    variables = {**NOWHERE, "AWS_ENDPOINT_URL": both.endpoint, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    with start_secured(**variables) as function:
        reply = function.invoke(USER)
        assert (reply.is_error, reply.body["errorType"]) == (True, "IamCallFailed")
        assert "dns error" in reply.body["errorMessage"]
        assert function.invoke(STRANGER).body["errorType"] == "NoticeNotSent"
    assert both.connections == iam.connections == sns.connections == [] and calls.actions() == []


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"AWS_ACCESS_KEY_ID": None}, "AWS_ACCESS_KEY_ID is not set"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY is not set"),
        ({"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, "missing signing region"),
        ({"AWS_ENDPOINT_URL_IAM": "localhost:1"}, "endpoint `localhost:1`"),
        ({"AWS_ENDPOINT_URL_IAM": "no address"}, "endpoint `no address`"),
    ],
)
def test_what_is_missing_or_wrong_is_said(variables, cause, start, calls, account):
    with start(**variables) as function:
        reply = function.invoke(USER)
        assert (reply.is_error, reply.body["errorType"]) == (True, "IamCallFailed")
        assert cause in reply.body["errorMessage"]
        assert function.process.poll() is None
    assert calls.actions() == [] and account.policy("user/remotion_user") is None


def lines(function):
    return [json.loads(line) for line in function.output().splitlines()]


def test_levels_by_module(start):
    secrets = {"AWS_SECRET_ACCESS_KEY": "the-secret-key", "AWS_SESSION_TOKEN": "the-session-token"}
    with start(RUST_LOG="aws_smithy_runtime=debug", **secrets) as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"
        # Of that module, and of no other.
        assert "beginning attempt" in function.output() and "lambda_runtime" not in function.output()
        assert not any(secret in function.output() for secret in secrets.values())
        debug = [line for line in lines(function) if line["level"] == "DEBUG"]
    with start(**secrets) as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"
        assert len(debug) > 5 and not [line for line in lines(function) if line["level"] == "DEBUG"]


def test_a_first_grant_warns_of_nothing(start):
    """IAM's answer that there is no policy yet is no failure of a call."""
    with start() as function:
        assert function.invoke(USER).body["outcome"] == "granted"
        assert {line["level"] for line in lines(function)} == {"INFO"}


def test_a_level_of_lambda(start):
    wrong = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    with start(**wrong) as function:
        assert function.invoke(STRANGER).is_error
        assert "an AWS call failed" in function.output()
    for level in ["ERROR", "FATAL"]:
        with start(**wrong, AWS_LAMBDA_LOG_LEVEL=level) as function:
            assert function.invoke(STRANGER).is_error
            assert "an AWS call failed" not in function.output()
            # What became of an event is no matter of levels.
            assert [line["code"] for line in lines(function) if "code" in line] == ["NoticeNotSent"]
