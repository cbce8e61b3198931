"""An account whose IAM reads lag behind: for some seconds after a put, a read may answer with a document from before it."""

import json
import random
import threading
import time
import urllib.parse
from contextlib import contextmanager

from local.aws import POLICY_NAME
from local.forwarding import Forwarding, serving

# What a read answers with: the document before the last put; the one of so many seconds ago; any of that time, as from
# replicas that are not equally far.
BEFORE_LAST, AGO, ANY = "the one before", "all lag", "any of them"


class Stale:
    """For how long reads lag behind, and what was read."""

    def __init__(self, account, seconds, way):
        self.account, self.seconds, self.way = account, seconds, way
        # Per `user/name`: the time of each put, and the document before it.
        self.history = {}
        self.stale_reads = self.puts = 0
        # Whether the answer to a put has its request id, as each of IAM's has.
        self.has_ids = True
        self.lock = threading.Lock()

    def put(self, principal, forward):
        with self.lock:
            before = self.account.policy(principal)
            answer = forward()
            self.history.setdefault(principal, []).append((time.monotonic(), before))
            self.puts += 1
            return answer

    def read(self, principal):
        """Whether a read is stale, and with what it answers then."""
        with self.lock:
            since = time.monotonic() - self.seconds
            found = [document for at, document in self.history.get(principal, []) if at > since]
            choice = {
                BEFORE_LAST: lambda: (bool(found), found[-1] if found else None),
                AGO: lambda: (bool(found), found[0] if found else None),
                ANY: lambda: random.choice([(False, None), *((True, document) for document in found)]),
            }
            is_stale, document = choice[self.way]()
            self.stale_reads += is_stale
            return is_stale, document


def _principal(parameters):
    kind = "User" if "UserName" in parameters else "Role"
    return f"{kind.lower()}/{parameters[f'{kind}Name']}", kind


class _Handler(Forwarding):
    def do_POST(self):
        stale, body = self.server.stale, self.body()
        parameters = {}
        if "X-Amz-Target" not in self.headers:
            parameters = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode()).items()}
        action = parameters.get("Action", "")
        if action in ("PutUserPolicy", "PutRolePolicy", "DeleteUserPolicy", "DeleteRolePolicy"):
            principal, _ = _principal(parameters)
            status, headers, content = stale.put(principal, lambda: self.forward(body))
            return self.answer(status, headers if stale.has_ids else [], content)
        if action in ("GetUserPolicy", "GetRolePolicy", "ListUserPolicies", "ListRolePolicies"):
            principal, kind = _principal(parameters)
            is_stale, document = stale.read(principal)
            if is_stale:
                return self.answer_with(action, kind, parameters, document)
        self.answer(*self.forward(body))

    def answer_with(self, action, kind, parameters, document):
        name = parameters[f"{kind}Name"]
        if action.startswith("List"):
            members = "" if document is None else f"<member>{POLICY_NAME}</member>"
            result = f"<PolicyNames>{members}</PolicyNames><IsTruncated>false</IsTruncated>"
        elif document is None:
            text = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>m</Message></Error></ErrorResponse>"
            return self.answer(404, [("Content-Type", "text/xml")], text.encode())
        else:
            quoted = urllib.parse.quote(json.dumps(document))
            result = f"<{kind}Name>{name}</{kind}Name><PolicyName>{POLICY_NAME}</PolicyName><PolicyDocument>{quoted}</PolicyDocument>"
        text = f"<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"
        self.answer(200, [("Content-Type", "text/xml")], text.encode())


@contextmanager
def stale(account, seconds, way=BEFORE_LAST):
    """Runs a proxy in front of `account` whose reads of policies lag behind by up to `seconds`."""
    found = Stale(account, seconds, way)
    with serving(_Handler, account.endpoint, stale=found) as found.endpoint:
        yield found
