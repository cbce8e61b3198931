"""Wishes that their owner does not live to see, that another list does not admit, and that find no room."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.proxy import Fault
from local.runtime_api import ProcessEnded
from support.errors import error
from support.leases import ends
from support.own_user import LIST, Notices, wait_until
from support.party import Party
from support.shared import arn

NARROW = json.dumps({"rules": [{**LIST["rules"][0], "functions": [arn("clip-1")]}]})
LEASED = json.dumps({"rules": [{**LIST["rules"][0], "expiresAfter": "30d"}]})


def hold_until_wished(party, count=1):
    """The holder reads IAM when so many wishes were left."""

    def hold(step, number):
        if (step, number) == ("GetUserPolicy", 0):
            wait_until(lambda: len(party.items("wish#")) >= count, seconds=4, what="the wishes")

    return hold


@pytest.fixture
def party(account, dynamodb, table):
    with Party(account, dynamodb, table) as found:
        yield found


def test_a_wish_whose_owner_was_killed_is_granted_and_reported(account, party):
    """It is taken along; the event, which Lambda delivers again, is reported by the environment that gets it then."""
    notices, user = Notices(account), party.user
    (holder, watch), (owner, _) = party.start(), party.start()

    def hold(step, count):
        hold_until_wished(party)(step, count)
        if (step, count) == ("GetUserPolicy", 0):
            os.kill(owner.process.pid, signal.SIGKILL)

    watch.spoil = hold
    event = user.denial("clip-2")
    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(holder.invoke, user.denial("clip-1"))
        wait_until(party.lock, what="the lock")
        with pytest.raises(ProcessEnded):
            owner.invoke(event)
        assert holding.result().body["outcome"] == "granted"
    assert user.granted() == {"clip-1", "clip-2"} and party.puts() == 1
    assert notices.of(user, "clip-2") == []
    again = party.start()[0].invoke(event)
    assert (again.body["outcome"], again.body["notice"]) == ("granted", "published"), again
    assert notices.of(user, "clip-2") == ["granted"]
    assert party.start()[0].invoke(event).body["notice"] == "suppressed"


def test_a_wish_that_the_holder_does_not_admit_is_decided_by_its_owner(account, party):
    """The holder's list is another one by now; each decides by its own."""
    notices, user = Notices(account), party.user
    (holder, watch), (owner, _) = party.start(ALLOWLIST=NARROW), party.start()
    watch.spoil = hold_until_wished(party)
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(holder.invoke, user.denial("clip-1"))
        wait_until(party.lock, what="the lock")
        reply = owner.invoke(user.denial("clip-2"))
        assert holding.result().body["outcome"] == "granted"
    assert reply.body["outcome"] == "granted" and user.granted() == {"clip-1", "clip-2"}
    assert user.keeps_foreign() and party.puts() == 2 and not party.violations()
    assert notices.of(user) == ["granted"] * 2


def test_a_wish_is_granted_for_as_long_as_the_holder_s_list_says(account, party):
    """Never for longer than the list of whoever writes it admits."""
    user = party.user
    (holder, watch), (owner, _) = party.start(ALLOWLIST=LEASED), party.start()
    watch.spoil = hold_until_wished(party)
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(holder.invoke, user.denial("clip-1"))
        wait_until(party.lock, what="the lock")
        reply = owner.invoke(user.denial("clip-2"))
        assert holding.result().body["outcome"] == reply.body["outcome"] == "granted"
    [own] = [statement for statement in user.statements() if arn("clip-2") in statement["Resource"]]
    assert party.puts() == 1 and user.granted() == {"clip-1", "clip-2"}
    assert own["Condition"]["DateLessThan"]["aws:CurrentTime"] == ends(30)
    assert ends(30) in reply.body["summary"] or ends(30)[:10] in reply.body["summary"], reply


def test_wishes_that_find_no_room_take_nobody_s_grant_away(account, party, figure):
    """IAM's quota, which the engines do not have: 2,048 characters of a user's inline policies."""
    notices, user = Notices(account), party.user
    functions = []
    quota = 640

    def refuse_what_is_too_long(action, _count, parameters):
        document = json.loads(parameters.get("PolicyDocument", "{}"))
        if len(json.dumps(document, separators=(",", ":"))) > quota:
            return Fault(error(409, "LimitExceeded"))
        return None

    for _ in range(3):
        function, watch = party.start()
        before = watch.proxy.fault_of
        watch.proxy.fault_of = lambda *call, before=before: before(*call) or refuse_what_is_too_long(*call)
        functions.append(function)
    party.watches[0].spoil = hold_until_wished(party, 2)
    names = ["clip-1", f"clip-{'2' * 55}", f"clip-{'3' * 55}"]
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(functions[0].invoke, user.denial(names[0]))]
        wait_until(party.lock, what="the lock")
        waiting += [pool.submit(function.invoke, user.denial(name)) for function, name in zip(functions[1:], names[1:])]
        replies = [each.result() for each in waiting]
    said = [reply.body.get("reason") or reply.body.get("outcome") for reply in replies]
    figure(f"ledger, three wishes for too little room: {' '.join(map(str, said))}")
    assert said[0] == "granted" and set(said[1:]) <= {"granted", "policy_full"} and "policy_full" in said, replies
    kept = {name for name, reply in zip(names, replies) if reply.body["outcome"] == "granted"}
    assert user.granted() == kept and user.keeps_foreign() and not party.violations()
    for name, reply in zip(names, replies):
        assert notices.of(user, name) == [reply.body["outcome"]]
