"""The real binary under AWS's own emulator: whose denials it takes for its own, and what the caller of one sees that cannot
start."""

import json

import pytest

from local.aws import ROOT
from support import rie
from support.binaries import BINARY

USER = ROOT / "events/user.json"
PRINCIPAL = "user/remotion_user"


@pytest.fixture
def invoke(account):
    """Invokes the binary under the emulator with more or other variables; None takes one away."""

    def invoke(**variables):
        environment = {**account.environment(), "AWS_LAMBDA_LOG_FORMAT": "JSON", **variables}
        environment = {name: value for name, value in environment.items() if value is not None}
        with rie.emulator(BINARY, environment) as emulator:
            status, body = emulator.invoke(USER.read_bytes())
            return status, json.loads(body), emulator.output()

    return invoke


def test_a_denial_is_granted_in_the_account_of_the_own_role(invoke, account):
    status, reply, _ = invoke()
    assert (status, reply["outcome"], reply["account"]) == (200, "granted", "281502313273")
    assert account.policy(PRINCIPAL)["Statement"][0]["Resource"][0] == reply["function"]
    [notice] = account.notices()
    assert json.loads(notice["Message"])["outcome"] == "granted"


def test_without_the_own_role_nothing_is_decided_and_the_caller_is_told_what_to_set(invoke, account):
    _, reply, log = invoke(OWN_ROLE_ARN=None)
    assert reply["errorType"] == "OwnAccountUnknown"
    assert "`arn:aws:lambda:us-east-1:012345678912:function:test_function`" in reply["errorMessage"]
    assert "set it to the ARN of the function's execution role" in reply["errorMessage"]
    assert '"code":"OwnAccountUnknown"' in log
    assert account.policy(PRINCIPAL) is None and account.notices() == []


def test_an_own_role_of_another_account_admits_that_one_only(invoke, account):
    _, reply, _ = invoke(OWN_ROLE_ARN="arn:aws:iam::111122223333:role/lambda-invoke-remediator")
    assert (reply["outcome"], reply["reason"]) == ("refused", "other_account")
    assert account.policy(PRINCIPAL) is None


@pytest.mark.parametrize(
    ("variables", "code", "text"),
    [
        ({"MODE": "dry"}, "BadConfiguration", "environment variable MODE: `dry` is neither; expected enforce or dry-run"),
        ({"ALLOWLIST": "ssm:/not/there"}, "AllowlistUnreadable", "environment variable ALLOWLIST: SSM parameter `/not/there` cannot be read"),
    ],
    ids=["variable", "list"],
)
def test_whoever_invokes_a_function_that_cannot_start_sees_why(invoke, variables, code, text):
    status, reply, log = invoke(**variables)
    assert (status, reply["errorType"], reply["stackTrace"]) == (502, code, [])
    assert reply["errorMessage"].startswith(text)
    assert f'"code":"{code}"' in log and text in log
