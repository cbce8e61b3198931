"""Texts of errors over the wire, pasted and reported: what is in IAM, in the queue and in the log afterwards."""

import datetime
import json

import pytest

from local.aws import ACCOUNT
from support.denied import denied, session, user
from support.leases import FAR, decisions, ends, until
from support.policies import document, for_good
from support.texts import BATCH, CUTTER, QUOTE, granted, iam_calls, logged, name_of, report, rule, short, told

# Who a text names: (the ARN in it, the function, whom IAM holds, by which rule of the example).
CALLERS = {
    "a user": (user("remotion_user"), CUTTER, "user/remotion_user", "remotion-clips"),
    "a user with a path": (user("media/eu/remotion_user_eu"), CUTTER, "user/media/eu/remotion_user_eu", "remotion-clips"),
    "a role": (session("render-farm"), CUTTER, "role/render-farm", "render-roles"),
    "a role with a path": (session("render-stitcher"), CUTTER, "role/service/render/render-stitcher", "render-roles"),
    "a role that is listed alone": (session("checkout"), QUOTE, "role/shop/checkout", "shop-reports"),
}
FORMS = {
    "a text": lambda text: text,
    "an SDK's error": lambda text: f"An error occurred (AccessDeniedException) when calling the Invoke operation: {text}\n",
    "an object": lambda text: {"errorMessage": text, "errorType": "AccessDeniedException", "stackTrace": ["policy.py"]},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_pasted_error_ends_in_the_grant_that_it_asks_for(form, caller, function, account, calls):
    named, called, principal, by_rule = CALLERS[caller]
    reply = function.invoke(FORMS[form](denied(named, name_of(called)))).body
    arn = f"arn:aws:iam::{ACCOUNT}:{principal}"
    expected = {"outcome": "granted", "principal": arn, "function": called, "rule": by_rule, "source": "manual", "account": ACCOUNT}
    assert {key: reply[key] for key in expected} == expected
    assert (reply["eventId"], reply["eventTime"]) == (None, None)
    # Who it is was asked before anything was looked up for them, and once.
    kind = principal.split("/")[0].title()
    assert iam_calls(calls)[:4] == [f"iam:Get{kind}", f"iam:Get{kind}Policy", f"iam:List{kind}Policies", f"iam:Put{kind}Policy"]
    assert calls.actions().count(f"iam:Get{kind}") == 1
    assert granted(account) == {short(principal): document(for_good(called))}
    assert told(account, "manual") == [("granted", arn)]
    assert logged(function) == [reply]


@pytest.mark.parametrize(("named", "principal"), [(user("shop-batch"), BATCH), (session("checkout"), "role/shop/checkout")], ids=["user", "role"])
def test_a_report_is_granted_where_a_rule_admits_reports(named, principal, function, account):
    reply = function.invoke(report(denied(named))).body
    arn = f"arn:aws:iam::{ACCOUNT}:{principal}"
    assert (reply["outcome"], reply["principal"], reply["rule"], reply["source"]) == ("granted", arn, "shop-reports", "report")
    assert reply["eventId"] == "6a7e8feb-b491-4cf7-a9f1-bf3703467718"
    assert granted(account) == {short(principal): document(for_good(QUOTE))}
    assert told(account, "report") == [("granted", arn)]
    assert logged(function) == [reply]


def test_a_grant_of_a_report_runs_out_where_the_rule_says_so(listing, account):
    """A rule with both keys; the end is judged by an evaluator that is not ours."""
    with listing(rule(BATCH, sources=["report"], expiresAfter="30d")) as function:
        text = denied(user("shop-batch"))
        assert function.invoke(text).body["reason"] == "not_allowlisted"
        assert granted(account) == {}
        assert function.invoke(report(text)).body["outcome"] == "granted"
        [refused, notice] = [json.loads(notice["Message"]) for notice in account.notices()]
    end = ends(30)
    assert (refused["expires"], notice["expires"]) == (None, end)
    policy = account.policy(BATCH)
    assert policy == document(until(end, QUOTE))
    now = datetime.datetime.now(datetime.UTC)
    last = datetime.datetime.fromisoformat(end) - datetime.timedelta(seconds=1)
    times = [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (now, now + datetime.timedelta(days=30), last)] + [end, FAR]
    for resource in [QUOTE, f"{QUOTE}:live"]:
        assert decisions(policy, resource, times) == ["Allow", "Allow", "Allow", "NotApplicable", "NotApplicable"]
    assert decisions(policy, CUTTER, times) == ["NotApplicable"] * 5
