"""What stands before moto so that a function of the account can be invoked: Lambda's Invoke is answered by the real binary.

moto keeps functions, but runs none of provided.al2023. Nor does it know Lambda's GetAccountSettings, which is answered here, too.
"""

import json
import re
from contextlib import contextmanager

from local.forwarding import Forwarding, serving

ACCOUNT_SETTINGS = "/2016-08-19/account-settings"
INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class Front:
    def __init__(self):
        self.endpoint = None
        # What Invoke was called with: (function, payload).
        self.invoked = []
        # The running function; and what answers in its place: (status, headers, body) for a payload, or None.
        self.function = None
        self.instead = lambda payload: None
        # What GetAccountSettings is answered with: (status, headers, body); and how often it was.
        self.settings = account_limit(1000, 1000)
        self.asked_settings = 0

    def invoke(self, payload):
        if (instead := self.instead(payload)) is not None:
            return instead
        reply = self.function.invoke(payload)
        headers = [("X-Amz-Executed-Version", "$LATEST")]
        if reply.is_error:
            headers.append(("X-Amz-Function-Error", "Unhandled"))
        return 200, headers, json.dumps(reply.body).encode()


def account_limit(limit, unreserved):
    """The answer for an account that may run so much at once, and has reserved the rest of it for single functions."""
    found = {"AccountLimit": {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}}
    return 200, [("Content-Type", "application/json")], json.dumps(found).encode()


class _Handler(Forwarding):
    def do_GET(self):
        if self.path.rstrip("/") == ACCOUNT_SETTINGS:
            self.server.front.asked_settings += 1
            self.answer(*self.server.front.settings)
        else:
            self.answer(*self.forward(self.body()))

    def do_POST(self):
        body = self.body()
        if called := INVOKE.fullmatch(self.path):
            self.server.front.invoked.append((called[1], body))
            self.answer(*self.server.front.invoke(body))
        else:
            self.answer(*self.forward(body))


@contextmanager
def front(upstream):
    """A front before `upstream`, an endpoint such as http://127.0.0.1:5000."""
    found = Front()
    with serving(_Handler, upstream, front=found) as found.endpoint:
        yield found
