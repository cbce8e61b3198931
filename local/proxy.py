"""A proxy in front of an AWS endpoint that records the calls, and can delay them or make them fail."""

import json
import random
import socket
import struct
import threading
import time
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass

from local.forwarding import Forwarding, serving


@dataclass(frozen=True)
class Answer:
    """An answer in place of the endpoint's."""

    status: int
    body: bytes
    content_type: str = "text/xml"


# Ways to end a call without an answer: reset the connection; break the answer off in its middle; never answer.
# LATE carries the call out after the client has given up.
DROP, BREAK_OFF, HANG, LATE = "drop", "break off", "hang", "late"
LATE_SECONDS = 1.3


@dataclass(frozen=True)
class Fault:
    """A fault of a call. With `is_carried_out` the endpoint carries the call out, and only its answer is lost."""

    kind: Answer | str
    is_carried_out: bool = False
    # How late a LATE call is carried out.
    seconds: float = LATE_SECONDS


class Proxy:
    def __init__(self):
        self.endpoint = None
        # (IAM action, the request's parameters), such as ("iam:PutUserPolicy", {"UserName": ...}).
        self.calls = []
        # The time of each call, in seconds.
        self.times = []
        # Returns the fault for a call, or None. Gets its action, and how often that was called before.
        self.fault = lambda action, count: None
        # Runs after a call was carried out and before it is answered. Gets its action, and how often that was called before.
        self.before_answer = lambda action, count: None
        # The shortest and the longest random delay of a call, in seconds.
        self.least_delay = self.delay = 0.0
        self.lock = threading.Lock()

    def fault_of(self, action, count, parameters):
        """Returns the fault for a call, or None. Who needs the parameters as well puts another function in its place."""
        return self.fault(action, count)

    def answering(self, action, count, parameters):
        """Runs after a call was carried out and before it is answered, likewise."""
        self.before_answer(action, count)

    def actions(self):
        return [action for action, _ in self.calls]

    def clear(self):
        self.calls.clear()
        self.times.clear()

    def note(self, action, parameters):
        with self.lock:
            count = self.actions().count(action)
            self.calls.append((action, parameters))
            self.times.append(time.monotonic())
            return count


def _action(headers, body):
    """Returns the IAM action and the parameters of a request in the query protocol or the JSON protocol."""
    if target := headers.get("X-Amz-Target"):
        service = {"AmazonSSM": "ssm", "DynamoDB_20120810": "dynamodb"}[target.split(".")[0]]
        return f"{service}:{target.split('.')[1]}", json.loads(body)
    parameters = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode()).items()}
    # The credential's scope names the service: Credential=KEY/DATE/REGION/SERVICE/aws4_request
    service = headers["Authorization"].split("Credential=")[1].split("/")[3]
    return f"{service}:{parameters['Action']}", parameters


class _Handler(Forwarding):
    def do_POST(self):
        proxy = self.server.proxy
        body = self.body()
        action, parameters = _action(self.headers, body)
        count = proxy.note(action, parameters)
        if proxy.delay:
            time.sleep(random.uniform(proxy.least_delay, proxy.delay))
        fault = proxy.fault_of(action, count, parameters)
        if fault is None:
            answer = self.forward(body)
            proxy.answering(action, count, parameters)
            self.answer(*answer)
        elif fault.kind == LATE:
            time.sleep(fault.seconds)
            self.forward(body)
            self.spoil(DROP)
        else:
            if fault.is_carried_out:
                self.forward(body)
            self.spoil(fault.kind)

    def spoil(self, kind):
        self.close_connection = True
        if isinstance(kind, Answer):
            self.answer(kind.status, [("Content-Type", kind.content_type)], kind.body)
            return
        if kind == HANG:
            # Until the client gives up.
            self.connection.settimeout(60)
            try:
                self.connection.recv(1)
            except OSError:
                pass
            return
        if kind == BREAK_OFF:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<GetUser")
            self.wfile.flush()
        # Without lingering, so that the client sees a reset instead of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def handle(self):
        try:
            super().handle()
        except OSError:
            # The client went away, for example because it was killed.
            pass

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass


@contextmanager
def proxy(upstream):
    """Runs a proxy in front of `upstream`, an endpoint such as http://127.0.0.1:5000."""
    found = Proxy()
    with serving(_Handler, upstream, proxy=found) as found.endpoint:
        yield found
