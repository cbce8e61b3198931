"""A user of a test's own, with a statement of somebody else in its policy: cases that run at once do not meet in one policy."""

import json
import threading
import time
import uuid

from local.aws import ACCOUNT, REGION
from support.shared import FOREIGN, arn, denial, granted

# Admits every user that is made here, and no other.
LIST = {
    "rules": [
        {
            "id": "clips",
            "principals": [f"arn:aws:iam::{ACCOUNT}:user/own-*"],
            "functions": [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:clip-*"],
        }
    ]
}


class OwnUser:
    def __init__(self, account, statements=(FOREIGN,)):
        self.account, self.name = account, f"own-{uuid.uuid4().hex[:12]}"
        self.arn, self.principal = f"arn:aws:iam::{ACCOUNT}:user/{self.name}", f"user/{self.name}"
        self.partition = f"{ACCOUNT}#{self.principal}"
        account.iam.create_user(UserName=self.name)
        if statements:
            account.put_policy(self.principal, {"Version": "2012-10-17", "Statement": list(statements)})

    def denial(self, name, **changes):
        """A denial of a function to this user, as of now, as bytes."""
        return denial(name, **changes).replace(b"remotion_user", self.name.encode())

    def statements(self):
        return (self.account.policy(self.principal) or {"Statement": []})["Statement"]

    def granted(self):
        return granted(self.account, self.principal)

    def keeps_foreign(self):
        return FOREIGN in self.statements()

    def undo_arguments(self, name, table):
        return ["undo", "--principal", self.arn, "--function", arn(name), "--ledger", table, "--yes"]


class Notices:
    """The notices of a test, however many of its threads look for them."""

    def __init__(self, account):
        self.account, self.lock, self.found = account, threading.Lock(), []

    def of(self, user, name=None):
        """The outcomes of what was published about a user, or about one of its functions."""
        with self.lock:
            self.found += [json.loads(notice["Message"]) for notice in self.account.notices()]
            found = [notice for notice in self.found if notice["principal"] == user.arn]
        return [notice["outcome"] for notice in found if name is None or notice["function"] == arn(name)]


def wait_until(condition, seconds=20, what="it"):
    """Waits until `condition()` is true, and returns what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} seconds")
