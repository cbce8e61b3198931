"""What docs/reporting.md gives to people: its Python client and its commands, run, and what comes of them looked at. And README's
way to give an error to the function."""

import importlib.util
import json
import logging
import re

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws import REGION, ROOT
from support import front as fronts
from support.bus import lets_through
from support.reports import SOURCE, report_pattern
from support.shell import run

PAGE = (ROOT / "docs/reporting.md").read_text()
DENIED = json.loads((ROOT / "events/user.json").read_text())["detail"]["errorMessage"]


def answered(status, code, text):
    body = json.dumps({"Message": text}).encode()
    return lambda payload: (status, [("Content-Type", "application/json"), ("X-Amzn-ErrorType", code)], body)


@pytest.fixture
def service(account):
    """AWS for an application: Lambda says what it is told to, everything else is moto."""
    with fronts.front(account.endpoint) as found:
        found.instead = answered(403, "AccessDeniedException", DENIED)
        yield found


@pytest.fixture
def environment(service, monkeypatch):
    names = {
        "AWS_ENDPOINT_URL": service.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return names


@pytest.fixture
def client(environment):
    spec = importlib.util.spec_from_file_location("report_denied", ROOT / "docs/clients/report_denied.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.SOURCE == SOURCE
    return module


@pytest.fixture
def reports(template, account):
    with lets_through(account, report_pattern(template)) as send:
        yield send


def invoke(client):
    with client.reported():
        return boto3.client("lambda").invoke(FunctionName="ffmpeg-clip-cutter", Payload=b"{}")


def test_a_denial_is_reported_and_passed_on(client, reports, caplog):
    with pytest.raises(ClientError) as caught:
        invoke(client)
    assert caught.value.response["Error"]["Message"] == DENIED
    [event] = [json.loads(body) for body in reports()]
    assert (event["source"], event["detail-type"]) == (SOURCE, "Lambda Invoke Denied")
    # The SDK's own words before AWS's, as the function reads them in any text.
    assert event["detail"] == {"errorMessage": str(caught.value)}
    assert event["detail"]["errorMessage"].endswith(DENIED)
    assert not caplog.records


def test_what_is_no_denied_invoke_is_passed_on_alone(client, service, reports):
    for status, code, text in [
        (404, "ResourceNotFoundException", "Function not found"),
        (403, "AccessDeniedException", DENIED.replace("lambda:InvokeFunction", "lambda:GetFunction")),
    ]:
        service.instead = answered(status, code, text)
        with pytest.raises(ClientError) as caught:
            invoke(client)
        assert caught.value.response["Error"]["Code"] == code
    service.instead = lambda payload: (200, [], b'"done"')
    assert invoke(client)["Payload"].read() == b'"done"'
    with pytest.raises(KeyError), client.reported():
        {}["no error of AWS"]
    assert reports() == []


FAILURES = {
    "no right": ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no events:PutEvents"}}, "PutEvents"),
    "no network": OSError("unreachable"),
    "one entry refused": {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "entry failed"}]},
    "a strange answer": {},
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_report_that_fails_hides_nothing(failure, client, monkeypatch, caplog):
    def put_events(Entries):
        if isinstance(FAILURES[failure], Exception):
            raise FAILURES[failure]
        return FAILURES[failure]

    monkeypatch.setattr(client.events, "put_events", put_events)
    with caplog.at_level(logging.WARNING), pytest.raises(ClientError) as caught:
        invoke(client)
    assert caught.value.response["Error"]["Message"] == DENIED
    [record] = caplog.records
    assert record.getMessage().startswith("a denied invoke could not be reported: ")


def test_all_clients_look_for_what_the_logs_filter_looks_for(template):
    pattern = template["Resources"]["DeniedInvokeLines"]["Properties"]["FilterPattern"]
    detail_type = template["Resources"]["ReportRule"]["Properties"]["EventPattern"]["detail-type"]
    texts = [path.read_text() for path in (ROOT / "docs/clients").iterdir() if path.is_file()]
    assert len(texts) == 3
    for text in texts:
        assert pattern in text and f'"{SOURCE}"' in text and [re.search(r'"(Lambda [A-Z][^"]+)"', text)[1]] == detail_type


def commands():
    """The blocks of shell commands, by their first line's comment."""
    blocks = re.findall(r"^```sh\n# (.*?)\n(.*?)^```", PAGE, re.M | re.S)
    return {name: text for name, text in blocks}


# Quotes, a dollar, a backquote and a line break, as a terminal's copy has them.
PASTED = f"""An error occurred (AccessDeniedException) when calling the Invoke operation: {DENIED} it's "$HOME" `id` \\n
"""


@pytest.mark.parametrize("name", ["with Python 3", "with jq"])
def test_a_pasted_error_comes_to_the_function_as_it_is(name, service, environment):
    text = commands()[name]
    assert text.count("paste it here") == 1
    service.instead = lambda payload: (200, [], b'{"outcome": "granted"}')
    done = run(text.replace("paste it here\n", PASTED), environment, FUNCTION="remediator-Function")
    assert done.returncode == 0, done.stderr
    [(function, payload)] = service.invoked
    assert function == "remediator-Function"
    assert json.loads(payload)["errorMessage"].strip() == PASTED.strip()
    assert '{"outcome": "granted"}' in done.stdout


@pytest.mark.parametrize("text", [PASTED, DENIED, "“no denial” \t\\"])
def test_what_the_readme_copies_comes_to_the_function_as_it_is(text, service, environment):
    [command] = re.findall(r"^\$ pbpaste \| (jq .*)$", (ROOT / "README.md").read_text(), re.M)
    service.instead = lambda payload: (200, [], b'{"outcome": "granted"}')
    done = run('printf %s "$COPIED" | ' + command.replace("NAME", "remediator-Function"), environment, COPIED=text)
    assert done.returncode == 0, done.stderr
    assert [(function, json.loads(payload)) for function, payload in service.invoked] == [("remediator-Function", text)]
    assert '{"outcome": "granted"}' in done.stdout


def test_a_report_by_hand_is_taken(environment, reports):
    done = run(commands()["a report by hand"], environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["FailedEntryCount"] == 0
    [event] = [json.loads(body) for body in reports()]
    assert event["detail"]["errorMessage"].startswith("User: arn:aws:iam::111122223333:user/NAME is not authorized")


def test_a_line_by_hand_is_taken(template, environment, account):
    logs = account.client("logs")
    logs.create_log_group(logGroupName="clips")
    try:
        done = run(commands()["a line by hand"], environment)
        assert done.returncode == 0, done.stderr
        pattern = template["Resources"]["DeniedInvokeLines"]["Properties"]["FilterPattern"]
        assert len(logs.filter_log_events(logGroupName="clips", filterPattern=pattern)["events"]) == 1
    finally:
        logs.delete_log_group(logGroupName="clips")


def test_the_permission_that_the_page_shows_is_for_reports_alone():
    [text] = re.findall(r"^```json\n(\{\n  \"Version\".*?)^```", PAGE, re.M | re.S)
    [statement] = json.loads(text)["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": "arn:aws:events:us-east-1:111122223333:event-bus/default",
        "Condition": {"StringEquals": {"events:source": SOURCE, "events:detail-type": "Lambda Invoke Denied"}},
    }
