"""Leases in the operator's tool: checked, explained, planned and taken back, as the function understands them."""

import json
import subprocess

import pytest

from local.aws import ROOT
from support.events import event
from support.leases import FAR, OLD, allowlist, ends, until
from support.policies import DENY, FUNCTION, OTHER, PAIR, document, for_good
from support.tool import credentials, rules, run
from support.undo_commands import undo_steps

USER = "user/remotion_user"
PRINCIPAL = f"arn:aws:iam::281502313273:{USER}"


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
    take_out = undo_steps(account)[1]
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
    assert ended.returncode == 3 and "rules[0].expiresAfter" in ended.stdout and "only notifies" in ended.stdout
