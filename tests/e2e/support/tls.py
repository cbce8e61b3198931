"""TLS before the proxy: an authority, its certificates, and doors that count who comes in and can misbehave."""

import datetime
import http.server
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.forwarding import Forwarding

DAY = datetime.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    def __init__(self, directory, name="an authority of the tests"):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(_name(name), self.key.public_key(), -DAY, DAY, is_authority=True)
        self.pem = _pem(self.certificate)

    def _sign(self, subject, key, since, until, is_authority=False, host=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        issuer = subject if is_authority else self.certificate.subject
        builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now + since, now + until)
        builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def context(self, host="localhost", since=-DAY, until=DAY, **attributes):
        """The server's side of TLS with a certificate for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(host), key.public_key(), since, until, host=host)
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = self.directory / f"{certificate.serial_number}.pem"
        path.write_bytes(key.private_bytes(*plain) + _pem(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        for name, value in attributes.items():
            setattr(context, name, value)
        return context


class Connection:
    """One that somebody opened."""

    def __init__(self, sock):
        self.sock = sock
        self.is_secured = False
        # The actions that were asked for over it.
        self.actions = []

    def close(self):
        """As a server does that no longer wants to wait for a request."""
        self.sock.shutdown(socket.SHUT_RDWR)


class Door:
    """A server at `endpoint`; what it does out of the ordinary is set in it."""

    def __init__(self):
        self.connections = []
        # The server's side of TLS, or None for a door without.
        self.context = None
        # In the place of TLS: called with the raw socket and the connection's number, true if the connection ends with that.
        self.greet = lambda sock, number: False
        # In the place of an answer: called with the handler, the action and how often that was called before here; true if
        # it was answered.
        self.respond = lambda handler, action, count: False

    def actions(self):
        return [action for connection in self.connections for action in connection.actions]

    def await_connections(self, count, seconds=5):
        """Waits until so many are secured: the client's side may believe so a moment before."""
        deadline = time.monotonic() + seconds
        while sum(connection.is_secured for connection in self.connections) < count:
            assert time.monotonic() < deadline, f"{len(self.connections)} connections, not {count}"
            time.sleep(0.01)


class _Handler(Forwarding):
    def handle(self):
        try:
            super().handle()
        except OSError:
            # Broken off by the client, or by the test.
            pass

    def setup(self):
        door = self.server.door
        self.mine = Connection(self.request)
        door.connections.append(self.mine)
        self.is_over = door.greet(self.request, len(door.connections) - 1)
        if not self.is_over and door.context is not None:
            try:
                self.request = door.context.wrap_socket(self.request, server_side=True)
            except OSError:
                self.is_over = True
        self.mine.sock = self.request
        self.mine.is_secured = not self.is_over
        super().setup()

    def handle_one_request(self):
        if self.is_over:
            self.close_connection = True
        else:
            super().handle_one_request()

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass
        self.request.close()

    def do_POST(self):
        door = self.server.door
        body = self.body()
        action = urllib.parse.parse_qs(body.decode())["Action"][0]
        count = door.actions().count(action)
        self.mine.actions.append(action)
        self.content = body
        if not door.respond(self, action, count):
            self.answer(*self.forward(body))

    def cut(self, text=b""):
        """Sends the beginning of an answer, and resets."""
        self.close_connection = True
        self.wfile.write(text)
        self.wfile.flush()
        # Without it the reset may overtake what was sent.
        time.sleep(0.05)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Broken connections are what the doors are for."""


@contextmanager
def door(upstream, context=None, port=0):
    """A door before `upstream`, an endpoint such as http://127.0.0.1:5000: with TLS where there is a `context`."""
    found = Door()
    found.context = context
    server = _Server(("127.0.0.1", port), _Handler)
    server.door, server.upstream = found, upstream.removeprefix("http://")
    found.endpoint = f"{'https' if context else 'http'}://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
