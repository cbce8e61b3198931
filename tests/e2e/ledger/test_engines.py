"""Two makes of DynamoDB answer as DynamoDB does in all that the ledger rests on; then the ledger runs on the second one."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import proxy, runtime_api
from local.aws import ACCOUNT, REGION, ROOT, create_ledger
from local.ministack import ministack
from support.binaries import BINARY
from support.own_user import LIST, Notices, OwnUser
from support.tool import credentials, run

TABLE = "ledger-of-engines"
ITEM = {"pk": {"S": "a"}, "sk": {"S": "lock"}, "version": {"N": "1"}}
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
RANGE = "pk = :pk AND sk BETWEEN :from AND :to"


@pytest.fixture(scope="module")
def second():
    """The endpoint of the second engine."""
    with ministack() as endpoint:
        create_ledger(client(endpoint), TABLE)
        yield endpoint


@pytest.fixture(scope="module")
def first(the_account):
    create_ledger(client(the_account.endpoint), TABLE)
    return the_account.endpoint


def client(endpoint):
    config = Config(retries={"max_attempts": 1}, max_pool_connections=30)
    options = {"endpoint_url": endpoint, "region_name": REGION, "config": config}
    return boto3.client("dynamodb", aws_access_key_id="local", aws_secret_access_key="local", **options)


@pytest.fixture(params=["moto", "ministack"])
def engine(request, first, second):
    found = client({"moto": first, "ministack": second}[request.param])
    keys = found.get_paginator("scan").paginate(TableName=TABLE).build_full_result()["Items"]
    for item in keys:
        found.delete_item(TableName=TABLE, Key={name: item[name] for name in ("pk", "sk")})
    return found


def refused(call):
    """The code and the item of an error, which has a date like any answer."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPHeaders"]["date"].endswith(" GMT")
    return answer["Error"]["Code"], answer.get("Item")


def if_version(number):
    condition = {"ConditionExpression": "#version = :seen", "ExpressionAttributeNames": {"#version": "version"}}
    return {**condition, "ExpressionAttributeValues": {":seen": {"N": str(number)}}, **ALL_OLD}


def test_a_put_on_a_condition(engine):
    put = engine.put_item(TableName=TABLE, Item=ITEM, ConditionExpression="attribute_not_exists(pk)")
    assert put["ResponseMetadata"]["HTTPHeaders"]["date"].endswith(" GMT")
    again = {"TableName": TABLE, "Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}
    assert refused(lambda: engine.put_item(**again, **ALL_OLD)) == ("ConditionalCheckFailedException", ITEM)
    second = {**ITEM, "version": {"N": "2"}}
    engine.put_item(TableName=TABLE, Item=second, **if_version(1))
    late_item = {**ITEM, "version": {"N": "2"}, "owner": {"S": "late"}}
    late = refused(lambda: engine.put_item(TableName=TABLE, Item=late_item, **if_version(1)))
    assert late == ("ConditionalCheckFailedException", second)
    absent_item = {**ITEM, "pk": {"S": "absent"}}
    absent = refused(lambda: engine.put_item(TableName=TABLE, Item=absent_item, **if_version(1)))
    assert absent == ("ConditionalCheckFailedException", None)


def test_of_twenty_at_once_one_gets_the_lock(engine):
    def put(given):
        number, owner = given
        held = {**ITEM, "version": {"N": str(number)}, "owner": {"S": str(owner)}}
        condition = if_version(number - 1) if number > 1 else {"ConditionExpression": "attribute_not_exists(pk)"}
        try:
            engine.put_item(TableName=TABLE, Item=held, **condition)
        except engine.exceptions.ConditionalCheckFailedException:
            return None
        return owner

    with ThreadPoolExecutor(20) as pool:
        for number in range(1, 16):
            winners = {owner for owner in pool.map(put, [(number, owner) for owner in range(20)]) if owner is not None}
            held = engine.get_item(TableName=TABLE, Key={name: ITEM[name] for name in ("pk", "sk")}, ConsistentRead=True)["Item"]
            assert {int(held["owner"]["S"])} == winners and held["version"]["N"] == str(number)


def test_a_count(engine):
    def add(number):
        names = {"#count": "count", "#ttl": "ttl"}
        values = {":number": {"N": str(number)}, ":ttl": {"N": "99"}}
        update = {"UpdateExpression": "ADD #count :number SET #ttl = :ttl", "ReturnValues": "ALL_NEW"}
        key = {"pk": {"S": "n"}, "sk": {"S": "left-out"}}
        given = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values, **update}
        return engine.update_item(TableName=TABLE, Key=key, **given)["Attributes"]

    assert add(1) == {"pk": {"S": "n"}, "sk": {"S": "left-out"}, "count": {"N": "1"}, "ttl": {"N": "99"}}
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(add, [1] * 30))
    assert add(-31)["count"] == {"N": "0"}


def test_many_items(engine):
    def key(sk):
        return {"pk": {"S": "q"}, "sk": {"S": sk}}

    def write(requests):
        return engine.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"]

    for kind in ("wish#", "undo#", "log#"):
        assert write([{"PutRequest": {"Item": key(f"{kind}{index:02}")}} for index in range(25)]) == {}
    for other in ("lock", "answer#1", "grant#1", "reported#1"):
        engine.put_item(TableName=TABLE, Item=key(other))
    values = {":pk": {"S": "q"}, ":from": {"S": "undo#"}, ":to": {"S": "wish#~"}}
    asked = {"KeyConditionExpression": RANGE, "ExpressionAttributeValues": values, "ConsistentRead": True}
    found = [item["sk"]["S"] for item in engine.query(TableName=TABLE, **asked)["Items"]]
    assert found == [f"undo#{index:02}" for index in range(25)] + [f"wish#{index:02}" for index in range(25)]
    pages = list(engine.get_paginator("query").paginate(TableName=TABLE, PaginationConfig={"PageSize": 7}, **asked))
    assert len(pages) >= 8 and [item["sk"]["S"] for page in pages for item in page["Items"]] == found
    assert write([{"DeleteRequest": {"Key": key("wish#00")}}, {"PutRequest": {"Item": key("answer#00")}}]) == {}
    assert len(engine.query(TableName=TABLE, **asked)["Items"]) == 49
    several = {TABLE: {"Keys": [key("lock"), key("not there")], "ConsistentRead": True}}
    answer = engine.batch_get_item(RequestItems=several)
    assert answer["Responses"] == {TABLE: [key("lock")]} and answer["UnprocessedKeys"] == {}


def test_what_is_not_there(engine):
    key = {"pk": {"S": "no"}, "sk": {"S": "no"}}
    assert "Item" not in engine.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
    engine.delete_item(TableName=TABLE, Key=key)
    own = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
    engine.put_item(TableName=own, Item=key)
    assert engine.get_item(TableName=own, Key=key)["Item"] == key
    assert engine.batch_get_item(RequestItems={own: {"Keys": [key]}})["Responses"] == {own: [key]}
    for other in ("no-such-table", own.replace(REGION, "eu-west-1"), own.replace(ACCOUNT, "111122223333")):
        code, _ = refused(lambda name=other: engine.get_item(TableName=name, Key=key))
        assert code == "ResourceNotFoundException"


def test_the_second_engine_is_pinned():
    lines = (ROOT / "requirements-ministack.txt").read_text().splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in packages)
    assert "ministack" in {line.split("==")[0] for line in packages}


@pytest.fixture
def on_second(account, second):
    """Starts environments whose DynamoDB is the second engine, each call slow by up to 50 ms."""
    with ExitStack() as stack:
        iam, dynamodb = (stack.enter_context(proxy.proxy(endpoint)) for endpoint in (account.endpoint, second))
        iam.delay = dynamodb.delay = 0.05

        def start(**variables):
            endpoints = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint, "LEDGER_TABLE": TABLE}
            environment = account.environment(endpoint=iam.endpoint, ALLOWLIST=json.dumps(LIST), **endpoints, **variables)
            return stack.enter_context(runtime_api.function(BINARY, environment))

        start.iam, start.endpoint = iam, dynamodb.endpoint
        yield start


@pytest.mark.parametrize("trial", range(5))
def test_ten_environments_keep_ten_of_ten_on_the_second_engine(trial, account, on_second, figure):
    user, notices = OwnUser(account), Notices(account)
    functions = [on_second() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        began = time.monotonic()
        replies = list(pool.map(lambda index: functions[index].invoke(user.denial(f"clip-{index}")), range(10)))
        took = time.monotonic() - began
    assert [reply.body.get("outcome") for reply in replies] == ["granted"] * 10, replies
    assert user.granted() == {f"clip-{index}" for index in range(10)} and user.keeps_foreign()
    assert notices.of(user) == ["granted"] * 10
    puts = on_second.iam.actions().count("iam:PutUserPolicy")
    figure(f"ledger on ministack, ten writers, trial {trial + 1}: 10 of 10 grants kept, {puts} puts, {took:.1f} s")
    assert puts <= 6


def test_the_whole_way_on_the_second_engine(account, on_second):
    """Grant, repeat, double, undo, what comes from before it, and a refusal."""
    user, notices = OwnUser(account), Notices(account)
    one, other = on_second(), on_second()
    event = user.denial("clip-1")
    assert one.invoke(event).body["outcome"] == "granted"
    assert other.invoke(event).body["notice"] == "suppressed"
    assert other.invoke(user.denial("clip-1")).body["outcome"] == "already_granted"
    variables = {**credentials(account.endpoint), "AWS_ENDPOINT_URL_DYNAMODB": on_second.endpoint}
    ended = run(*user.undo_arguments("clip-1", TABLE), env=variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert other.invoke(event).body["reason"] == "taken_back"
    assert user.granted() == set() and user.keeps_foreign()
    late = other.invoke(user.denial("clip-1", at=time.time() + 2))
    assert late.body["outcome"] == "granted" and user.granted() == {"clip-1"}
    for function in (one, other):
        assert function.invoke(user.denial("other-1")).body["outcome"] == "refused"
    assert notices.of(user, "other-1") == ["refused"]
    assert sorted(notices.of(user, "clip-1")) == ["granted", "granted", "refused"]
