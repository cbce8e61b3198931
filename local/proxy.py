"""A proxy before an AWS endpoint that writes down which calls were made."""

import http.client
import threading
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        # (IAM action, the request's parameters), such as ("iam:PutUserPolicy", {"UserName": ...}).
        self.calls = []

    def actions(self):
        return [action for action, _ in self.calls]

    def clear(self):
        self.calls.clear()


def _action(headers, body):
    """The IAM action of a request: of the query protocol, or of the JSON protocol."""
    if target := headers.get("X-Amz-Target"):
        service = {"AmazonSSM": "ssm"}[target.split(".")[0]]
        return f"{service}:{target.split('.')[1]}", {}
    parameters = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode()).items()}
    # The credential's scope names the service: Credential=KEY/DATE/REGION/SERVICE/aws4_request
    service = headers["Authorization"].split("Credential=")[1].split("/")[3]
    return f"{service}:{parameters['Action']}", parameters


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.proxy.calls.append(_action(self.headers, body))
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=30)
        try:
            upstream.request("POST", self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() in ("content-type", "x-amzn-requestid", "x-amzn-errortype"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def proxy(upstream):
    """A proxy before `upstream`, an endpoint such as http://127.0.0.1:5000."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.upstream = upstream.removeprefix("http://")
    server.proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
