"""Many writers of one policy share a ledger: every grant is kept, in a few puts, without a wait."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from local import proxy
from support.shared import FOREIGN, USER, denial, granted, items, outcomes

TRIALS = 20


@pytest.fixture
def slow(account):
    """A proxy that delays each call by up to 50 ms, at random."""
    with proxy.proxy(account.endpoint) as found:
        found.delay = 0.05
        yield found


def at_once(functions, events):
    with ThreadPoolExecutor(len(functions)) as pool:
        began = time.monotonic()
        replies = list(pool.map(lambda pair: pair[0].invoke(pair[1]), zip(functions, events)))
        return replies, time.monotonic() - began


@pytest.mark.parametrize("trial", range(TRIALS))
def test_ten_environments_keep_ten_of_ten(trial, account, slow, fleet, figure):
    account.put_policy(USER, {"Version": "2012-10-17", "Statement": [FOREIGN]})
    functions = [fleet(slow.endpoint) for _ in range(10)]
    slow.clear()
    replies, took = at_once(functions, [denial(f"clip-{index}") for index in range(10)])
    assert [reply.body.get("outcome") for reply in replies] == ["granted"] * 10, replies
    kept = granted(account)
    puts = slow.actions().count("iam:PutUserPolicy")
    figure(f"ledger, ten writers, trial {trial + 1:2}: {len(kept)} of 10 grants kept, {puts} puts, {took:.1f} s")
    assert kept == {f"clip-{index}" for index in range(10)}
    assert account.policy(USER)["Statement"][0] == FOREIGN
    assert puts <= 6
    assert outcomes(account) == ["granted"] * 10


def test_forty_environments_need_a_few_puts(account, calls, fleet, dynamodb, table, figure):
    functions = [fleet() for _ in range(40)]
    calls.clear()
    replies, took = at_once(functions, [denial(f"clip-{index}") for index in range(40)])
    assert [reply.body.get("outcome") for reply in replies] == ["granted"] * 40, replies
    assert granted(account) == {f"clip-{index}" for index in range(40)}
    actions = calls.actions()
    puts = actions.count("iam:PutUserPolicy")
    of_iam = sum(action.startswith("iam:") for action in actions)
    figure(f"ledger, forty writers: {puts} puts, {of_iam} calls of IAM, {len(actions)} calls in all, {took:.1f} s")
    assert puts <= 6 and of_iam <= 65
    assert len(items(dynamodb, table, "grant#")) == len(items(dynamodb, table, "log#")) == 40
    assert items(dynamodb, table, "wish#") == []


def test_one_grant_takes_no_wait(account, calls, fleet):
    function = fleet()
    function.invoke(denial("clip-1"))
    began = time.monotonic()
    assert function.invoke(denial("clip-2")).body["outcome"] == "granted"
    assert time.monotonic() - began < 1.5
    assert granted(account) == {"clip-1", "clip-2"}


def test_a_dry_run_takes_no_lock(account, fleet, dynamodb, table):
    assert fleet(MODE="dry-run").invoke(denial("clip-1")).body["outcome"] == "would_grant"
    assert account.policy(USER) is None
    assert items(dynamodb, table, "lock") == items(dynamodb, table, "wish#") == items(dynamodb, table, "log#") == []


def test_a_grant_is_recorded_with_who_asked(fleet, dynamodb, table):
    event = denial("clip-1", event_id="0b6ec2fc-9e5c-4d3a-9df1-6a1f0c7a2f11")
    outcome = fleet(LEDGER_RETENTION_DAYS="30").invoke(event).body
    [record] = items(dynamodb, table, "grant#")
    [entry] = items(dynamodb, table, "log#")
    for item in (record, entry):
        assert item["principal"]["S"] == item["askedBy"]["S"] == outcome["principal"]
        assert item["function"]["S"] == outcome["function"] and item["rule"]["S"] == "clips"
        assert (item["eventId"]["S"], item["eventTime"]["S"]) == (outcome["eventId"], outcome["eventTime"])
        assert item["source"]["S"] == "cloudtrail"
        assert abs(int(item["ttl"]["N"]) - time.time() - 30 * 86_400) < 60
    assert record["grantedAt"]["S"].endswith("Z") and entry["kind"]["S"] == "granted"
