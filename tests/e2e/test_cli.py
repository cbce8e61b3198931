"""The operator's tool as a process: what it says, how it ends, and what it does to an account."""

import gzip
import json
import os
import pty
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_faults import error

from conftest import CLI
from local.aws import ACCOUNT, POLICY_NAME, ROOT
from local.proxy import Fault

LIST = ROOT / "allowlist.example.json"
EVENTS = sorted((ROOT / "events").glob("*.json"))
USER = f"arn:aws:iam::{ACCOUNT}:user/remotion_user"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:ffmpeg-clip-cutter"
PAIR = [FUNCTION, f"{FUNCTION}:*"]
OTHER = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:other"
OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda-invoke-remediator"


def run(*arguments, given=None, env=None):
    """Without any of this machine's own settings of AWS, so that a call that nobody asked for would fail."""
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **(env or {})}
    return subprocess.run(
        [CLI, *map(str, arguments)], input=given or "", env=environment, capture_output=True, text=True, timeout=120
    )


def credentials(endpoint):
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


def ours(resources):
    return {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": resources}


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def message(user, function=FUNCTION, clause="because no identity-based policy allows the lambda:InvokeFunction action"):
    return f"User: {user} is not authorized to perform: lambda:InvokeFunction on resource: {function} {clause}"


# --- check


def test_the_example_is_valid():
    ended = run("check", "--strict", LIST)
    assert ended.returncode == 0, ended.stdout
    assert "is valid: 4 rules, 0 warnings" in ended.stdout
    assert f"{USER}" in ended.stdout


def rules(**changes):
    rule = {"id": "a", "principals": [USER], "functions": [FUNCTION], **changes}
    return {"rules": [{key: value for key, value in rule.items() if value is not None}]}


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        (json.dumps(rules(principals=[USER, "arn:aws:sts::1:assumed-role/x/y"]), indent=1), 7, 5, "is a session"),
        (json.dumps(rules(functions=[f"{FUNCTION}:live"]), indent=1), 9, 5, "has a qualifier"),
        (json.dumps(rules(effect="Allow"), indent=1), 11, None, "unknown field `effect`"),
        (json.dumps(rules(functions=None), indent=1), None, None, "missing field `functions`"),
        (json.dumps(rules(principals=[]), indent=1), 5, 18, "the list is empty"),
        (json.dumps({"rules": rules()["rules"] * 2}, indent=1), 13, 10, "the id `a` is that of rules[0] already"),
        ('{"rules": [', 1, None, "EOF"),
        ("", 1, None, "EOF"),
        ("{} {}", None, None, "missing field `rules`"),
        (json.dumps(rules()) + " x", 1, None, "trailing characters"),
    ],
)
def test_what_is_wrong_is_shown_at_its_place(tmp_path, text, line, column, said):
    path = tmp_path / "list.json"
    path.write_text(text)
    ended = run("check", path)
    assert ended.returncode == 1
    assert said in ended.stdout and "is not valid" in ended.stdout
    if line:
        assert f"{path}:{line}:{column or ''}" in ended.stdout, ended.stdout
    report = json.loads(run("check", "--json", "-", given=text).stdout)
    assert report["valid"] is False and said in report["error"]["problem"]
    assert line is None or report["error"]["line"] == line
    assert column is None or report["error"]["column"] == column


def test_wide_patterns_are_warned_of():
    wide = json.dumps(rules(principals=[f"arn:aws:iam::{ACCOUNT}:user/*"], functions=[FUNCTION.replace("ffmpeg", "*")]))
    assert run("check", "-", given=wide).returncode == 0
    ended = run("check", "--strict", "-", given=wide)
    assert ended.returncode == 3
    assert "every user of the account" in ended.stdout and "rules[0].functions[0]" in ended.stdout
    report = json.loads(run("check", "--json", "--strict", "-", given=wide).stdout)
    assert [warning["path"] for warning in report["warnings"]] == ["rules[0].principals[0]", "rules[0].functions[0]"]
    assert report["principalArns"] == [f"arn:aws:iam::{ACCOUNT}:user/*"]


def test_what_cannot_be_read_is_no_verdict(tmp_path):
    for arguments in [("check", tmp_path / "none.json"), ("check",), ("explain",), ("check", "--wrong", LIST), ("x",)]:
        ended = run(*arguments)
        assert (ended.returncode, ended.stdout) == (2, ""), arguments
        assert ended.stderr


# --- explain


def test_every_event_is_explained_as_the_function_decides():
    ended = run("explain", "--json", "--allowlist", LIST, "--own-role", OWN_ROLE, *EVENTS)
    assert ended.returncode == 0, ended.stderr
    explained = json.loads(ended.stdout)
    events = []
    for path in EVENTS:
        expected = json.loads((path.parent / "expected" / path.name).read_text())
        if isinstance(expected, list):
            events += [(f"{path} [{index}]", line) for index, line in enumerate(expected)]
        else:
            events.append((str(path), expected))
    assert [case["event"] for case in explained] == [name for name, _ in events]
    for (name, expected), case in zip(events, explained, strict=True):
        # A line after one that was granted finds it so; explaining writes nothing.
        if expected["outcome"] == "already_granted":
            expected |= {"outcome": "would_grant", "summary": case["summary"]}
        # A file says what becomes of it where the principal has no policy yet, and explaining writes nothing.
        if expected["outcome"] == "granted":
            expected |= {"outcome": "would_grant", "summary": case["summary"]}
        del expected["notice"]
        assert {key: case[key] for key in expected} == expected, name
        if case["rule"]:
            assert set(case["clause"]) == {"principal", "function"}
        else:
            assert case["clause"] is None


def test_the_clause_is_the_one_that_matches():
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, ROOT / "events/role.json").stdout)
    assert case["rule"] == "render-roles"
    assert case["clause"] == {
        "principal": f"arn:aws:iam::{ACCOUNT}:role/render-*",
        "function": f"arn:aws:lambda:*:{ACCOUNT}:function:ffmpeg-*",
    }
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, ROOT / "events/not-allowlisted.json").stdout)
    assert case["reason"] == "not_allowlisted" and any("remotion-clips" in miss for miss in case["nearMisses"])


def test_a_table_holds_what_matters():
    ended = run("explain", "--allowlist", LIST, ROOT / "events/user.json", ROOT / "events/root.json")
    assert ended.returncode == 0
    for text in ["user.json", "would_grant", "remotion-clips", "unsupported_principal"]:
        assert text in ended.stdout
    assert "\x1b" not in ended.stdout


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        (message(USER), "would_grant", None),
        (json.dumps(message(USER)), "would_grant", None),
        (json.dumps({"errorMessage": message(USER)}), "would_grant", None),
        (f"An error occurred (AccessDeniedException) when calling the Invoke operation: {message(USER)}", "would_grant", None),
        (f"{message(USER)} (Service: Lambda, Status Code: 403, Request ID: 1)", "would_grant", None),
        (message(USER).replace(" on resource", "\n  on resource"), "would_grant", None),
        (message(USER, clause="with an explicit deny in a service control policy"), "refused", "not_identity_based"),
        (message(f"arn:aws:sts::{ACCOUNT}:assumed-role/render-worker/me"), "would_grant", None),
        (message(f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_x_1/me"), "refused", "protected_role"),
        (message("arn:aws:sts::111122223333:assumed-role/render-worker/me"), "refused", "other_account"),
        (message(f"arn:aws:iam::{ACCOUNT}:user/stranger"), "refused", "not_allowlisted"),
        (message(USER, function="*"), "refused", "untrusted_resource"),
        (f"{message(USER)} {message(USER)}", "would_grant", None),
        (f"{message(USER)} {message(USER.replace('remotion_user', 'other'))}", "refused", "contradictory_event"),
        (f"{message(USER)}\n" + "\tat com.amazonaws.RetryPolicy.deny(X.java:1)\n" * 60, "would_grant", None),
        ("  File x.py, line 1\n" * 80 + message(USER), "would_grant", None),
        ("something else", "ignored", "not_a_denied_invoke"),
    ],
)
def test_a_pasted_message_is_judged_like_its_event(text, outcome, reason):
    ended = run("explain", "--json", "--allowlist", LIST, given=text)
    assert ended.returncode == 0, ended.stderr
    [case] = json.loads(ended.stdout)
    assert (case["event"], case["outcome"], case["reason"]) == ("standard input", outcome, reason), case


def test_a_broken_event_is_a_text_for_both(tmp_path, function):
    """The one thing that refuses this event is not in its message. With a slip in it, it is no event any more: the function gets it as
    a text, from whoever pastes it, and the tool says what becomes of that."""
    event = json.loads((ROOT / "events/user.json").read_text())
    event["detail"]["userIdentity"] |= {"arn": USER.replace("remotion_user", "mallory"), "userName": "mallory"}
    for text, outcome in [("\ufeff" + json.dumps(event), "refused"), (json.dumps(event)[:-1] + ",}", "would_grant")]:
        path = tmp_path / "event.json"
        path.write_text(text)
        [case] = json.loads(run("explain", "--json", "--allowlist", LIST, path).stdout)
        assert case["outcome"] == outcome, text
        if outcome != "refused":
            assert function.invoke(text).body["outcome"] == "granted" and case["source"] == "manual"
    assert "not JSON" in case["note"]


def test_nothing_at_all_is_no_event():
    ended = run("explain", "--allowlist", LIST, given="")
    assert ended.returncode == 2 and "empty" in ended.stderr
    ended = run("explain", "--allowlist", "-", given=LIST.read_text())
    assert ended.returncode == 2 and "both" in ended.stderr


def test_whether_a_role_is_the_functions_own_has_to_be_said(tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(rules(principals=[f"arn:aws:iam::{ACCOUNT}:role/*"])))
    [case] = json.loads(run("explain", "--json", "--allowlist", path, ROOT / "events/own-role.json").stdout)
    assert case["outcome"] == "would_grant" and "--own-role" in case["note"]
    own = ["--own-role", OWN_ROLE]
    [case] = json.loads(run("explain", "--json", "--allowlist", path, *own, ROOT / "events/own-role.json").stdout)
    assert (case["reason"], case["note"]) == ("own_role", None)


def test_output_that_is_lost_is_no_success():
    with open("/dev/full", "w") as full:
        ended = subprocess.run([CLI, "check", LIST], stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2 and "could not be written" in ended.stderr
    with subprocess.Popen([CLI, "check", LIST], stdout=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(timeout=20) == 0


def test_text_of_others_cannot_steer_the_terminal(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document(ours(["\u009b2J"])), ensure_ascii=False))
    event = tmp_path / "e\x1b[2J.json"
    event.write_text((ROOT / "events/user.json").read_text())
    for ended in [
        run("plan", "--allowlist", LIST, "--policy", path, event),
        run("explain", "--allowlist", LIST, event),
        run("check", tmp_path / "none\x1b[2J"),
    ]:
        said = ended.stdout + ended.stderr
        assert said and "\x1b" not in said and "\x9b" not in said


def test_a_packed_log_file_of_cloudtrail_is_read(tmp_path):
    record = json.loads((ROOT / "events/user.json").read_text())["detail"]
    # CloudTrail's files hold more than one event may have.
    records = [record, *[{"eventSource": "other", "filler": "x" * 1000}] * 1500]
    path = tmp_path / "trail.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    cases = json.loads(run("explain", "--json", "--allowlist", LIST, path).stdout)
    assert len(cases) == 1501 and cases[0]["outcome"] == "would_grant"


def test_a_name_with_a_comma_does_not_split_the_parameter():
    comma = json.dumps(rules(principals=[f"arn:aws:iam::{ACCOUNT}:user/a,b"]))
    report = json.loads(run("check", "--json", "-", given=comma).stdout)
    assert report["principalArns"] == [f"arn:aws:iam::{ACCOUNT}:user/a?b"]


def test_a_pasted_session_can_be_given_its_role():
    session = message(f"arn:aws:sts::{ACCOUNT}:assumed-role/render-stitcher/me")
    role = f"arn:aws:iam::{ACCOUNT}:role/service/render/render-stitcher"
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, "--principal", role, "-", given=session).stdout)
    assert (case["principal"], case["clause"]["principal"]) == (role, f"arn:aws:iam::{ACCOUNT}:role/service/render/*")
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, "-", given=session).stdout)
    assert case["principal"] == f"arn:aws:iam::{ACCOUNT}:role/render-stitcher" and "path" in case["note"]
    # Another role than the session's is a contradiction, whoever says so.
    wrong = ["--principal", f"arn:aws:iam::{ACCOUNT}:role/render-worker"]
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, *wrong, "-", given=session).stdout)
    assert case["reason"] == "contradictory_event"


def test_a_log_file_of_cloudtrail_is_taken_apart(tmp_path):
    records = [json.loads((ROOT / "events" / name).read_text())["detail"] for name in ("user.json", "root.json")]
    path = tmp_path / "trail.json"
    path.write_text(json.dumps({"Records": records}))
    cases = json.loads(run("explain", "--json", "--allowlist", LIST, path).stdout)
    assert [case["outcome"] for case in cases] == ["would_grant", "refused"]
    assert [case["event"] for case in cases] == [f"{path} Records[0]", f"{path} Records[1]"]


def test_a_list_of_several_accounts_needs_to_know_its_own(tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(rules(functions=[FUNCTION, FUNCTION.replace(ACCOUNT, "111122223333")])))
    ended = run("explain", "--allowlist", path, ROOT / "events/user.json")
    assert ended.returncode == 2 and "--account" in ended.stderr
    ended = run("explain", "--json", "--account", ACCOUNT, "--allowlist", path, ROOT / "events/user.json")
    assert json.loads(ended.stdout)[0]["outcome"] == "would_grant"
    ended = run("explain", "--json", "--account", "111122223333", "--allowlist", path, ROOT / "events/user.json")
    assert json.loads(ended.stdout)[0]["reason"] == "other_account"


# --- plan


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


# --- undo


def undo(account, *arguments, principal=USER, function=FUNCTION, given=None, meddler=None, calls=None):
    """`meddler` is called when a call was carried out and before it is answered."""
    env = credentials(calls.endpoint if calls else account.endpoint)
    if calls:
        calls.before_answer = meddler
    try:
        return run("undo", "--principal", principal, "--function", function, *arguments, given=given, env=env)
    finally:
        if calls:
            calls.before_answer = lambda action, count: None


def test_one_grant_is_taken_back_and_nothing_else(account):
    foreign = {"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    account.put_policy("user/remotion_user", document(foreign, ours([OTHER, *PAIR])))
    ended = undo(account, "--yes")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert account.policy("user/remotion_user") == document(foreign, ours([OTHER]))
    assert f'-        "{FUNCTION}"' in ended.stdout
    assert undo(account, "--yes").returncode == 1
    # With the last function the policy goes.
    assert undo(account, "--yes", function=OTHER).returncode == 0
    account.put_policy("user/remotion_user", document(ours(PAIR)))
    assert undo(account, "--yes").returncode == 0
    assert account.policy("user/remotion_user") is None
    ended = undo(account, "--yes")
    assert ended.returncode == 1 and "nothing to take back" in ended.stdout


def test_a_role_with_a_path_goes_by_its_name(account):
    account.put_policy("role/render-stitcher", document(ours(PAIR)))
    assert undo(account, "--yes", principal=f"arn:aws:iam::{ACCOUNT}:role/service/render/render-stitcher").returncode == 0
    assert account.policy("role/render-stitcher") is None


def test_without_an_answer_nothing_is_changed(account):
    account.put_policy("user/remotion_user", document(ours(PAIR)))
    for given in ["", "y\n"]:
        ended = undo(account, given=given)
        assert ended.returncode == 2 and "--yes" in ended.stderr
    assert account.policy("user/remotion_user") == document(ours(PAIR))


def on_terminal(endpoint, answers):
    """The exit code of an undo that is asked on a terminal, and gives one answer after the other."""
    command = [CLI, "undo", "--principal", USER, "--function", FUNCTION]
    ours_end, theirs = pty.openpty()
    env = {"TERM": "xterm", **credentials(endpoint)}
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        for answer in answers:
            said = b""
            while b"Take it back?" not in said:
                said += os.read(ours_end, 4096)
            os.write(ours_end, answer.encode())
            # What is asked is drawn anew with its answer.
            while b"Take it back?" in said or not said:
                said = os.read(ours_end, 4096).replace(b"Take it back?", b"", 1)
        try:
            while said:
                said = os.read(ours_end, 4096)
        except OSError:
            # The other end is closed: the process has ended.
            pass
        code = process.wait(timeout=30)
    os.close(ours_end)
    return code


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("\n", 1)])
def test_on_a_terminal_it_asks(account, answer, code):
    account.put_policy("user/remotion_user", document(ours(PAIR)))
    assert on_terminal(account.endpoint, [answer]) == code
    assert (account.policy("user/remotion_user") is None) == (code == 0)


def test_what_was_not_shown_is_asked_about_again(account, calls):
    account.put_policy("user/remotion_user", document(ours(PAIR)))
    changed = document(ours([*PAIR, OTHER]))

    def change(action, count):
        if action == "iam:GetUserPolicy" and count == 0:
            account.put_policy("user/remotion_user", changed)

    calls.before_answer = change
    try:
        assert on_terminal(calls.endpoint, ["y", "n"]) == 1
    finally:
        calls.before_answer = lambda action, count: None
    assert account.policy("user/remotion_user") == changed


def test_what_others_change_meanwhile_is_kept_and_shown(account, calls):
    account.put_policy("user/remotion_user", document(ours(PAIR)))

    def add_another(action, count):
        if action == "iam:GetUserPolicy" and count == 0:
            account.put_policy("user/remotion_user", document(ours([*PAIR, OTHER])))

    ended = undo(account, "--yes", calls=calls, meddler=add_another)
    assert ended.returncode == 0 and "has changed meanwhile" in ended.stdout
    assert account.policy("user/remotion_user") == document(ours([OTHER]))


def test_what_still_allows_it_and_what_grants_it_again_is_told(account):
    account.put_policy("user/remotion_user", document({**ours("*"), "Action": "lambda:*"}, ours(PAIR)))
    ended = undo(account, "--yes", "--allowlist", LIST)
    assert ended.returncode == 0
    assert "may still allow it" in ended.stdout and "`remotion-clips`" in ended.stdout


def test_a_grant_on_a_condition_is_told_and_kept(account):
    conditional = {**ours(PAIR), "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    account.put_policy("user/remotion_user", document(conditional, ours(PAIR)))
    ended = undo(account, "--yes")
    assert ended.returncode == 0 and "may still allow it, perhaps on a condition" in ended.stdout
    assert account.policy("user/remotion_user") == document(conditional)
    ended = undo(account, "--yes")
    assert ended.returncode == 1 and "may still allow it, perhaps on a condition" in ended.stdout


def test_a_rule_that_only_tells_grants_nothing_again(account, tmp_path):
    account.put_policy("user/remotion_user", document(ours(PAIR)))
    path = tmp_path / "list.json"
    path.write_text(json.dumps(rules(action="notify")))
    assert "does not admit it" in undo(account, "--yes", "--allowlist", path).stdout


def test_answers_that_lag_or_fail_are_asked_for_again(account, calls):
    account.put_policy("user/remotion_user", document(ours(PAIR)))
    # The policy is listed, and IAM says that there is none; then it fails; then the deletion's answer is lost.
    faults = {
        ("iam:GetUserPolicy", 0): Fault(error(404, "NoSuchEntity")),
        ("iam:GetUserPolicy", 1): Fault(error(500, "ServiceFailure")),
        ("iam:DeleteUserPolicy", 0): Fault(error(500, "ServiceFailure"), is_carried_out=True),
    }
    calls.fault = lambda action, count: faults.pop((action, count), None)
    try:
        ended = undo(account, "--yes", calls=calls, meddler=lambda action, count: None)
    finally:
        calls.fault = lambda action, count: None
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not faults and account.policy("user/remotion_user") is None
    # A deletion that may have been carried out is not repeated on old knowledge.
    assert calls.actions().count("iam:DeleteUserPolicy") == 1


def test_a_read_that_is_slow_is_not_written_on(account, calls):
    account.put_policy("user/remotion_user", document(ours([*PAIR, OTHER])))

    def dawdle(action, count):
        # The second read is the one to write on.
        if action == "iam:GetUserPolicy" and count == 1:
            time.sleep(1.2)

    ended = undo(account, "--yes", calls=calls, meddler=dawdle)
    assert ended.returncode == 0
    before_put = calls.actions()[: calls.actions().index("iam:PutUserPolicy")]
    assert before_put.count("iam:GetUserPolicy") == 3


def test_a_policy_that_cannot_be_understood_is_left_alone(account):
    # Which of two keys counts, only IAM knows.
    twice = json.dumps(document(ours(PAIR))).replace('"Effect"', '"Effect": "Deny", "Effect"')
    account.put_policy("user/remotion_user", twice)
    ended = undo(account, "--yes")
    assert ended.returncode == 2 and "left alone" in ended.stderr
    assert account.policy("user/remotion_user") == json.loads(twice)


def test_a_user_that_is_not_there_is_told(account):
    ended = undo(account, "--yes", principal=f"arn:aws:iam::{ACCOUNT}:user/nobody")
    assert ended.returncode == 2 and "no such user" in ended.stderr


def test_taking_back_and_granting_at_once_loses_nothing(account, function):
    """The function grants one function while another is taken back: both last."""
    account.put_policy("user/remotion_user", document(ours([OTHER, f"{OTHER}:*"])))
    event = json.loads((ROOT / "events/user.json").read_text())
    with ThreadPoolExecutor() as pool:
        granting = pool.submit(function.invoke, event)
        time.sleep(0.05)
        taking = undo(account, "--yes", function=OTHER)
        assert granting.result().body["outcome"] == "granted"
    assert taking.returncode == 0, taking.stdout + taking.stderr
    assert account.policy("user/remotion_user") == document(ours(PAIR))


def test_a_write_that_others_undo_is_no_success(account, calls):
    """Somebody puts the grant back after each write, as a function does whose list still admits it."""
    account.put_policy("user/remotion_user", document(ours(PAIR)))

    def put_back(action, _count):
        if action.startswith("iam:Delete"):
            account.put_policy("user/remotion_user", document(ours(PAIR)))

    ended = undo(account, "--yes", calls=calls, meddler=put_back)
    assert ended.returncode == 2 and "allowlist" in ended.stderr
    assert account.policy("user/remotion_user") == document(ours(PAIR))


# --- completions and man page


def test_completions_and_man_page_name_every_command():
    commands = ["check", "explain", "plan", "undo", "canary"]
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"]:
        ended = run("completions", shell)
        assert ended.returncode == 0 and all(command in ended.stdout for command in commands), shell
    page = run("man").stdout
    assert page.startswith(".ie") or ".TH remediator 1" in page
    for command in commands:
        assert f".SH {command.upper()}" in page
    assert "\\-\\-strict" in page and "Exit codes" in page


def test_bash_takes_the_completions(tmp_path):
    (tmp_path / "complete").write_text(run("completions", "bash").stdout)
    script = f'source {tmp_path}/complete; COMP_WORDS=(remediator ch); COMP_CWORD=1; _remediator remediator ch remediator; echo "${{COMPREPLY[@]}}"'
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20)
    assert ended.stdout.split() == ["check"], ended.stderr


def test_one_policy_name():
    assert POLICY_NAME in run("undo", "--help").stdout or POLICY_NAME in run("--help").stdout
