"""An undo while the same grant is being made: whichever comes first, in the end it is taken back and stays so."""

import time
from concurrent.futures import ThreadPoolExecutor

from support.own_user import Notices, wait_until
from support.party import Party
from support.tool import credentials, run


def steps(account, dynamodb, table):
    """The calls of a grant, when all goes well."""
    with Party(account, dynamodb, table) as party:
        function, watch = party.start()
        assert function.invoke(party.user.denial("clip-1")).body["outcome"] == "granted"
        time.sleep(0.2)
        return [step for step in watch.all if "check" not in step[0]]


def play(step, account, dynamodb, table, notices):
    """The grant is held at a step until the undo is over, or waits."""
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(1) as pool:
        function, watch = party.start()
        user, reached, undone = party.user, [], []

        def hold(found, count):
            if (found, count) == step and not reached:
                reached.append(step)
                deadline = time.monotonic() + 2.5
                while not undone and time.monotonic() < deadline:
                    time.sleep(0.02)

        watch.spoil = hold
        event = user.denial("clip-1")
        granting = pool.submit(function.invoke, event)
        wait_until(lambda: reached, what=f"{step}")
        ended = run(*user.undo_arguments("clip-1", table), env=credentials(account.endpoint))
        undone.append(ended)
        reply = granting.result()
        said = f"{reply.body.get('reason') or reply.body.get('outcome') or reply.body.get('errorType')}, undo {ended.returncode}"
        wrong = party.violations()
        if ended.returncode not in (0, 1):
            wrong.append(ended.stderr)
        if user.granted():
            wrong.append(f"it is granted all the same: {ended.stdout}")
        again = function.invoke(event)
        if (again.body.get("outcome"), again.body.get("reason")) != ("refused", "taken_back"):
            wrong.append(f"the same event again: {again}")
        if user.granted() or not user.keeps_foreign():
            wrong.append(f"in the end: {user.statements()}")
        if not [item for item in party.items("undo#")]:
            wrong.append("no record of the undo")
    what = f"held at {step[0]} ({step[1] + 1}): {said}"
    return what, [f"{what}: {problem}" for problem in wrong]


def test_an_undo_while_the_grant_is_made(account, dynamodb, table, figure):
    notices = Notices(account)
    found = steps(account, dynamodb, table)
    # A few at a time: the undo has to come to its reading while the grant is held.
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda step: play(step, account, dynamodb, table, notices), found))
    for said, _ in results:
        figure(f"ledger, undo in between, {said}")
    wrong = [problem for _, problems in results for problem in problems]
    assert not wrong, "\n".join(wrong)


def test_undos_and_grants_at_once(account, dynamodb, table):
    """Three functions are taken back while three others are granted."""
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(6) as pool:
        functions, user = [party.start()[0] for _ in range(3)], party.user
        for index in range(3):
            assert functions[index].invoke(user.denial(f"clip-{index}")).body["outcome"] == "granted"
        env = credentials(account.endpoint)
        undoing = [
            pool.submit(run, *user.undo_arguments(f"clip-{index}", table), env=env) for index in range(3)
        ]
        granting = [pool.submit(functions[index].invoke, user.denial(f"clip-{index + 3}")) for index in range(3)]
        ended = [each.result() for each in undoing]
        assert [each.returncode for each in ended] == [0] * 3, [each.stdout + each.stderr for each in ended]
        assert [each.result().body.get("outcome") for each in granting] == ["granted"] * 3
        assert user.granted() == {"clip-3", "clip-4", "clip-5"} and user.keeps_foreign()
        assert not party.violations()
