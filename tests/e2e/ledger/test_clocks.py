"""Environments whose clocks are ten minutes wrong: the lease, the undo and the quiet interval go by the table's time."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from local.proxy import HANG, Fault
from local.runtime_api import ProcessEnded
from support.own_user import LIST, Notices, OwnUser, wait_until
from support.party import Party
from support.shared import refusal
from support.skew import build, skewed
from support.tool import credentials, run

AHEAD, RIGHT, BEHIND = 600, 0, -600
LEASE = 5


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("skew"))


@pytest.fixture
def environment_of(account, calls, environment, library):
    """Starts an environment whose clock is so many seconds ahead."""
    with ExitStack() as stack:

        def start(seconds, **variables):
            given = environment(ALLOWLIST=json.dumps(LIST), **variables)
            return stack.enter_context(skewed(library, given, seconds))

        yield start


def test_the_clocks_are_wrong(account, environment_of):
    """What the tests here rest on: the log says how old the denial was, by the environment's own clock."""
    for seconds in (AHEAD, RIGHT, BEHIND):
        skewed_function = environment_of(seconds)
        skewed_function.invoke(OwnUser(account).denial("other-1", at=time.time() - 1_000))
        [line] = skewed_function.function.outcome_lines()
        assert abs(line["sinceDenialMs"] / 1_000 - 1_000 - seconds) < 60, line


def test_ten_writers_with_wrong_clocks_keep_ten_of_ten(account, environment_of, figure):
    user, notices = OwnUser(account), Notices(account)
    functions = [environment_of((AHEAD, RIGHT, BEHIND)[index % 3]) for index in range(10)]
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda index: functions[index].invoke(user.denial(f"clip-{index}")), range(10)))
    assert [reply.body.get("outcome") for reply in replies] == ["granted"] * 10, replies
    assert user.granted() == {f"clip-{index}" for index in range(10)} and user.keeps_foreign()
    assert notices.of(user) == ["granted"] * 10
    figure("ledger, clocks wrong by ten minutes: 10 of 10 grants kept")


@pytest.mark.parametrize("of_next", [AHEAD, BEHIND], ids=["next one ahead", "next one behind"])
@pytest.mark.parametrize("of_holder", [AHEAD, BEHIND], ids=["holder ahead", "holder behind"])
def test_a_lease_is_as_long_as_it_is(of_holder, of_next, account, dynamodb, table, library):
    """Not shorter for one whose clock is ahead, and not longer for one whose clock is behind."""
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(2) as pool:
        user = party.user
        given = {"LD_PRELOAD": str(library)}
        (holder, before), (other, _) = (
            party.start(**given, SKEW_SECONDS=str(seconds)) for seconds in (of_holder, of_next)
        )
        killed = []

        def kill(step, count):
            if (step, count) == ("GetUserPolicy", 0):
                os.kill(holder.process.pid, signal.SIGKILL)
                killed.append(time.monotonic())
                return Fault(HANG)
            return None

        before.spoil = kill
        event = user.denial("clip-1")
        first = pool.submit(holder.invoke, event, skew=of_holder)
        wait_until(lambda: killed, what="the holder's turn")
        reply = other.invoke(user.denial("clip-2"), skew=of_next)
        took = time.monotonic() - killed[0]
        with pytest.raises(ProcessEnded):
            first.result()
        assert reply.body["outcome"] == "granted" and not party.violations()
        # It began up to a second before, and goes by whole seconds.
        assert LEASE - 1.5 < took < LEASE + 7, took
        assert party.start()[0].invoke(event).body["outcome"] == "granted"
        assert user.granted() == {"clip-1", "clip-2"} and user.keeps_foreign()


@pytest.mark.parametrize("seconds", [AHEAD, BEHIND])
def test_an_undo_counts_by_the_time_of_the_denial(seconds, account, environment_of, table, library):
    """CloudTrail's time of the denial is compared with the table's of the undo, whatever the clocks of function and tool say."""
    user, function = OwnUser(account), environment_of(seconds)
    event = user.denial("clip-1", at=time.time() - 2)
    assert function.invoke(event).body["outcome"] == "granted"
    wrong = {**credentials(account.endpoint), "LD_PRELOAD": str(library), "SKEW_SECONDS": str(-seconds)}
    ended = run(*user.undo_arguments("clip-1", table), env=wrong)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert function.invoke(event).body["reason"] == "taken_back"
    assert user.granted() == set()
    assert function.invoke(user.denial("clip-1", at=time.time() + 2)).body["outcome"] == "granted"
    assert user.granted() == {"clip-1"}


def test_the_quiet_interval_is_the_same_for_all(account, environment_of):
    functions = [environment_of(seconds, NOTICE_INTERVAL="300") for seconds in (BEHIND, AHEAD, RIGHT)]
    account.notices()
    assert [function.invoke(refusal()).body["notice"] for function in functions * 2] == ["published"] + ["suppressed"] * 5
    assert len(account.notices()) == 1


@pytest.mark.parametrize("seconds", [AHEAD, BEHIND])
def test_a_grant_that_helps_nobody_is_told_from_one_just_made(seconds, account, environment_of):
    """By the table's time of the grant and CloudTrail's time of the denial."""
    user = OwnUser(account)
    assert environment_of(RIGHT).invoke(user.denial("clip-1")).body["outcome"] == "granted"
    soon = environment_of(seconds).invoke(user.denial("clip-1"))
    assert (soon.body["outcome"], soon.body["notice"]) == ("already_granted", "suppressed")
    late = environment_of(seconds).invoke(user.denial("clip-1", at=time.time() + 90))
    assert late.body["outcome"] == "already_granted" and "another layer denies" in late.body["summary"], late
