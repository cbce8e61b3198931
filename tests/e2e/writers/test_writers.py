"""Several writers of one policy at once: no grant gets lost, and nothing that was there before."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from local import proxy, runtime_api
from local.aws import ROOT
from support.binaries import BINARY

WRITERS = 10
TRIALS = 20
FOREIGN = {"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def denial(index):
    text = (ROOT / "events/user.json").read_text().replace("ffmpeg-clip-cutter", f"ffmpeg-{index}")
    return text.encode()


def arn(index):
    return f"arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-{index}"


def allowlist_of_all(account):
    document = json.loads(account.environment()["ALLOWLIST"])
    document["rules"][0]["functions"] = ["arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-*"]
    return json.dumps(document)


@pytest.fixture(scope="module")
def slow(the_account):
    """A proxy that delays each call by up to 50 ms, at random."""
    with proxy.proxy(the_account.endpoint) as found:
        found.delay = 0.05
        yield found


@pytest.mark.parametrize("trial", range(TRIALS))
def test_ten_processes_write_one_policy(trial, account, slow, figure):
    account.put_policy("user/remotion_user", {"Version": "2012-10-17", "Statement": [FOREIGN]})
    slow.clear()
    variables = account.environment(endpoint=slow.endpoint, ALLOWLIST=allowlist_of_all(account))
    with ExitStack() as stack, ThreadPoolExecutor(WRITERS) as pool:
        functions = [stack.enter_context(runtime_api.function(BINARY, variables)) for _ in range(WRITERS)]
        began = time.monotonic()
        replies = list(pool.map(lambda index: functions[index].invoke(denial(index)), range(WRITERS)))
        took = time.monotonic() - began
    assert [reply.body.get("outcome") for reply in replies] == ["granted"] * WRITERS, replies
    statements = account.policy("user/remotion_user")["Statement"]
    kept = [index for index in range(WRITERS) if {arn(index), f"{arn(index)}:*"} <= set(statements[1]["Resource"])]
    puts = slow.actions().count("iam:PutUserPolicy")
    figure(f"writers, trial {trial + 1:2}: {len(kept)} of {WRITERS} grants kept, {puts} puts, {took:.1f} s")
    assert kept == list(range(WRITERS))
    assert statements[0] == FOREIGN and len(statements) == 2
    assert len(statements[1]["Resource"]) == 2 * WRITERS


def test_a_slow_writer_is_waited_for(account, figure):
    """One writer reads before another's write is carried out, and writes after it, as slowly as the rule allows."""
    variables = dict(ALLOWLIST=allowlist_of_all(account))
    account.put_policy("user/remotion_user", {"Version": "2012-10-17", "Statement": [FOREIGN]})
    quick_puts, slow_has_read, quick_has_put = threading.Event(), threading.Event(), threading.Event()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(2))
        before_quick, before_slow = (stack.enter_context(proxy.proxy(account.endpoint)) for _ in range(2))
        quick, slow = (
            stack.enter_context(runtime_api.function(BINARY, account.environment(endpoint=each.endpoint, **variables)))
            for each in (before_quick, before_slow)
        )
        for function in (quick, slow):
            # Both are up and running before it begins.
            function.invoke((ROOT / "events/invoke-allowed.json").read_bytes())

        def hold_quick(action, count):
            if (action, count) == ("iam:PutUserPolicy", 0):
                quick_puts.set()
                slow_has_read.wait(10)

        def carried_out_quick(action, count):
            if action == "iam:PutUserPolicy":
                quick_has_put.set()

        def carried_out_slow(action, count):
            if (action, count) == ("iam:GetUserPolicy", 0):
                slow_has_read.set()
                quick_has_put.wait(10)
                time.sleep(0.5)

        def hold_slow(action, count):
            if (action, count) == ("iam:PutUserPolicy", 0):
                time.sleep(0.7)

        before_quick.fault, before_quick.before_answer = hold_quick, carried_out_quick
        before_slow.fault, before_slow.before_answer = hold_slow, carried_out_slow
        first = pool.submit(quick.invoke, denial(1))
        assert quick_puts.wait(10)
        second = pool.submit(slow.invoke, denial(2))
        replies = [first.result(), second.result()]
    assert [reply.body.get("outcome") for reply in replies] == ["granted"] * 2, replies
    resources = account.policy("user/remotion_user")["Statement"][1]["Resource"]
    assert {arn(1), arn(2)} <= set(resources)
    # The slow one's first put took the quick one's grant away, and that was noticed.
    assert before_quick.actions().count("iam:PutUserPolicy") == 2
    figure("writers: a grant that a slow writer took away was noticed and added again")
