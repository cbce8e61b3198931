"""An account that cannot be reached, or does not answer: an error reply with its cause, in time."""

import socket
import time

from support.events import event
from support.policies import FUNCTION


def test_an_account_that_cannot_be_reached_is_an_error_with_its_cause(start):
    with start(AWS_ENDPOINT_URL="http://127.0.0.1:1") as function:
        reply = function.invoke(event("user"))
        assert (reply.is_error, reply.body["errorType"]) == (True, "IamCallFailed")
        assert "GetUserPolicy" in reply.body["errorMessage"] and "refused" in reply.body["errorMessage"]
        reply = function.invoke(event("not-allowlisted"))
        assert (reply.is_error, reply.body["errorType"]) == (True, "NoticeNotSent")
        assert len(reply.body["errorMessage"]) < 400
        assert function.process.poll() is None


def test_the_own_timeout_ends_as_an_error_reply(start):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with start(AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}") as function:
            began = time.monotonic()
            reply = function.invoke(event("user"), timeout=3)
            assert (reply.is_error, reply.body["errorType"]) == (True, "OutOfTime")
            assert f"while adding {FUNCTION} to the policy of" in reply.body["errorMessage"]
            assert time.monotonic() - began < 3
