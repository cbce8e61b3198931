"""Several writers of one policy at once: no grant gets lost, and nothing that was there before."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from conftest import BINARY
from local import proxy, runtime_api
from local.aws import ROOT

WRITERS = 10
TRIALS = 20
FOREIGN = {"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def denial(index):
    text = (ROOT / "events/user.json").read_text().replace("ffmpeg-clip-cutter", f"ffmpeg-{index}")
    return text.encode()


def arn(index):
    return f"arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-{index}"


@pytest.fixture(scope="module")
def slow(the_account):
    """A proxy that delays each call by up to 50 ms, at random."""
    with proxy.proxy(the_account.endpoint) as found:
        found.delay = 0.05
        yield found


@pytest.mark.parametrize("trial", range(TRIALS))
def test_ten_processes_write_one_policy(trial, account, slow, figure):
    list_of_all = json.loads(account.environment()["ALLOWLIST"])
    list_of_all["rules"][0]["functions"] = ["arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-*"]
    account.put_policy("user/remotion_user", {"Version": "2012-10-17", "Statement": [FOREIGN]})
    slow.clear()
    variables = account.environment(endpoint=slow.endpoint, ALLOWLIST=json.dumps(list_of_all))
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
