"""A text proves nothing by itself: whom no rule admits, whom IAM does not know, and a stranger's text costs IAM nothing."""

import pytest

from local.aws import ACCOUNT, OWN_ROLE_ARN
from support.denied import denied, function as arn_of, session, user
from support.log_batch import batch
from support.policies import document, for_good
from support.texts import BATCH, CUTTER, OTHER_ACCOUNT, QUOTE, granted, iam_calls, name_of, report, rule, told


def test_a_role_whose_path_no_rule_admits(listing, account, calls):
    """What is compared with the rule is the role's path, which only IAM knows."""
    for pattern, reason in [("role/other/*", "not_allowlisted"), ("role/render-stitcher", "not_allowlisted"), ("role/service/*", None)]:
        calls.clear()
        with listing(rule(pattern)) as function:
            reply = function.invoke(denied(session("render-stitcher"))).body
        assert (reply["reason"], reply["principal"]) == (reason, f"arn:aws:iam::{ACCOUNT}:role/service/render/render-stitcher")
        if reason:
            assert calls.actions() == ["iam:GetRole", "sns:Publish"] and granted(account) == {}
    assert granted(account) == {"role/render-stitcher": document(for_good(QUOTE))}


@pytest.mark.parametrize(("named", "call"), [(user("gone"), "GetUser"), (session("gone"), "GetRole")], ids=["user", "role"])
def test_whom_iam_does_not_know(named, call, listing, account, calls):
    with listing(rule("user/*"), {**rule("role/*"), "id": "roles"}) as function:
        reply = function.invoke(denied(named)).body
    assert (reply["outcome"], reply["reason"]) == ("refused", "no_such_principal")
    assert calls.actions() == [f"iam:{call}", "sns:Publish"]
    assert [reason for reason, _ in told(account, "manual")] == ["no_such_principal"]


def test_a_forged_path_admits_nobody(listing, account, calls):
    """A text claims a path that the list admits, for the name of a user that has another."""
    for forged in ["trusted/stranger", "trusted/remotion_user_eu", "trusted/media/eu/remotion_user_eu"]:
        calls.clear()
        with listing(rule("user/trusted/*")) as function:
            for event, source in [(denied(user(forged)), "manual"), (report(denied(user(forged))), "report")]:
                reply = function.invoke(event).body
                # Reports are not even admitted by this rule.
                reason = "contradictory_event" if source == "manual" else "not_allowlisted"
                assert (reply["outcome"], reply["reason"]) == ("refused", reason)
                assert [found for found, _ in told(account, source)] == [reason]
        assert iam_calls(calls) == ["iam:GetUser"]
    assert granted(account) == {}


STRANGERS = {
    "nobody's user": (user("mallory"), QUOTE, "not_allowlisted"),
    "a user that is there": (user("stranger"), CUTTER, "not_allowlisted"),
    "a role": (session("intern"), QUOTE, "not_allowlisted"),
    "a listed name under no listed path": (user("media/us/remotion_user_eu"), CUTTER, "not_allowlisted"),
    "a listed caller of another function": (user("remotion_user"), QUOTE, "not_allowlisted"),
    "a role of another function": (session("checkout"), arn_of("payroll"), "not_allowlisted"),
    "a caller who is only watched": (user("analytics"), QUOTE, "notify_only"),
    "the own role": (session(OWN_ROLE_ARN.split("/")[-1]), CUTTER, "own_role"),
    "a role of AWS's": (session("AWSServiceRoleForSupport"), CUTTER, "protected_role"),
    "a user of another account": (user("remotion_user", OTHER_ACCOUNT), CUTTER, "other_account"),
    "a role of another account": (session("render-farm", OTHER_ACCOUNT), CUTTER, "other_account"),
    "root": (f"arn:aws:iam::{ACCOUNT}:root", CUTTER, "unsupported_principal"),
    "no ARN": ("anonymous", CUTTER, "unsupported_principal"),
    "every function": (user("remotion_user"), arn_of("*"), "untrusted_resource"),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_a_strangers_text_costs_iam_nothing(who, function, account, calls):
    named, called, reason = STRANGERS[who]
    text = denied(named, name_of(called))
    assert function.invoke(text).body["reason"] == reason
    [line] = function.invoke(batch(text)).body
    # What reports and logs may bring in is less.
    assert line["reason"] == ("not_allowlisted" if reason == "notify_only" else reason)
    assert function.invoke(report(text)).body["reason"] == line["reason"]
    assert calls.actions() == ["sns:Publish"] * 3
    assert granted(account) == {}


def test_a_report_is_refused_where_no_rule_admits_reports(function, account, calls):
    for name in ["remotion_user", "render-farm"]:
        named = user(name) if "user" in name else session(name)
        reply = function.invoke(report(denied(named, "ffmpeg-clip-cutter"))).body
        assert (reply["outcome"], reply["reason"], reply["rule"]) == ("refused", "not_allowlisted", None)
    assert iam_calls(calls) == [] and granted(account) == {}
    assert [reason for reason, _ in told(account, "report")] == ["not_allowlisted"] * 2


def test_what_another_account_reports_or_logs_is_refused(function, account, calls):
    text = denied(user("shop-batch"))
    assert function.invoke(report(text, OTHER_ACCOUNT)).body["outcome"] == "refused"
    [line] = function.invoke(batch(text, owner=OTHER_ACCOUNT)).body
    assert line["outcome"] == "refused"
    assert calls.actions() == ["sns:Publish"] * 2 and granted(account) == {}


def test_a_rule_for_cloudtrail_alone_admits_no_text(listing, account, calls):
    with listing(rule(BATCH, sources=["cloudtrail"])) as function:
        text = denied(user("shop-batch"))
        replies = [function.invoke(text).body, function.invoke(report(text)).body, *function.invoke(batch(text)).body]
    assert [reply["reason"] for reply in replies] == ["not_allowlisted"] * 3
    for reply in replies:
        assert f"the rule `a-rule` matches, but does not admit the source `{reply['source']}`" in reply["summary"]
    assert iam_calls(calls) == [] and granted(account) == {}
