"""The same denial in several environments at once: delivered twice by EventBridge, or a caller that tries again and again."""

import collections
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from support.own_user import LIST, Notices, OwnUser, wait_until
from support.party import Party

ENVIRONMENTS = 10


def fleet_of(fleet, **variables):
    return [fleet(ALLOWLIST=json.dumps(LIST), **variables) for _ in range(ENVIRONMENTS)]


def at_once(functions, events):
    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(lambda pair: pair[0].invoke(pair[1]), zip(functions, events)))


def said(replies):
    bodies = [reply.body for reply in replies]
    return collections.Counter((body.get("outcome") or body["errorType"], body.get("notice")) for body in bodies)


def test_one_event_in_ten_environments_at_once(account, calls, fleet, figure):
    user, notices, functions = OwnUser(account), Notices(account), fleet_of(fleet)
    calls.clear()
    replies = at_once(functions, [user.denial("clip-1")] * ENVIRONMENTS)
    puts = calls.actions().count("iam:PutUserPolicy")
    figure(f"ledger, one event in ten environments: {puts} put, {len(notices.of(user))} notice")
    assert not [reply for reply in replies if reply.is_error]
    assert user.granted() == {"clip-1"} and puts == 1
    assert notices.of(user) == ["granted"], said(replies)
    assert sum(reply.body["notice"] == "published" for reply in replies) == 1


def test_one_event_whose_notice_is_still_on_its_way(account, dynamodb, table):
    """The second delivery finds the grant made, and its notice not yet out."""
    notices = Notices(account)
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(1) as pool:
        (first, watch), (second, _) = party.start(), party.start()
        is_publishing = threading.Event()

        def hold(step, count):
            if step == "Publish":
                is_publishing.set()
                time.sleep(1.5)

        watch.spoil = hold
        event = party.user.denial("clip-1")
        publishing = pool.submit(first.invoke, event)
        assert is_publishing.wait(10)
        # The records may go out beside the notice.
        wait_until(lambda: party.items("grant#"), what="the record of the grant")
        replies = [second.invoke(event), publishing.result()]
        assert not [reply for reply in replies if reply.is_error]
        assert notices.of(party.user) == ["granted"], replies
        assert party.user.granted() == {"clip-1"} and party.puts() == 1


def test_one_pair_denied_in_ten_environments_at_once(account, calls, fleet, dynamodb, table, figure):
    user, notices, functions = OwnUser(account), Notices(account), fleet_of(fleet)
    calls.clear()
    replies = at_once(functions, [user.denial("clip-1") for _ in range(ENVIRONMENTS)])
    puts = calls.actions().count("iam:PutUserPolicy")
    figure(f"ledger, one pair in ten environments: {puts} put, {len(notices.of(user))} notices")
    assert {reply.body.get("outcome") for reply in replies} <= {"granted", "already_granted"}, replies
    assert user.granted() == {"clip-1"} and puts == 1
    assert notices.of(user).count("granted") == 1, said(replies)
    # Then it is quiet.
    more = [reply for _ in range(5) for reply in at_once(functions, [user.denial("clip-1") for _ in range(ENVIRONMENTS)])]
    assert set(said(more)) == {("already_granted", "suppressed")}
    assert calls.actions().count("iam:PutUserPolicy") == 1 and notices.of(user).count("granted") == 1


def test_a_refused_event_in_ten_environments_at_once(account, fleet):
    user, notices, functions = OwnUser(account), Notices(account), fleet_of(fleet)
    replies = at_once(functions, [user.denial("other-1")] * ENVIRONMENTS)
    assert said(replies) == {("refused", "published"): 1, ("refused", "suppressed"): ENVIRONMENTS - 1}
    assert notices.of(user) == ["refused"]
