"""What one environment knows, all know: notices, repeats, grants, events that come twice."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from support.shared import USER, denial, granted, items, outcomes, refusal


def test_a_thousand_refusals_over_ten_environments_are_one_notice(account, fleet, figure):
    functions = [fleet() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda function: [function.invoke(refusal()) for _ in range(100)], functions))
    states = [reply.body["notice"] for each in replies for reply in each]
    assert (states.count("published"), states.count("suppressed")) == (1, 999)
    assert outcomes(account) == ["refused"]
    figure("ledger: 1000 refusals in ten environments, 1 notice")


def test_the_next_notice_says_how_many_all_left_out(account, fleet):
    functions = [fleet(NOTICE_INTERVAL="2") for _ in range(2)]
    assert functions[0].invoke(refusal()).body["notice"] == "published"
    for function in functions * 2:
        assert function.invoke(refusal()).body["notice"] == "suppressed"
    time.sleep(3.2)
    assert functions[1].invoke(refusal()).body["notice"] == "published"
    assert [json.loads(notice["Message"])["leftOut"] for notice in account.notices()] == [0, 4]


def test_an_event_that_comes_twice_is_told_once_and_not_counted(account, fleet):
    """Not even after the quiet interval, or without one."""
    functions = [fleet(NOTICE_INTERVAL="1") for _ in range(2)]
    event = refusal()
    assert functions[0].invoke(event).body["notice"] == "published"
    for function in functions:
        assert function.invoke(event).body["notice"] == "suppressed"
    time.sleep(2.2)
    assert functions[1].invoke(event).body["notice"] == "suppressed"
    assert functions[1].invoke(refusal()).body["notice"] == "published"
    assert [json.loads(notice["Message"])["leftOut"] for notice in account.notices()] == [0, 0]
    loud = fleet(NOTICE_INTERVAL="0")
    assert loud.invoke(event).body["notice"] == "suppressed"
    assert loud.invoke(refusal()).body["notice"] == "published"


def test_a_notice_that_fails_silences_nobody(account, calls, fleet):
    from local.proxy import Fault
    from support.errors import error

    functions = [fleet() for _ in range(2)]
    calls.fault = lambda action, count: Fault(error(403, "AuthorizationError")) if action == "sns:Publish" else None
    try:
        assert functions[0].invoke(refusal()).body["errorType"] == "NoticeNotSent"
    finally:
        calls.fault = lambda action, count: None
    assert functions[1].invoke(refusal()).body["notice"] == "published"
    assert outcomes(account) == ["refused"]


def test_a_cold_environment_knows_of_a_grant(account, calls, fleet):
    assert fleet().invoke(denial("clip-1")).body["outcome"] == "granted"
    calls.clear()
    reply = fleet().invoke(denial("clip-1"))
    assert (reply.body["outcome"], reply.body["notice"]) == ("already_granted", "suppressed")
    assert not [action for action in calls.actions() if action.startswith("iam:")]
    assert outcomes(account) == ["granted"]


def test_a_cold_environment_knows_when_a_grant_was_made(account, fleet):
    fleet().invoke(denial("clip-1"))
    account.notices()
    late = fleet().invoke(denial("clip-1", at=time.time() + 90))
    assert (late.body["outcome"], late.body["notice"]) == ("already_granted", "published")
    assert "another layer denies" in late.body["summary"]
    again = fleet().invoke(denial("clip-1", at=time.time() + 91))
    assert again.body["notice"] == "suppressed"
    assert outcomes(account) == ["already_granted"]


def test_what_was_granted_and_never_told_is_told_by_the_retry(account, calls, fleet):
    from local.proxy import Fault
    from support.errors import error

    event = denial("clip-1")
    calls.fault = lambda action, count: Fault(error(403, "AuthorizationError")) if action == "sns:Publish" else None
    try:
        assert fleet().invoke(event).body["errorType"] == "NoticeNotSent"
    finally:
        calls.fault = lambda action, count: None
    assert granted(account) == {"clip-1"}
    # Another environment gets the retry.
    reply = fleet().invoke(event)
    assert (reply.body["outcome"], reply.body["notice"]) == ("granted", "published")
    assert fleet().invoke(event).body["notice"] == "suppressed"
    assert outcomes(account) == ["granted"]


def test_the_undo_in_a_notice_names_the_ledger(account, fleet, table):
    fleet().invoke(denial("clip-1"))
    [notice] = account.notices()
    [command] = json.loads(notice["Message"])["undo"]
    assert command.endswith(f" --ledger {table}")


def test_a_lease_is_recorded_with_its_end(fleet, dynamodb, table):
    from support.shared import LIST

    rules = [{**LIST["rules"][0], "expiresAfter": "30d"}]
    outcome = fleet(ALLOWLIST=json.dumps({"rules": rules})).invoke(denial("clip-1")).body
    [record] = items(dynamodb, table, "grant#")
    assert record["expires"]["S"] in outcome["summary"]
    assert USER
