"""Each call of a grant spoiled in each way, those of DynamoDB, IAM and SNS; Lambda tries an event three times.

In the end the grant is there and was reported, no statement is lost, IAM was written under the lock alone, and each reply is an
outcome or an error with a code. The cases of a row run at once, each with a user of its own.
"""

import collections
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.deliveries import Environment, deliver, shown
from support.dynamodb_calls import SPOILED, SPOILED_ELSEWHERE
from support.own_user import Notices, wait_until
from support.party import Party

# An error without one of them would be Lambda's own.
CODES = {
    *{"LedgerUnavailable", "LedgerAccessDenied", "BadConfiguration", "OutOfTime"},
    *{"IamCallFailed", "IamAccessDenied", "GrantNotConfirmed", "NoticeNotSent"},
}
# For how long: one call; every call of its kind from then on, in the first delivery; every one.
ONCE, FIRST_DELIVERY, ALWAYS = "once", "first delivery", "always"
# What the SDK's own retries make good.
PASSING = {"throttled", "500", "reset", "hang", "500, carried out", "hang, carried out"}
# Without an end, these stand for the others.
LASTING = {"throttled", "access denied"}
# These end a delivery at once.
AT_ONCE = {"garbage", "access denied"}
# A function may take so long: longer than a notice that somebody is about to publish is waited for.
TIMEOUT = {"condition failed": 18.0}
INTERVAL = 5


class Case(Party):
    """One user; the first function that writes their policy is spoiled."""

    def __init__(self, account, dynamodb, table, spoil=None):
        super().__init__(account, dynamodb, table)
        self.environment, self.watch = self.start(NOTICE_INTERVAL=str(INTERVAL))
        self.replies, self.hits, self.is_first = [], 0, True
        if spoil:
            (step, nth), fault, scope = spoil

            def spoil(found, count):
                is_its_time = {
                    ONCE: count == nth and self.hits == 0,
                    FIRST_DELIVERY: count >= nth and self.is_first,
                    ALWAYS: count >= nth,
                }[scope]
                self.hits += is_its_time and found == step
                return fault if is_its_time and found == step else None

            self.watch.spoil = spoil

    def start(self, **variables):
        """As in `Party`, but Lambda replaces the function when its process ends."""
        environment = Environment(self.behind_proxy(**variables))
        return self.stack.enter_context(environment), self.watches[-1]

    def deliver(self, name, timeout):
        def on_delivery(number):
            self.is_first = self.is_first and number == 0
            self.watch.fresh()

        replies = deliver(self.environment, self.user.denial(name), timeout, on_delivery)
        self.replies.append(replies)
        return replies[-1] is not None and not replies[-1].is_error


def grant(case, notices, timeout):
    """One function alone."""
    if not case.deliver("clip-1", timeout):
        return "not granted"
    granted, told = case.user.granted(), notices.of(case.user)
    return None if granted == {"clip-1"} and "granted" in told else f"granted {granted}, reported {told}"


def wish(case, notices, timeout):
    """Another one has the lock, until a wish was left or some time has passed."""
    other, watch = case.start()

    def hold(step, count):
        if step == "GetUserPolicy" and count == 0:
            deadline = time.monotonic() + 2
            while not case.items("wish#") and time.monotonic() < deadline:
                time.sleep(0.02)

    watch.spoil = hold
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(deliver, other, case.user.denial("clip-2"))
        wait_until(lambda: "owner" in case.lock(), what="the other one's lock")
        is_over = case.deliver("clip-1", timeout)
        if holding.result()[-1].is_error:
            return f"the other one: {shown(holding.result())}"
    granted, told = case.user.granted(), [notices.of(case.user, name) for name in ("clip-1", "clip-2")]
    if is_over and granted == {"clip-1", "clip-2"} and all("granted" in each for each in told):
        return None
    return f"granted {granted}, reported {told}"


def notice(case, notices, timeout):
    """A notice, its repeat, and the next notice."""
    results = []
    for pause in (0, 0, INTERVAL + 1.2):
        time.sleep(pause)
        results.append(case.deliver("other-1", timeout))
    told = notices.of(case.user)
    if case.user.granted():
        return "granted"
    return None if results == [True] * 3 and "refused" in told else f"reported {told}"


def of_iam(case, notices, timeout):
    """The calls of IAM and SNS for one function alone."""
    return grant(case, notices, timeout)


# What the others do not call already.
SCENES = {
    grant: lambda step: "Item" in step or "Query" in step,
    of_iam: lambda step: "Item" not in step and "Query" not in step,
    wish: lambda step: "Item" in step and "wish" in step,
    notice: lambda step: step.endswith(("event", "left-out", "state")),
}
# What fails while one waits for others is waited for as well: these rows are long, and fewer.
OF_WISHES = ["throttled", "hang", "garbage", "access denied", "condition failed", "500, carried out"]
OF_NOTICES = ["throttled", "condition failed", "500, carried out"]
ROWS = [
    *((grant, name) for name in SPOILED),
    *((of_iam, name) for name in SPOILED_ELSEWHERE),
    *((wish, name) for name in OF_WISHES),
    *((notice, name) for name in OF_NOTICES),
]


def steps(scene, account, dynamodb, table):
    """The calls that are to be spoiled, as they are when all goes well."""
    with Case(account, dynamodb, table) as case:
        assert scene(case, Notices(account), 25.0) is None and not case.violations()
        time.sleep(0.2)
        found = [step for step in dict.fromkeys(case.watch.all) if SCENES[scene](step[0])]
    # How often one looks for an answer is not the same each time.
    return [(step, count) for step, count in found if scene != wish or count == 0]


@pytest.mark.parametrize(("scene", "name"), ROWS, ids=[f"{scene.__name__}, {name}" for scene, name in ROWS])
def test_a_spoiled_call(scene, name, account, dynamodb, table, figure):
    notices = Notices(account)
    scopes = [ONCE, *([FIRST_DELIVERY] if name not in AT_ONCE else []), *([ALWAYS] if name in LASTING and scene == grant else [])]

    def play(given):
        step, scope = given
        fault = (SPOILED_ELSEWHERE if scene == of_iam else SPOILED)[name]
        with Case(account, dynamodb, table, (step, fault, scope)) as case:
            problem = scene(case, notices, TIMEOUT.get(name, 25.0))
            said = "; ".join(shown(replies) for replies in case.replies)
            wrong = [*case.violations(), *([problem] if problem and scope != ALWAYS else [])]
            replies = [reply for replies in case.replies for reply in replies if reply]
            wrong += [f"{reply}" for reply in replies if reply.is_error and reply.body["errorType"] not in CODES]
            if not case.hits:
                wrong.append("the fault was never met")
            if not case.user.keeps_foreign():
                wrong.append("a statement of somebody else is lost")
            if scope == ONCE and name in PASSING and scene != of_iam and any(len(replies) > 1 for replies in case.replies):
                wrong.append("the SDK did not try again")
        return f"{step[0]} ({step[1] + 1}), {name}, {scope}: {said}", said, wrong

    given = list(itertools.product(steps(scene, account, dynamodb, table), scopes))
    with ThreadPoolExecutor(len(given)) as pool:
        found = list(pool.map(play, given))
    wrong = [f"{what}: {'; '.join(problems)}" for what, _, problems in found if problems]
    assert not wrong, "\n".join(wrong)
    ways = collections.Counter(said for _, said, _ in found).most_common()
    figure(f"ledger faults, {scene.__name__}, {name}: {len(found)} cases: {', '.join(f'{said} ({n})' for said, n in ways)}")
