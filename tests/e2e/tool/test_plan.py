"""`remediator plan`: what would change in the policy that IAM holds, and nothing is written."""

import json

from local.aws import ROOT
from support.policies import OTHER, PAIR, document
from support.tool import LIST, credentials, ours, run


def plan(*arguments, env=None):
    ended = run("plan", "--json", "--allowlist", LIST, *arguments, env=env)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_plan_without_a_policy_is_the_manual_procedure():
    cases = plan("--no-policy", ROOT / "events/user.json", ROOT / "events/user.json", ROOT / "events/root.json")
    assert [case["outcome"] for case in cases] == ["would_grant", "already_granted", "refused"]
    assert json.loads(cases[0]["change"]["after"]) == document(ours(PAIR))
    assert [case["change"] for case in cases[1:]] == [None, None]


def test_a_plan_shows_the_difference(tmp_path):
    condition = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}, "Sid": "ByHand"}
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document({**ours("*"), **condition}, ours([OTHER]))))
    [case] = plan("--policy", path, ROOT / "events/user.json")
    assert json.loads(case["change"]["after"]) == document({**ours("*"), **condition}, ours([OTHER, *PAIR]))
    ended = run("plan", "--allowlist", LIST, "--policy", path, ROOT / "events/user.json")
    changed = [line for line in ended.stdout.splitlines() if line[:1] in "+-" and line[1:2] == " "]
    # A comma behind the entry before, and the pair.
    assert [line.strip("+- \",") for line in changed] == [OTHER, OTHER, *PAIR]
    # The answer of `aws iam get-user-policy` will do as well.
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"UserName": "x", "PolicyDocument": document(ours(PAIR))}))
    assert plan("--policy", answer, ROOT / "events/user.json")[0]["outcome"] == "already_granted"


def test_a_plan_knows_what_the_function_would_refuse(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text('{"Statement": "x"}')
    assert plan("--policy", path, ROOT / "events/user.json")[0]["reason"] == "unreadable_policy"
    path.write_text(json.dumps(document(ours([f"{OTHER}-{number:03}" for number in range(34)]))))
    assert plan("--policy", path, ROOT / "events/user.json")[0]["reason"] == "policy_full"
    # A role has five times the room.
    assert plan("--policy", path, ROOT / "events/role.json")[0]["outcome"] == "would_grant"


def test_a_live_plan_reads_and_writes_nothing(account, calls):
    account.put_policy("user/remotion_user", document(ours([OTHER])))
    calls.clear()
    files = [ROOT / "events" / name for name in ("user.json", "role.json", "root.json")]
    cases = plan(*files, env=credentials(calls.endpoint))
    assert [case["outcome"] for case in cases] == ["would_grant", "would_grant", "refused"]
    assert json.loads(cases[0]["change"]["before"]) == document(ours([OTHER]))
    assert cases[1]["change"]["before"] is None
    assert {action.split(":")[1][:3] for action in calls.actions()} == {"Get", "Lis"}


def test_without_credentials_a_plan_says_so():
    ended = run("plan", "--allowlist", LIST, ROOT / "events/user.json")
    assert ended.returncode == 2 and "credentials" in ended.stderr
