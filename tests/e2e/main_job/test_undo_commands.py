"""The steps of docs/operations.md take a grant back, as their reader would run them, and nothing else."""

import subprocess
import sys
from pathlib import Path

from support.events import event
from support.leases import FAR, OLD, until
from support.policies import DENY, FIRST_POLICY, FUNCTION, OTHER, document, for_good
from support.undo_commands import undo, undo_steps


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
    commands = undo_steps(account)
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
    commands = undo_steps(account)
    environment = {**account.environment(), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    for command in commands[:2]:
        subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=True)
    meanwhile = {**FIRST_POLICY, "Statement": [*FIRST_POLICY["Statement"], {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    account.put_policy("user/remotion_user", meanwhile)
    done = subprocess.run(commands[2], shell=True, cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode != 0 and b"differ" in done.stdout
    assert account.policy("user/remotion_user") == meanwhile


USER = "user/remotion_user"


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
    """Like the tool: the half that somebody had listed before goes as well, and no lease is left in halves."""
    half = {**for_good(FUNCTION), "Resource": FUNCTION}
    account.put_policy(USER, document(half, until(FAR, FUNCTION, OTHER)))
    assert function.invoke(event("user")).body["outcome"] == "granted"
    undo(account, tmp_path)
    assert account.policy(USER) == document(until(FAR, OTHER))
