"""`remediator undo`: one grant is taken back, whatever others write meanwhile, and nothing else."""

import json
import os
import pty
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.aws import ACCOUNT, ROOT
from local.proxy import Fault
from support.binaries import CLI
from support.errors import error
from support.policies import FUNCTION, OTHER, PAIR, document
from support.tool import LIST, USER, credentials, ours, rules, run


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
