"""IAM does not answer a put, or answers it and something else comes between: what others were granted stays."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.proxy import BREAK_OFF, DROP, HANG, LATE, Fault
from local.runtime_api import ProcessEnded
from support.errors import error
from support.own_user import Notices, wait_until
from support.party import Party
from support.shared import FOREIGN, arn

WAYS = {
    "hangs": Fault(HANG),
    "hangs, is carried out": Fault(HANG, is_carried_out=True),
    "breaks off, is carried out": Fault(BREAK_OFF, is_carried_out=True),
    "is reset, is carried out": Fault(DROP, is_carried_out=True),
    "fails, is carried out": Fault(error(500, "ServiceFailure"), is_carried_out=True),
    # The function gives up a put after a second, and counts on it for three.
    "comes 1.3 s late": Fault(LATE, seconds=1.3),
    "comes 2.5 s late": Fault(LATE, seconds=2.5),
}
NAMES = ["clip-1", "clip-2", "clip-3"]


def at_once(pool, functions, events):
    return [each.result() for each in [pool.submit(function.invoke, event) for function, event in zip(functions, events)]]


@pytest.mark.parametrize("way", WAYS)
def test_a_put_without_an_answer(way, account, dynamodb, table, figure):
    """Three write at once; each one's first put is not answered."""
    notices = Notices(account)
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(3) as pool:
        functions = []
        for _ in NAMES:
            function, watch = party.start()
            watch.spoil = lambda step, count: WAYS[way] if (step, count) == ("PutUserPolicy", 0) else None
            functions.append(function)
        user = party.user
        replies = at_once(pool, functions, [user.denial(name) for name in NAMES])
        assert {reply.body.get("outcome") for reply in replies} == {"granted"}, replies
        assert user.granted() == set(NAMES) and user.keeps_foreign()
        assert not party.violations()
        assert [notices.of(user, name) for name in NAMES] == [["granted"]] * 3
        figure(f"ledger, a put that {way}: 3 of 3 kept, {party.puts()} puts")


@pytest.mark.parametrize("seconds", [1.3, 2.9])
def test_a_put_that_comes_after_its_writer_was_killed(seconds, account, dynamodb, table):
    """It is on its way when the process dies, and IAM carries it out later: it must not take away what others put meanwhile."""
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(3) as pool:
        victim, watch = party.start()
        others = [party.start()[0] for _ in range(2)]
        user = party.user

        def kill(step, count):
            if step == "PutUserPolicy":
                os.kill(victim.process.pid, signal.SIGKILL)
                return Fault(LATE, seconds=seconds)
            return None

        watch.spoil = kill
        event = user.denial("clip-1")
        first = pool.submit(victim.invoke, event)
        wait_until(lambda: party.lock(), what="the victim's turn")
        replies = at_once(pool, others, [user.denial("clip-2"), user.denial("clip-3")])
        with pytest.raises(ProcessEnded):
            first.result()
        assert {reply.body.get("outcome") for reply in replies} == {"granted"}, replies
        assert party.start()[0].invoke(event).body["outcome"] in ("granted", "already_granted")
        assert user.granted() == set(NAMES) and user.keeps_foreign()
        assert not party.violations()


def test_a_put_that_another_tool_overwrites_at_once_is_made_again(account, dynamodb, table):
    """A tool that knows no lock writes what it has read before, between the put and the look at it."""
    with Party(account, dynamodb, table) as party:
        function, watch = party.start()
        user = party.user
        mine = {"Sid": "Mine", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}

        def overwrite(step, count):
            if (step, count) == ("PutUserPolicy", 0):
                account.put_policy(user.principal, {"Version": "2012-10-17", "Statement": [FOREIGN, mine]})

        watch.after = overwrite
        assert function.invoke(user.denial("clip-1")).body["outcome"] == "granted"
        assert user.granted() == {"clip-1"} and user.statements()[:2] == [FOREIGN, mine]
        assert party.puts() == 2 and not party.violations()


def test_what_another_tool_takes_away_later_comes_back_with_the_next_denial(account, dynamodb, table):
    notices = Notices(account)
    with Party(account, dynamodb, table) as party:
        function, _ = party.start()
        user = party.user
        assert function.invoke(user.denial("clip-1")).body["outcome"] == "granted"
        account.put_policy(user.principal, {"Version": "2012-10-17", "Statement": [FOREIGN, {**FOREIGN, "Sid": "Another"}]})
        assert function.invoke(user.denial("clip-2")).body["outcome"] == "granted"
        assert user.granted() == {"clip-2"}
        # Not before the minute in which a repeat is answered from the ledger; the record is made older instead.
        [record] = [item for item in party.items("grant#") if item["sk"]["S"] == f"grant#{arn('clip-1')}"]
        for attribute in ("since", "seen"):
            record[attribute] = {"N": str(int(record[attribute]["N"]) - 120)}
        dynamodb.put_item(TableName=table, Item=record)
        reply = function.invoke(user.denial("clip-1"))
        assert reply.body["outcome"] == "granted" and "again" in reply.body["summary"], reply
        assert user.granted() == {"clip-1", "clip-2"} and user.keeps_foreign()
        assert notices.of(user, "clip-1") == ["granted", "granted"]
