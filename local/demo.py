"""Shows the main job: denials from events/ through the real binary, against an AWS account on the loopback.

    python -m local.demo                the seed's own denial twice, one with a path, a role, two refusals
    python -m local.demo EVENT...       these events instead
"""

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from local.aws import POLICY_NAME, ROOT, account
from local.emulator import emulator

EVENTS = ["user", "user", "user-with-path", "role", "not-allowlisted", "explicit-service-control-policy"]
EXPECTED = ["granted", "already_granted", "granted", "granted", "refused", "refused"]


def principal_of(reply):
    """`user/name` or `role/name`, where the reply names one."""
    arn = reply.get("principal") or ""
    kind = arn.split(":")[-1].split("/")[0]
    return f"{kind}/{arn.split('/')[-1]}" if ":iam::" in arn and kind in ("user", "role") else None


def show(title, text):
    print(f"\n  {title}")
    print(textwrap.indent(text, "    "))


def show_json(title, value):
    show(title, json.dumps(value, indent=2) if value is not None else "(none)")


def run_one(aws, function, event):
    path = Path(event)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    print(f"\n{'=' * 100}\n{name}")
    try:
        payload = json.loads(path.read_text())
        message = payload["detail"]["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = path.read_text()[:400]
    show("The denial", textwrap.fill(message, 110, break_long_words=False, break_on_hyphens=False))
    before = {principal: aws.policy(principal) for principal in aws.principals()}
    reply = function.invoke(path)
    principal = principal_of(reply)
    if principal in before:
        show_json(f"{POLICY_NAME} of {principal} before", before[principal])
    show_json("The reply", reply)
    if principal in before:
        show_json(f"{POLICY_NAME} of {principal} after", aws.policy(principal))
    notices = aws.notices()
    for notice in notices:
        show("The notice, as the queue got it: subject", notice["Subject"])
        attributes = {name: value["Value"] for name, value in notice["MessageAttributes"].items()}
        show("Message attributes", json.dumps(attributes))
        show_json("Message", json.loads(notice["Message"]))
    if not notices:
        show("The notice", "(none)")
    return reply


def main(arguments):
    events = [Path(argument).resolve() for argument in arguments]
    for event in events:
        if not event.is_file():
            sys.exit(f"there is no file {event}")
    print("Building the function (the first time takes some minutes) ...", flush=True)
    if subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT).returncode != 0:
        sys.exit("the function could not be built; see above")
    # Repeats are told as well here: each shall show its notice.
    with account() as aws, emulator(aws.environment(NOTICE_INTERVAL="0")) as function:
        replies = [run_one(aws, function, event) for event in events or [ROOT / f"events/{name}.json" for name in EVENTS]]
    outcomes = [reply.get("outcome") for reply in replies]
    if not events and outcomes != EXPECTED:
        sys.exit(f"the outcomes were {outcomes}, expected {EXPECTED}")
    print(f"\n{'=' * 100}\nDone: {', '.join(str(outcome) for outcome in outcomes)}.")


if __name__ == "__main__":
    # However it is ended, its servers end with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        main(sys.argv[1:])
    except RuntimeError as error:
        sys.exit(f"failed: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
