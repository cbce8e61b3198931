"""What stands before moto so that a function of the account can be invoked: Lambda's Invoke is answered by the real binary.

moto keeps functions, but runs none of provided.al2023.
"""

import json
import re
from contextlib import contextmanager

from local.forwarding import Forwarding, serving

INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class Front:
    def __init__(self):
        self.endpoint = None
        # What Invoke was called with: (function, payload).
        self.invoked = []
        # The running function; and what answers in its place: (status, headers, body) for a payload, or None.
        self.function = None
        self.instead = lambda payload: None

    def invoke(self, payload):
        if (instead := self.instead(payload)) is not None:
            return instead
        reply = self.function.invoke(payload)
        headers = [("X-Amz-Executed-Version", "$LATEST")]
        if reply.is_error:
            headers.append(("X-Amz-Function-Error", "Unhandled"))
        return 200, headers, json.dumps(reply.body).encode()


class _Handler(Forwarding):
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
