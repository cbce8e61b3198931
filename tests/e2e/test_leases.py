"""Grants that run out: by the real binary over the wire, judged at times before and after their end, and taken back."""

import datetime
import json
import subprocess

import pytest
from judge import Call, judge
from test_binary import FUNCTION, event, undo
from test_cli import credentials, run, rules
from test_faults import error

from local.aws import ROOT
from local.proxy import Fault

PAIR = [FUNCTION, f"{FUNCTION}:*"]
OTHER = "arn:aws:lambda:us-east-1:281502313273:function:other"
USER = "user/remotion_user"
PRINCIPAL = f"arn:aws:iam::281502313273:{USER}"
OLD = "2020-01-01T00:00:00Z"
FAR = "2999-01-01T00:00:00Z"
DENY = {"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def allowlist(days, account):
    """The example's, with a lease on the rule for the user."""
    document = json.loads(account.environment()["ALLOWLIST"])
    document["rules"][0]["expiresAfter"] = days
    return json.dumps(document)


def ends(days):
    """When a lease of so many days ends that is granted now: with the day that the days reach into."""
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days + 1)
    return f"{day.isoformat()}T00:00:00Z"


def for_good(*functions):
    resources = [resource for function in functions for resource in (function, f"{function}:*")]
    return {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": resources}


def until(end, *functions):
    return {**for_good(*functions), "Condition": {"DateLessThan": {"aws:CurrentTime": end}}}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def notice(account):
    return json.loads(account.notices()[-1]["Message"])


@pytest.fixture
def leased(start, account):
    """A function whose rule says 30 days."""
    with start(ALLOWLIST=allowlist("30d", account), NOTICE_INTERVAL="0") as function:
        yield function


def decisions(policy, resource, times):
    calls = [Call("lambda:InvokeFunction", resource, {"aws:CurrentTime": time}) for time in times]
    return judge([policy], calls)


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


# --- taking it back


def test_the_commands_delete_a_policy_of_one_lease(leased, account, tmp_path):
    leased.invoke(event("user"))
    undo(account, tmp_path)
    assert account.policy(USER) is None


def test_the_commands_keep_all_others(leased, account, tmp_path):
    account.put_policy(USER, document(DENY, for_good(OTHER), until(FAR, OTHER)))
    assert leased.invoke(event("user")).body["outcome"] == "granted"
    # By the time that somebody runs them other grants have come, and gone.
    later = account.policy(USER)
    later["Statement"] += [until(FAR, FUNCTION, f"{OTHER}-2"), until(OLD, f"{OTHER}-3")]
    account.put_policy(USER, later)
    undo(account, tmp_path)
    left = [until(FAR, OTHER), until(FAR, f"{OTHER}-2"), until(OLD, f"{OTHER}-3")]
    assert account.policy(USER) == document(DENY, for_good(OTHER), *left)


def test_the_commands_of_a_grant_for_good_take_leases_as_well(function, account, tmp_path):
    """What was added to the half that somebody had listed is taken back, and no lease is left in halves."""
    half = {**for_good(FUNCTION), "Resource": FUNCTION}
    account.put_policy(USER, document(half, until(FAR, FUNCTION, OTHER)))
    assert function.invoke(event("user")).body["outcome"] == "granted"
    undo(account, tmp_path)
    assert account.policy(USER) == document({**half, "Resource": [FUNCTION]}, until(FAR, OTHER))


def changed(**changes):
    return {**until(FAR, FUNCTION), **changes}


def on(condition):
    return changed(Condition=condition)


# What is like a lease of ours and none: core/src/policy/tests/leases.rs has the same, and more, for the function itself.
LIKE_A_LEASE = {
    "a deny": changed(Effect="Deny"),
    "two actions": changed(Action=["lambda:InvokeFunction", "lambda:GetFunction"]),
    "any action": changed(Action="lambda:*"),
    "something new": changed(New=1),
    "half a pair": changed(Resource=[FUNCTION]),
    "one text": changed(Resource=FUNCTION),
    "another half": changed(Resource=[*PAIR, OTHER]),
    "a qualifier": changed(Resource=[*PAIR, f"{FUNCTION}:live"]),
    "pairs of a qualifier": changed(Resource=[f"{FUNCTION}:live", f"{FUNCTION}:live:*"]),
    "a pair of a pair": changed(Resource=[*PAIR, f"{FUNCTION}:*:*"]),
    "a wildcard": changed(Resource=[f"{FUNCTION}*", f"{FUNCTION}*:*"]),
    "everything": changed(Resource="*"),
    "no condition in it": on({}),
    "another operator": on({"DateLessThanEquals": {"aws:CurrentTime": FAR}}),
    "another key": on({"DateLessThan": {"aws:TokenIssueTime": FAR}}),
    "two keys": on({"DateLessThan": {"aws:CurrentTime": FAR, "aws:TokenIssueTime": FAR}}),
    "two operators": on({"DateLessThan": {"aws:CurrentTime": FAR}, "Bool": {"aws:SecureTransport": "true"}}),
    "a list of times": on({"DateLessThan": {"aws:CurrentTime": [FAR]}}),
    "a number": on({"DateLessThan": {"aws:CurrentTime": 32472144000}}),
    "a day": on({"DateLessThan": {"aws:CurrentTime": "2999-01-01"}}),
    "another form": on({"DateLessThan": {"aws:CurrentTime": "2999-01-01T00:00:00+00:00"}}),
    "parts of seconds": on({"DateLessThan": {"aws:CurrentTime": "2999-01-01T00:00:00.5Z"}}),
    "a line more": on({"DateLessThan": {"aws:CurrentTime": f"{FAR}\n"}}),
}
NO_POLICY = {"something new", "a number", "a line more"}


def test_the_commands_and_the_tool_agree_on_what_is_ours(leased, account, tmp_path):
    leased.invoke(event("user"))
    take_out = notice(account)["undo"][1]
    old = json.loads(json.dumps(LIKE_A_LEASE).replace(FAR, OLD).replace("2999-", "2020-").replace("32472144000", "1577836800"))
    foreign = [statement for like in (LIKE_A_LEASE, old) for statement in like.values()]
    mine = [until(FAR, FUNCTION), {"Sid": "Mine", **until(FAR, OTHER, FUNCTION)}, until(OLD, OTHER), for_good(OTHER, FUNCTION)]
    mine.append(changed(Resource=[*reversed(PAIR), *PAIR], Action="lambda:InvokeFunction"))
    # What has run out is left to the next write of the function or the tool.
    left = document(*foreign, {"Sid": "Mine", **until(FAR, OTHER)}, until(OLD, OTHER), for_good(OTHER))
    (tmp_path / "LambdaInvokePermission.json").write_text(json.dumps(document(*foreign, *mine)))
    subprocess.run(take_out, shell=True, cwd=tmp_path, check=True)
    assert json.loads((tmp_path / "LambdaInvokePermission.new").read_text()) == left

    # As IAM does, moto refuses what no policy may say.
    foreign = [like[name] for like in (LIKE_A_LEASE, old) for name in like if name not in NO_POLICY]
    left = document(*foreign, {"Sid": "Mine", **until(FAR, OTHER)}, for_good(OTHER))
    account.put_policy("role/render-worker", document(*foreign, *mine))
    principal = "arn:aws:iam::281502313273:role/render-worker"
    tool = ["undo", "--principal", principal, "--function", FUNCTION, "--yes"]
    ended = run(*tool, env=credentials(account.endpoint))
    assert ended.returncode == 0, ended.stderr
    assert account.policy("role/render-worker") == left


def test_the_tool_takes_a_lease_back(leased, account, tmp_path):
    leased.invoke(event("user"))
    end = account.policy(USER)["Statement"][0]["Condition"]["DateLessThan"]["aws:CurrentTime"]
    account.put_policy(USER, document(DENY, until(end, FUNCTION), until(OLD, OTHER)))
    path = tmp_path / "list.json"
    path.write_text(allowlist("30d", account))
    tool = ["undo", "--principal", PRINCIPAL, "--function", FUNCTION, "--yes", "--allowlist", path]
    ended = run(*tool, env=credentials(account.endpoint))
    assert ended.returncode == 0, ended.stderr
    assert f'"aws:CurrentTime": "{end}"' in ended.stdout and "grants it again, for 30d." in ended.stdout
    assert account.policy(USER) == document(DENY)


# --- the operator's tool


def tool(command, path, *arguments):
    cases = run(command, "--json", "--allowlist", path, *arguments, ROOT / "events/user.json")
    said = run(command, "--allowlist", path, *arguments, ROOT / "events/user.json")
    assert cases.returncode == said.returncode == 0, cases.stderr + said.stderr
    return json.loads(cases.stdout)[0], said.stdout


def test_explain_and_plan_show_the_end(account, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(allowlist("30d", account))
    case, said = tool("explain", path)
    assert case["expires"] == ends(30) and ends(30) in said
    case, said = tool("plan", path, "--no-policy")
    assert case["expires"] == ends(30) and f"Expires: {ends(30)}" in said
    assert json.loads(case["change"]["after"]) == document(until(ends(30), FUNCTION))
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(document(until(FAR, FUNCTION))))
    case, said = tool("plan", path, "--policy", policy)
    assert (case["outcome"], case["expires"], case["change"]) == ("already_granted", FAR, None) and FAR in said
    policy.write_text(json.dumps(document(until(OLD, FUNCTION), DENY)))
    case, said = tool("plan", path, "--policy", policy)
    assert json.loads(case["change"]["after"]) == document(DENY, until(ends(30), FUNCTION))
    case, said = tool("explain", ROOT / "allowlist.example.json")
    assert case["expires"] is None and "until" not in said


@pytest.mark.parametrize("lease", ["30", "0d", "01d", "3651d", "1h", "P30D", "", 30, None, ["30d"]])
def test_check_points_at_a_bad_lease(lease):
    text = json.dumps(rules(expiresAfter=lease) if lease is not None else {"rules": [rules()["rules"][0] | {"expiresAfter": None}]})
    ended = run("check", "-", given=text)
    assert ended.returncode == 1 and "rules[0].expiresAfter" in ended.stdout, ended.stdout


def test_check_takes_a_lease_and_warns_where_it_is_for_nothing():
    assert run("check", "--strict", "-", given=json.dumps(rules(expiresAfter="3650d"))).returncode == 0
    ended = run("check", "--strict", "-", given=json.dumps(rules(expiresAfter="30d", action="notify"), indent=1))
    assert ended.returncode == 3 and "rules[0].expiresAfter" in ended.stdout and "only tells" in ended.stdout
