"""Shows the main job: denials from events/ through the real binary, against an AWS account on the loopback.

    python -m local.demo                a user's denial twice, a user with a path, a role, two refusals; then a pasted error of a
                                        role, and lines of a log
    python -m local.demo EVENT...       these events instead
    python -m local.demo --ledger ...   with a ledger, the table that all execution environments share; shows what lies in it
"""

import base64
import gzip
import json
import signal
import subprocess
import sys
import textwrap
import time
import zlib
from contextlib import ExitStack
from pathlib import Path

from local.aws import POLICY_NAME, ROOT, account
from local.emulator import emulator

EVENTS = ["user", "user", "user-with-path", "role", "not-allowlisted", "explicit-service-control-policy"]
# Shown in brief: they differ in their source.
OTHER_WAYS = ["pasted-role", "log-batch"]
# The outcomes of the events, of the pasted error, and of each line of the log.
EXPECTED = ["granted", "already_granted", "granted", "granted", "refused", "refused"]
EXPECTED += ["granted", *["ignored", "granted", "refused", "ignored", "already_granted", "refused", "refused"]]


def principal_of(outcome):
    """Returns `user/name` or `role/name`, or None if the outcome names neither."""
    arn = outcome.get("principal") or ""
    kind = arn.split(":")[-1].split("/")[0]
    return f"{kind}/{arn.split('/')[-1]}" if ":iam::" in arn and kind in ("user", "role") else None


def outcomes_of(reply):
    """Returns the outcomes of a reply: one for each line of a log, or the one of an event."""
    return reply if isinstance(reply, list) else [reply]


def texts_of(content):
    """Returns (title, text) for what a person reads in an event's file: the message of a denial, or each line of a log."""
    try:
        event = json.loads(content)
        if isinstance(event, dict) and "awslogs" in event:
            batch = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
            return [("A line of the log", str(log_event["message"])) for log_event in batch["logEvents"]]
        text = event if isinstance(event, str) else event.get("detail", event)["errorMessage"]
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zlib.error):
        text = None
    return [("The denial", text if isinstance(text, str) else content[:400])]


def show(title, text):
    print(f"\n  {title}")
    print(textwrap.indent(text, "    "))


def show_json(title, value):
    show(title, json.dumps(value, indent=2) if value is not None else "(none)")


def show_notice(notice):
    show("The notice, as the queue got it: subject", notice["Subject"])
    attributes = {name: value["Value"] for name, value in notice["MessageAttributes"].items()}
    show("Message attributes", json.dumps(attributes))
    show_json("Message", json.loads(notice["Message"]))


def printable(text):
    return "".join(character if character.isprintable() else " " for character in text)


def run_one(aws, function, event, is_brief=False):
    path = Path(event)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    print(f"\n{'=' * 100}\n{name}")
    for title, text in texts_of(path.read_text(errors="replace")):
        text = textwrap.shorten(printable(text), 300) if is_brief else printable(text)
        show(title, textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False))
    before = {principal: aws.policy(principal) for principal in aws.principals()}
    reply = function.invoke(path)
    principals = {principal_of(outcome): None for outcome in outcomes_of(reply)}
    known = [principal for principal in principals if principal in before]
    if is_brief:
        show("The reply, in brief", "\n".join(f"{outcome['outcome']:<16} {outcome['summary']}" for outcome in outcomes_of(reply)))
    else:
        for principal in known:
            show_json(f"{POLICY_NAME} of {principal} before", before[principal])
        show_json("The reply", reply)
    for principal in known:
        after = aws.policy(principal)
        if not is_brief or after != before[principal]:
            show_json(f"{POLICY_NAME} of {principal} after", after)
    notices = aws.notices()
    if is_brief:
        show("The notices, as the queue got them: subjects", "\n".join(notice["Subject"] for notice in notices))
        return reply
    for notice in notices:
        show_notice(notice)
    if not notices:
        show("The notice", "(none)")
    return reply


def show_ledger(aws, table):
    """Shows what lies in the ledger, a line each, and one record in full."""
    items = aws.client("dynamodb").get_paginator("scan").paginate(TableName=table).build_full_result()["Items"]
    print(f"\n{'=' * 100}\nThe ledger: {len(items)} items")
    keys = sorted((item["pk"]["S"], item["sk"]["S"]) for item in items)
    show("What lies in it: partition key, sort key", "\n".join(f"{pk:<62} {sk}" for pk, sk in keys))
    records = [item for item in items if item["sk"]["S"].startswith("log#")]
    if records:
        show_json("One entry of its log", {name: next(iter(value.values())) for name, value in sorted(records[0].items())})


def main(arguments):
    has_ledger = "--ledger" in arguments
    arguments = [argument for argument in arguments if argument != "--ledger"]
    events = [Path(argument).resolve() for argument in arguments]
    for event in events:
        if not event.is_file():
            sys.exit(f"there is no file {event}")
    print("Building the function (the first time takes some minutes) ...", flush=True)
    if subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT).returncode != 0:
        sys.exit("the function could not be built; see above")
    # No notice is suppressed, so that each event shows its own.
    with ExitStack() as stack:
        aws = stack.enter_context(account())
        table = aws.create_ledger() if has_ledger else None
        shared = {"LEDGER_TABLE": table} if table else {}
        function = stack.enter_context(emulator(aws.environment(NOTICE_INTERVAL="0", **shared)))
        began = time.monotonic()
        replies = [run_one(aws, function, event) for event in events or [ROOT / f"events/{name}.json" for name in EVENTS]]
        if not events:
            replies += [run_one(aws, function, ROOT / f"events/{name}.json", is_brief=True) for name in OTHER_WAYS]
        took = time.monotonic() - began
        if table:
            show_ledger(aws, table)
    outcomes = [outcome.get("outcome") for reply in replies for outcome in outcomes_of(reply)]
    if not events and outcomes != EXPECTED:
        sys.exit(f"the outcomes were {outcomes}, expected {EXPECTED}")
    other = "" if has_ledger else " A grant is watched for three seconds; `make demo LEDGER=1` shows the way without that wait."
    print(f"\n{'=' * 100}\nIt took {took:.1f} seconds.{other}")
    print(f"Done: {', '.join(str(outcome) for outcome in outcomes) or 'nothing'}.")


if __name__ == "__main__":
    # Its servers end with it, also after a signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        main(sys.argv[1:])
    except RuntimeError as error:
        sys.exit(f"failed: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
