"""Texts of errors over the wire, however they come in: pasted, reported, in a log. What is in IAM, in the queue and in the
log afterwards, and that a stranger's text costs IAM nothing."""

import datetime
import gzip
import json

import pytest
from denied import denied, function as arn_of, session, user
from log_batch import batch, payload
from test_leases import FAR, decisions, document, ends, for_good, until
from test_storms import peak_kib

from local.aws import ACCOUNT, OWN_ROLE_ARN, ROOT
from local.proxy import DROP, Fault

OTHER_ACCOUNT = "111122223333"
CUTTER, QUOTE = arn_of("ffmpeg-clip-cutter"), arn_of("price-quote")
BATCH = "user/shop-batch"
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


def name_of(function):
    return function.split(":")[-1]


def short(principal):
    """`user/name` or `role/name`, as the account knows it."""
    kind, *_, name = principal.split("/")
    return f"{kind}/{name}"


def report(text, account=ACCOUNT):
    found = json.loads((ROOT / "events/report.json").read_text())
    return {**found, "account": account, "detail": {"errorMessage": text}}


def granted(account):
    """The policies that are there."""
    policies = {principal: account.policy(principal) for principal in account.principals()}
    return {principal: policy for principal, policy in policies.items() if policy is not None}


def told(account, source):
    """The notices, each of which says in its body and beside it where it came from: (outcome or reason, principal)."""
    found = []
    for notice in account.notices():
        body = json.loads(notice["Message"])
        assert body["source"] == notice["MessageAttributes"]["source"]["Value"] == source
        found.append((body["reason"] or body["outcome"], body["principal"]))
    return found


def iam_calls(calls):
    return [action for action in calls.actions() if action.startswith("iam:")]


def logged(function):
    """The outcomes in the log, as replies have them."""
    beside = {"level", "message", "requestId", "durationMs", "sinceDenialMs"}
    return [{name: value for name, value in line.items() if name not in beside} for line in function.outcome_lines()]


@pytest.fixture
def listing(start):
    """Starts the function with rules of a test's own, and tells everything."""
    return lambda *rules, **variables: start(ALLOWLIST=json.dumps({"rules": list(rules)}), NOTICE_INTERVAL="0", **variables)


def rule(principal, **more):
    return {"id": "a-rule", "principals": [f"arn:aws:iam::{ACCOUNT}:{principal}"], "functions": [QUOTE], **more}


# --- pasted


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


# --- reported


@pytest.mark.parametrize(("named", "principal"), [(user("shop-batch"), BATCH), (session("checkout"), "role/shop/checkout")], ids=["user", "role"])
def test_a_report_is_granted_where_a_rule_admits_reports(named, principal, function, account):
    reply = function.invoke(report(denied(named))).body
    arn = f"arn:aws:iam::{ACCOUNT}:{principal}"
    assert (reply["outcome"], reply["principal"], reply["rule"], reply["source"]) == ("granted", arn, "shop-reports", "report")
    assert reply["eventId"] == "6a7e8feb-b491-4cf7-a9f1-bf3703467718"
    assert granted(account) == {short(principal): document(for_good(QUOTE))}
    assert told(account, "report") == [("granted", arn)]
    assert logged(function) == [reply]


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


# --- in a log

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
