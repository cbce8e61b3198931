"""Lambda's Runtime API on the loopback, for a function that runs as a plain process.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local.aws import ACCOUNT, REGION
from local.process import running

FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lambda-invoke-remediator"


class ProcessEnded(RuntimeError):
    """The function's process ended without an answer."""


class Reply:
    """The function's answer: a response, or an error with its `errorType`. `header` is the error type in the HTTP header."""

    def __init__(self, is_error, body, header=None):
        self.is_error = is_error
        self.body = json.loads(body)
        self.header = header

    def __repr__(self):
        return f"{'error' if self.is_error else 'response'} {self.body}"


class Function:
    """A running function. It takes one event at a time."""

    def __init__(self, process, log, server):
        self.process, self.log, self._server = process, log, server

    def invoke(self, payload, arn=FUNCTION_ARN, timeout=60.0, skew=0):
        """Sends bytes, or a value as JSON, and returns the answer. `timeout` is the function's own, in seconds; its deadline is by
        a clock that is `skew` seconds ahead. If the function reported why it cannot start, that is the answer."""
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        request_id = str(uuid.uuid4())
        self._server.events.put((request_id, payload, arn, time.time() + skew + timeout))
        deadline = time.monotonic() + timeout + 5
        while time.monotonic() < deadline:
            try:
                answered, reply = self._server.replies.get(timeout=0.2)
                assert answered == request_id
                return reply
            except queue.Empty:
                if self.process.poll() is not None:
                    if self.init_error:
                        return self.init_error
                    raise ProcessEnded(f"status {self.process.returncode}:\n{self.output()}") from None
        raise RuntimeError(f"no answer:\n{self.output()}")

    @property
    def init_error(self):
        """The function's report of why it cannot start, or None if it sent none."""
        return self._server.init_error

    @property
    def polled_at(self):
        """The monotonic time at which it first asked for an event, or None."""
        return self._server.polled_at

    def output(self):
        return Path(self.log).read_text(errors="replace")

    def outcome_lines(self):
        lines = []
        for line in self.output().splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict) and value.get("message") == "outcome":
                lines.append(value)
        return lines


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet, at once. Otherwise each answer waits for the other side's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        self.server.polled_at = self.server.polled_at or time.monotonic()
        while True:
            try:
                request_id, payload, arn, deadline = self.server.events.get(timeout=0.2)
                break
            except queue.Empty:
                if self.server.is_over:
                    self.close_connection = True
                    return
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request_id, kind = self.path.split("/")[-2:]
        reply = Reply(kind == "error", body, self.headers.get("Lambda-Runtime-Function-Error-Type"))
        if self.path == "/2018-06-01/runtime/init/error":
            self.server.init_error = reply
        else:
            self.server.replies.put((request_id, reply))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *_):
        pass


@contextmanager
def function(binary, variables):
    """Starts `binary` as Lambda does. Its environment is PATH, Lambda's variables and `variables`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.events, server.replies, server.is_over, server.init_error = queue.Queue(), queue.Queue(), False, None
    server.polled_at = None
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "lambda-invoke-remediator",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        **variables,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        with running([binary], env=environment, stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                yield Function(process, log.name, server)
            finally:
                server.is_over = True
                server.shutdown()
                server.server_close()
