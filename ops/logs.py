"""Shows one line for each outcome and each error in the function's log.

    python -m ops.logs --stack STACK [--since 1h] [--follow]
"""

import argparse
import json
import re
import time

from ops import stack as stacks
from ops.command import Failure, run

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# CloudWatch Logs filters out the rest, such as the runtime's own lines about each invocation.
PATTERN = '{ ($.message = "outcome") || ($.level = "ERROR") || ($.record.status = "timeout") || ($.record.status = "failure") }'
# The runtime logs each error a second time, in Rust's own notation.
REPEATED = re.compile(r"(AllowlistUnreadable|Iam|NoticeNotSent|OwnAccountUnknown|OutOfTime)\(|Lines \{|OwnLogNotNotified")
POLL_SECONDS = 2
# Lines of several execution environments come late, and out of order.
OVERLAP_MILLIS = 60_000


def seconds(text):
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text)
    if not found:
        raise Failure(f"SINCE={text} is no time span: a number and s, m, h or d, such as 30m or 2d")
    return int(found[1]) * SECONDS[found[2]]


def short(arn):
    """Returns the part of an ARN behind the fifth colon: user/name, or the function's name."""
    parts = (arn or "-").split(":", 5)
    return parts[-1].removeprefix("function:")


def printable(text):
    """Returns untrusted text without characters that could break its line."""
    return "".join(character if character.isprintable() else "�" for character in str(text))


def parts_of(record):
    """Returns the columns to show of a log record, or None if an operator does not need it."""
    if record.get("message") == "outcome":
        found = [record.get("outcome"), record.get("reason"), short(record.get("principal"))]
        return [*found, short(record.get("function")), record.get("rule")]
    details = record.get("record")
    if record.get("type") == "platform.report" and isinstance(details, dict):
        # Lambda ended the function, which could log nothing itself.
        return ["error", details.get("status"), f"request {details.get('requestId')}"]
    if record.get("level") == "ERROR":
        # The function's own lines are flat; the runtime's logger nests its fields.
        fields = record["fields"] if isinstance(record.get("fields"), dict) else record
        if not fields.get("error") and REPEATED.match(str(fields.get("message"))):
            return None
        return ["error", fields.get("code"), fields.get("error") or fields.get("message")]
    return None


def line_of(event):
    """Returns the line for a log event, or None if there is nothing to show."""
    try:
        record = json.loads(event["message"])
    except ValueError:
        return None
    parts = parts_of(record) if isinstance(record, dict) else None
    if parts is None:
        return None
    at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(event["timestamp"] / 1000))
    first, second, *rest = (str(part or "-") for part in parts)
    return printable("  ".join([at, f"{first:<15}", f"{second:<20}", *rest]))


def events(client, group, start):
    pages = client.get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group, startTime=start, filterPattern=PATTERN):
        yield from page["events"]


def show(client, group, start, seen):
    """Prints the new events since `start`, and returns the time of the last one."""
    last = start
    new = [event for event in events(client, group, start) if event["eventId"] not in seen]
    for event in sorted(new, key=lambda event: event["timestamp"]):
        seen[event["eventId"]] = event["timestamp"]
        last = max(last, event["timestamp"])
        if line := line_of(event):
            print(line, flush=True)
    return last


def follow(client, group, first, last, seen):
    while True:
        time.sleep(POLL_SECONDS)
        start = max(first, last - OVERLAP_MILLIS)
        for event in [event for event, at in seen.items() if at < start]:
            del seen[event]
        last = max(last, show(client, group, start, seen))


def main():
    parser = argparse.ArgumentParser(prog="ops.logs")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--since", default="1h")
    parser.add_argument("--follow", action="store_true")
    arguments = parser.parse_args()

    start = int((time.time() - seconds(arguments.since)) * 1000)
    stack = stacks.require(arguments.stack)
    client, group = stack.client("logs"), stack.output("LogGroupName")
    seen = {}
    last = show(client, group, start, seen)
    if not seen:
        print(f"Nothing in the last {arguments.since}; SINCE=1d looks further back.", flush=True)
    if arguments.follow:
        follow(client, group, start, last, seen)
    return 0


if __name__ == "__main__":
    run(main)
