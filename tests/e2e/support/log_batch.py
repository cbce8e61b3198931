"""What a subscription of CloudWatch Logs sends, lines of a log, packed; and what the function answers.

https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html
"""

import base64
import gzip
import json

from local.aws import ACCOUNT

# 2026-09-14T23:18:49Z, in milliseconds.
LOGGED = 1_789_427_929_000


def payload(archive):
    """The payload with this archive in it."""
    return {"awslogs": {"data": base64.b64encode(archive).decode()}}


def batch(*messages, owner=ACCOUNT, log_group="/shop"):
    """The payload of these lines, whose ids are `line-0` and so on. One that is no text stands as it is for a log event."""
    events = [
        {"id": f"line-{index}", "timestamp": LOGGED + index, "message": message} if isinstance(message, str) else message
        for index, message in enumerate(messages)
    ]
    content = {"messageType": "DATA_MESSAGE", "owner": owner, "logGroup": log_group, "logStream": "1"}
    content |= {"subscriptionFilters": ["denials"], "logEvents": events}
    return payload(gzip.compress(json.dumps(content).encode()))


def each(reply):
    """The outcomes in a reply: one for each line of a batch, or the one of an event."""
    return reply if isinstance(reply, list) else [reply]
