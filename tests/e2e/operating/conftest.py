"""The stack of the real template, made in moto, and what runs make's targets against it."""

import json
import os
import pty
import subprocess

import pytest

from local.aws import ACCOUNT, REGION, ROOT
from support import front as fronts
from support.created import Created
from support.stack_targets import PARAMETER, QUEUES, STACK


@pytest.fixture(scope="session")
def the_front(the_account):
    with fronts.front(the_account.endpoint) as found:
        yield found


@pytest.fixture(scope="session")
def outputs(the_account, template):
    """The stack's outputs, of the template as it is."""
    parameters = {"Allowlist": f"ssm:{PARAMETER}", "PrincipalArns": f"arn:aws:iam::{ACCOUNT}:user/remotion_user"}
    found = Created(the_account, template, STACK, parameters).outputs
    # The account is that of other tests as well, and moto cannot hand their events to a function that it cannot run.
    [target] = the_account.events.list_targets_by_rule(Rule=found["RuleName"])["Targets"]
    the_account.events.remove_targets(Rule=found["RuleName"], Ids=[target["Id"]])
    return found


@pytest.fixture
def front(the_front, outputs, account):
    the_front.invoked.clear()
    the_front.instead = lambda payload: None
    the_front.settings, the_front.asked_settings = fronts.account_limit(1000, 1000), 0
    for queue in QUEUES:
        url = outputs[f"{queue}Url"]
        while messages := account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                account.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return the_front


@pytest.fixture
def with_function(front, start):
    with start(NOTICE_INTERVAL="0") as function:
        front.function = function
        yield function
    front.function = None


@pytest.fixture
def environment(front):
    """Credentials and region of the account on the loopback, and nothing of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    nowhere = {name: os.devnull for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    return {
        **kept,
        **nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": front.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


@pytest.fixture
def remediator(tmp_path):
    """Stands for the command line tool: notes what it is called with, and ends with the status in `status`."""
    program = tmp_path / "remediator"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.called"\nexit "$(cat "$0.status")"\n')
    program.chmod(0o755)
    (tmp_path / "remediator.status").write_text("0")
    return program


@pytest.fixture
def make(environment, remediator):
    def make(*arguments, answer=None, tool=remediator, **variables):
        given = {**environment, **variables}
        given = {name: value for name, value in given.items() if value is not None}
        command = ["make", "--no-print-directory", *arguments, f"REMEDIATOR={tool}"]
        options = {"cwd": ROOT, "env": given, "capture_output": True, "text": True, "timeout": 120}
        if answer is None:
            return subprocess.run(command, stdin=subprocess.DEVNULL, **options)
        terminal, its_end = pty.openpty()
        try:
            os.write(terminal, answer.encode())
            return subprocess.run(command, stdin=its_end, **options)
        finally:
            os.close(terminal)
            os.close(its_end)

    return make


@pytest.fixture
def queue(account, outputs, front):
    """Sends to one of the two queues, and tells what is visible in it."""

    class Queue:
        def send(self, name, body):
            text = body if isinstance(body, str) else json.dumps(body)
            return account.sqs.send_message(QueueUrl=outputs[f"{name}Url"], MessageBody=text)["MessageId"]

        def visible(self, name):
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            found = account.sqs.get_queue_attributes(QueueUrl=outputs[f"{name}Url"], AttributeNames=names)["Attributes"]
            assert found["ApproximateNumberOfMessagesNotVisible"] == "0"
            return int(found["ApproximateNumberOfMessages"])

    return Queue()
