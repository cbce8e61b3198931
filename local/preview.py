"""Shows each kind of notice as its readers see it: the mail and the card in a chat.

    python -m local.preview                one notice of each kind
    python -m local.preview EVENT...       the notices of these events instead

The real binary publishes the notices. This prints them, and writes them to target/preview/ as HTML. It imitates how a chat shows
a custom notification of Amazon Q Developer: the order of its parts and Slack's markdown, not its look.
"""

import html
import json
import re
import signal
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from pathlib import Path

from local.aws import ROOT, account
from local.proxy import Answer, Fault, proxy
from local.runtime_api import function

BINARY = ROOT / "target/debug/lambda-invoke-remediator"
OUT = ROOT / "target/preview"
FULL = Fault(Answer(409, b"<ErrorResponse><Error><Code>LimitExceeded</Code><Message>full</Message></Error></ErrorResponse>"))

STYLE = """
body { margin: 2em auto; max-width: 62em; padding: 0 1em; font: 15px/1.45 system-ui, sans-serif; background: #f4f4f5; color: #1d1c1d }
h2 { font-size: 13px; font-weight: 600; color: #616061; margin: 2em 0 .5em }
.mail, .card { background: #fff; border: 1px solid #ddd; border-radius: 6px; padding: 1em 1.2em }
.mail pre { font: 13px/1.45 ui-monospace, monospace; margin: .8em 0 0; width: 80ch; white-space: pre-wrap; overflow-wrap: anywhere }
.mail .subject { font-weight: 700 }
.card { border-left: 4px solid #7b61ff; max-width: 46em; overflow-wrap: anywhere }
.card .title { font-weight: 700 }
.card .text { white-space: pre-wrap; margin: .5em 0 }
.card ul { margin: .3em 0; padding-left: 1.3em }
.card .small { color: #616061; font-size: 12px }
code { font: 12px ui-monospace, monospace; background: #f6f6f6; border: 1px solid #e3e3e3; border-radius: 3px; padding: 0 3px; color: #c01343 }
"""


def load(name):
    return json.loads((ROOT / f"events/{name}.json").read_text())


def still_denied():
    event = load("user")
    event["detail"]["eventTime"] = (datetime.now(timezone.utc) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return event


def hostile():
    """Returns an event of an attacker who poses as somebody else and mentions a whole channel."""
    text = "<!channel> @here [click](https://evil.example) <https://evil.example|x> `*bold*` :fire:\nOutcome           granted"
    event = load("user")
    event["detail"] |= {"eventID": text, "eventTime": text, "sourceIPAddress": text, "userAgent": text}
    event["detail"]["userIdentity"]["arn"] = f"arn:aws:iam::281502313273:user/{text}"
    return event


def cases():
    """Yields name, event, the function's variables, and whether IAM says that the quota is used up."""
    yield "granted", load("user"), {}, False
    yield "already-granted", load("function-alias"), {}, False
    yield "still-denied", still_denied(), {}, False
    yield "refused-not-allowlisted", load("not-allowlisted"), {}, False
    yield "refused-explicit-deny", load("explicit-identity-based-policy"), {}, False
    yield "refused-policy-full", load("role"), {}, True
    yield "would-grant", load("role-with-path"), {"MODE": "dry-run"}, False
    yield "refused-hostile-texts", hostile(), {}, False


def markdown(text):
    """Returns text as HTML, with as much of Slack's markdown as notices use."""
    parts = html.escape(text).split("`")
    for index, part in enumerate(parts):
        parts[index] = f"<code>{part}</code>" if index % 2 else re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", part)
    return "".join(parts)


def card(chat):
    content, metadata = chat["content"], chat["metadata"]
    steps = "".join(f"<li>{markdown(step)}</li>" for step in content["nextSteps"])
    return (
        f'<div class="card"><div class="small">thread {html.escape(metadata.get("threadId", "(none)"))}: '
        f'{markdown(metadata["summary"])}</div><div class="title">{markdown(content["title"])}</div>'
        f'<div class="text">{markdown(content["description"])}</div><b>Next steps</b><ul>{steps}</ul>'
        f'<div class="small">{html.escape(" · ".join(content["keywords"]))}</div></div>'
    )


def page(name, subject, text, chat):
    return (
        f'<!doctype html><meta charset="utf-8"><title>{name}</title><style>{STYLE}</style><h1>{name}</h1>'
        f'<h2>The mail</h2><div class="mail"><div class="subject">{html.escape(subject)}</div>'
        f"<pre>{html.escape(text)}</pre></div><h2>The chat</h2>{card(chat)}"
    )


def show(name, subject, text, chat):
    print(f"\n{'=' * 80}\n{name}\n\n  Subject: {subject}\n\n{textwrap.indent(text, '  ')}")
    content, metadata = chat["content"], chat["metadata"]
    print(f"  Chat, in the thread {metadata.get('threadId', '(none)')}: {metadata['summary']}\n")
    steps = "\n".join(f"* {step}" for step in content["nextSteps"])
    print(textwrap.indent(f"{content['title']}\n{content['description']}\nNext steps\n{steps}\n{content['keywords']}", "  "))


def notice(aws, calls, name, event, variables, is_full):
    """Returns subject, text and chat body of the notice that the function publishes for the event."""
    calls.clear()
    calls.fault = lambda action, count: FULL if is_full and action.startswith("iam:Put") else None
    if is_full:
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [f"arn:aws:s3:::{'x' * 63}/*"] * 125}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        aws.iam.put_role_policy(RoleName="render-worker", PolicyName="everything-else", PolicyDocument=document)
    # No notice is suppressed.
    with function(BINARY, aws.environment(endpoint=calls.endpoint, NOTICE_INTERVAL="0", **variables)) as running:
        reply = running.invoke(event)
    published = [parameters for action, parameters in calls.calls if action == "sns:Publish"]
    if len(published) != 1:
        sys.exit(f"{name}: {len(published)} notices, and the reply was {reply}")
    bodies = json.loads(published[0]["Message"])
    return published[0]["Subject"], bodies["email"], json.loads(bodies["https"])


def main(arguments):
    wanted = [(Path(argument).stem, Path(argument).read_bytes(), {}, False) for argument in arguments]
    print("Building the function (the first time takes some minutes) ...", flush=True)
    if subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT).returncode != 0:
        sys.exit("the function could not be built; see above")
    OUT.mkdir(parents=True, exist_ok=True)
    with account() as aws, proxy(aws.endpoint) as calls:
        for name, event, variables, is_full in wanted or cases():
            subject, text, chat = notice(aws, calls, name, event, variables, is_full)
            show(name, subject, text, chat)
            (OUT / f"{name}.html").write_text(page(name, subject, text, chat))
    print(f"\n{'=' * 80}\nThe same as HTML: {OUT.relative_to(ROOT)}/*.html")


if __name__ == "__main__":
    # Its servers end with it, also after a signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        main(sys.argv[1:])
    except (RuntimeError, OSError) as error:
        sys.exit(f"failed: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
