#!/usr/bin/env bash
# A lock or a log in DynamoDB is often tested against an engine on one's own machine. Expected: what DynamoDB refuses as a
# ValidationException, they refuse. Seen, over the wire: moto takes a BatchWriteItem of 26 requests (DynamoDB's limit is 25), and
# answers a GetItem whose keys have another type than the table's with "not there". ministack refuses both. Both answer a GetItem on a table whose partition key and sort key are the other way round with "not there": a key is matched
# by its name. So a start-up check by GetItem finds neither fault; a Query on the partition key finds the swapped keys on both.
#
# Whom it concerns: whoever checks a table's keys at the start by reading an item, or splits batches and tests that with moto.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
#
# Seen with moto 5.2.5 and ministack 1.5.33.
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/moto"
"$work/moto/bin/pip" install --quiet --disable-pip-version-check 'moto[server,dynamodb]==5.2.5'
python3 -m venv "$work/ministack"
"$work/ministack/bin/pip" install --quiet --disable-pip-version-check 'ministack==1.5.33'

cat > "$work/ask.py" <<'PYTHON'
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

client = boto3.client(
    "dynamodb", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x",
    config=Config(retries={"max_attempts": 1}),
)
for _ in range(300):
    try:
        client.list_tables()
        break
    except (EndpointConnectionError, ClientError):
        time.sleep(0.2)


def table(name, partition, sort, kind):
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key in (partition, sort)],
    )


def said(call):
    try:
        call()
        return "taken"
    except ClientError as error:
        return error.response["Error"]["Code"]


def put(number):
    return {"PutRequest": {"Item": {"pk": {"S": "a"}, "sk": {"S": str(number)}}}}


KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
table("right", "pk", "sk", "S")
table("swapped", "sk", "pk", "S")
table("numbers", "pk", "sk", "N")
print("26 in a batch:", said(lambda: client.batch_write_item(RequestItems={"right": [put(number) for number in range(26)]})))
print("GetItem by keys of another type:", said(lambda: client.get_item(TableName="numbers", Key=KEY)))
print("GetItem with the keys swapped:", said(lambda: client.get_item(TableName="swapped", Key=KEY)))
query = {"KeyConditionExpression": "pk = :pk AND sk BETWEEN :a AND :b", "ExpressionAttributeValues": {":pk": {"S": "a"}, ":a": {"S": "a"}, ":b": {"S": "b"}}}
print("Query with the keys swapped:", said(lambda: client.query(TableName="swapped", **query)))
PYTHON

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

port=$(free_port)
"$work/moto/bin/python" -m moto.server -H 127.0.0.1 -p "$port" > "$work/moto.log" 2>&1 &
"$work/moto/bin/python" "$work/ask.py" "http://127.0.0.1:$port" | tee "$work/of-moto"
port=$(free_port)
BIND_HOST=127.0.0.1 GATEWAY_PORT=$port SERVICES=dynamodb "$work/ministack/bin/python" -m ministack > "$work/ministack.log" 2>&1 &
"$work/moto/bin/python" "$work/ask.py" "http://127.0.0.1:$port" | tee "$work/of-ministack"

diff - "$work/of-moto" <<'SEEN'
26 in a batch: taken
GetItem by keys of another type: taken
GetItem with the keys swapped: taken
Query with the keys swapped: ValidationException
SEEN
diff - "$work/of-ministack" <<'SEEN'
26 in a batch: ValidationException
GetItem by keys of another type: ValidationException
GetItem with the keys swapped: taken
Query with the keys swapped: ValidationException
SEEN
