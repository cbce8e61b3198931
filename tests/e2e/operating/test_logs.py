"""`make logs`: a line for each outcome and each error."""

import json
import re
import subprocess
import threading
import time
import uuid

from local.aws import ROOT
from local.process import running
from support.denied import denied, user
from support.events import event
from support.log_batch import batch
from support.stack_targets import is_told_plainly

# As a log has it.
DENIED = f"[ERROR] {denied(user('shop-batch'))}"


def write_log(account, outputs, *messages, at=None):
    logs = account.client("logs")
    names = {"logGroupName": outputs["LogGroupName"], "logStreamName": str(uuid.uuid4())}
    logs.create_log_stream(**names)
    at = int((at or time.time()) * 1000)
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    logs.put_log_events(**names, logEvents=[{"timestamp": at, "message": text} for text in texts])


def test_the_log_has_a_line_for_each_outcome_and_error(make, account, outputs, start):
    """Of what the real binary logs."""
    with start(NOTICE_INTERVAL="0") as function:
        function.invoke(event())
        function.invoke(event("not-allowlisted"))
        lines = function.output().splitlines()
    with start(AWS_ENDPOINT_URL="http://127.0.0.1:1") as function:
        function.invoke(event())
        # Of a log's lines each that failed has said so; that some did is no news.
        function.invoke(batch("started", DENIED))
        lines += function.output().splitlines()
    timeout = {"type": "platform.report", "record": {"requestId": "7f", "status": "timeout"}}
    write_log(account, outputs, *lines, timeout, "no JSON", "[]", {"message": "another"})
    hours_ago = {"message": "outcome", "outcome": "ignored", "reason": "other_action", "principal": "a\nb"}
    write_log(account, outputs, hours_ago, at=time.time() - 3 * 3600)

    done = make("logs")
    assert done.returncode == 0, done.stderr
    shown = [re.split(" {2,}", line) for line in done.stdout.splitlines()]
    for parts in shown:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", parts.pop(0))
    assert shown[0] == ["granted", "-", "user/remotion_user", "ffmpeg-clip-cutter", "remotion-clips"]
    assert shown[1] == ["refused", "not_allowlisted", "user/stranger", "ffmpeg-clip-cutter", "-"]
    for parts in shown[2:4]:
        assert parts[:2] == ["error", "IamCallFailed"] and "refused" in parts[2]
    assert shown[4:] == [["error", "timeout", "request 7f"]]

    # Older lines, and what others chose stays on its line.
    assert "ignored          other_action          a�b  -  -" in make("logs", "SINCE=5h").stdout
    assert "is no time span" in is_told_plainly(make("logs", "SINCE=yesterday"))


def test_the_log_can_be_followed(environment, account, outputs):
    def write(name):
        write_log(account, outputs, {"message": "outcome", "outcome": "refused", "reason": name})

    write("before")
    command = ["make", "--no-print-directory", "logs", "FOLLOW=1", "SINCE=1m"]
    with running(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        # Instead of waiting for ever.
        too_late = threading.Timer(60, process.kill)
        too_late.start()
        try:
            while "  before  " not in (line := process.stdout.readline()):
                assert line
            for name in ("first", "second"):
                write(name)
                assert f"  {name}  " in process.stdout.readline()
        finally:
            too_late.cancel()
