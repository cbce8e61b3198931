"""IAM's reads lag behind its writes by seconds: nothing is lost, and an edit by hand survives."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.shared import FOREIGN, USER, USER_ARN, arn, denial, granted
from support.stale import AGO, ANY, BEFORE_LAST, stale
from support.tool import credentials, run

BY_HAND = {"Sid": "Mine", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [arn("by-hand"), f"{arn('by-hand')}:*"]}


# Each grant that waits for such a read takes as long as the reads lag behind.
@pytest.mark.parametrize(
    ("way", "has_policy", "count"), [(BEFORE_LAST, True, 4), (AGO, False, 4), (ANY, True, 10), (ANY, False, 10)]
)
def test_one_writer_after_the_other_loses_nothing(way, has_policy, count, account, fleet, figure):
    if has_policy:
        account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    with stale(account, 5, way) as lagging:
        functions = [fleet(lagging.endpoint) for _ in range(2)]
        for index in range(count):
            reply = functions[index % 2].invoke(denial(f"clip-{index}"))
            assert reply.body.get("outcome") == "granted", reply
        figure(f"ledger, stale reads, {way}: {count} grants, {lagging.puts} puts, {lagging.stale_reads} stale reads")
        assert lagging.stale_reads > 4
    assert granted(account) == {f"clip-{index}" for index in range(count)}
    assert (FOREIGN in account.policy(USER)["Statement"]) == has_policy


@pytest.mark.parametrize("way", [BEFORE_LAST, AGO, ANY])
def test_ten_writers_at_once_lose_nothing(way, account, fleet):
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    with stale(account, 5, way) as lagging, ThreadPoolExecutor(10) as pool:
        functions = [fleet(lagging.endpoint) for _ in range(10)]
        replies = list(pool.map(lambda index: functions[index].invoke(denial(f"clip-{index}")), range(10)))
        assert {reply.body.get("outcome") for reply in replies} == {"granted"}, replies
    assert granted(account) == {f"clip-{index}" for index in range(10)}
    assert account.policy(USER)["Statement"][0] == FOREIGN


def test_a_put_that_something_in_between_may_have_confirmed_is_believed_when_it_is_seen(account, fleet):
    with stale(account, 3) as lagging:
        lagging.has_ids = False
        function = fleet(lagging.endpoint)
        for name in ("clip-1", "clip-2"):
            reply = function.invoke(denial(name))
            assert reply.body.get("outcome") == "granted", reply
            assert name in granted(account)
        assert lagging.puts == 2
    assert granted(account) == {"clip-1", "clip-2"}


@pytest.mark.parametrize("seconds", [0, 3])
def test_an_edit_by_hand_between_two_grants_survives(seconds, account, fleet):
    with stale(account, seconds) as lagging:
        function = fleet(lagging.endpoint)
        function.invoke(denial("clip-1"))
        edited = account.policy(USER)
        edited["Statement"].append(BY_HAND)
        account.put_policy(USER, edited)
        assert function.invoke(denial("clip-2")).body["outcome"] == "granted"
    assert granted(account) == {"clip-1", "clip-2", "by-hand"}
    assert BY_HAND in account.policy(USER)["Statement"]


def test_a_grant_that_was_taken_out_by_hand_stays_out(account, fleet):
    function = fleet()
    for name in ("clip-1", "clip-2"):
        function.invoke(denial(name))
    edited = account.policy(USER)
    edited["Statement"][0]["Resource"] = [arn("clip-2"), f"{arn('clip-2')}:*"]
    account.put_policy(USER, edited)
    assert function.invoke(denial("clip-3")).body["outcome"] == "granted"
    assert granted(account) == {"clip-2", "clip-3"}


def test_a_document_that_was_restored_by_hand_stays_restored(account, fleet):
    """The very document from before the grant looks like a read that lags behind, until that time is over."""
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    function = fleet()
    function.invoke(denial("clip-1"))
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    assert function.invoke(denial("clip-2")).body["outcome"] == "granted"
    assert granted(account) == {"clip-2"}
    assert account.policy(USER)["Statement"][0] == FOREIGN


def test_a_policy_that_was_deleted_by_hand_is_made_anew(account, fleet):
    function = fleet()
    function.invoke(denial("clip-1"))
    account.delete_policies()
    assert function.invoke(denial("clip-2")).body["outcome"] == "granted"
    assert granted(account) == {"clip-2"}


def undo(lagging, table, name):
    command = ["undo", "--principal", USER_ARN, "--function", arn(name), "--ledger", table, "--yes"]
    return run(*command, env=credentials(lagging.endpoint))


@pytest.mark.parametrize("way", [BEFORE_LAST, AGO, ANY])
def test_an_undo_straight_after_the_grant_takes_it_back(way, account, fleet, table):
    """IAM does not show the grant yet."""
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    with stale(account, 5, way) as lagging:
        function = fleet(lagging.endpoint)
        event = denial("clip-1")
        assert function.invoke(event).body["outcome"] == "granted"
        ended = undo(lagging, table, "clip-1")
        assert granted(account) == set(), ended.stdout + ended.stderr
        assert account.policy(USER)["Statement"] == [FOREIGN]
        assert function.invoke(event).body["reason"] == "taken_back"
    assert granted(account) == set()


@pytest.mark.parametrize("way", [BEFORE_LAST, AGO, ANY])
def test_a_grant_straight_after_an_undo_brings_nothing_back(way, account, fleet, table):
    """IAM still shows what was taken back."""
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    function = fleet()
    for name in ("clip-1", "clip-2"):
        assert function.invoke(denial(name)).body["outcome"] == "granted"
    with stale(account, 5, way) as lagging:
        assert undo(lagging, table, "clip-1").returncode == 0
        assert fleet(lagging.endpoint).invoke(denial("clip-3")).body["outcome"] == "granted"
    assert granted(account) == {"clip-2", "clip-3"}
    assert FOREIGN in account.policy(USER)["Statement"]
