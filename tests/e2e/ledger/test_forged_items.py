"""Whoever can write the table can delay and mislead, but never cause a grant that the list does not admit.

The forgeries are made from what the binary itself writes, so that they are of the form that it reads.
"""

import copy
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from local.aws import ACCOUNT, REGION
from support.deliveries import Environment
from support.own_user import OwnUser, wait_until
from support.party import Party
from support.shared import arn, granted

USERS = f"arn:aws:iam::{ACCOUNT}:user/own-*"
ELSEWHERE = f"arn:aws:lambda:{REGION}:111122223333:function"
RULES = {
    "rules": [
        {"id": "clips", "principals": [USERS], "functions": [arn("clip-*"), f"{ELSEWHERE}:clip-*"]},
        {"id": "told", "principals": [USERS], "functions": [arn("told-*")], "action": "notify"},
        {"id": "by-hand", "principals": [USERS], "functions": [arn("hand-*")], "sources": ["manual"]},
        {"id": "leased", "principals": [USERS], "functions": [arn("lease-*")], "expiresAfter": "1d"},
        {"id": "own", "principals": [f"arn:aws:iam::{ACCOUNT}:role/lambda-invoke-remediator"], "functions": [arn("clip-*")]},
        {"id": "others", "principals": [f"arn:aws:iam::{ACCOUNT}:role/render-worker"], "functions": [arn("role-*")]},
    ]
}
# Errors that say: try again, or mend the table.
CODES = {"LedgerUnavailable", "OutOfTime"}


def plain(item):
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def typed(item):
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


@pytest.fixture
def function(account, calls, environment):
    variables = environment(ALLOWLIST=json.dumps(RULES), NOTICE_INTERVAL="0")
    with Environment(variables) as found:
        yield found


@pytest.fixture
def forms(account, dynamodb, table):
    """One item of each kind in a user's partition, as the binary writes it while one has the lock and another one waits."""
    with Party(account, dynamodb, table) as party, ThreadPoolExecutor(2) as pool:
        holder, watch = party.start()
        other, _ = party.start()
        seen = {}

        def look():
            for item in party.items():
                seen.setdefault(item["sk"]["S"].split("#")[0], plain(item))

        def hold(step, count):
            if (step, count) == ("GetUserPolicy", 0):
                wait_until(lambda: party.items("wish#"), what="a wish")
            look()

        watch.spoil = hold
        first = pool.submit(holder.invoke, party.user.denial("clip-1"))
        wait_until(party.lock, what="the lock")
        assert other.invoke(party.user.denial("clip-2")).body["outcome"] == "granted"
        assert first.result().body["outcome"] == "granted"
        look()
        assert {"lock", "wish", "answer", "grant", "reported", "log"} <= set(seen), set(seen)
        return seen, party.user


class Forger:
    """Makes items for one user out of those of another."""

    def __init__(self, account, dynamodb, table, forms):
        self.account, self.dynamodb, self.table = account, dynamodb, table
        self.forms, self.model = forms

    def item(self, user, kind, sk=None, **changes):
        """`entry__function=...` changes a key inside; None takes one away."""
        text = json.dumps(copy.deepcopy(self.forms[kind]), default=int).replace(self.model.name, user.name)
        item = json.loads(text)
        for path, value in changes.items():
            *way, last = path.split("__")
            place = item
            for name in way:
                place = place[name]
            if value is None:
                place.pop(last, None)
            else:
                place[last] = value
        item["sk"] = sk or item["sk"]
        return item

    def put(self, item):
        self.dynamodb.put_item(TableName=self.table, Item=typed(item))

    def wish(self, user, function, number=1, **changes):
        identifier = f"{number:032x}"
        forged = {"id": identifier, "at": int(time.time()), "entry__function": function, **changes}
        forged.setdefault("principal", user.arn)
        self.put(self.item(user, "wish", f"wish#{identifier}", **forged))


@pytest.fixture
def forger(account, dynamodb, table, forms):
    return Forger(account, dynamodb, table, forms)


def written(calls):
    """The resources of all Allow statements in all documents that were put."""
    documents = [json.loads(given["PolicyDocument"]) for action, given in calls.calls if action.startswith("iam:Put")]
    allowed = [statement for document in documents for statement in document["Statement"] if statement["Effect"] == "Allow"]
    assert all(statement["Action"] == ["lambda:InvokeFunction"] for statement in allowed), allowed
    assert all(set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"} for statement in allowed), allowed
    return {resource for statement in allowed for resource in statement["Resource"]}


def pair(*names):
    return {resource for name in names for resource in (arn(name), f"{arn(name)}:*")}


def principals(calls):
    return {given.get("UserName") or given.get("RoleName") for action, given in calls.calls if action.startswith("iam:Put")}


NOT_ADMITTED = {
    "a function that no rule names": arn("other-1"),
    "all functions": "*",
    "a pattern": arn("clip-*"),
    "one unknown character": arn("clip-?"),
    "a variable": arn("clip-${aws:username}"),
    "a pattern as a qualifier": f"{arn('other-1')}:*",
    "a function of another account, which a rule names": f"{ELSEWHERE}:clip-9",
    "a function of another partition": arn("clip-9").replace("arn:aws:", "arn:aws-cn:"),
    "a rule that only tells": arn("told-1"),
    "a rule of another source": arn("hand-1"),
    "a function of another principal": arn("role-1"),
    "no ARN": "clip-9",
    "two in one": f'{arn("clip-9")}","{arn("other-1")}',
    "another service": arn("clip-9").replace(":lambda:", ":states:"),
    "a layer": arn("clip-9").replace(":function:", ":layer:"),
    "in capitals": arn("CLIP-9"),
    "nothing": "",
    "very long": arn("clip-" + "9" * 5000),
    "white space": f" {arn('clip-9')} ",
    "a line break": f"{arn('clip-9')}\n",
    "a zero": f"{arn('clip-9')}\0",
}


def test_a_forged_wish_for_what_is_not_admitted_grants_nothing(account, calls, forger, function, figure):
    for what, resource in NOT_ADMITTED.items():
        user = OwnUser(account)
        forger.wish(user, resource)
        calls.clear()
        reply = function.invoke(user.denial("clip-1"), 30)
        assert reply.body["outcome"] == "granted", (what, reply)
        assert written(calls) == pair("clip-1") and user.granted() == {"clip-1"} and user.keeps_foreign(), what
        assert principals(calls) == {user.name}
    figure(f"ledger: {len(NOT_ADMITTED)} forged wishes for what no rule admits, none granted")


def test_a_forged_wish_of_another_principal_grants_nothing(account, calls, forger, function):
    """Not to the one whose policy is written, and not to the one it names."""
    others = [
        *(f"arn:aws:iam::{ACCOUNT}:role/lambda-invoke-remediator", f"arn:aws:iam::{ACCOUNT}:role/render-worker"),
        *(f"arn:aws:iam::{ACCOUNT}:user/*", f"arn:aws:iam::{ACCOUNT}:root", "*", "", "arn:aws:iam::111122223333:user/own-1"),
        f"arn:aws:sts::{ACCOUNT}:assumed-role/render-worker/job",
    ]
    for other in others:
        user = OwnUser(account)
        forger.wish(user, arn("clip-9"), principal=other)
        calls.clear()
        assert function.invoke(user.denial("clip-1"), 30).body["outcome"] == "granted"
        assert written(calls) == pair("clip-1") and principals(calls) == {user.name}, other
    for role in ("lambda-invoke-remediator", "render-worker"):
        assert account.policy(f"role/{role}") is None


def test_a_forged_wish_for_what_is_admitted_grants_no_more_than_that(account, calls, forger, function):
    """Whoever can write the table can bring a grant forward that the list admits: the exact pair, by the list's own terms."""
    user = OwnUser(account)
    forged = {"entry__rule": "by-hand", "entry__added": ["*"], "entry__expires": "2999-01-01T00:00:00Z", "entry__takenAway": 7}
    forger.wish(user, arn("clip-2"), 1, **forged)
    forger.wish(user, arn("lease-1"), 2, **forged)
    calls.clear()
    assert function.invoke(user.denial("clip-1"), 30).body["outcome"] == "granted"
    assert written(calls) <= pair("clip-1", "clip-2", "lease-1")
    for statement in user.statements():
        if pair("lease-1") & set(statement["Resource"]):
            [limit] = statement["Condition"]["DateLessThan"].values()
            assert re.match(r"20[23]\d-", limit), statement
    # What is recorded says what the list says.
    values = {":pk": {"S": user.partition}, ":log": {"S": "log#"}}
    condition = "pk = :pk AND begins_with(sk, :log)"
    entries = forger.dynamodb.query(
        TableName=forger.table, KeyConditionExpression=condition, ExpressionAttributeValues=values
    )["Items"]
    assert {plain(entry)["function"]: plain(entry)["rule"] for entry in entries} == {
        arn("clip-1"): "clips", arn("clip-2"): "clips", arn("lease-1"): "leased",
    }  # fmt: skip


MALFORMED = {
    "no entry": {"entry": None},
    "an entry that is text": {"entry": "clip-9"},
    "an entry that is a list": {"entry": [arn("other-1")]},
    "functions": {"entry__function": [arn("other-1")]},
    "no principal": {"principal": 7},
    "a time that is text": {"at": "now"},
    "from 1970": {"at": 0},
    "of the year 2999": {"at": 32_472_144_000},
    "another id": {"id": "f" * 32},
    "an unknown source": {"entry__source": "rumour"},
    "answered": {"answer": {"kind": "granted", "added": [arn("other-1")]}},
    "an unknown answer": {"answer": {"kind": "perhaps"}},
    "more than is known": {"more": {"Effect": "Allow"}, "entry__resource": "*"},
}


def test_a_malformed_wish_is_left_out(account, calls, forger, function):
    for what, changes in MALFORMED.items():
        user = OwnUser(account)
        forger.wish(user, arn("other-1"), **changes)
        calls.clear()
        reply = function.invoke(user.denial("clip-1"), 30)
        assert reply.body.get("outcome") == "granted", (what, reply)
        assert written(calls) == pair("clip-1"), what


def test_hundreds_of_forged_wishes_keep_nobody_from_a_grant(account, calls, forger, function, figure):
    user = OwnUser(account)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: forger.wish(user, arn(f"other-{number}"), number), range(300)))
    calls.clear()
    began = time.monotonic()
    reply = function.invoke(user.denial("clip-1"), 60)
    assert reply.body.get("outcome") == "granted", reply
    figure(f"ledger: a grant beside 300 forged wishes, {time.monotonic() - began:.1f} s")
    assert written(calls) == pair("clip-1")


def forged_locks(now):
    far = 32_472_144_000
    evil = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    stamps = [{"hash": letter * 32, "at": far} for letter in "abc"]
    return {
        "held for ever": {"owner": "somebody", "leaseEnds": far},
        "held by nobody, for ever": {"owner": None, "leaseEnds": far},
        "another document written": {"written": {"hash": "0" * 32, "at": now, "document": evil}},
        "no document written": {"written": {"hash": "none", "at": far}},
        "many superseded": {"superseded": stamps},
        "another document intended": {"intended": {"hash": "0" * 32, "at": now, "document": evil}, "owner": "somebody"},
        "of the greatest version": {"version": 2**63 - 1},
        "of a version that is no number": {"version": "one"},
        "of a negative version": {"version": -1},
        "without a version": {"version": None},
        "with a list as its owner": {"owner": ["me"]},
        "with text for a time": {"leaseEnds": "soon"},
    }


def test_a_forged_lock_grants_nothing_and_is_told_where_it_hinders(account, calls, environment, forger, figure):
    """Each either does no harm, or ends in an error until somebody mends it."""
    forgeries = forged_locks(int(time.time()))

    def play(what):
        user = OwnUser(account)
        forger.put(forger.item(user, "lock", **forgeries[what]))
        with Environment(environment(ALLOWLIST=json.dumps(RULES))) as found:
            began = time.monotonic()
            reply = found.invoke(user.denial("clip-1"), 20)
            took = time.monotonic() - began
            refused = found.invoke(user.denial("other-1"), 20)
        return what, user, reply, refused, took

    with ThreadPoolExecutor(len(forgeries)) as pool:
        found = list(pool.map(play, forgeries))
    assert written(calls) <= pair("clip-1")
    for what, user, reply, refused, took in found:
        assert user.keeps_foreign() and user.granted() <= {"clip-1"}, what
        assert refused.body.get("reason") == "not_allowlisted", (what, refused)
        if reply.is_error:
            assert reply.body["errorType"] in CODES, (what, reply)
            assert user.granted() == set(), what
        else:
            assert reply.body["outcome"] == "granted" and user.granted() == {"clip-1"}, (what, reply)
        said = reply.body["errorType"] if reply.is_error else reply.body["outcome"]
        figure(f"ledger, a forged lock {what}: {said} after {took:.1f} s")


def test_a_document_that_was_superseded_in_a_time_to_come(account, calls, forger, function, dynamodb, table, figure):
    """What IAM shows counts as overwritten, for ever: a time that lies ahead is none."""
    user = OwnUser(account)
    assert function.invoke(user.denial("clip-1"), 30).body["outcome"] == "granted"
    key = typed({"pk": user.partition, "sk": "lock"})
    lock = plain(dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"])
    superseded = [{"hash": lock["written"]["hash"], "at": 32_472_144_000}]
    forger.put({**lock, "superseded": superseded, "written": {"hash": "0" * 32, "at": 32_472_144_000}})
    began = time.monotonic()
    reply = function.invoke(user.denial("clip-2"), 30)
    assert reply.body.get("outcome") == "granted", reply
    figure(f"ledger, a document superseded in a time to come: granted after {time.monotonic() - began:.1f} s")
    assert user.granted() == {"clip-1", "clip-2"} and user.keeps_foreign()


def test_a_forged_intent_puts_nothing(account, calls, forger, function, dynamodb, table):
    """As if a holder had died while it put something that no rule admits, and IAM showed it."""
    user = OwnUser(account)
    assert function.invoke(user.denial("clip-1"), 30).body["outcome"] == "granted"
    lock = plain(
        dynamodb.get_item(TableName=table, Key=typed({"pk": user.partition, "sk": "lock"}), ConsistentRead=True)["Item"]
    )
    intended = {"hash": lock["written"]["hash"], "at": int(time.time())}
    forger.put({**lock, "version": lock["version"] + 1, "intended": intended, "written": {**intended, "hash": "0" * 32}})
    entry = {**forger.forms["wish"]["entry"], "function": arn("other-1"), "added": list(pair("other-1"))}
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    forger.put(
        {
            **{"pk": user.partition, "sk": f"intent#{intended['hash']}", "hash": intended["hash"], "at": intended["at"], "entries": [entry]},
            **{"document": document, "ttl": intended["at"] + 86_400},
        }
    )
    calls.clear()
    assert function.invoke(user.denial("clip-2"), 30).body["outcome"] == "granted"
    assert written(calls) == pair("clip-1", "clip-2") and user.granted() == {"clip-1", "clip-2"}
    reply = function.invoke(user.denial("other-1"), 30)
    assert (reply.body["outcome"], reply.body["reason"]) == ("refused", "not_allowlisted")


def test_a_forged_record_of_a_grant_grants_nothing(account, calls, forger, function):
    user, now = OwnUser(account), int(time.time())
    for name in ("other-1", "told-1", "hand-1"):
        changes = {"function": arn(name), "since": now - 600, "seen": now, "added": list(pair(name))}
        forger.put(forger.item(user, "grant", f"grant#{arn(name)}", **changes))
        forger.put(forger.item(user, "reported", f"reported#{arn(name)}", at=now))
    calls.clear()
    for name, reason in (("other-1", "not_allowlisted"), ("told-1", "notify_only"), ("hand-1", "not_allowlisted")):
        reply = function.invoke(user.denial(name), 30)
        assert (reply.body["outcome"], reply.body["reason"]) == ("refused", reason)
    assert not [action for action in calls.actions() if action.startswith("iam:")]


def test_a_forged_record_of_an_admitted_grant_keeps_it_from_nobody_for_long(account, calls, forger, function):
    """It says that the grant is there, and is looked up where the reply is published."""
    user, now = OwnUser(account), int(time.time())
    changes = {"function": arn("clip-1"), "since": now - 600, "seen": now, "added": list(pair("clip-1"))}
    forger.put(forger.item(user, "grant", f"grant#{arn('clip-1')}", **changes))
    forger.put(forger.item(user, "reported", f"reported#{arn('clip-1')}", at=now))
    assert function.invoke(user.denial("clip-1"), 30).body["outcome"] == "granted"
    assert user.granted() == {"clip-1"}


def test_a_forged_answer_grants_nothing(account, calls, environment, forger, dynamodb, table):
    """Somebody answers a wish in the place of whoever has the lock: a lie in a reply, and no grant."""
    user = OwnUser(account)
    forger.put(forger.item(user, "lock", owner="somebody", leaseEnds=int(time.time()) + 3_600))
    with Environment(environment(ALLOWLIST=json.dumps(RULES))) as found, ThreadPoolExecutor(1) as pool:
        calls.clear()
        waiting = pool.submit(found.invoke, user.denial("clip-1"), 30)
        values = {":pk": {"S": user.partition}, ":wish": {"S": "wish#"}}
        asked = {"KeyConditionExpression": "pk = :pk AND begins_with(sk, :wish)", "ExpressionAttributeValues": values}
        [item] = wait_until(lambda: dynamodb.query(TableName=table, ConsistentRead=True, **asked)["Items"], what="a wish")
        wish = plain(item)
        answer = {"kind": "granted", "added": ["*"]}
        forger.put({**wish, "sk": f"answer#{wish['id']}", "answer": answer})
        dynamodb.delete_item(TableName=table, Key=typed({"pk": user.partition, "sk": wish["sk"]}))
        reply = waiting.result()
        assert reply.body["function"] == arn("clip-1")
        assert written(calls) <= pair("clip-1")
        # The next denial finds out.
        assert found.invoke(user.denial("clip-1"), 30).body["outcome"] in ("granted", "already_granted")
        assert granted(account, user.principal) == {"clip-1"}


def test_a_forged_undo_refuses_and_grants_nothing(account, calls, forger, function):
    user, now = OwnUser(account), int(time.time())
    # No form of an undo was seen: it has the key, and the time.
    undo = {"principal": user.arn, "function": arn("clip-1"), "at": now + 10**9, "ttl": now + 10**9}
    forger.put({"pk": user.partition, "sk": f"undo#{arn('clip-1')}", **undo})
    calls.clear()
    reply = function.invoke(user.denial("clip-1"), 30)
    assert (reply.body["outcome"], reply.body["reason"]) == ("refused", "taken_back")
    assert written(calls) == set() and user.granted() == set()
