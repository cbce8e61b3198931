"""An engine for event patterns that is not ours: moto's EventBridge with a rule, and a queue behind it."""

import json
from contextlib import contextmanager


def clear(account):
    """Takes away the rules that other tests left: one whose target moto cannot reach fails each event that it matches."""
    for rule in account.events.list_rules()["Rules"]:
        targets = account.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if targets:
            account.events.remove_targets(Rule=rule["Name"], Ids=[target["Id"] for target in targets])
        account.events.delete_rule(Name=rule["Name"])


@contextmanager
def lets_through(account, pattern):
    """Gives what puts an event on the bus, and returns the events that come out behind a rule with this pattern, as text."""
    clear(account)
    queue = account.sqs.create_queue(QueueName="matched")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account.events.put_rule(Name="under-test", EventPattern=json.dumps(pattern))
    account.events.put_targets(Rule="under-test", Targets=[{"Id": "queue", "Arn": arn}])

    def received():
        found = []
        while messages := account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        return found

    def send(event=None):
        """Without an event: what somebody else put there."""
        if event is not None:
            entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
            assert account.events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        return received()

    try:
        yield send
    finally:
        account.events.remove_targets(Rule="under-test", Ids=["queue"])
        account.events.delete_rule(Name="under-test")
        account.sqs.delete_queue(QueueUrl=queue)
