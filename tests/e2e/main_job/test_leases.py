"""Grants that run out: by the real binary over the wire, judged at times before and after their end."""

import datetime
import json
import subprocess

import pytest

from local.proxy import Fault
from support.errors import error
from support.events import event
from support.judge import Call, judge
from support.leases import FAR, OLD, allowlist, decisions, ends, until
from support.policies import DENY, FUNCTION, OTHER, document, for_good

USER = "user/remotion_user"


def notice(account):
    return json.loads(account.notices()[-1]["Message"])


def test_a_lease_is_granted_and_ends_by_itself(leased, account):
    reply = leased.invoke(event("user")).body
    assert reply["outcome"] == "granted"
    end = ends(30)
    policy = account.policy(USER)
    assert policy == document(until(end, FUNCTION))
    told = notice(account)
    assert told["expires"] == end and reply["summary"].endswith(f", until {end}.")
    assert {key: told[key] for key in reply} == reply
    [line] = [line for line in leased.output().splitlines() if '"LambdaInvokePermission was written"' in line]
    assert f'"expires":"{end}"' in line
    # It lasts 30 days at least, and then nobody has to come and take it away.
    moment = datetime.datetime.now(datetime.UTC)
    soon, asked = (moment + datetime.timedelta(days=days) for days in (0, 30))
    last = datetime.datetime.fromisoformat(end) - datetime.timedelta(seconds=1)
    times = [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (soon, asked, last)] + [end, FAR]
    for resource in [FUNCTION, f"{FUNCTION}:live"]:
        assert decisions(policy, resource, times) == ["Allow", "Allow", "Allow", "NotApplicable", "NotApplicable"]
    assert decisions(policy, OTHER, times) == ["NotApplicable"] * 5
    # Who does not say what time it is gets nothing.
    assert judge([policy], [Call("lambda:InvokeFunction", FUNCTION)]) == ["NotApplicable"]


def test_inside_it_it_is_already_granted(leased, account, calls):
    assert leased.invoke(event("user")).body["outcome"] == "granted"
    calls.clear()
    reply = leased.invoke(event("function-alias")).body
    end = account.policy(USER)["Statement"][0]["Condition"]["DateLessThan"]["aws:CurrentTime"]
    assert reply["outcome"] == "already_granted" and f"already, until {end}:" in reply["summary"]
    assert calls.actions() == ["iam:GetUserPolicy", "sns:Publish"]
    assert notice(account)["expires"] == end


@pytest.mark.parametrize("days", [30, None])
def test_what_has_run_out_is_replaced_and_what_is_foreign_kept(days, start, account):
    by_hand = [
        DENY,
        {"Sid": "OnCall", **until(OLD, FUNCTION), "Resource": FUNCTION},
        {**until(OLD, FUNCTION), "Condition": {"DateLessThan": {"aws:CurrentTime": OLD}, "Bool": {"aws:SecureTransport": "true"}}},
        {**until(OLD, FUNCTION), "Condition": {"DateLessThan": {"aws:CurrentTime": "2020-01-01"}}},
    ]
    before = [until(OLD, FUNCTION), by_hand[0], by_hand[1], {"Sid": "X", **until("2021-05-06T07:08:09Z", OTHER)}, *by_hand[2:]]
    account.put_policy(USER, document(*before, until(FAR, OTHER)))
    variables = {"ALLOWLIST": allowlist(f"{days}d", account)} if days else {}
    with start(**variables) as function:
        assert function.invoke(event("user")).body["outcome"] == "granted"
    granted = until(ends(days), FUNCTION) if days else for_good(FUNCTION)
    assert account.policy(USER) == document(*by_hand, until(FAR, OTHER), granted)
    # The same denial again finds it done.
    with start(**variables) as function:
        assert function.invoke(event("user")).body["outcome"] == "already_granted"


def test_a_run_out_lease_is_not_believed_by_whoever_remembers_it(start, account):
    """The end comes while the function runs: it must look again, and neither answer from memory nor say that something else
    denies."""
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    account.put_policy(USER, document(until(f"{end:%Y-%m-%dT%H:%M:%SZ}", FUNCTION)))
    with start(ALLOWLIST=allowlist("1d", account)) as function:
        assert function.invoke(event("user")).body["outcome"] == "already_granted"
        for _ in range(200):
            reply = function.invoke(event("user")).body
            if reply["outcome"] == "granted":
                break
            assert (reply["outcome"], reply["notice"]) == ("already_granted", "suppressed")
            assert datetime.datetime.now(datetime.UTC) < end + datetime.timedelta(seconds=1)
            subprocess.run(["sleep", "0.05"], check=True)
        assert (reply["outcome"], reply["notice"]) == ("granted", "published")
    assert account.policy(USER) == document(until(ends(1), FUNCTION))


def test_a_dry_run_says_until_when(start, account):
    with start(MODE="dry-run", ALLOWLIST=allowlist("7d", account)) as function:
        reply = function.invoke(event("user")).body
    assert reply["outcome"] == "would_grant" and f", until {ends(7)};" in reply["summary"]
    assert notice(account)["expires"] == ends(7) and account.policy(USER) is None


def test_pruning_gives_room_back(start, account, calls):
    """moto knows no quota, so the proxy keeps IAM's: 2,048 characters for a user, white space not counted."""
    full = Fault(error(409, "LimitExceeded"))

    def quota(action, count):
        if action != "iam:PutUserPolicy":
            return None
        sent = [parameters for called, parameters in calls.calls if called == action][count]
        return full if len("".join(sent["PolicyDocument"].split())) > 2_048 else None

    many = [f"{OTHER}-{index:02}" for index in range(14)]
    calls.fault = quota
    try:
        for end, outcome in [(FAR, "refused"), (OLD, "granted")]:
            account.put_policy(USER, document(until(end, *many), DENY))
            with start(ALLOWLIST=allowlist("30d", account)) as function:
                reply = function.invoke(event("user")).body
            assert (reply["outcome"], reply["reason"]) == (outcome, "policy_full" if outcome == "refused" else None)
            assert account.policy(USER)["Statement"][0] == (until(FAR, *many) if outcome == "refused" else DENY)
    finally:
        calls.fault = lambda action, count: None


@pytest.mark.parametrize("lease", ["30", "0d", "3651d", 30, None])
def test_a_bad_lease_stops_the_start(lease, start, account, calls):
    with start(ALLOWLIST=allowlist(lease, account)) as function:
        assert function.process.wait(timeout=30) == 1
        assert "rules[0].expiresAfter: " in function.output()
    assert calls.actions() == []
