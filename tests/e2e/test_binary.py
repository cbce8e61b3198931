"""The real binary against a real wire protocol: what is in IAM, in the queue and in the log afterwards."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import BINARY
from local.aws import POLICY_NAME, ROOT
from local.runtime_api import FUNCTION_ARN

# Each ends in one outcome. What becomes of a log's lines is looked at in test_texts.py.
EVENTS = sorted(path for path in (ROOT / "events").glob("*.json") if not path.stem.startswith("log-"))
FUNCTION = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter"


def first_policy(function):
    statement = {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [function, f"{function}:*"]}
    return {"Version": "2012-10-17", "Statement": [statement]}


FIRST_POLICY = first_policy(FUNCTION)


def event(name):
    return json.loads((ROOT / f"events/{name}.json").read_text())


def expected(path):
    return json.loads((path.parent / "expected" / path.name).read_text())


def principal_of(reply):
    kind, *_, name = reply["principal"].split(":")[-1].split("/")
    return f"{kind}/{name}"


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_event(path, function, account, calls):
    reply = function.invoke(path.read_bytes())
    assert not reply.is_error
    assert reply.body == expected(path)
    notices = account.notices()
    if reply.body["outcome"] == "granted":
        policy = first_policy(reply.body["function"])
        assert account.policy(principal_of(reply.body)) == policy
        kind = reply.body["principal"].split(":")[-1].split("/")[0].title()
        made = list(calls.calls)
        if reply.body["source"] != "cloudtrail":
            # Whom a text names, IAM has to say.
            identify, _ = made.pop(0)
            assert identify == f"iam:Get{kind}"
        # That there is no policy, the list has to confirm.
        get, confirm, put, *watching, publish = [action for action, _ in made]
        assert (get, confirm) == (f"iam:Get{kind}Policy", f"iam:List{kind}Policies")
        assert (put, publish) == (f"iam:Put{kind}Policy", "sns:Publish")
        assert set(watching) == {f"iam:Get{kind}Policy", f"iam:List{kind}Policies"}
        _, put = made[2]
        assert (put[f"{kind}Name"], put["PolicyName"]) == (principal_of(reply.body).split("/")[1], POLICY_NAME)
        assert json.loads(put["PolicyDocument"]) == policy
    elif reply.body["outcome"] == "refused":
        assert calls.actions() == ["sns:Publish"]
    else:
        assert calls.actions() == []
    assert len(notices) == (reply.body["outcome"] != "ignored")
    for notice in notices:
        message = json.loads(notice["Message"])
        assert message.pop("leftOut") == 0
        assert message.pop("expires") is None
        assert bool(message.pop("undo")) == (reply.body["outcome"] == "granted")
        assert message == reply.body
        assert len(notice["Subject"]) < 100 and notice["Subject"].isascii() and notice["Subject"].isprintable()
        attributes = {name: value["Value"] for name, value in notice["MessageAttributes"].items()}
        names = ["outcome", "reason", "account", "region", "source"]
        assert attributes == {name: reply.body[name] for name in names if reply.body[name] is not None}
    line = function.outcome_lines()[-1]
    assert {name: line[name] for name in reply.body} == reply.body


def test_the_second_denial_is_already_granted(function, account, calls):
    assert function.invoke(event("user")).body["outcome"] == "granted"
    calls.clear()
    reply = function.invoke(event("function-alias")).body
    assert (reply["outcome"], reply["reason"], reply["rule"]) == ("already_granted", None, "remotion-clips")
    # What is told was looked up.
    assert calls.actions() == ["iam:GetUserPolicy", "sns:Publish"]


def test_a_repeat_costs_no_call(start, account, calls):
    with start() as function:
        assert function.invoke(event("user")).body["outcome"] == "granted"
        calls.clear()
        reply = function.invoke(event("function-alias")).body
    assert (reply["outcome"], reply["notice"]) == ("already_granted", "suppressed")
    assert calls.actions() == []


def test_a_grant_that_was_taken_away_is_never_said_to_be_in_place(start, account, calls):
    late = event("user")
    late["detail"]["eventTime"] = "2999-01-01T00:00:00Z"
    with start() as function:
        assert function.invoke(event("user")).body["outcome"] == "granted"
        account.delete_policies()
        assert function.invoke(late).body["outcome"] == "granted"
    assert account.policy("user/remotion_user") == FIRST_POLICY
    outcomes = sorted(json.loads(notice["Message"])["outcome"] for notice in account.notices())
    assert outcomes == ["granted", "granted"]


def test_a_policy_edited_by_hand_keeps_all_that_it_has(function, account):
    other = "arn:aws:lambda:us-east-1:281502313273:function:other"
    before = {
        "Version": "2012-10-17",
        "Id": "edited by hand, 100%25 + more",
        "Statement": [
            {"Sid": "FromTheOffice", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": FUNCTION,
             "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
            {"Effect": "Deny", "NotAction": ["lambda:*", "s3:*"], "Resource": "*"},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": other},
        ],
    }  # fmt: skip
    account.put_policy("user/remotion_user", before)
    assert function.invoke(event("user")).body["outcome"] == "granted"
    before["Statement"][2]["Resource"] = [other, FUNCTION, f"{FUNCTION}:*"]
    assert account.policy("user/remotion_user") == before


def test_a_single_statement(function, account):
    statement = {"Sid": "One", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    account.put_policy("role/render-worker", {"Version": "2012-10-17", "Statement": statement})
    assert function.invoke(event("role")).body["outcome"] == "granted"
    assert account.policy("role/render-worker")["Statement"] == [statement, FIRST_POLICY["Statement"][0]]


def test_a_principal_that_is_gone(function, account, calls):
    text = json.dumps(event("role")).replace("render-worker", "render-gone")
    reply = function.invoke(json.loads(text)).body
    assert (reply["outcome"], reply["reason"], reply["rule"]) == ("refused", "no_such_principal", "render-roles")
    assert calls.actions() == ["iam:GetRolePolicy", "iam:ListRolePolicies", "sns:Publish"]
    assert len(account.notices()) == 1


def undo(account, directory):
    """Runs the commands of the last notice as its reader would: a shell, the AWS CLI, Python 3."""
    commands = json.loads(account.notices()[-1]["Message"])["undo"]
    tools = Path(sys.executable).parent
    environment = {**account.environment(), "PATH": f"{tools}:/usr/bin:/bin", "HOME": str(directory)}
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=directory, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_undoing_the_first_grant_deletes_the_policy(function, account, tmp_path):
    function.invoke(event("user"))
    undo(account, tmp_path)
    assert account.policy("user/remotion_user") is None


def test_undoing_a_later_grant_keeps_the_others(function, account, tmp_path):
    before = {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Deny", "Effect": "Deny", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"{FUNCTION}-two"},
            {"Effect": "Allow", "NotAction": "iam:*", "NotResource": FUNCTION},
        ],
    }
    account.put_policy("role/render-stitcher", before)
    assert function.invoke(event("role-with-path")).body["outcome"] == "granted"
    assert FUNCTION in account.policy("role/render-stitcher")["Statement"][1]["Resource"]
    undo(account, tmp_path)
    before["Statement"][1]["Resource"] = [f"{FUNCTION}-two"]
    assert account.policy("role/render-stitcher") == before


def test_an_undo_whose_read_fails_deletes_nothing(function, account, tmp_path):
    function.invoke(event("user"))
    commands = json.loads(account.notices()[-1]["Message"])["undo"]
    tools = Path(sys.executable).parent
    environment = {**account.environment(), "PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path)}
    nowhere = {**environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    subprocess.run(commands[0], shell=True, cwd=tmp_path, env=nowhere, capture_output=True)
    for command in commands[1:]:
        subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True)
    assert account.policy("user/remotion_user") == FIRST_POLICY


def test_an_undo_that_is_overtaken_writes_nothing(function, account, tmp_path):
    """Somebody writes the policy between the undo's read and its write."""
    function.invoke(event("user"))
    commands = json.loads(account.notices()[-1]["Message"])["undo"]
    environment = {**account.environment(), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    for command in commands[:2]:
        subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=True)
    meanwhile = {**FIRST_POLICY, "Statement": [*FIRST_POLICY["Statement"], {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    account.put_policy("user/remotion_user", meanwhile)
    done = subprocess.run(commands[2], shell=True, cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode != 0 and b"differ" in done.stdout
    assert account.policy("user/remotion_user") == meanwhile


def test_dry_run_writes_nothing(start, account, calls):
    with start(MODE="dry-run") as function:
        assert function.invoke(event("user")).body["outcome"] == "would_grant"
    assert account.policy("user/remotion_user") is None
    assert calls.actions() == ["iam:GetUserPolicy", "iam:ListUserPolicies", "sns:Publish"]
    assert json.loads(account.notices()[0]["Message"])["undo"] == []


def test_an_allowlist_in_ssm(start, account, calls):
    account.ssm.put_parameter(
        Name="/remediator/allowlist", Value=account.environment()["ALLOWLIST"], Type="String", Overwrite=True
    )
    with start(ALLOWLIST="ssm:/remediator/allowlist") as function:
        assert function.invoke(event("user")).body["outcome"] == "granted"
        assert function.invoke(event("role")).body["outcome"] == "granted"
    assert calls.actions().count("ssm:GetParameter") == 1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ALLOWLIST": None}, "environment variable ALLOWLIST: it is not set; expected a JSON document"),
        ({"ALLOWLIST": '{"rules": [{"id": "a"}]}'}, "ALLOWLIST: rules[0]: missing field `principals`"),
        ({"ALLOWLIST": "ssm:/not/there"}, "environment variable ALLOWLIST: SSM parameter `/not/there` cannot be read: service error: ParameterNotFound"),
        ({"TOPIC_ARN": None}, "environment variable TOPIC_ARN: it is not set"),
        ({"TOPIC_ARN": "topic"}, "TOPIC_ARN: `topic` is not one; expected the ARN of a standard SNS topic"),
        ({"MODE": "dry"}, "MODE: `dry` is neither; expected enforce or dry-run"),
        ({"OWN_ROLE_ARN": "me"}, "OWN_ROLE_ARN: `me` is not one; expected the ARN of an IAM role"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_bad_configuration_stops_the_cold_start(variables, message, start):
    with start(**variables) as function:
        assert function.process.wait(timeout=30) == 1
        assert message in function.output()
        code = "AllowlistUnreadable" if "ALLOWLIST" in variables else "BadConfiguration"
        assert f'"code":"{code}"' in function.output()
        # Whoever invokes it is told the same.
        reply = function.invoke(event("user"))
        assert reply.is_error and reply.header == f"Function.{code}"
        assert set(reply.body) == {"errorMessage", "errorType", "stackTrace"}
        assert (reply.body["errorType"], reply.body["stackTrace"]) == (code, [])
        assert message in reply.body["errorMessage"]


def test_an_endpoint_that_is_not_trusted_is_told_as_well(start_secured, iam, bundle):
    """The list is the first thing that is asked for over TLS."""
    nobody = bundle.with_name("nobody.pem")
    nobody.write_text("no certificate")
    with start_secured(ALLOWLIST="ssm:/list", AWS_ENDPOINT_URL_SSM=iam.endpoint, SSL_CERT_FILE=str(nobody)) as function:
        assert function.process.wait(timeout=30) == 1
        told = function.init_error.body
        assert told["errorType"] == "AllowlistUnreadable"
        assert told["errorMessage"].startswith("environment variable ALLOWLIST: SSM parameter `/list` cannot be read")
        assert "invalid peer certificate" in told["errorMessage"]


@pytest.mark.parametrize("api", [None, "", "nonsense", "/path", "127.0.0.1:1", "silent"])
def test_a_failure_that_cannot_be_told_is_logged_all_the_same(api, account, tmp_path):
    """No Runtime API, one that refuses, and one that never answers: the process ends, and no later for that."""
    environment = {**account.environment(MODE="dry"), "AWS_LAMBDA_LOG_FORMAT": "JSON"}
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        if api is not None:
            environment["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{silent.getsockname()[1]}" if api == "silent" else api
        began = time.monotonic()
        done = subprocess.run([BINARY], env=environment, capture_output=True, text=True, timeout=30)
        took = time.monotonic() - began
    assert done.returncode == 1
    [line] = [json.loads(line) for line in done.stdout.splitlines() if '"code"' in line]
    assert line["code"] == "BadConfiguration" and "environment variable MODE" in line["error"]
    assert "Lambda could not be told why" in done.stdout and "panicked" not in done.stderr
    assert took < 5


def test_any_payload_is_answered(function, account, calls):
    payloads = {
        b"": "not_a_denied_invoke",
        b"nonsense": "not_a_denied_invoke",
        b"\xff\xfe": "not_a_denied_invoke",
        b"null": "not_a_denied_invoke",
        b'{"detail": ' * 100_000 + b"0" + b"}" * 100_000: "contradictory_event",
        b'"' + b"x" * 5_000_000 + b'"': "contradictory_event",
        b"[" + b"[]," * 1_500_000 + b"0]": "contradictory_event",
        b'{"a": 1e999}': "contradictory_event",
        b'"\\ud800"': "contradictory_event",
    }
    for payload, reason in payloads.items():
        reply = function.invoke(payload)
        assert (reply.is_error, reply.body.get("reason")) == (False, reason), payload[:40]
    assert set(calls.actions()) <= {"sns:Publish"}
    assert function.process.poll() is None


def test_an_account_that_cannot_be_reached_is_an_error_with_its_cause(start):
    with start(AWS_ENDPOINT_URL="http://127.0.0.1:1") as function:
        reply = function.invoke(event("user"))
        assert (reply.is_error, reply.body["errorType"]) == (True, "IamCallFailed")
        assert "GetUserPolicy" in reply.body["errorMessage"] and "refused" in reply.body["errorMessage"]
        reply = function.invoke(event("not-allowlisted"))
        assert (reply.is_error, reply.body["errorType"]) == (True, "NoticeNotSent")
        assert len(reply.body["errorMessage"]) < 400
        assert function.process.poll() is None


def test_the_own_timeout_ends_as_an_error_reply(start):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with start(AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}") as function:
            began = time.monotonic()
            reply = function.invoke(event("user"), timeout=3)
            assert (reply.is_error, reply.body["errorType"]) == (True, "OutOfTime")
            assert f"while adding {FUNCTION} to the policy of" in reply.body["errorMessage"]
            assert time.monotonic() - began < 3


def test_the_own_account_is_that_of_the_invoked_function(function, calls):
    reply = function.invoke(event("user"), arn=FUNCTION_ARN.replace("281502313273", "111122223333"))
    assert reply.body["reason"] == "other_account"
    assert calls.actions() == ["sns:Publish"]
