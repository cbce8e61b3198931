"""The real binary against a real wire protocol: what is in IAM, in the queue and in the log afterwards."""

import json

import pytest

from local.aws import POLICY_NAME, ROOT
from support.events import event, expected
from support.policies import FIRST_POLICY, FUNCTION, first_policy

# Each ends in one outcome. What becomes of a log's lines is looked at in texts/test_log_batches.py.
EVENTS = sorted(path for path in (ROOT / "events").glob("*.json") if not path.stem.startswith("log-"))


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
