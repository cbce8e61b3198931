"""`make redrive`: the events of both dead-letter queues go to the function again, and none is lost."""

import json
import re

import pytest

from local.aws import ACCOUNT, REGION
from local.proxy import DROP, Fault
from support.denied import denied, user
from support.events import event
from support.log_batch import batch
from support.stack_targets import QUEUES, is_told_plainly

GRANTED = "user/remotion_user  ffmpeg-clip-cutter"
# As a log has it.
DENIED = f"[ERROR] {denied(user('shop-batch'))}"


def failed(the_event, outputs, function=None):
    """The record that Lambda writes of an asynchronous invocation that failed."""
    function = function or outputs["FunctionName"]
    return {
        "version": "1.0",
        "timestamp": "2026-09-14T23:20:00.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": the_event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "IamCallFailed", "errorMessage": "..."},
    }


def test_what_both_queues_hold_is_granted(make, queue, outputs, front, with_function, account):
    queue.send("FailedInvocations", failed(event(), outputs))
    # Word for word: the function is to read what EventBridge sent.
    body = json.dumps(event("not-allowlisted"), indent=3, ensure_ascii=False) + "\n"
    queue.send("UndeliveredEvents", body)
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stderr
    assert f"granted  -  {GRANTED}" in done.stdout
    assert "refused  not_allowlisted  user/stranger  ffmpeg-clip-cutter" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 done and deleted, 0 stay."
    assert account.policy("user/remotion_user") is not None
    assert [queue.visible(name) for name in QUEUES] == [0, 0]
    assert [name for name, _ in front.invoked] == [outputs["FunctionName"]] * 2
    assert json.loads(front.invoked[0][1]) == event()
    assert front.invoked[1][1] == body.encode()


def test_what_fails_stays_and_stops_nothing(make, queue, outputs, front, start):
    names = [queue.send("FailedInvocations", failed(event(), outputs)) for _ in range(2)]
    names.append(queue.send("UndeliveredEvents", event()))
    with start(AWS_ENDPOINT_URL="http://127.0.0.1:1", NOTICE_INTERVAL="0") as function:
        front.function = function
        done = make("redrive", "YES=1")
    assert done.returncode != 0
    for name in names:
        assert re.search(rf"{name}  stays: the function failed: IamCallFailed: iam:GetUserPolicy failed", done.stdout)
    assert done.stdout.splitlines()[-1] == "0 done and deleted, 3 stay."
    # At once there again, for the next try.
    assert [queue.visible(name) for name in QUEUES] == [2, 1]
    assert len(front.invoked) == 3
    with start(NOTICE_INTERVAL="0") as function:
        front.function = function
        assert make("redrive", "YES=1").returncode == 0
    assert [queue.visible(name) for name in QUEUES] == [0, 0]


def without(value, *path):
    """A copy without what is at `path`."""
    copy = json.loads(json.dumps(value))
    *way, last = path
    place = copy
    for key in way:
        place = place[key]
    del place[last]
    return copy


def test_what_holds_no_event_of_this_function_is_named_and_kept(make, queue, outputs, front, with_function):
    record = failed(event(), outputs)
    other_account = {**event(), "account": "111122223333"}
    poison = [
        ("UndeliveredEvents", "no JSON", "its body is not JSON"),
        ("UndeliveredEvents", json.dumps(event())[:200], "its body is not JSON"),
        ("UndeliveredEvents", "[" * 100_000, "its body is not JSON"),
        ("UndeliveredEvents", "[]", "it holds no event with a detail, or was cut off"),
        ("UndeliveredEvents", without(event(), "detail"), "it holds no event with a detail, or was cut off"),
        ("UndeliveredEvents", other_account, "its event is of account 111122223333"),
        # In the wrong queue.
        ("UndeliveredEvents", record, "it holds no event with a detail"),
        ("FailedInvocations", event(), "its body is no record of a failed invocation"),
        ("FailedInvocations", "null", "its body is no record of a failed invocation"),
        ("FailedInvocations", without(record, "requestPayload"), "its body is no record of a failed invocation"),
        ("FailedInvocations", without(record, "requestContext"), "its body is no record of a failed invocation"),
        ("FailedInvocations", failed({}, outputs), "it holds no event with a detail"),
        ("FailedInvocations", failed(other_account, outputs), "its event is of account 111122223333"),
        ("FailedInvocations", failed(event(), outputs, "others"), "it was written for another function, arn:aws:lambda:"),
        ("FailedInvocations", json.dumps(record).replace('"version": "0"', '"version": 1e999'), "its event cannot be written as JSON again"),
    ]
    expected = [(queue.send(name, body), reason) for name, body, reason in poison]
    queue.send("UndeliveredEvents", event())
    done = make("redrive", "YES=1")
    assert done.returncode != 0
    for name, reason in expected:
        assert f"{name}  stays: {reason}" in done.stdout
    assert f"granted  -  {GRANTED}" in done.stdout
    assert done.stdout.splitlines()[-1] == f"1 done and deleted, {len(poison)} stay."
    assert len(front.invoked) == 1
    assert sum(queue.visible(name) for name in QUEUES) == len(poison)


def test_an_event_of_a_megabyte_is_given_on(make, queue, outputs, front, with_function):
    large = event()
    # As JSON without ASCII's escapes nearly 1 MiB, the most that SQS takes; with them, three times as much.
    large["detail"]["padding"] = "é" * 500_000
    queue.send("UndeliveredEvents", json.dumps(large, ensure_ascii=False))
    queue.send("FailedInvocations", json.dumps(failed(large, outputs), ensure_ascii=False))
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(payload) for _, payload in front.invoked] == [large, large]


def test_what_came_in_by_another_way_is_given_on(make, queue, outputs, front):
    """Reports have an account like all events; a text and lines of a log have none, but the record names the function."""
    message = event()["detail"]["errorMessage"]
    report = {"account": ACCOUNT, "source": "com.example.clips", "detail-type": "Lambda Invoke Denied", "detail": {"errorMessage": message}}
    texts = [{"errorMessage": message}, message, {"awslogs": {"data": "H4sI"}}]
    for payload in [report, *texts]:
        queue.send("FailedInvocations", failed(payload, outputs))
    queue.send("UndeliveredEvents", report)
    # In this queue EventBridge puts events alone.
    kept = [queue.send("UndeliveredEvents", item) for item in texts if isinstance(item, dict)]
    kept += [queue.send("FailedInvocations", failed(item, outputs)) for item in ({"errorMessage": 1}, {"awslogs": {}}, {"awslogs": "x"})]
    front.instead = lambda payload: (200, [], b'{"outcome": "refused", "reason": "not_allowlisted"}')
    done = make("redrive", "YES=1")
    for name in kept:
        assert f"{name}  stays: it holds no event with a detail" in done.stdout
    assert done.stdout.splitlines()[-1] == f"5 done and deleted, {len(kept)} stay."
    given = [json.loads(payload) for _, payload in front.invoked]
    assert sorted(given, key=str) == sorted([report, report, *texts], key=str)


LOG = batch("started", DENIED, DENIED, DENIED, denied(user("stranger")), "ended")


def test_lines_of_a_log_are_told_together(make, queue, outputs, front, with_function, account):
    names = [queue.send("FailedInvocations", failed(payload, outputs)) for payload in (LOG, batch(), event("log-control-message"))]
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"{names[0]}  6 lines: 2 ignored, 1 granted, 2 already_granted, 1 refused\n"
        "  granted  -  user/shop-batch  price-quote\n"
        "  already_granted  -  user/shop-batch  price-quote  (2 times)\n"
        "  refused  not_allowlisted  user/stranger  price-quote\n"
    ) in done.stdout
    for name in names[1:]:
        assert f"{name}  0 lines\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "3 done and deleted, 0 stay."
    assert queue.visible("FailedInvocations") == 0
    assert account.policy("user/shop-batch") is not None


def test_a_storm_in_a_log_does_not_fill_the_terminal(make, queue, outputs, front, with_function):
    storm = batch(*[denied(user(f"stranger-{index % 25}")) for index in range(100)])
    queue.send("FailedInvocations", failed(storm, outputs))
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  100 lines: 100 refused\n  refused  not_allowlisted  user/stranger-0  price-quote  (4 times)\n" in done.stdout
    assert "  refused  not_allowlisted  user/stranger-19  price-quote  (4 times)\n  and 5 others" in done.stdout
    assert len(done.stdout.splitlines()) < 30


def test_a_log_of_which_one_line_fails_stays_until_all_are_done(make, queue, outputs, front, start, calls, account):
    name = queue.send("FailedInvocations", failed(LOG, outputs))
    calls.fault = lambda action, count: Fault(DROP) if action == "iam:GetUser" else None
    try:
        with start(NOTICE_INTERVAL="0") as front.function:
            done = make("redrive", "YES=1")
            assert done.returncode != 0
            assert f"{name}  stays: the function failed: IamCallFailed: 3 of 6 lines failed, the first since " in done.stdout
            assert queue.visible("FailedInvocations") == 1
            calls.fault = lambda action, count: None
            assert make("redrive", "YES=1").returncode == 0
    finally:
        calls.fault = lambda action, count: None
    assert queue.visible("FailedInvocations") == 0
    assert account.policy("user/shop-batch") is not None


def test_dry_run_uses_up_no_line(make, queue, outputs, front, start, account):
    name = queue.send("FailedInvocations", failed(LOG, outputs))
    with start(MODE="dry-run") as front.function:
        done = make("redrive", "YES=1")
    assert done.returncode != 0
    assert f"{name}  stays: the function is in dry-run and wrote nothing; Mode=enforce would grant 3 of 6 lines" in done.stdout
    assert queue.visible("FailedInvocations") == 1
    assert account.policy("user/shop-batch") is None


OUTCOME = {"outcome": "granted"}
NO_OUTCOMES = [[OUTCOME, None], [None, OUTCOME], [OUTCOME, {}], [OUTCOME, {"outcome": 1}], [[OUTCOME]], ["granted"], {"0": OUTCOME}, None]


@pytest.mark.parametrize("reply", NO_OUTCOMES, ids=json.dumps)
def test_a_log_without_an_outcome_for_each_line_stays(make, queue, outputs, front, reply):
    queue.send("FailedInvocations", failed(LOG, outputs))
    front.instead = lambda payload: (200, [], json.dumps(reply).encode())
    done = make("redrive", "YES=1")
    assert done.returncode != 0 and "stays: the function's reply is no outcome" in done.stdout
    assert queue.visible("FailedInvocations") == 1


def test_no_more_than_max_are_taken(make, queue, front, with_function):
    for _ in range(3):
        queue.send("UndeliveredEvents", event("not-allowlisted"))
    done = make("redrive", "YES=1", "MAX=2")
    assert done.returncode == 0
    assert "2 done and deleted, 0 stay." in done.stdout and "MAX=2 was reached" in done.stderr
    assert queue.visible("UndeliveredEvents") == 1
    for bad in ("0", "-1", "all", "²"):
        assert f"MAX={bad} is no number" in is_told_plainly(make("redrive", f"MAX={bad}"))


def test_nothing_is_redriven_without_a_yes(make, queue, front, with_function):
    assert "Nothing to do." in make("redrive").stdout
    queue.send("UndeliveredEvents", event())
    assert "YES=1" in is_told_plainly(make("redrive"))
    assert is_told_plainly(make("redrive", answer="\n")) == "Nothing was done."
    assert (queue.visible("UndeliveredEvents"), front.invoked) == (1, [])
    assert make("redrive", answer="yes\n").returncode == 0
    assert queue.visible("UndeliveredEvents") == 0


def test_dry_run_uses_nothing_up(make, queue, front, start):
    queue.send("UndeliveredEvents", event())
    with start(MODE="dry-run") as function:
        front.function = function
        done = make("redrive", "YES=1")
    assert done.returncode != 0
    assert "stays: the function is in dry-run and wrote nothing" in done.stdout
    assert queue.visible("UndeliveredEvents") == 1


@pytest.mark.parametrize("reply", [b"null", b"{}", b'"granted"', b"", b'{"outcome": null}', b"[]", b'[{"outcome": "granted"}]', b"[" * 100_000], ids=len)
def test_a_reply_that_is_no_outcome_deletes_nothing(make, queue, front, reply):
    """Such as that of a function that is another one."""
    queue.send("UndeliveredEvents", event())
    front.instead = lambda payload: (200, [], reply)
    assert make("redrive", "YES=1").returncode != 0
    assert queue.visible("UndeliveredEvents") == 1


def error(status, code):
    return status, [("X-Amzn-Errortype", code), ("Content-Type", "application/json")], b'{"message": "no"}'


def test_a_throttled_function_is_asked_again(make, queue, front, with_function):
    queue.send("UndeliveredEvents", event())
    answers = iter([error(429, "TooManyRequestsException")])
    front.instead = lambda payload: next(answers, None)
    assert make("redrive", "YES=1").returncode == 0
    assert (queue.visible("UndeliveredEvents"), len(front.invoked)) == (0, 2)


def test_what_would_stop_every_message_stops_at_the_first(make, queue, front):
    for _ in range(3):
        queue.send("UndeliveredEvents", event())
    front.instead = lambda payload: error(403, "AccessDeniedException")
    told = is_told_plainly(make("redrive", "YES=1"))
    assert told == "AWS refused Invoke: no (AccessDeniedException)"
    assert (queue.visible("UndeliveredEvents"), len(front.invoked)) == (3, 1)
