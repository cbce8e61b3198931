"""Gives the events of both dead-letter queues to the function again, one after the other.

    python -m ops.redrive --stack STACK [--max 100] [--yes]

It deletes a message only if the function answered with an outcome, or with one for each line of a log. Every other message
stays in its queue, and the command says why and goes on: an error reply, a body that holds no event, an event of another account,
and an outcome of dry-run, which writes nothing.
"""

import argparse
import json
import sys
import time
from collections import Counter

from botocore.exceptions import BotoCoreError, ClientError

from ops import stack as stacks
from ops.command import Failure, explain, run
from ops.consent import ask
from ops.logs import printable, short

QUEUES = ["FailedInvocations", "UndeliveredEvents"]
# The function's own timeout is 60 seconds (template.yaml), and a throttled call is repeated. Nobody else should get the same
# message meanwhile. If somebody does, or SQS delivers it twice, the function finds the grant in place.
READ_SECONDS = 75
VISIBILITY_SECONDS = 300
# A message that stays is hidden while this runs, and is given back at the end.
SET_ASIDE_SECONDS = 900
THROTTLED_PAUSES = [2, 4, 8, 16]
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_BYTES = 6_291_456
# A batch can have thousands of lines. The counts are of all of them.
SHOWN_LINES = 20


class Stays(Exception):
    """The reason why a message stays in its queue."""


def is_batch(event):
    """Whether the event is lines of a log, which the function answers with a list."""
    lines = event.get("awslogs") if isinstance(event, dict) else None
    return isinstance(lines, dict) and isinstance(lines.get("data"), str)


def names_no_account(event):
    """Whether the event is a text given by hand, or lines of a log. Only an event of EventBridge names its account."""
    if not isinstance(event, dict):
        return isinstance(event, str)
    return isinstance(event.get("errorMessage"), str) or is_batch(event)


def event_of(queue, body, account, function):
    """Returns the event in a message, as bytes to invoke the function with, and whether it is a batch."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Stays("its body is not JSON") from None
    if queue == "FailedInvocations":
        # Lambda's record of a failed asynchronous invocation:
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
            # The record names this function, so the event is of this account.
            return within_the_limit(payload), is_batch(event)
    else:
        event, payload = content, body.encode()
    if not isinstance(event, dict) or not isinstance(event.get("detail"), dict):
        raise Stays("it holds no event with a detail, or was cut off")
    if event.get("account") != account:
        raise Stays(f"its event is of account {event.get('account')}, not of {account}")
    return within_the_limit(payload), is_batch(event)


def within_the_limit(payload):
    if len(payload) > PAYLOAD_BYTES:
        raise Stays(f"its event has {len(payload)} bytes, more than Lambda takes")
    return payload


def invoke(client, function, payload):
    """Invokes the function and returns its reply. An error reply makes the message stay."""
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
    except (ValueError, RecursionError):
        reply = None
    if answer.get("FunctionError"):
        error = reply if isinstance(reply, dict) else {}
        raise Stays(f"the function failed: {error.get('errorType')}: {error.get('errorMessage')}")
    return reply


def outcomes_of(reply, is_batch):
    """Returns the outcomes in a reply that settles the message. Only the reply to a batch is a list, which may be empty."""
    outcomes = reply if is_batch and isinstance(reply, list) else [reply]
    if not all(isinstance(outcome, dict) and isinstance(outcome.get("outcome"), str) for outcome in outcomes):
        raise Stays("the function's reply is no outcome")
    waiting = sum(outcome["outcome"] == "would_grant" for outcome in outcomes)
    if waiting:
        what = f"{waiting} of {len(outcomes)} lines" if isinstance(reply, list) else "it"
        raise Stays(f"the function is in dry-run and wrote nothing; Mode=enforce would grant {what}")
    return outcomes


def line_of(outcome):
    parts = [outcome["outcome"], outcome.get("reason") or "-", short(outcome.get("principal")), short(outcome.get("function"))]
    return printable("  ".join(parts))


def lines_of(outcomes):
    """Yields the lines to print for a batch: the count of each outcome, then each distinct outcome of a denied invoke once."""
    kinds = Counter(outcome["outcome"] for outcome in outcomes)
    found = f": {', '.join(f'{count} {printable(kind)}' for kind, count in kinds.items())}" if kinds else ""
    yield f"{len(outcomes)} lines{found}"
    lines = Counter(line_of(outcome) for outcome in outcomes if outcome["outcome"] != "ignored")
    for line, count in list(lines.items())[:SHOWN_LINES]:
        yield f"  {line}{f'  ({count} times)' if count > 1 else ''}"
    if len(lines) > SHOWN_LINES:
        yield f"  and {len(lines) - SHOWN_LINES} others, see `make logs`"


class Redrive:
    def __init__(self, stack):
        self.stack = stack
        self.sqs = stack.client("sqs")
        # One attempt: a retry of the SDK would be a second invocation.
        self.function = stack.client("lambda", read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
        self.name = stack.output("FunctionName")
        self.urls = {queue: stack.output(f"{queue}Url") for queue in QUEUES}
        self.taken = 0
        self.done = 0
        # The receipt handle of each message that stays, by its queue's URL and its id.
        self.staying = {}

    def waiting(self):
        """Returns about how many messages each queue holds. SQS's count may be a minute old."""
        counts = {}
        for queue, url in self.urls.items():
            names = ["ApproximateNumberOfMessages"]
            attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            counts[queue] = int(attributes["ApproximateNumberOfMessages"])
        return counts

    def next(self, url):
        """Returns one message or None. Taking one at a time hides no message from others that nobody works on."""
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
                # The run took so long that the message came back: no second try in one run.
                self.set_aside(url, message)
                continue
            self.taken += 1
            self.one(queue, url, message)

    def one(self, queue, url, message):
        """Handles one message. If this is interrupted, `give_back` returns the message to its queue."""
        name = f"{queue} {message['MessageId']}"
        self.staying[url, message["MessageId"]] = message["ReceiptHandle"]
        try:
            payload, is_batch = event_of(queue, message["Body"], self.stack.account, self.name)
            reply = invoke(self.function, self.name, payload)
            outcomes = outcomes_of(reply, is_batch)
        except Stays as error:
            print(f"{name}  stays: {printable(error)}", flush=True)
            self.set_aside(url, message)
            return
        first, *rest = lines_of(outcomes) if isinstance(reply, list) else [line_of(reply)]
        print("\n".join([f"{name}  {first}", *rest]), flush=True)
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
            # The message is back already, or SQS returns it when its time is over.
            pass


def main():
    parser = argparse.ArgumentParser(prog="ops.redrive")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--max", default="100")
    parser.add_argument("--yes", action="store_true")
    arguments = parser.parse_args()
    if not arguments.max.isascii() or not arguments.max.isdigit() or int(arguments.max) == 0:
        raise Failure(f"MAX={arguments.max} is no number of messages: name 1 or more")
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
