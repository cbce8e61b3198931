"""Gives the events of both dead-letter queues to the function again, one after the other.

    python -m ops.redrive --stack STACK [--max 100] [--yes]

A message is deleted only when the function has answered with an outcome, since what is deleted is gone. Everything else
stays, is named, and does not stop the rest: an error reply, a body that holds no event, an event of another account, and an
outcome of dry-run, which writes nothing.
"""

import argparse
import json
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from ops import stack as stacks
from ops.command import Failure, explain, run
from ops.consent import ask
from ops.logs import printable, short

QUEUES = ["FailedInvocations", "UndeliveredEvents"]
# The function's own timeout is 60 seconds (template.yaml), a throttled one is asked again, and nobody else shall work on
# the same message meanwhile. If somebody does, or SQS delivers it twice, the function finds the grant in place.
READ_SECONDS = 75
VISIBILITY_SECONDS = 300
# Out of sight while this runs; given back at its end.
SET_ASIDE_SECONDS = 900
THROTTLED_PAUSES = [2, 4, 8, 16]
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_BYTES = 6_291_456


class Stays(Exception):
    """Why a message was not deleted."""


def names_no_account(event):
    """Whether it came in by hand, as a text, or as lines of a log: only an event of EventBridge names its account."""
    if not isinstance(event, dict):
        return isinstance(event, str)
    lines = event.get("awslogs")
    return isinstance(event.get("errorMessage"), str) or isinstance(lines, dict) and isinstance(lines.get("data"), str)


def event_of(queue, body, account, function):
    """The event in a message, as bytes to invoke the function with."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Stays("its body is not JSON") from None
    if queue == "FailedInvocations":
        # What Lambda writes about an asynchronous invocation that failed:
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        event = content.get("requestPayload") if isinstance(content, dict) else None
        context = content.get("requestContext") if isinstance(content, dict) else None
        arn = context.get("functionArn") if isinstance(context, dict) else None
        if not isinstance(arn, str) or event is None:
            raise Stays("its body is no record of a failed invocation, or was cut off")
        if arn.split(":")[4:7] != [account, "function", function]:
            raise Stays(f"it was written for another function, {arn}")
        try:
            payload = json.dumps(event, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise Stays("its event cannot be written as JSON again") from None
        if names_no_account(event):
            # The function that it was written for is of this account.
            return within_the_limit(payload)
    else:
        event, payload = content, body.encode()
    if not isinstance(event, dict) or not isinstance(event.get("detail"), dict):
        raise Stays("it holds no event with a detail, or was cut off")
    if event.get("account") != account:
        raise Stays(f"its event is of account {event.get('account')}, not of {account}")
    return within_the_limit(payload)


def within_the_limit(payload):
    if len(payload) > PAYLOAD_BYTES:
        raise Stays(f"its event has {len(payload)} bytes, more than Lambda takes")
    return payload


def invoke(client, function, payload):
    """The function's outcome."""
    for pause in [*THROTTLED_PAUSES, None]:
        try:
            answer = client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=payload)
            break
        except client.exceptions.TooManyRequestsException as error:
            if pause is None:
                raise Failure(f"the function is throttled ({explain(error)}): try again later") from None
            time.sleep(pause)
    try:
        reply = json.loads(answer["Payload"].read())
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise Stays("the function's reply is not one of the remediator's")
    if answer.get("FunctionError"):
        raise Stays(f"the function failed: {reply.get('errorType')}: {reply.get('errorMessage')}")
    if not isinstance(reply.get("outcome"), str):
        raise Stays("the function's reply is no outcome")
    if reply["outcome"] == "would_grant":
        raise Stays("the function is in dry-run and wrote nothing; Mode=enforce would grant it")
    return reply


class Redrive:
    def __init__(self, stack):
        self.stack = stack
        self.sqs = stack.client("sqs")
        # One attempt: a second one by the SDK would be a second invocation.
        self.function = stack.client("lambda", read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
        self.name = stack.output("FunctionName")
        self.urls = {queue: stack.output(f"{queue}Url") for queue in QUEUES}
        self.taken = 0
        self.done = 0
        # The receipt of each message that stays, by its queue's address and its id.
        self.staying = {}

    def waiting(self):
        """About how many messages each queue holds: SQS's count may be a minute old."""
        counts = {}
        for queue, url in self.urls.items():
            names = ["ApproximateNumberOfMessages"]
            attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            counts[queue] = int(attributes["ApproximateNumberOfMessages"])
        return counts

    def next(self, url):
        """One message, so that none is hidden from others that is not worked on."""
        answer = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=1, VisibilityTimeout=VISIBILITY_SECONDS
        )
        return next(iter(answer.get("Messages", [])), None)

    def work_off(self, queue, limit):
        url = self.urls[queue]
        while self.taken < limit:
            message = self.next(url)
            if message is None:
                return
            if (url, message["MessageId"]) in self.staying:
                # It took so long that it has come back: no second try in one run.
                self.set_aside(url, message)
                continue
            self.taken += 1
            self.one(queue, url, message)

    def one(self, queue, url, message):
        """Handles one message; it is given back if this is interrupted."""
        name = f"{queue} {message['MessageId']}"
        self.staying[url, message["MessageId"]] = message["ReceiptHandle"]
        try:
            payload = event_of(queue, message["Body"], self.stack.account, self.name)
            reply = invoke(self.function, self.name, payload)
        except Stays as error:
            print(f"{name}  stays: {printable(error)}", flush=True)
            self.set_aside(url, message)
            return
        parts = [reply["outcome"], reply.get("reason") or "-", short(reply.get("principal")), short(reply.get("function"))]
        print(f"{name}  {printable('  '.join(parts))}", flush=True)
        del self.staying[url, message["MessageId"]]
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self.done += 1

    def set_aside(self, url, message):
        self.staying[url, message["MessageId"]] = message["ReceiptHandle"]
        self.hide(url, message["ReceiptHandle"], SET_ASIDE_SECONDS)

    def give_back(self):
        for (url, _), receipt in self.staying.items():
            self.hide(url, receipt, 0)

    def hide(self, url, receipt, seconds):
        try:
            self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except (ClientError, BotoCoreError):
            # It is back already, or comes back by itself when its time is over.
            pass


def main():
    parser = argparse.ArgumentParser(prog="ops.redrive")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--max", default="100")
    parser.add_argument("--yes", action="store_true")
    arguments = parser.parse_args()
    if not arguments.max.isascii() or not arguments.max.isdigit() or int(arguments.max) == 0:
        raise Failure(f"MAX={arguments.max} is no number of messages: 1 or more")
    limit = int(arguments.max)

    redrive = Redrive(stacks.require(arguments.stack))
    counts = redrive.waiting()
    print(", ".join(f"{queue}: {count} waiting" for queue, count in counts.items()) + " (as SQS counts).", flush=True)
    if not any(counts.values()) and not arguments.yes:
        print("Nothing to do.")
        return 0
    ask(f"Invoke {redrive.name} with up to {limit} of them, and delete those that end in an outcome?", arguments.yes)
    try:
        for queue in QUEUES:
            redrive.work_off(queue, limit)
    finally:
        redrive.give_back()
        print(f"{redrive.done} done and deleted, {len(redrive.staying)} stay.", flush=True)
    if redrive.taken >= limit:
        print(f"MAX={limit} was reached; there may be more.", file=sys.stderr)
    return 1 if redrive.staying else 0


if __name__ == "__main__":
    run(main)
