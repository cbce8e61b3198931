"""The account, the proxy before it and the real binary behind a Runtime API: started once, cleaned before each test."""

import json
from pathlib import Path

import certifi
import pytest

from local import aws, proxy, runtime_api
from support import cloudformation, tls
from support.binaries import BINARY
from support.leases import allowlist


@pytest.fixture
def figure(record_property):
    """Takes a line that is printed at the end of the run: what was measured, not only that it passed."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    figures = [value for report in reports for name, value in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
    for line in sorted(set(figures)):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def the_account():
    with aws.account() as account:
        yield account


@pytest.fixture(scope="session")
def the_proxy(the_account):
    with proxy.proxy(the_account.endpoint) as found:
        yield found


@pytest.fixture
def account(the_account):
    the_account.delete_policies()
    the_account.notices()
    return the_account


@pytest.fixture
def calls(the_proxy):
    the_proxy.clear()
    return the_proxy


@pytest.fixture
def start(account, calls):
    """Starts the binary with more or other variables; None takes one away."""

    def start(**variables):
        environment = {**account.environment(endpoint=calls.endpoint), **variables}
        return runtime_api.function(BINARY, {name: value for name, value in environment.items() if value is not None})

    return start


@pytest.fixture
def function(start):
    """One that tells everything: what it remembers of a test must not silence the next."""
    with start(NOTICE_INTERVAL="0") as function:
        yield function


@pytest.fixture
def listing(start):
    """Starts the function with rules of a test's own, and tells everything."""
    return lambda *rules, **variables: start(ALLOWLIST=json.dumps({"rules": list(rules)}), NOTICE_INTERVAL="0", **variables)


@pytest.fixture
def leased(start, account):
    """A function whose rule says 30 days."""
    with start(ALLOWLIST=allowlist("30d", account), NOTICE_INTERVAL="0") as function:
        yield function


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return tls.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def bundle(authority):
    """A file of authorities: the public ones, as in Lambda, and the one of the tests."""
    path = authority.directory / "bundle.pem"
    path.write_bytes(Path(certifi.where()).read_bytes() + authority.pem)
    return path


@pytest.fixture
def iam(calls, authority):
    with tls.door(calls.endpoint, authority.context()) as door:
        yield door


@pytest.fixture
def sns(calls, authority):
    with tls.door(calls.endpoint, authority.context()) as door:
        yield door


@pytest.fixture
def start_secured(start, iam, sns, bundle):
    """Starts the binary with IAM and SNS behind a door each, and nothing anywhere else."""

    def start_secured(**variables):
        endpoints = {"AWS_ENDPOINT_URL_IAM": iam.endpoint, "AWS_ENDPOINT_URL_SNS": sns.endpoint}
        nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        return start(**{**nowhere, **endpoints, "SSL_CERT_FILE": str(bundle), "NOTICE_INTERVAL": "0", **variables})

    return start_secured


@pytest.fixture(scope="session")
def template():
    return cloudformation.load()


@pytest.fixture(scope="session")
def translated(template):
    """The template after the SAM translator: plain CloudFormation."""
    return cloudformation.translate(template)
