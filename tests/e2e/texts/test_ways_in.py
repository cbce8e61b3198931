"""The ways into the function besides CloudTrail's: which events and lines the template lets through to it."""

import json
import time

import pytest

from local.aws import ROOT
from local.proxy import Answer, Fault
from support import log_filter
from support.bus import lets_through
from support.denied import denied, user
from support.log_batch import batch, each
from support.reports import SOURCE, report_pattern

EVENTS = sorted((ROOT / "events").glob("*.json"))


@pytest.fixture
def reports(template, account):
    with lets_through(account, report_pattern(template)) as send:
        yield send


def report(**fields):
    return {"source": SOURCE, "detail-type": "Lambda Invoke Denied", "detail": {"errorMessage": DENIED}, **fields}


DENIED = json.loads((ROOT / "events/user.json").read_text())["detail"]["errorMessage"]
# (what an application puts on the bus, whether it is a report)
PUT = {
    "a report": (report(), True),
    "with more in it": (report(detail={"errorMessage": DENIED, "job": {"id": 7}}), True),
    "without a text": (report(detail={}), True),
    "of another source": (report(source="com.example.other"), False),
    "of a source that begins alike": (report(source="com.example.clips.eu"), False),
    "of a source in other letters": (report(source="com.example.Clips"), False),
    "of another type": (report(**{"detail-type": "Order Placed"}), False),
    "of a type in other letters": (report(**{"detail-type": "lambda invoke denied"}), False),
    "as CloudTrail's record": (report(**{"detail-type": "AWS API Call via CloudTrail"}), False),
}


@pytest.mark.parametrize("case", PUT)
def test_the_rule_of_the_reports_takes_these_and_nothing_else(case, reports):
    event, is_report = PUT[case]
    delivered = [json.loads(body) for body in reports(event)]
    assert [item["detail"] for item in delivered] == ([event["detail"]] if is_report else [])


BROKEN = [
    DENIED.replace(":", "\\u003a"),
    DENIED.upper(),
    DENIED.replace("is not authorized", "is not autho\x1b[1mrized"),
    "cutter because no identity-based policy allows the lambda:InvokeFunction action",
    "AccessDeniedException: failed",
]


def test_the_wider_pattern_takes_what_the_phrase_drops(template):
    narrow = template["Resources"]["DeniedInvokeLines"]["Properties"]["FilterPattern"]
    [wide] = [line.strip() for line in (ROOT / "docs/reporting.md").read_text().splitlines() if line.strip().startswith('?"')]
    for line in BROKEN:
        assert log_filter.matches(wide, line) and not log_filter.matches(narrow, line), line
    assert log_filter.matches(wide, DENIED) and log_filter.matches(narrow, DENIED)
    assert not log_filter.matches(wide, "Task timed out after 3.00 seconds")


def test_a_report_of_another_account_is_not_taken(template, account):
    """What another account puts on the bus names that account, and so the pattern of this one's stack does not take it."""
    with lets_through(account, report_pattern(template, **{"AWS::AccountId": "111122223333"})) as send:
        assert send(report()) == []


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_the_rule_of_the_reports_leaves_cloudtrails_records_to_the_other(path, reports):
    event = json.loads(path.read_text())
    if isinstance(event, dict) and isinstance(event.get("detail"), dict):
        assert reports(event) == []


def test_both_rules_deliver_with_the_same_care(translated):
    [ours], [reports] = (translated["Resources"][name]["Properties"]["Targets"] for name in ("FunctionDeniedInvoke", "ReportRule"))
    assert {**ours, "Id": None} == {**reports, "Id": None}


@pytest.fixture
def lines(template, account):
    """Another engine: CloudWatch Logs' filter pattern as moto reads it, on a group with these lines. Gives those it takes."""
    logs, group = account.client("logs"), "lines"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    pattern = template["Resources"]["DeniedInvokeLines"]["Properties"]["FilterPattern"]

    def taken(texts):
        now = int(time.time() * 1000)
        events = [{"timestamp": now + index, "message": text} for index, text in enumerate(texts)]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
        found = [item["message"] for item in logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]]
        # The filter of these tests, which shall agree.
        assert found == [text for text in texts if log_filter.matches(pattern, text)]
        return found

    yield taken
    logs.delete_log_group(logGroupName=group)


def as_logged(message):
    """How an error's text stands in a log: by itself, in a traceback, in JSON, in JSON in JSON."""
    return [
        message,
        f"botocore.errorfactory.AccessDeniedException: An error occurred (AccessDeniedException) when calling the Invoke operation: {message}",
        json.dumps({"level": "error", "message": f"AccessDeniedException: {message}"}),
        json.dumps({"log": json.dumps({"error": message})}),
    ]


def test_the_filter_takes_each_line_with_a_denied_invoke(lines):
    """Of each event file that the function does not ignore and that has such a text."""
    texts = []
    for path in EVENTS:
        event = json.loads(path.read_text())
        outcomes = each(json.loads((path.parent / "expected" / path.name).read_text()))
        is_ignored = all(outcome["outcome"] == "ignored" for outcome in outcomes)
        detail = event.get("detail", event) if isinstance(event, dict) else None
        message = detail.get("errorMessage") if isinstance(detail, dict) else event
        if not is_ignored and isinstance(message, str) and "not authorized to perform" in message:
            texts += as_logged(message)
    assert len(texts) > 100
    assert lines(texts) == texts


def test_the_filter_leaves_other_lines(lines):
    others = [
        "started", " ", '{"message": "outcome", "outcome": "granted"}', DENIED.replace("InvokeFunction", "GetFunction"),
        DENIED.replace("lambda:InvokeFunction", "sns:Publish"), DENIED.replace("is not authorized", "is authorized"),
        "perform: lambda:InvokeFunction is not authorized to",
    ]  # fmt: skip
    assert lines(others) == []


OWN_LOG = {"a log group of its own": {"AWS_LAMBDA_LOG_GROUP_NAME": "/own"}, "Lambda's default": {"AWS_LAMBDA_FUNCTION_NAME": "own"}}


@pytest.mark.parametrize("variables", OWN_LOG.values(), ids=OWN_LOG)
def test_a_loop_through_the_own_log_ends(variables, start, template, calls):
    """All that the binary logs of a batch from its own log group is given to it as the next batch of that group."""
    group = variables.get("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/own")
    pattern = template["Resources"]["DeniedInvokeLines"]["Properties"]["FilterPattern"]
    with start(**variables) as function:
        before = function.output().splitlines()
        [outcome] = function.invoke(batch("START", denied(user("shop-batch")), denied(user("stranger")), log_group=group)).body
        assert (outcome["outcome"], outcome["reason"], outcome["notice"]) == ("refused", "contradictory_event", "published")
        assert f"own log group `{group}`" in outcome["summary"]
        written = function.output().splitlines()[len(before) :]
        assert [line for line in written if log_filter.matches(pattern, line)] == []
        # A subscription that takes every line brings them; of these nothing is logged, and nobody is told again.
        for _ in range(3):
            [outcome] = function.invoke(batch(*written, log_group=group)).body
            assert (outcome["reason"], outcome["notice"]) == ("contradictory_event", "suppressed")
            assert function.output().splitlines() == before + written
        assert len(function.outcome_lines()) == 1 and calls.actions() == ["sns:Publish"]
        # From any other log group the same lines are handled.
        assert function.invoke(batch(denied(user("shop-batch")), log_group=f"{group}2")).body[0]["outcome"] == "granted"


def test_what_sns_says_does_not_come_back_through_the_own_log(start, calls):
    """The binary's log of a notice that failed, the runtime's lines included, holds nothing that may tell of a denial."""
    words = f"<ErrorResponse><Error><Code>AuthorizationError</Code><Message>{DENIED}</Message></Error></ErrorResponse>"
    calls.fault = lambda action, count: Fault(Answer(403, words.encode()))
    try:
        with start(AWS_LAMBDA_LOG_GROUP_NAME="/own") as function:
            reply = function.invoke(batch(DENIED, log_group="/own"))
            assert (reply.is_error, reply.body["errorType"]) == (True, "NoticeNotSent")
            written = function.output().splitlines()
            assert "NoticeNotSent" in "".join(written) and "authorized" not in "".join(written)
            assert function.invoke(batch(*written, log_group="/own")).body == []
            assert function.output().splitlines() == written
    finally:
        calls.fault = lambda action, count: None
