"""Calls of DynamoDB as the proxy sees them: what each is about, its faults, and whether IAM is written under the lock alone."""

import json
import threading
import time
from dataclasses import dataclass, field

from local.proxy import DROP, HANG, Answer, Fault
from support.errors import error as query_error



def error(status, code):
    """An error as DynamoDB answers it."""
    text = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "m"})
    return Answer(status, text.encode(), "application/x-amz-json-1.0")


CONDITION_FAILED = error(400, "ConditionalCheckFailedException")
SPOILED = {
    "throttled": Fault(error(400, "ProvisionedThroughputExceededException")),
    "500": Fault(error(500, "InternalServerError")),
    "reset": Fault(DROP),
    "hang": Fault(HANG),
    "garbage": Fault(Answer(200, b"\x00<html>not what was asked for", "application/x-amz-json-1.0")),
    "access denied": Fault(error(400, "AccessDeniedException")),
    "condition failed": Fault(CONDITION_FAILED),
    "500, carried out": Fault(error(500, "InternalServerError"), is_carried_out=True),
    "hang, carried out": Fault(HANG, is_carried_out=True),
}
# The same of IAM and SNS.
SPOILED_ELSEWHERE = {
    "throttled": Fault(query_error(400, "Throttling")),
    "500": Fault(query_error(500, "ServiceFailure")),
    "reset": Fault(DROP),
    "hang": Fault(HANG),
    "garbage": Fault(Answer(200, b"\x00<html>not what was asked for")),
    "access denied": Fault(query_error(403, "AccessDenied")),
    "500, carried out": Fault(query_error(500, "ServiceFailure"), is_carried_out=True),
    "hang, carried out": Fault(HANG, is_carried_out=True),
}


def _kind(sk):
    """The kind of an item by its sort key; that of an event's is a hash."""
    head = sk["S"].split("#")[0]
    return "event" if len(head) == 32 else head


def about(action, parameters):
    """A call in words: the action, and the kinds of the items it is about."""
    name = action.split(":")[1]
    if not action.startswith("dynamodb:"):
        return name
    if "Item" in parameters:
        return f"{name} {_kind(parameters['Item']['sk'])}"
    if "Key" in parameters:
        return f"{name} {_kind(parameters['Key']['sk'])}"
    if "RequestItems" not in parameters:
        return f"{name} {_kind(parameters['ExpressionAttributeValues'][':from'])}"
    [request] = parameters["RequestItems"].values()
    if "Keys" in request:
        kinds = {_kind(key["sk"]) for key in request["Keys"]}
    else:
        kinds = {_kind(each["PutRequest"]["Item"]["sk"]) for each in request if "PutRequest" in each}
    return f"{name} {'+'.join(sorted(kinds))}"


@dataclass
class Watch:
    """Attached to the proxy of one environment: names each call, counts each name, and says what may not be."""

    proxy: object
    dynamodb: object
    table: str
    # Gets what a call is about, and how often that came before; returns a fault or None.
    spoil: object = lambda step, count: None
    after: object = lambda step, count: None
    # Each call with its count, of all that came.
    all: list = field(default_factory=list)
    violations: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self):
        self.proxy.fault_of, self.proxy.answering = self._before, self._after
        # By the call's parameters, which the proxy keeps: calls are made beside each other.
        self.owners, self.count, self.count_of = set(), {}, {}

    def _before(self, action, _count, parameters):
        step = about(action, parameters)
        with self.lock:
            count = self.count[step] = self.count.get(step, -1) + 1
            self.all.append((step, count))
            self.count_of[id(parameters)] = count
        if step == "PutItem lock" and "owner" in parameters["Item"]:
            self.owners.add(parameters["Item"]["owner"]["S"])
        if action.startswith(("iam:Put", "iam:Delete")):
            self.check(parameters)
        return self.spoil(step, count)

    def _after(self, action, _count, parameters):
        step = about(action, parameters)
        self.after(step, self.count_of[id(parameters)])

    def check(self, parameters):
        """IAM may be written by whoever holds the lock, while enough of the lease is left for the put."""
        kind = "user" if "UserName" in parameters else "role"
        name = parameters.get("UserName") or parameters["RoleName"]
        key = {"pk": {"S": f"281502313273#{kind}/{name}"}, "sk": {"S": "lock"}}
        lock = self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {})
        owner = lock.get("owner", {}).get("S")
        left = int(lock.get("leaseEnds", {}).get("N", 0)) - time.time()
        if owner not in self.owners:
            self.violations.append(f"{name} was written while {owner} had the lock, not one of {self.owners}")
        elif left < 1:
            self.violations.append(f"{name} was written with {left:.1f} s of the lease left")

    def fresh(self):
        """Counts anew from here."""
        with self.lock:
            self.count = {}
