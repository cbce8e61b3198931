"""A table that is none stops the cold start; one that cannot be reached does not, and nothing is written without it."""

import json
import socket
import time
import uuid

import pytest

from local.aws import ACCOUNT, REGION
from local.proxy import DROP, HANG, Fault
from support.deliveries import Environment
from support.dynamodb_calls import error
from support.own_user import LIST, Notices, OwnUser
from support.shared import LIST as USERS_LIST
from support.shared import USER, denial, granted, refusal

OTHER_KEYS = {
    "other names": [("id", "HASH", "S"), ("range", "RANGE", "S")],
    "no sort key": [("pk", "HASH", "S")],
    "swapped": [("sk", "HASH", "S"), ("pk", "RANGE", "S")],
}


def stopped(function):
    """Why a function did not start."""
    assert function.process.wait(timeout=15) == 1
    told = function.init_error
    code, message = told.body["errorType"], told.body["errorMessage"]
    logged = [json.loads(line) for line in function.output().splitlines() if '"code"' in line]
    assert told.header == f"Function.{code}" and [(line["code"], line["error"]) for line in logged] == [(code, message)]
    return code, message


@pytest.mark.parametrize("kind", OTHER_KEYS)
def test_a_table_with_other_keys_stops_the_cold_start(kind, dynamodb, fleet):
    name = f"other-{uuid.uuid4().hex[:8]}"
    keys = OTHER_KEYS[kind]
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": of} for key, of, _ in keys],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": of} for key, _, of in keys],
    )
    code, message = stopped(fleet(LEDGER_TABLE=name))
    assert code == "BadConfiguration" and message.startswith(f"environment variable LEDGER_TABLE: `{name}` is no ledger")
    assert "pk (S)" in message and "sk (S)" in message


@pytest.mark.parametrize(
    "text",
    [
        "no-such-table",
        f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/LEDGER",
        f"arn:aws:dynamodb:{REGION}:111122223333:table/LEDGER",
    ],
    ids=["missing", "of another region", "of another account"],
)
def test_a_table_that_is_not_there_stops_the_cold_start(text, fleet, table):
    code, message = stopped(fleet(LEDGER_TABLE=text.replace("LEDGER", table)))
    assert code == "BadConfiguration" and message.startswith("environment variable LEDGER_TABLE: ")
    assert "ResourceNotFoundException" in message


MALFORMED = [
    *("", " ", "no", "a b c", "table/ledger", "x" * 256, "ledger\n", "ledger!"),
    *(f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:ledger", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ledger/index/all"),
    *(f"arn:aws:sqs:{REGION}:{ACCOUNT}:table/ledger", f"arn:aws:dynamodb::{ACCOUNT}:table/ledger"),
    *(f"arn:aws:dynamodb:{REGION}:12345:table/ledger", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/", "arn:aws:dynamodb"),
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_value_stops_the_cold_start(text, calls, fleet):
    code, message = stopped(fleet(LEDGER_TABLE=text))
    assert code == "BadConfiguration" and message.startswith("environment variable LEDGER_TABLE: ")
    assert not [action for action in calls.actions() if action.startswith("dynamodb:")]


@pytest.mark.parametrize("text", ["", "0", "29", "3651", "400.5", "1e2", "many"])
def test_a_malformed_retention_stops_the_cold_start(text, fleet):
    code, message = stopped(fleet(LEDGER_RETENTION_DAYS=text))
    assert code == "BadConfiguration" and message.startswith("environment variable LEDGER_RETENTION_DAYS: ")


def test_an_arn_names_the_table_and_its_region(account, calls, fleet, table):
    """Whatever region the function is in: all regions of an account share one table."""
    far = account.client("dynamodb").meta.region_name
    arn = f"arn:aws:dynamodb:{far}:{ACCOUNT}:table/{table}"
    reply = fleet(LEDGER_TABLE=arn, AWS_REGION="eu-central-1", AWS_DEFAULT_REGION="eu-central-1").invoke(denial("clip-1"))
    assert reply.body["outcome"] == "granted" and granted(account) == {"clip-1"}
    # Another function of another region, by the same table.
    assert fleet(LEDGER_TABLE=arn).invoke(denial("clip-1")).body["outcome"] == "already_granted"


UNREACHABLE = {
    "throttled": Fault(error(400, "ProvisionedThroughputExceededException")),
    "500": Fault(error(500, "InternalServerError")),
    "reset": Fault(DROP),
    "hang": Fault(HANG),
}


@pytest.mark.parametrize("way", UNREACHABLE)
def test_a_table_that_cannot_be_reached_at_first(way, account, calls, fleet):
    calls.fault = lambda action, count: UNREACHABLE[way] if action.startswith("dynamodb:") else None
    try:
        function = fleet()
        for event in (denial("clip-1"), refusal())[: 1 if way == "hang" else 2]:
            reply = function.invoke(event)
            assert reply.is_error and reply.body["errorType"] == "LedgerUnavailable", reply
            assert reply.body["errorMessage"].startswith("environment variable LEDGER_TABLE: ")
    finally:
        calls.fault = lambda action, count: None
    assert not [action for action in calls.actions() if action.startswith("iam:Put") or action == "sns:Publish"]
    assert account.policy(USER) is None
    assert function.invoke(denial("clip-1")).body["outcome"] == "granted"
    assert granted(account) == {"clip-1"}


def test_a_table_where_nobody_listens(account, environment):
    notices, user = Notices(account), OwnUser(account)
    nobody = environment(ALLOWLIST=json.dumps(LIST), AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:1")
    with Environment(nobody) as refused:
        for _ in range(2):
            reply = refused.invoke(user.denial("clip-1"), 30)
            assert reply.body["errorType"] == "LedgerUnavailable" and "refused" in reply.body["errorMessage"], reply
    assert user.granted() == set() and notices.of(user) == []


def test_a_table_that_never_answers_leaves_the_start_its_time(environment):
    """Lambda ends an initialization after ten seconds."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Environment(environment(AWS_ENDPOINT_URL_DYNAMODB=endpoint)) as silenced:
            began = time.monotonic()
            # It needs no ledger: the answer tells how long the start took.
            reply = silenced.invoke({"detail": {"eventName": "Invoke"}}, 60)
            took = time.monotonic() - began
            assert reply.body["outcome"] == "ignored" and took < 9, (reply, took)


def test_a_role_without_the_right_is_told_so(account, calls, fleet):
    denied = Fault(error(400, "AccessDeniedException"))
    calls.fault = lambda action, count: denied if action.startswith("dynamodb:") else None
    try:
        code, message = stopped(fleet())
    finally:
        calls.fault = lambda action, count: None
    assert code == "LedgerAccessDenied" and "LEDGER_TABLE" in message and "dynamodb:" in message
    assert account.policy(USER) is None


def test_without_a_table_nothing_is_asked_of_dynamodb(account, calls, start):
    with start(ALLOWLIST=json.dumps(USERS_LIST)) as function:
        assert function.invoke(denial("clip-1")).body["outcome"] == "granted"
    assert not [action for action in calls.actions() if action.startswith("dynamodb:")]
    assert granted(account) == {"clip-1"}
