"""An AWS account on the loopback: moto's server with the account of events/, its principals, and a topic with a queue.

moto speaks AWS's wire protocol and keeps state, but it is not AWS: it enforces neither permissions nor quotas.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from local.process import running

ROOT = Path(__file__).resolve().parent.parent
ACCOUNT = "281502313273"
REGION = "us-east-1"
POLICY_NAME = "LambdaInvokePermission"
LEDGER = "remediator-ledger"
OWN_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/lambda-invoke-remediator"

# The principals in events/: (kind, path, name).
PRINCIPALS = [
    ("user", "/", "remotion_user"),
    ("user", "/media/eu/", "remotion_user_eu"),
    ("user", "/", "analytics"),
    ("user", "/", "stranger"),
    ("user", "/", "shop-batch"),
    ("role", "/", "render-worker"),
    ("role", "/", "render-farm"),
    ("role", "/service/render/", "render-stitcher"),
    ("role", "/shop/", "checkout"),
    ("role", "/", "intern"),
    ("role", "/", "lambda-invoke-remediator"),
]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def allowlist():
    return (ROOT / "allowlist.example.json").read_text()


class Account:
    """The account at `endpoint`: its clients, policies and notices."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.iam, self.sns, self.sqs, self.ssm, self.events = (
            self.client(service) for service in ("iam", "sns", "sqs", "ssm", "events")
        )

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"max_attempts": 1}),
        )

    def set_up(self):
        for kind, path, name in PRINCIPALS:
            if kind == "user":
                self.iam.create_user(UserName=name, Path=path)
            else:
                trust = {"Version": "2012-10-17", "Statement": []}
                self.iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust))
        self.topic_arn = self.sns.create_topic(Name="denied-invokes")["TopicArn"]
        self.queue_url = self.sqs.create_queue(QueueName="notices")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])
        self.sns.subscribe(TopicArn=self.topic_arn, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])

    def create_ledger(self, name=LEDGER):
        """Makes the table of a ledger, and returns its name."""
        create_ledger(self.client("dynamodb"), name)
        return name

    def environment(self, endpoint=None, **variables):
        """Returns the function's environment variables for this account."""
        return {
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "ALLOWLIST": allowlist(),
            "TOPIC_ARN": self.topic_arn,
            "OWN_ROLE_ARN": OWN_ROLE_ARN,
            **variables,
        }

    def principals(self):
        return [f"{kind}/{name}" for kind, _, name in PRINCIPALS]

    def policy(self, principal):
        """Returns the inline policy of `user/name` or `role/name`, or None."""
        kind, name = principal.split("/")
        try:
            if kind == "user":
                return self.iam.get_user_policy(UserName=name, PolicyName=POLICY_NAME)["PolicyDocument"]
            return self.iam.get_role_policy(RoleName=name, PolicyName=POLICY_NAME)["PolicyDocument"]
        except self.iam.exceptions.NoSuchEntityException:
            return None

    def put_policy(self, principal, document):
        kind, name = principal.split("/")
        document = document if isinstance(document, str) else json.dumps(document)
        if kind == "user":
            self.iam.put_user_policy(UserName=name, PolicyName=POLICY_NAME, PolicyDocument=document)
        else:
            self.iam.put_role_policy(RoleName=name, PolicyName=POLICY_NAME, PolicyDocument=document)

    def delete_policies(self):
        for principal in self.principals():
            if self.policy(principal) is None:
                continue
            kind, name = principal.split("/")
            if kind == "user":
                self.iam.delete_user_policy(UserName=name, PolicyName=POLICY_NAME)
            else:
                self.iam.delete_role_policy(RoleName=name, PolicyName=POLICY_NAME)

    def notices(self):
        """Returns the messages that the queue got since the last call, as SNS wraps them."""
        found = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
            messages = answer.get("Messages", [])
            if not messages:
                return found
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))


def create_ledger(dynamodb, name):
    """Makes the table of a ledger by any client of DynamoDB."""
    keys = {"pk": "HASH", "sk": "RANGE"}
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )


@contextmanager
def account():
    """Starts the server, sets the account up, and ends the server."""
    port = free_port()
    environment = {**os.environ, "MOTO_ACCOUNT_ID": ACCOUNT}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        endpoint = f"http://127.0.0.1:{port}"
        wait_until_up(f"{endpoint}/moto-api/", server, "moto's server")
        found = Account(endpoint)
        found.set_up()
        yield found


def wait_until_up(url, process, name, seconds=60):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with status {process.returncode}")
        try:
            opener.open(url, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{name} did not answer within {seconds} seconds")
