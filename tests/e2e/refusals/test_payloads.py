"""Payloads that no service of AWS sends, and an account that is not the own: an outcome, and no call to IAM."""

from local.runtime_api import FUNCTION_ARN
from support.events import event


def test_any_payload_is_answered(function, account, calls):
    payloads = {
        b"": "not_a_denied_invoke",
        b"nonsense": "not_a_denied_invoke",
        b"\xff\xfe": "not_a_denied_invoke",
        b"null": "not_a_denied_invoke",
        b'{"detail": ' * 100_000 + b"0" + b"}" * 100_000: "contradictory_event",
        b'"' + b"x" * 5_000_000 + b'"': "contradictory_event",
        b"[" + b"[]," * 1_500_000 + b"0]": "contradictory_event",
        b'{"a": 1e999}': "contradictory_event",
        b'"\\ud800"': "contradictory_event",
    }
    for payload, reason in payloads.items():
        reply = function.invoke(payload)
        assert (reply.is_error, reply.body.get("reason")) == (False, reason), payload[:40]
    assert set(calls.actions()) <= {"sns:Publish"}
    assert function.process.poll() is None


def test_the_own_account_is_that_of_the_invoked_function(function, calls):
    reply = function.invoke(event("user"), arn=FUNCTION_ARN.replace("281502313273", "111122223333"))
    assert reply.body["reason"] == "other_account"
    assert calls.actions() == ["sns:Publish"]
