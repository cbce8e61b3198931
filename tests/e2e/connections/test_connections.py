"""The connections that are opened ahead and kept, and what becomes of an event when one of them fails in some way."""

import os
import signal
import socket
import threading
import time

import pytest

from local.aws import ROOT, free_port
from support import tls

USER = (ROOT / "events/user.json").read_bytes()
ROLE = (ROOT / "events/role.json").read_bytes()
STRANGER = (ROOT / "events/not-allowlisted.json").read_bytes()
NOTHING = b"null"
# How long the start waits for connections at most, and what a busy machine may add.
MAX_WAIT, ALLOWANCE = 1.0, 4.0


def test_each_origin_is_connected_ahead_and_used(start_secured, iam, sns):
    with start_secured() as function:
        iam.await_connections(1)
        sns.await_connections(1)
        assert function.invoke(NOTHING).body["outcome"] == "ignored"
        assert (len(iam.connections), len(sns.connections)) == (1, 1)
        assert iam.actions() == sns.actions() == []
        assert function.invoke(USER).body["outcome"] == "granted"
        assert function.invoke(ROLE).body["outcome"] == "granted"
        assert function.invoke(STRANGER).body["outcome"] == "refused"
    assert (len(iam.connections), len(sns.connections)) == (1, 1)
    assert sns.actions() == ["Publish"] * 3


def test_one_origin_for_both(start_secured, iam, sns):
    with start_secured(AWS_ENDPOINT_URL_SNS=iam.endpoint) as function:
        iam.await_connections(1)
        assert function.invoke(USER).body["outcome"] == "granted"
    assert len(iam.connections) == 1 and sns.connections == []
    assert iam.actions()[-1] == "Publish"


def test_a_refusal_needs_sns_alone(start_secured, iam, sns):
    with start_secured() as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"
    assert (len(iam.connections), len(sns.connections)) == (1, 1)
    assert (iam.actions(), sns.actions()) == ([], ["Publish"])


def test_one_that_the_server_closed_before_the_first_event(start_secured, iam, sns):
    with start_secured(RUST_LOG="aws_smithy_runtime=debug") as function:
        for door in (iam, sns):
            door.await_connections(1)
        assert function.invoke(NOTHING).body["outcome"] == "ignored"
        for door in (iam, sns):
            door.connections[0].close()
        assert function.invoke(STRANGER).body["outcome"] == "refused"
        assert function.invoke(USER).body["outcome"] == "granted"
        # It is noticed before a call: one that failed would be tried again after a pause.
        assert "beginning attempt #1" in function.output() and "beginning attempt #2" not in function.output()
    assert iam.connections[0].actions == sns.connections[0].actions == []
    assert (len(iam.connections), len(sns.connections)) == (2, 2)


def test_one_that_is_too_old(start_secured, iam, sns):
    with start_secured() as function:
        sns.await_connections(1)
        time.sleep(5.2)
        assert function.invoke(STRANGER).body["outcome"] == "refused"
    assert [connection.actions for connection in sns.connections] == [[], ["Publish"]]


def test_one_that_is_too_old_because_the_environment_was_frozen(start_secured, iam, sns):
    """The connection may long be forgotten by then: on the other side, or by whatever is between."""
    with start_secured() as function:
        iam.await_connections(1)
        assert function.invoke(NOTHING).body["outcome"] == "ignored"
        os.kill(function.process.pid, signal.SIGSTOP)
        time.sleep(5.2)
        os.kill(function.process.pid, signal.SIGCONT)
        assert function.invoke(USER).body["outcome"] == "granted"
    assert iam.connections[0].actions == [] and len(iam.connections) == 2


def test_kept_ones_that_were_closed_while_the_environment_was_frozen(start_secured, iam, sns):
    with start_secured() as function:
        assert function.invoke(USER).body["outcome"] == "granted"
        os.kill(function.process.pid, signal.SIGSTOP)
        for door in (iam, sns):
            door.connections[0].close()
        os.kill(function.process.pid, signal.SIGCONT)
        assert function.invoke(ROLE).body["outcome"] == "granted"
    assert (len(iam.connections), len(sns.connections)) == (2, 2)


def test_nobody_listened_at_the_start(start_secured, authority, calls, iam, sns):
    port = free_port()
    with start_secured(AWS_ENDPOINT_URL_SNS=f"https://localhost:{port}") as function:
        assert function.invoke(NOTHING).body["outcome"] == "ignored"
        reply = function.invoke(STRANGER)
        assert (reply.is_error, reply.body["errorType"]) == (True, "NoticeNotSent")
        assert "refused" in reply.body["errorMessage"]
        with tls.door(calls.endpoint, authority.context(), port) as door:
            assert function.invoke(STRANGER).body["outcome"] == "refused"
        assert door.actions() == ["Publish"]


def test_a_handshake_that_is_never_answered(start_secured, iam, sns, calls):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with start_secured(AWS_ENDPOINT_URL_IAM=f"https://localhost:{silent.getsockname()[1]}") as function:
            assert function.invoke(NOTHING).body["outcome"] == "ignored"
            assert MAX_WAIT < time.monotonic() - began < MAX_WAIT + ALLOWANCE
            assert function.invoke(STRANGER).body["outcome"] == "refused"
            began = time.monotonic()
            reply = function.invoke(USER)
            assert time.monotonic() - began < 10 + ALLOWANCE
            assert (reply.is_error, reply.body["errorType"]) == (True, "IamCallFailed")
            assert "not connected after 2s" in reply.body["errorMessage"]
            assert function.process.poll() is None
    assert calls.actions() == ["sns:Publish"]


def test_a_handshake_that_is_answered_late(start_secured, iam, sns):
    """The start does not wait for it, but the first call does, and opens no second one."""
    late = threading.Event()
    iam.greet = lambda sock, number: not late.wait(10)
    with start_secured() as function:
        assert function.invoke(NOTHING).body["outcome"] == "ignored"
        late.set()
        assert function.invoke(USER).body["outcome"] == "granted"
    assert len(iam.connections) == 1


def garbled(sock, _number):
    """A server that is none of TLS."""
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    return True


def test_garbage_in_the_place_of_tls(start_secured, iam, sns, calls):
    iam.greet = garbled
    with start_secured() as function:
        reply = function.invoke(USER)
        assert (reply.is_error, reply.body["errorType"]) == (True, "IamCallFailed")
        assert "received corrupt message" in reply.body["errorMessage"]
        assert calls.actions() == []
        iam.greet = lambda sock, number: False
        assert function.invoke(USER).body["outcome"] == "granted"
    # It passes, and so the next call within the same event gets through.
    sns.greet = lambda sock, number: number == 0 and garbled(sock, number)
    with start_secured() as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"


def forwarded(handler):
    """What is carried out while its answer is spoiled."""
    return handler.forward(handler.content)


def close(handler):
    handler.close_connection = True


def reset(handler):
    handler.cut()


def reset_in_the_middle(handler):
    handler.cut(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<GetUser")


def no_http(handler):
    handler.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    handler.close_connection = True


def no_tls(handler):
    with socket.socket(fileno=os.dup(handler.connection.fileno())) as raw:
        raw.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("is_carried_out", [False, True], ids=["lost", "carried out"])
@pytest.mark.parametrize("spoil", [close, reset, reset_in_the_middle, no_http, no_tls])
def test_the_first_answer_to_each_call_is_spoiled(spoil, is_carried_out, start_secured, iam, sns, account, calls):
    def respond(handler, _action, count):
        if count > 0:
            return False
        if is_carried_out:
            forwarded(handler)
        spoil(handler)
        return True

    iam.respond = sns.respond = respond
    with start_secured() as function:
        reply = function.invoke(USER)
        assert (reply.is_error, reply.body.get("outcome")) == (False, "granted"), reply
        assert function.process.poll() is None
    assert account.policy("user/remotion_user") is not None
    # A read is tried again as it is. A put never: first it is read what has become of it.
    actions = iam.actions()
    first = actions.index("PutUserPolicy")
    assert actions[first + 1] == "GetUserPolicy"
    assert actions.count("PutUserPolicy") == (1 if is_carried_out else 2)
    # At least once, and again where nobody can know.
    assert sns.actions() == ["Publish"] * 2
    assert len(account.notices()) == 1 + is_carried_out


def test_a_server_that_closes_after_each_answer(start_secured, iam, sns):
    def respond(handler, _action, _count):
        status, headers, content = forwarded(handler)
        handler.answer(status, [*headers, ("Connection", "close")], content)
        return True

    iam.respond = sns.respond = respond
    with start_secured() as function:
        assert function.invoke(USER).body["outcome"] == "granted"
        assert "dispatch failure" not in function.output()
    assert all(len(connection.actions) == 1 for connection in iam.connections)


def test_a_server_that_closes_after_each_answer_and_does_not_say_so(start_secured, iam, sns):
    def respond(handler, _action, _count):
        handler.answer(*forwarded(handler))
        handler.close_connection = True
        return True

    iam.respond = sns.respond = respond
    with start_secured() as function:
        assert function.invoke(USER).body["outcome"] == "granted"
    assert all(len(connection.actions) == 1 for connection in iam.connections)


def test_a_server_that_closes_a_moment_after_the_answer_before_each_put(start_secured, iam, sns):
    """What was read over one connection does not say that the put can go over it, however often that is tried."""

    def respond(handler, action, _count):
        if action != "ListUserPolicies":
            return False
        handler.answer(*forwarded(handler))
        time.sleep(0.5)
        handler.close_connection = True
        return True

    iam.respond = respond
    with start_secured() as function:
        reply = function.invoke(USER)
        assert (reply.is_error, reply.body.get("outcome")) == (False, "granted"), reply
    # The first went over the connection that nobody read any more.
    actions = iam.actions()
    assert actions[: actions.index("PutUserPolicy")] == ["GetUserPolicy", "ListUserPolicies"] * 2
    assert actions.count("PutUserPolicy") == 1


def test_a_put_over_a_new_connection_does_not_wait_for_it(start_secured, iam, sns):
    """Far away, to connect and to put take longer than a put may."""

    def greet(_sock, number):
        time.sleep(0.7 if number else 0)
        return False

    def respond(handler, action, count):
        if action != "PutUserPolicy":
            return False
        time.sleep(0.6 if count else 0)
        handler.close_connection = count == 0
        return count == 0

    iam.greet, iam.respond = greet, respond
    with start_secured() as function:
        reply = function.invoke(USER)
        assert (reply.is_error, reply.body.get("outcome")) == (False, "granted"), reply
    assert [connection.actions for connection in iam.connections if "PutUserPolicy" in connection.actions] == [
        ["GetUserPolicy", "ListUserPolicies", "PutUserPolicy"],
        ["PutUserPolicy"],
    ]


UNAVAILABLE = (503, [("Content-Type", "text/xml")], b"<ErrorResponse/>")


def test_a_503_is_tried_again_on_another_connection(start_secured, iam, sns):
    """Behind one address are many servers, and the one that is ill would answer the same again."""

    def respond(handler, _action, count):
        if count == 0:
            handler.answer(*UNAVAILABLE)
        return count == 0

    sns.respond = respond
    with start_secured() as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"
    assert [connection.actions for connection in sns.connections] == [["Publish"], ["Publish"]]
