"""Every call spoiled in every way, and the process killed after every step; Lambda tries each event three times.

In the end the policy holds the grant or nothing was written, no statement is lost, and somebody was told or the last reply
is an error. What passes must end in a grant.
"""

import itertools
import json
import os
import signal
import time

import pytest

from local import proxy, runtime_api
from local.aws import ROOT
from local.proxy import BREAK_OFF, DROP, HANG, LATE, Answer, Fault
from support.binaries import BINARY
from support.errors import error

FUNCTION = "arn:aws:lambda:us-east-1:281502313273:function:ffmpeg-clip-cutter"
FOREIGN = {"Sid": "ByHand", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
PARAMETER = "/remediator/allowlist"
DELIVERIES = 3
# Codes of error replies; an error without one would be Lambda's own.
CODES = {"IamCallFailed", "IamAccessDenied", "IamTooSlow", "GrantNotConfirmed", "NoticeNotSent", "AllowlistUnreadable"}


def ssm_error(status, code):
    return Answer(status, json.dumps({"__type": code, "message": "m"}).encode())


COMMON = {
    "throttling": error(400, "Throttling"),
    "500": error(500, "ServiceFailure"),
    "503": Answer(503, b"Service Unavailable"),
    "nothing gets through": DROP,
    "breaks off": BREAK_OFF,
    "hangs": HANG,
    "garbage": Answer(200, b"\x00<html>not what was asked for"),
    "access denied": error(403, "AccessDenied"),
}
DECLARED = {
    "NoSuchEntity": error(404, "NoSuchEntity"),
    "LimitExceeded": error(409, "LimitExceeded"),
    "UnmodifiableEntity": error(400, "UnmodifiableEntity"),
    "MalformedPolicyDocument": error(400, "MalformedPolicyDocument"),
    "ConcurrentModification": error(409, "ConcurrentModification"),
}
FINAL = {
    "NoSuchEntity": "no_such_principal",
    "LimitExceeded": "policy_full",
    "UnmodifiableEntity": "protected_role",
    "MalformedPolicyDocument": "unreadable_policy",
}
SSM = {
    **COMMON,
    "throttling": ssm_error(400, "ThrottlingException"),
    "500": ssm_error(500, "InternalServerError"),
    "access denied": ssm_error(400, "AccessDeniedException"),
}
# For how long: one call, every call of the first delivery, every call.
SCOPES = ["once", "first delivery", "always"]


def cases():
    for step in ["get", "list", "put", "read-back", "publish"]:
        for name, scope in itertools.product(COMMON, SCOPES):
            yield step, name, Fault(COMMON[name]), scope
    for name, scope in itertools.product(DECLARED, SCOPES):
        yield "put", name, Fault(DECLARED[name]), scope
    for scope in SCOPES:
        yield "get", "NoSuchEntity", Fault(DECLARED["NoSuchEntity"]), scope
    # Carried out, and only the answer is lost.
    for step, name, scope in itertools.product(["put", "publish"], ["breaks off", "hangs", "500"], SCOPES):
        yield step, f"{name}, carried out", Fault(COMMON[name], is_carried_out=True), scope
    for scope in SCOPES:
        yield "put", "late", Fault(LATE), scope
    for name, scope in itertools.product(SSM, SCOPES):
        yield "ssm", name, Fault(SSM[name]), scope


CASES = list(cases())


class Delivery:
    """Which step of the event's way a call is, counted anew for each delivery."""

    def __init__(self):
        self.actions = []

    def step_of(self, action):
        was_put = "iam:PutUserPolicy" in self.actions
        self.actions.append(action)
        return {
            "iam:GetUserPolicy": "read-back" if was_put else "get",
            "iam:ListUserPolicies": "list",
            "iam:PutUserPolicy": "put",
            "sns:Publish": "publish",
            "ssm:GetParameter": "ssm",
        }[action]


def deliver(variables, on_delivery):
    """Delivers an event until a reply is no error; a process that ended is replaced, as Lambda does. Gives the replies,
    `None` for a process that ended without one."""
    event = (ROOT / "events/user.json").read_bytes()
    replies = []
    running = None
    try:
        for number in range(DELIVERIES):
            on_delivery(number)
            if running is None:
                context = runtime_api.function(BINARY, variables)
                running = (context, context.__enter__())
            try:
                replies.append(running[1].invoke(event, timeout=60))
                has_ended = running[1].init_error is not None
            except runtime_api.ProcessEnded:
                replies.append(None)
                has_ended = True
            if has_ended:
                running[0].__exit__(None, None, None)
                running = None
            if replies[-1] is not None and not replies[-1].is_error:
                break
    finally:
        if running is not None:
            running[0].__exit__(None, None, None)
    return replies


def is_granted(account):
    statements = account.policy("user/remotion_user")["Statement"]
    listed = [resource for statement in statements[1:] for resource in statement["Resource"]]
    return {FUNCTION, f"{FUNCTION}:*"} <= set(listed)


def check(account, replies):
    """What has to hold whatever happened; gives the last reply, if there was one."""
    assert account.policy("user/remotion_user")["Statement"][0] == FOREIGN
    last = replies[-1]
    for reply in replies:
        if reply is not None and reply.is_error:
            assert reply.body["errorType"] in CODES, reply
    if last is not None and not last.is_error:
        assert (last.body["outcome"] in ("granted", "already_granted")) == is_granted(account), replies
        outcomes = [json.loads(notice["Message"])["outcome"] for notice in account.notices()]
        assert last.body["outcome"] in outcomes, replies
    return last


@pytest.fixture(scope="module")
def spoiled(the_account):
    with proxy.proxy(the_account.endpoint) as found:
        yield found


@pytest.fixture
def variables(account, spoiled):
    """Of a function whose policy holds something already."""
    account.put_policy("user/remotion_user", {"Version": "2012-10-17", "Statement": [FOREIGN]})
    account.ssm.put_parameter(
        Name=PARAMETER, Value=account.environment()["ALLOWLIST"], Type="String", Overwrite=True
    )
    yield account.environment(endpoint=spoiled.endpoint)
    spoiled.fault = lambda action, count: None
    spoiled.before_answer = lambda action, count: None


@pytest.mark.parametrize(
    ("step", "name", "fault", "scope"), CASES, ids=[f"{step}-{name}-{scope}" for step, name, _, scope in CASES]
)
def test_a_spoiled_call(step, name, fault, scope, account, spoiled, variables, figure):
    if step == "ssm":
        variables["ALLOWLIST"] = f"ssm:{PARAMETER}"
    state = {"delivery": Delivery(), "number": 0, "hits": 0}

    def on_delivery(number):
        state.update(delivery=Delivery(), number=number)

    def spoil(action, _count):
        is_hit = state["delivery"].step_of(action) == step and (
            scope == "always" or (state["hits"] == 0 if scope == "once" else state["number"] == 0)
        )
        state["hits"] += is_hit
        return fault if is_hit else None

    spoiled.fault = spoil
    replies = deliver(variables, on_delivery)
    last = check(account, replies)
    assert state["hits"] > 0, "the fault was never met"
    if step == "put" and name in FINAL:
        first = replies[0].body
        assert (first["outcome"], first["reason"]) == ("refused", FINAL[name])
        assert not is_granted(account)
    elif scope != "always" or step == "list":
        assert last is not None and not last.is_error and is_granted(account), replies
    figure(f"fault {step:9} {name:24} {scope:14} {' '.join(shown(reply) for reply in replies)}")


def shown(reply):
    if reply is None:
        return "ended"
    return reply.body["errorType"] if reply.is_error else reply.body["reason"] or reply.body["outcome"]


STEPS = ["get", "put", "first look", "last look", "publish"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_a_step(step, account, spoiled, variables, figure):
    """The process is killed when a call was carried out and before it hears of that."""
    victim = {}
    looks = {"get": ("iam:GetUserPolicy", 0), "put": ("iam:PutUserPolicy", 0), "first look": ("iam:GetUserPolicy", 1)}
    looks |= {"last look": ("iam:GetUserPolicy", 2), "publish": ("sns:Publish", 0)}

    def kill(action, count):
        if (action, count) == looks[step] and "pid" in victim:
            os.kill(victim.pop("pid"), signal.SIGKILL)
            victim["was_killed"] = True

    spoiled.clear()
    spoiled.before_answer = kill
    event = (ROOT / "events/user.json").read_bytes()
    with runtime_api.function(BINARY, variables) as function:
        victim["pid"] = function.process.pid
        with pytest.raises(runtime_api.ProcessEnded):
            function.invoke(event)
    assert victim["was_killed"]
    replies = deliver(variables, lambda number: None)
    last = check(account, replies)
    assert last is not None and last.body["outcome"] in ("granted", "already_granted")
    figure(f"killed after {step:10} {' '.join(shown(reply) for reply in replies)}")


def test_the_size_of_the_table(figure):
    figure(f"faults: {len(CASES)} spoiled calls, {len(STEPS)} kills")


def test_a_slow_writer_reads_again_instead_of_writing_on_old_knowledge(account, spoiled, variables):
    waits = {0: 1.4, 1: 1.2}
    spoiled.clear()
    spoiled.fault = lambda action, count: time.sleep(waits.get(count, 0)) if action == "iam:GetUserPolicy" else None
    [reply] = deliver(variables, lambda number: None)
    assert reply.body["outcome"] == "granted"
    assert spoiled.actions()[:4] == ["iam:GetUserPolicy"] * 3 + ["iam:PutUserPolicy"]

    account.put_policy("user/remotion_user", {"Version": "2012-10-17", "Statement": [FOREIGN]})
    spoiled.clear()
    spoiled.fault = lambda action, count: time.sleep(1.2) if action == "iam:GetUserPolicy" else None
    replies = deliver(variables, lambda number: None)
    assert {reply.body["errorType"] for reply in replies} == {"IamTooSlow"}
    assert "iam:PutUserPolicy" not in spoiled.actions()


def test_the_last_look_and_the_notice_go_out_in_their_time(account, spoiled, variables):
    """The last look goes out after the watch, and the notice after the look's answer, however slow both are."""
    for slowness in [0.3, 2.2]:
        account.put_policy("user/remotion_user", {"Version": "2012-10-17", "Statement": [FOREIGN]})
        waits = {("iam:GetUserPolicy", 1): 0.2, ("iam:GetUserPolicy", 2): slowness, ("sns:Publish", 0): 2.2}
        written = []
        spoiled.clear()
        spoiled.fault = lambda *call: time.sleep(waits.get(call, 0))
        spoiled.before_answer = lambda action, _: written.append(time.monotonic()) if action == "iam:PutUserPolicy" else None
        [reply] = deliver(variables, lambda number: None)
        assert reply.body["outcome"] == "granted"
        assert spoiled.actions() == [
            *["iam:GetUserPolicy", "iam:PutUserPolicy", "iam:GetUserPolicy"],
            *["iam:ListUserPolicies", "iam:GetUserPolicy", "sns:Publish"],
        ]
        *_, last_look, notice = spoiled.times
        assert last_look - written[0] >= 3.25
        assert notice - last_look >= slowness
        assert len(account.notices()) == 1


def test_a_grant_that_the_last_look_does_not_find_is_not_told(account, spoiled, variables):
    """Somebody who keeps no rule takes it away while it is watched; it is written and watched
    again, and told once."""
    alone = {"Version": "2012-10-17", "Statement": [FOREIGN]}
    spoiled.clear()
    spoiled.fault = lambda action, count: (
        account.put_policy("user/remotion_user", alone) if (action, count) == ("iam:GetUserPolicy", 2) else None
    )
    [reply] = deliver(variables, lambda number: None)
    assert reply.body["outcome"] == "granted" and is_granted(account)
    assert spoiled.actions().count("iam:PutUserPolicy") == 2
    assert spoiled.actions()[-1] == "sns:Publish"
    assert spoiled.times[-1] - spoiled.times[spoiled.actions().index("iam:PutUserPolicy")] > 6.5
    assert len(account.notices()) == 1


def test_a_hung_put_is_given_up_soon(account, spoiled, variables):
    spoiled.clear()
    spoiled.fault = lambda action, count: Fault(HANG) if (action, count) == ("iam:PutUserPolicy", 0) else None
    [reply] = deliver(variables, lambda number: None)
    assert reply.body["outcome"] == "granted"
    put = spoiled.actions().index("iam:PutUserPolicy")
    assert spoiled.actions()[put + 1] == "iam:GetUserPolicy"
    assert 0.9 < spoiled.times[put + 1] - spoiled.times[put] < 3


@pytest.mark.parametrize("name", COMMON)
def test_a_spoiled_list_before_the_first_write(name, account, spoiled, variables):
    """A role that has no policy yet: that there is none, the list has to confirm."""
    event = (ROOT / "events/role-with-path.json").read_bytes()
    account.delete_policies()
    for lasts in [True, False]:
        spoiled.fault = lambda action, count: Fault(COMMON[name]) if action == "iam:ListRolePolicies" and lasts else None
        with runtime_api.function(BINARY, variables) as function:
            reply = function.invoke(event)
        assert reply.is_error == lasts
        assert (account.policy("role/render-stitcher") is None) == lasts
    assert reply.body["outcome"] == "granted"


@pytest.mark.parametrize(
    ("service", "expected"),
    [("iam", "IamCallFailed"), ("sns", "NoticeNotSent"), ("ssm", "AllowlistUnreadable")],
    ids=lambda value: value,
)
def test_a_service_that_refuses_the_connection(service, expected, account, spoiled, variables):
    """For the calls of one service nobody listens, twice; then somebody does."""
    event = (ROOT / "events/user.json").read_bytes()
    variables["ALLOWLIST"] = f"ssm:{PARAMETER}"
    refusing = {**variables, f"AWS_ENDPOINT_URL_{service.upper()}": "http://127.0.0.1:1"}
    seen = [shown(reply) for _ in range(2) for reply in [deliver(refusing, lambda number: None)[-1]]]
    assert seen == [expected] * 2
    assert is_granted(account) == (service == "sns")
    with runtime_api.function(BINARY, variables) as function:
        reply = function.invoke(event)
    assert reply.body["outcome"] == ("already_granted" if service == "sns" else "granted")
    check(account, [reply])
