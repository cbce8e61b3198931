#!/usr/bin/env bash
# AWS's Python runtime for Lambda, in a container image of your own, logs text by default. Expected: each record ends with a
# line break. Seen: a record with a traceback (`logging.exception`) does not. The log format puts the line break behind the
# message, and the runtime appends the traceback behind that break. So the next output, a `print` or another record,
# continues the last line of the traceback, which is the error's text. If that text ends with an ARN, the ARN grows by the
# next word.
#
# Seen with awslambdaric 4.2.2, without `_LAMBDA_TELEMETRY_LOG_FD`, so that it writes to standard output instead of framed
# records to that descriptor. With `AWS_LAMBDA_LOG_FORMAT=JSON`, or with framed records, it does not happen.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'awslambdaric==4.2.2'

mkdir "$work/task"
cat > "$work/task/clips.py" <<'PYTHON'
import logging


def handler(event, context):
    try:
        raise PermissionError("denied by arn:aws:iam::281502313273:policy/NoClips")
    except PermissionError:
        logging.exception("clip failed")
    print("next clip")
    logging.error("no clip left")
PYTHON
# Serves one event of the Runtime API on the loopback, and ends the runtime as soon as it has answered.
cat > "$work/run.py" <<'PYTHON'
import http.server
import os
import subprocess
import sys
import threading

answered = threading.Event()


class RuntimeApi(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    given = False

    def do_GET(self):
        if RuntimeApi.given:
            answered.wait(60)
            return
        RuntimeApi.given = True
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", "32503680000000")
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:281502313273:function:clips")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        answered.set()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
server.daemon_threads = True
# The runtime hangs up in the middle of a request when it is ended.
server.handle_error = lambda *arguments: None
threading.Thread(target=server.serve_forever, daemon=True).start()
kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
own = {
    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
    "AWS_LAMBDA_FUNCTION_NAME": "clips",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/clips",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    "LAMBDA_TASK_ROOT": os.getcwd(),
    "PYTHONUNBUFFERED": "1",
}
runtime = subprocess.Popen(
    [sys.executable, "-m", "awslambdaric", "clips.handler"],
    env={**kept, **own}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
)
in_time = answered.wait(60)
runtime.kill()
print(runtime.communicate()[0], end="")
sys.exit(not in_time)
PYTHON
cat > "$work/expected" <<'TEXT'
[ERROR]	TIME	8476a536-e9f4-11e8-9739-2dfe598c3fcd	clip failed
PermissionError: denied by arn:aws:iam::281502313273:policy/NoClipsnext clip
[ERROR]	TIME	8476a536-e9f4-11e8-9739-2dfe598c3fcd	no clip left
TEXT
(cd "$work/task" && "$work/venv/bin/python" ../run.py) > "$work/log"
# The time changes, and the lines of the traceback name folders.
grep -E '^(\[ERROR\]|PermissionError)' "$work/log" | sed -E 's/[0-9-]+T[0-9:.]+Z/TIME/' | tee "$work/seen"
diff "$work/expected" "$work/seen"
