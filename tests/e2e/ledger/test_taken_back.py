"""Taken back means taken back: an undo by the tool is recorded, and a denial from before it grants nothing."""

import time

from support.shared import FOREIGN, USER, USER_ARN, arn, denial, granted, items, outcomes
from support.tool import credentials, run


def undo(calls, table, name, *arguments):
    command = ["--principal", USER_ARN, "--function", arn(name), "--ledger", table, "--yes", *arguments]
    return run("undo", *command, env=credentials(calls.endpoint))


def test_a_denial_from_before_an_undo_grants_nothing(account, calls, fleet, dynamodb, table):
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    event = denial("clip-1", at=time.time() - 5)
    function = fleet()
    assert function.invoke(event).body["outcome"] == "granted"
    ended = undo(calls, table, "clip-1")
    assert ended.returncode == 0, ended.stderr
    assert account.policy(USER)["Statement"] == [FOREIGN]
    account.notices()
    # The same event once more, and another one from before.
    for again in (event, denial("clip-1", at=time.time() - 5)):
        for environment in (function, fleet()):
            reply = environment.invoke(again).body
            assert (reply["outcome"], reply["reason"]) == ("refused", "taken_back"), reply
    assert granted(account) == set()
    assert set(outcomes(account)) == {"refused"}
    # One from after it is judged afresh.
    late = function.invoke(denial("clip-1", at=time.time() + 2)).body
    assert late["outcome"] == "granted" and "again" not in late["summary"]
    kinds = sorted(item["kind"]["S"] for item in items(dynamodb, table, "log#"))
    assert kinds == ["granted", "granted", "taken_back"]


def test_other_functions_of_the_same_user_are_not_taken_back(account, calls, fleet, table):
    function = fleet()
    for name in ("clip-1", "clip-2"):
        function.invoke(denial(name))
    assert undo(calls, table, "clip-1").returncode == 0
    assert granted(account) == {"clip-2"}
    assert function.invoke(denial("clip-3", at=time.time() - 60)).body["outcome"] == "granted"
    assert granted(account) == {"clip-2", "clip-3"}


def test_an_undo_of_what_is_not_there_is_recorded_all_the_same(account, calls, fleet, table):
    """An event in a queue may still bring it."""
    ended = undo(calls, table, "clip-1")
    assert ended.returncode == 1 and "nothing to take back" in ended.stdout and "ledger" in ended.stdout
    reply = fleet().invoke(denial("clip-1", at=time.time() - 5)).body
    assert (reply["outcome"], reply["reason"]) == ("refused", "taken_back")
    assert account.policy(USER) is None


def test_an_undo_needs_a_table_that_is_there(calls):
    ended = undo(calls, "no-such-table", "clip-1")
    assert ended.returncode == 2 and "no-such-table" in ended.stderr, ended
    ended = undo(calls, "no table", "clip-1")
    assert ended.returncode == 2 and "DynamoDB" in ended.stderr
