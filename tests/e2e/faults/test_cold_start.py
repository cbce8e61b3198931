"""A function that cannot start says why: in the log, and to whoever invokes it."""

import json
import socket
import subprocess
import time

import pytest

from support.binaries import BINARY
from support.events import event


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ALLOWLIST": None}, "environment variable ALLOWLIST: it is not set; expected a JSON document"),
        ({"ALLOWLIST": '{"rules": [{"id": "a"}]}'}, "ALLOWLIST: rules[0]: missing field `principals`"),
        ({"ALLOWLIST": "ssm:/not/there"}, "environment variable ALLOWLIST: SSM parameter `/not/there` cannot be read: service error: ParameterNotFound"),
        ({"TOPIC_ARN": None}, "environment variable TOPIC_ARN: it is not set"),
        ({"TOPIC_ARN": "topic"}, "TOPIC_ARN: `topic` is not one; expected the ARN of a standard SNS topic"),
        ({"MODE": "dry"}, "MODE: `dry` is neither; expected enforce or dry-run"),
        ({"OWN_ROLE_ARN": "me"}, "OWN_ROLE_ARN: `me` is not one; expected the ARN of an IAM role"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_bad_configuration_stops_the_cold_start(variables, message, start):
    with start(**variables) as function:
        assert function.process.wait(timeout=30) == 1
        assert message in function.output()
        code = "AllowlistUnreadable" if "ALLOWLIST" in variables else "BadConfiguration"
        assert f'"code":"{code}"' in function.output()
        # Whoever invokes it is told the same.
        reply = function.invoke(event("user"))
        assert reply.is_error and reply.header == f"Function.{code}"
        assert set(reply.body) == {"errorMessage", "errorType", "stackTrace"}
        assert (reply.body["errorType"], reply.body["stackTrace"]) == (code, [])
        assert message in reply.body["errorMessage"]


def test_an_endpoint_that_is_not_trusted_is_told_as_well(start_secured, iam, bundle):
    """The list is the first thing that is asked for over TLS."""
    nobody = bundle.with_name("nobody.pem")
    nobody.write_text("no certificate")
    with start_secured(ALLOWLIST="ssm:/list", AWS_ENDPOINT_URL_SSM=iam.endpoint, SSL_CERT_FILE=str(nobody)) as function:
        assert function.process.wait(timeout=30) == 1
        told = function.init_error.body
        assert told["errorType"] == "AllowlistUnreadable"
        assert told["errorMessage"].startswith("environment variable ALLOWLIST: SSM parameter `/list` cannot be read")
        assert "invalid peer certificate" in told["errorMessage"]


@pytest.mark.parametrize("api", [None, "", "nonsense", "/path", "127.0.0.1:1", "silent"])
def test_a_failure_that_cannot_be_told_is_logged_all_the_same(api, account, tmp_path):
    """No Runtime API, one that refuses, and one that never answers: the process ends, and no later for that."""
    environment = {**account.environment(MODE="dry"), "AWS_LAMBDA_LOG_FORMAT": "JSON"}
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        if api is not None:
            environment["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{silent.getsockname()[1]}" if api == "silent" else api
        began = time.monotonic()
        done = subprocess.run([BINARY], env=environment, capture_output=True, text=True, timeout=30)
        took = time.monotonic() - began
    assert done.returncode == 1
    [line] = [json.loads(line) for line in done.stdout.splitlines() if '"code"' in line]
    assert line["code"] == "BadConfiguration" and "environment variable MODE" in line["error"]
    assert "Lambda could not be told why" in done.stdout and "panicked" not in done.stderr
    assert took < 5
