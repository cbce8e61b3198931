"""A holder of the lock is killed at each call of its turn, while others wait: the next one takes over, and nothing is lost."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.proxy import DROP, Fault
from local.runtime_api import ProcessEnded
from support.own_user import Notices, wait_until
from support.party import Party

WAITING = ["clip-2", "clip-3"]
# By the table's time, in whole seconds, and some more for those who only look now and then.
TAKEN_OVER_WITHIN = 20


def kill(function):
    os.kill(function.process.pid, signal.SIGKILL)


def play(step, is_carried_out, account, dynamodb, table, notices):
    """Kills the first of three at a step, before the call is carried out or before it is answered. Without a step nobody is
    killed, and the steps are returned."""
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(3) as pool:
        victim, watch = party.start()
        others = [party.start()[0] for _ in WAITING]
        user, killed = party.user, []

        def hold(found, count):
            if (found, count) == ("GetUserPolicy", 0):
                # Until the others wait, so that their wishes are taken along.
                deadline = time.monotonic() + 3
                while len(party.items("wish#")) < len(WAITING) and time.monotonic() < deadline:
                    time.sleep(0.02)
            return spoil(found, count)

        def spoil(found, count):
            if (found, count) == step and not is_carried_out:
                killed.append(time.monotonic())
                kill(victim)
                return Fault(DROP)
            return None

        def after(found, count):
            if (found, count) == step and is_carried_out and not killed:
                killed.append(time.monotonic())
                kill(victim)

        watch.spoil, watch.after = hold, after
        event = user.denial("clip-1")
        first = pool.submit(victim.invoke, event)
        # From here on the victim has the lock, or is dead.
        wait_until(lambda: party.lock() or killed, what="the victim's turn")
        waiting = [pool.submit(function.invoke, user.denial(name)) for function, name in zip(others, WAITING)]
        if step is None:
            assert first.result().body["outcome"] == "granted"
            return [found for found in watch.all if "check" not in found[0]]
        with pytest.raises(ProcessEnded):
            pytest.fail(f"{step} was never met: {first.result()}, {watch.all}")
        replies = [each.result() for each in waiting]
        took = time.monotonic() - killed[0]
        # Lambda delivers the victim's event again.
        replies.append(party.start()[0].invoke(event))
        wrong = party.violations()
        wrong += [f"{reply}" for reply in replies if reply.body.get("outcome") not in ("granted", "already_granted")]
        told = {name: notices.of(user, name) for name in ["clip-1", *WAITING]}
        if user.granted() != set(told):
            wrong.append(f"granted {user.granted()}")
        wrong += [f"{name}: reported {outcomes}" for name, outcomes in told.items() if "granted" not in outcomes]
        if not user.keeps_foreign():
            wrong.append("a statement of somebody else is lost")
        if took > TAKEN_OVER_WITHIN:
            wrong.append(f"taken over after {took:.1f} s")
    what = f"{step[0]} ({step[1] + 1}), {'carried out' if is_carried_out else 'not carried out'}"
    said = f"{party.puts()} puts, {took:.1f} s, notices {sum(map(len, told.values()))}"
    return f"{what}: {said}", [f"{what}: {problem}" for problem in wrong]


@pytest.mark.parametrize("is_carried_out", [True, False], ids=["carried out", "not carried out"])
def test_a_holder_that_is_killed(is_carried_out, account, dynamodb, table, figure):
    notices = Notices(account)
    found = play(None, False, account, dynamodb, table, notices)
    with ThreadPoolExecutor(len(found)) as pool:
        results = list(pool.map(lambda step: play(step, is_carried_out, account, dynamodb, table, notices), found))
    for said, _ in results:
        figure(f"ledger, killed at {said}")
    wrong = [problem for _, problems in results for problem in problems]
    assert not wrong, "\n".join(wrong)
