"""Lines of a log over the wire: each has its outcome, one that fails stops no other, and no archive takes much memory."""

import gzip
import json

import pytest

from local.aws import ACCOUNT
from local.proxy import DROP, Fault
from support.denied import denied, session, user
from support.log_batch import batch, payload
from support.peak import peak_kib
from support.policies import document, for_good
from support.texts import BATCH, QUOTE, granted, logged, told

GARBAGE = [
    "", "\0\x1b[31m", "\ufffd\0 is not authorized to perform: lambda:InvokeFunction on resource: * User:", "User: not authorized",
    json.dumps({"message": "outcome", "outcome": "granted"}), "x" * 100_000, None, 7, ["a"], {"id": [], "timestamp": "x", "message": {}},
]  # fmt: skip


def test_every_line_of_a_log_has_its_outcome(function, account):
    good = [denied(user("shop-batch")), f"2026 ERROR {json.dumps({'error': denied(session('checkout'))})}"]
    bad = [denied(user("remotion_user"), "ffmpeg-clip-cutter"), denied(user("stranger"))]
    explicit = denied(user("shop-batch"), clause=" with an explicit deny in a service control policy")
    lines = [*GARBAGE[:3], good[0], *GARBAGE[3:6], bad[0], good[1], *GARBAGE[6:], bad[1], good[0], explicit]
    reply = function.invoke(batch(*lines))
    assert not reply.is_error
    # One for each line, in their order, and one that says that some were in a strange form.
    assert len(reply.body) == len(lines) + 1
    found = {}
    for outcome in reply.body:
        assert outcome["source"] == "log"
        found[outcome["eventId"]] = outcome["reason"] or outcome["outcome"]
    ids = {index: f"line-{index}" for index in range(len(lines))}
    expected = {ids[3]: "granted", ids[7]: "not_allowlisted", ids[8]: "granted"}
    expected |= {ids[len(lines) - 3]: "not_allowlisted", ids[len(lines) - 2]: "already_granted", ids[len(lines) - 1]: "not_identity_based"}
    # That looks like a denial and is none.
    expected[ids[2]] = "contradictory_event"
    assert {line: what for line, what in found.items() if what != "not_a_denied_invoke" and line} == expected
    assert reply.body[-1]["eventId"] is None and reply.body[-1]["reason"] == "contradictory_event"
    assert "`logEvents[9]`" in reply.body[-1]["summary"]
    # The log tells of what was about a denied invoke, and of nothing else.
    in_order = lambda outcomes: sorted(outcomes, key=json.dumps)  # noqa: E731
    assert in_order(logged(function)) == in_order(outcome for outcome in reply.body if outcome["outcome"] != "ignored")
    assert granted(account) == {BATCH: document(for_good(QUOTE)), "role/checkout": document(for_good(QUOTE))}
    arns = {name: f"arn:aws:iam::{ACCOUNT}:{name}" for name in (BATCH, "role/shop/checkout", "user/remotion_user", "user/stranger")}
    assert sorted(told(account, "log"), key=str) == sorted(
        [
            ("granted", arns[BATCH]), ("already_granted", arns[BATCH]), ("not_identity_based", arns[BATCH]),
            ("granted", arns["role/shop/checkout"]), ("not_allowlisted", arns["user/remotion_user"]),
            ("not_allowlisted", arns["user/stranger"]), ("contradictory_event", None), ("contradictory_event", None),
        ],
        key=str,
    )  # fmt: skip


# (the call that fails during the first delivery, how many lines fail of it, whether the user's policy was written all the same)
FAILING = {
    "iam:GetUser": ("IamCallFailed", 1, False),
    "iam:GetUserPolicy": ("IamCallFailed", 1, False),
    "iam:PutUserPolicy": ("IamCallFailed", 1, False),
    "sns:Publish": ("NoticeNotSent", 3, True),
}


@pytest.mark.parametrize("is_replaced", [False, True], ids=["same process", "another process"])
@pytest.mark.parametrize("call", FAILING)
def test_a_line_that_fails_is_finished_by_the_retry(call, is_replaced, start, account, calls):
    code, failed, is_written = FAILING[call]
    event = batch("x", denied(user("shop-batch")), denied(session("checkout")), denied(user("stranger")))
    both = {BATCH: document(for_good(QUOTE)), "role/checkout": document(for_good(QUOTE))}
    calls.fault = lambda action, count: Fault(DROP) if action == call else None
    try:
        with start() as function:
            reply = function.invoke(event)
            assert (reply.is_error, reply.body["errorType"]) == (True, code)
            assert reply.body["errorMessage"].startswith(f"{failed} of 4 lines failed, the first since ")
            # The others are done, and told.
            assert granted(account) == {name: policy for name, policy in both.items() if is_written or name != BATCH}
            first = told(account, "log")
            assert [what for what, _ in first].count("granted") == (failed == 1)
            calls.fault = lambda action, count: None
            if not is_replaced:
                reply = function.invoke(event)
        if is_replaced:
            with start() as function:
                reply = function.invoke(event)
    finally:
        calls.fault = lambda action, count: None
    assert not reply.is_error and granted(account) == both
    outcomes = [outcome["reason"] or outcome["outcome"] for outcome in reply.body]
    assert outcomes[0] == "not_a_denied_invoke" and outcomes[3] == "not_allowlisted"
    assert set(outcomes[1:3]) <= {"granted", "already_granted"}
    # Each of the three was told of in the end; whom it was granted to, that it was granted, unless who wrote it is gone.
    after = told(account, "log")
    parties = [user("shop-batch"), f"arn:aws:iam::{ACCOUNT}:role/shop/checkout"]
    for party in parties:
        assert {what for what, about in first + after if about == party} <= {"granted", "already_granted"}
        if not (is_replaced and is_written):
            assert [what for what, about in first + after if about == party].count("granted") == 1
    assert {about for _, about in first + after} == {*parties, user("stranger")}
    if not is_replaced:
        # Nobody hears the same twice.
        assert len(first + after) == 3


def test_a_batch_in_dry_run_writes_nothing(start, account):
    with start(MODE="dry-run") as function:
        outcomes = function.invoke(batch(denied(user("shop-batch")), denied(session("checkout")))).body
    assert [outcome["outcome"] for outcome in outcomes] == ["would_grant"] * 2
    assert granted(account) == {} and [what for what, _ in told(account, "log")] == ["would_grant"] * 2


MIB = 1024 * 1024
HEAD = b'{"messageType": "DATA_MESSAGE", "owner": "281502313273", "logEvents": [{"id": "good", "message": "%s"}, '
GOOD = HEAD % denied(user("shop-batch")).encode()


def member(content):
    return gzip.compress(content)


def bomb(start, each):
    """As much as fits into 1 MiB of base64: `start`, and then one member of an archive over and over."""
    head, again = member(start), member(each)
    return head + again * ((MIB * 3 // 4 - 1024 - len(head)) // len(again))


LINE = b'{"id": "x", "timestamp": 1, "message": "%s"}, '
BOMBS = {
    "zeros in one line": lambda: bomb(GOOD + b'{"message": "not authorized ', b"0" * MIB),
    "zeros behind the lines": lambda: bomb(GOOD + b'1], "x": "', b"0" * MIB),
    "one deep list": lambda: bomb(GOOD + b'1], "x": ', b"[" * MIB),
    "empty lines": lambda: bomb(GOOD, b"{}, " * (MIB // 4)),
    "lines that have to be read": lambda: bomb(GOOD, LINE % (b"not authorized " + b"0" * 3_000) * 300),
    "long lines that have to be read": lambda: bomb(GOOD, LINE % (b"not authorized " + b"\\u0001" * (MIB // 8))),
    "denials": lambda: bomb(GOOD, LINE % denied(user("stranger")).encode() * 3_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_a_log_is_answered_with_little_memory(name, start, account, figure):
    """128 MB are all that the smallest function has; the lines before the damage are handled."""
    event = json.dumps(payload(BOMBS[name]())).encode()
    assert 0.9 * MIB < len(event) <= MIB
    with start() as function:
        reply = function.invoke(event)
        peak = peak_kib(function)
        assert not reply.is_error
        assert (reply.body[0]["outcome"], reply.body[0]["eventId"]) == ("granted", "good")
        assert len(json.dumps(reply.body, separators=(",", ":"))) < 6_000_000
        # In the reply it may have found no room.
        [unread] = [outcome for outcome in logged(function) if outcome["reason"] == "contradictory_event"]
        assert "the batch cannot be read in full" in unread["summary"] and unread["notice"] == "published"
        assert function.invoke(batch(denied(session("checkout")))).body[0]["outcome"] == "granted"
    figure(f"bomb: {name:32} {len(reply.body):6} outcomes, peak memory {peak // 1024} MiB")
    assert granted(account).keys() == {BATCH, "role/checkout"}
    assert peak * 1024 < 128_000_000
