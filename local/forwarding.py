"""A server on the loopback in front of another one: it answers some requests itself, and forwards the others."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEPT_HEADERS = ("content-type", "x-amz-crc32", "x-amzn-requestid", "x-amzn-errortype")


class Forwarding(BaseHTTPRequestHandler):
    """A handler whose `server.upstream` is the host and port of the other one."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet, at once. Otherwise each answer waits for the other side's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def forward(self, body, path=None, headers=None):
        """Forwards this request, or a changed one, and returns the other server's status, headers and content."""
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=30)
        try:
            upstream.request(self.command, path or self.path, body, headers or dict(self.headers))
            answer = upstream.getresponse()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() in KEPT_HEADERS]
            return answer.status, headers, answer.read()
        finally:
            upstream.close()

    def answer(self, status, headers, content):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_):
        pass


@contextmanager
def serving(handler, upstream, **attributes):
    """Runs `handler` in front of `upstream`, an endpoint such as http://127.0.0.1:5000, and yields its own endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.upstream = upstream.removeprefix("http://")
    for name, value in attributes.items():
        setattr(server, name, value)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
