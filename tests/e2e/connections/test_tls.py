"""Whom the binary trusts: over TLS, with authorities and certificates of all kinds."""

import json
import ssl
from datetime import timedelta

import certifi
import pytest

from local.aws import ROOT
from support import tls

USER = (ROOT / "events/user.json").read_bytes()
STRANGER = (ROOT / "events/not-allowlisted.json").read_bytes()


def test_a_grant(start_secured, iam, sns, account, calls):
    with start_secured() as function:
        assert function.invoke(USER).body["outcome"] == "granted"
    assert set(iam.actions()) == {"GetUserPolicy", "ListUserPolicies", "PutUserPolicy"}
    assert sns.actions() == ["Publish"]
    assert len(calls.actions()) == len(iam.actions()) + len(sns.actions())
    assert account.policy("user/remotion_user") is not None and len(account.notices()) == 1


def assert_told(function, calls, account, cause):
    """Both kinds of events fail, for a reason that is told in the reply and in the log, and nothing is done."""
    reply = function.invoke(USER)
    assert (reply.is_error, reply.body["errorType"]) == (True, "IamCallFailed")
    assert "iam:GetUserPolicy failed for arn:aws:iam::281502313273:user/remotion_user" in reply.body["errorMessage"]
    assert cause in reply.body["errorMessage"]
    reply = function.invoke(STRANGER)
    assert (reply.is_error, reply.body["errorType"]) == (True, "NoticeNotSent")
    assert cause in reply.body["errorMessage"] and len(reply.body["errorMessage"]) < 500
    # As JSON, like the line that it is in.
    assert json.dumps(cause)[1:-1] in function.output()
    assert function.process.poll() is None
    assert calls.actions() == []
    assert account.policy("user/remotion_user") is None and account.notices() == []


UNTRUSTED = "invalid peer certificate: UnknownIssuer"


@pytest.mark.parametrize(
    ("certificate", "cause"),
    [
        ({"host": "iam.example.com"}, 'invalid peer certificate: certificate not valid for name "localhost"'),
        ({"since": timedelta(-3), "until": timedelta(-2)}, "invalid peer certificate: certificate expired"),
        ({"since": timedelta(2), "until": timedelta(3)}, "invalid peer certificate: certificate not valid yet"),
    ],
    ids=["another host", "expired", "not yet valid"],
)
def test_a_wrong_certificate(certificate, cause, authority, start_secured, iam, sns, account, calls):
    iam.context = sns.context = authority.context(**certificate)
    with start_secured() as function:
        assert_told(function, calls, account, cause)


def test_an_authority_that_is_not_in_the_bundle(tmp_path, start_secured, iam, sns, account, calls):
    # Of the same name as the one that is.
    iam.context = sns.context = tls.Authority(tmp_path).context()
    with start_secured() as function:
        assert_told(function, calls, account, "invalid peer certificate")
    # None but those of the machine, or of the public.
    for bundle in [None, certifi.where()]:
        with start_secured(SSL_CERT_FILE=bundle) as function:
            assert_told(function, calls, account, UNTRUSTED)


def test_a_wrong_certificate_of_sns_alone(tmp_path, start_secured, iam, sns, account):
    """The grant is made, that it is not told is an error, and the event that is tried again leads to the notice."""
    good, sns.context = sns.context, tls.Authority(tmp_path).context()
    with start_secured() as function:
        reply = function.invoke(USER)
        assert (reply.is_error, reply.body["errorType"]) == (True, "NoticeNotSent")
        assert "invalid peer certificate" in reply.body["errorMessage"]
        sns.context = good
        assert function.invoke(USER).body["outcome"] == "granted"
    assert iam.actions().count("PutUserPolicy") == 1
    assert len(account.notices()) == 1


def mixed(pem):
    """With all that a bundle may hold besides."""
    broken = pem.replace(b"\nMII", b"\nM*I", 1)
    half = pem[: len(pem) // 2]
    return b"# Authorit\xe9s\n\n" + broken + half + b"\n" + pem + b"text between\r\n" + pem + half


@pytest.mark.parametrize(
    "change",
    [mixed, lambda pem: pem.replace(b"\n", b"\r\n"), lambda pem: pem.rstrip()],
    ids=["mixed", "CRLF", "no last line end"],
)
def test_a_bundle(change, tmp_path, authority, start_secured, sns):
    path = tmp_path / "bundle.pem"
    path.write_bytes(change(authority.pem))
    with start_secured(SSL_CERT_FILE=str(path)) as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"
    assert sns.actions() == ["Publish"]


def test_a_directory_of_authorities(tmp_path, authority, start_secured, account, calls, sns):
    (tmp_path / "ours.pem").write_bytes(authority.pem)
    with start_secured(SSL_CERT_FILE=None, SSL_CERT_DIR=str(tmp_path)) as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"
    # Both: what either names is trusted.
    with start_secured(SSL_CERT_FILE=certifi.where(), SSL_CERT_DIR=str(tmp_path)) as function:
        assert function.invoke(STRANGER).body["outcome"] == "refused"
    assert sns.actions() == ["Publish"] * 2
    assert len(account.notices()) == 2
    calls.clear()
    (tmp_path / "ours.pem").unlink()
    with start_secured(SSL_CERT_FILE=None, SSL_CERT_DIR=str(tmp_path)) as function:
        assert_told(function, calls, account, UNTRUSTED)


NO_CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("content", [None, b"", b"no certificate", NO_CERTIFICATE], ids=["missing", "empty", "text", "broken"])
def test_nobody_to_trust(content, tmp_path, start_secured, account, calls):
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_bytes(content)
    with start_secured(SSL_CERT_FILE=str(path)) as function:
        assert_told(function, calls, account, UNTRUSTED)
        assert "there is no certificate authority to trust" in function.output()


def test_an_empty_name_of_a_bundle(start_secured, account, calls):
    with start_secured(SSL_CERT_FILE="") as function:
        assert_told(function, calls, account, UNTRUSTED)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_of_one_version(version, authority, start_secured, iam, sns):
    iam.context = sns.context = authority.context(minimum_version=version, maximum_version=version)
    with start_secured() as function:
        assert function.invoke(USER).body["outcome"] == "granted"
    assert {connection.sock.version() for connection in sns.connections} <= {version.name.replace("_", "."), None}
