"""The Makefile's targets for a deployed stack, through make: the stack is the real template's, made in moto."""

import json
import os
import pty
import re
import subprocess
import threading
import time
import uuid

import front as fronts
import pytest
from denied import denied, user
from log_batch import batch
from test_stack import Created

from conftest import CLI
from local.aws import ACCOUNT, REGION, ROOT
from local.process import running
from local.proxy import DROP, Fault

STACK = "lambda-invoke-remediator"
PARAMETER = "/remediator/allowlist"
TARGETS = ["deploy", "allowlist", "canary", "logs", "redrive", "undo"]
QUEUES = ["FailedInvocations", "UndeliveredEvents"]
GRANTED = "user/remotion_user  ffmpeg-clip-cutter"
# As a log has it.
DENIED = f"[ERROR] {denied(user('shop-batch'))}"


def event(name="user"):
    return json.loads((ROOT / f"events/{name}.json").read_text())


@pytest.fixture(scope="session")
def the_front(the_account):
    with fronts.front(the_account.endpoint) as found:
        yield found


@pytest.fixture(scope="session")
def outputs(the_account, template):
    """The stack's outputs, of the template as it is."""
    parameters = {"Allowlist": f"ssm:{PARAMETER}", "PrincipalArns": f"arn:aws:iam::{ACCOUNT}:user/remotion_user"}
    found = Created(the_account, template, STACK, parameters).outputs
    # The account is that of other tests as well, and moto cannot hand their events to a function that it cannot run.
    [target] = the_account.events.list_targets_by_rule(Rule=found["RuleName"])["Targets"]
    the_account.events.remove_targets(Rule=found["RuleName"], Ids=[target["Id"]])
    return found


@pytest.fixture
def front(the_front, outputs, account):
    the_front.invoked.clear()
    the_front.instead = lambda payload: None
    the_front.settings, the_front.asked_settings = fronts.account_limit(1000, 1000), 0
    for queue in QUEUES:
        url = outputs[f"{queue}Url"]
        while messages := account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                account.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return the_front


@pytest.fixture
def with_function(front, start):
    with start(NOTICE_INTERVAL="0") as function:
        front.function = function
        yield function
    front.function = None


@pytest.fixture
def environment(front):
    """Credentials and region of the account on the loopback, and nothing of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    nowhere = {name: os.devnull for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    return {
        **kept,
        **nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": front.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


@pytest.fixture
def remediator(tmp_path):
    """Stands for the command line tool: notes what it is called with, and ends with the status in `status`."""
    program = tmp_path / "remediator"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.called"\nexit "$(cat "$0.status")"\n')
    program.chmod(0o755)
    (tmp_path / "remediator.status").write_text("0")
    return program


def called(program):
    return program.with_suffix(".called").read_text().splitlines()


@pytest.fixture
def make(environment, remediator):
    def make(*arguments, answer=None, tool=remediator, **variables):
        given = {**environment, **variables}
        given = {name: value for name, value in given.items() if value is not None}
        command = ["make", "--no-print-directory", *arguments, f"REMEDIATOR={tool}"]
        options = {"cwd": ROOT, "env": given, "capture_output": True, "text": True, "timeout": 120}
        if answer is None:
            return subprocess.run(command, stdin=subprocess.DEVNULL, **options)
        terminal, its_end = pty.openpty()
        try:
            os.write(terminal, answer.encode())
            return subprocess.run(command, stdin=its_end, **options)
        finally:
            os.close(terminal)
            os.close(its_end)

    return make


def is_told_plainly(done):
    """It failed with one sentence; the line after it is make's own."""
    told = [line for line in done.stderr.splitlines() if not line.startswith(("make: ", "The stack "))]
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert len(told) == 1, done.stderr
    return told[0]


# -- what can be called -------------------------------------------------------------------------------------------------


def makefile_targets():
    """The targets that the Makefile declares as names for people, with their help."""
    text = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", text, re.M)).split()
    return phony, dict(re.findall(r"^([a-z]+):[^#\n]*## (.*)$", text, re.M))


def test_help_has_one_line_for_each_target():
    phony, described = makefile_targets()
    assert len(phony) == len(set(phony))
    # A name with a hyphen is a part of another target, and nobody's to call.
    assert {name for name in phony if "-" not in name} == set(described)
    assert set(TARGETS) < set(described)
    done = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True)
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert {name: text for name, text in lines} == described
    assert len(lines) == len(described)


def test_every_target_knows_how_to_get_what_it_needs(tmp_path):
    """In a folder in which nothing has been set up yet: make says so where it has no rule for something."""
    for path in [ROOT / "Makefile", *ROOT.glob("requirements*.txt")]:
        (tmp_path / path.name).write_text(path.read_text())
    phony, _ = makefile_targets()
    for target in phony:
        command = ["make", "--no-print-directory", "--dry-run", target, "PRINCIPAL=x", "FUNCTION=x"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{target}: {done.stderr}"


# -- what stops it ------------------------------------------------------------------------------------------------------

ASKING_AWS = [["allowlist", "ALLOWLIST=allowlist.example.json", "YES=1"], ["logs"], ["redrive", "YES=1"]]


@pytest.mark.parametrize("arguments", ASKING_AWS, ids=lambda arguments: arguments[0])
def test_what_is_missing_is_said_in_one_sentence(make, arguments):
    told = is_told_plainly(make(*arguments, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None))
    assert told.startswith("no AWS credentials: log in first")
    told = is_told_plainly(make(*arguments, AWS_REGION=None))
    assert told.startswith("the region is not known: name the region with REGION=...")
    told = is_told_plainly(make(*arguments, AWS_PROFILE="nobody"))
    assert "nobody" in told and "AWS_PROFILE" in told
    told = is_told_plainly(make(*arguments, AWS_ENDPOINT_URL="http://127.0.0.1:1"))
    assert told.startswith("AWS cannot be reached: ")


@pytest.mark.parametrize("target", ["logs", "redrive"])
def test_a_stack_that_is_not_there(make, target):
    told = is_told_plainly(make(target, "STACK=nobodys"))
    assert told.startswith("there is no stack nobodys in us-east-1: STACK=...")


def test_the_region_can_be_named(make):
    told = is_told_plainly(make("logs", "REGION=eu-west-1"))
    assert told.startswith(f"there is no stack {STACK} in eu-west-1: ")


# -- allowlist ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def parameter(account, front):
    name = f"/remediator/{uuid.uuid4()}"
    yield name
    account.ssm.delete_parameters(Names=[name])


def value_of(account, name):
    return account.ssm.get_parameter(Name=name)["Parameter"]


def a_list(tmp_path, size=None):
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    rule = {"id": "a", "principals": [f"arn:aws:iam::{ACCOUNT}:user/a"], "functions": [function]}
    text = json.dumps({"rules": [rule]}, indent=2)
    path = tmp_path / "list.json"
    path.write_text(text + " " * (size - len(text)) if size else text)
    return path


def test_the_list_is_checked_shown_and_put(make, account, parameter, tmp_path, remediator):
    path = a_list(tmp_path)
    arguments = ["allowlist", f"ALLOWLIST={path}", f"PARAMETER={parameter}"]
    done = make(*arguments, "YES=1")
    assert done.returncode == 0, done.stderr
    assert called(remediator) == ["check", str(path)]
    assert f"{parameter} is version 1 now" in done.stdout
    kept = value_of(account, parameter)
    assert (kept["Value"], kept["Type"]) == (path.read_text(), "String")

    done = make(*arguments, "YES=1")
    assert (done.returncode, done.stdout.strip()) == (0, f"{parameter} has this list already, as version 1.")

    path.write_text(path.read_text().replace("user/a", "user/b"))
    done = make(*arguments, "YES=1")
    assert f"{parameter} is version 2 now" in done.stdout
    assert f'-        "arn:aws:iam::{ACCOUNT}:user/a"' in done.stdout.splitlines()
    assert f'+        "arn:aws:iam::{ACCOUNT}:user/b"' in done.stdout.splitlines()


def test_nothing_is_put_without_a_yes(make, account, parameter, tmp_path):
    arguments = ["allowlist", f"ALLOWLIST={a_list(tmp_path)}", f"PARAMETER={parameter}"]
    told = is_told_plainly(make(*arguments))
    assert "Nothing was done" in told and "YES=1" in told
    told = is_told_plainly(make(*arguments, answer="n\n"))
    assert told == "Nothing was done."
    with pytest.raises(account.ssm.exceptions.ParameterNotFound):
        value_of(account, parameter)
    assert make(*arguments, answer="y\n").returncode == 0
    assert value_of(account, parameter)["Version"] == 1


def test_a_list_that_is_refused_is_not_put(make, account, parameter, tmp_path, remediator):
    remediator.with_suffix(".status").write_text("1")
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={a_list(tmp_path)}", f"PARAMETER={parameter}", "YES=1"))
    assert "`remediator check` refuses it" in told
    with pytest.raises(account.ssm.exceptions.ParameterNotFound):
        value_of(account, parameter)


def test_it_is_the_tool_that_checks(make, account, parameter, tmp_path):
    """The real one, which make builds."""
    path = a_list(tmp_path)
    arguments = ["allowlist", f"ALLOWLIST={path}", f"PARAMETER={parameter}", "YES=1"]
    tool = "target/debug/remediator"
    done = make(*arguments, tool=tool)
    assert done.returncode == 0, done.stderr
    assert f"`{path}` is valid: 1 rule, " in done.stdout
    path.write_text(path.read_text().replace("functions", "function"))
    done = make(*arguments, tool=tool)
    assert done.returncode != 0
    assert "unknown field `function`" in done.stdout + done.stderr
    assert value_of(account, parameter)["Version"] == 1


def test_the_commands_are_those_of_the_tool(make):
    """That what make says is what the tool takes."""
    tool = "target/debug/remediator"
    done = make("undo", "PRINCIPAL=nobody", WHOSE[1], "YES=1", tool=tool)
    assert done.returncode != 0 and "not the ARN of an IAM user or role" in done.stderr
    done = make("canary", tool=tool)
    assert done.returncode != 0 and "nothing was done. The canary makes the role" in done.stderr


def test_a_list_that_is_not_there(make, tmp_path):
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={tmp_path}/none.json"))
    assert told.startswith(f"there is no file {tmp_path}/none.json: ALLOWLIST=...")


def test_the_tier_follows_the_size(make, account, parameter, tmp_path):
    def put(size):
        return make("allowlist", f"ALLOWLIST={a_list(tmp_path, size)}", f"PARAMETER={parameter}", "YES=1")

    def tier():
        filters = [{"Key": "Name", "Option": "Equals", "Values": [parameter]}]
        return account.ssm.describe_parameters(ParameterFilters=filters)["Parameters"][0]["Tier"]

    assert "charges" not in put(4096).stdout
    assert tier() == "Standard"
    assert "which AWS charges for by the month" in put(4097).stdout
    assert tier() == "Advanced"
    # SSM does not turn it back, and refuses a put that asks for it.
    assert put(500).returncode == 0
    assert (tier(), value_of(account, parameter)["Version"]) == ("Advanced", 3)
    assert put(8192).returncode == 0
    assert "has 8193 bytes" in is_told_plainly(put(8193))
    assert len(value_of(account, parameter)["Value"]) == 8192


def test_a_parameter_of_another_type_is_left_alone(make, account, parameter, tmp_path):
    account.ssm.put_parameter(Name=parameter, Value="secret", Type="SecureString")
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={a_list(tmp_path)}", f"PARAMETER={parameter}", "YES=1"))
    assert told.startswith(f"{parameter} is of type SecureString")
    assert value_of(account, parameter)["Version"] == 1


def test_the_parameter_is_the_stacks(make, account, outputs, tmp_path):
    arguments = ["allowlist", f"ALLOWLIST={a_list(tmp_path)}", "YES=1"]
    assert outputs["AllowlistParameter"] == PARAMETER
    # Other tests put one there, too.
    account.ssm.delete_parameters(Names=[PARAMETER])
    assert f"{PARAMETER} is version 1 now" in make(*arguments).stdout
    account.ssm.delete_parameters(Names=[PARAMETER])
    # Before there is a stack: the one that `make deploy` offers.
    assert f"{PARAMETER} is version 1 now" in make(*arguments, "STACK=nobodys").stdout
    account.ssm.delete_parameters(Names=[PARAMETER])


def test_a_stack_that_holds_its_list_itself(make, account, tmp_path):
    name = f"inline-{uuid.uuid4()}"
    body = {"Resources": {"Unused": {"Type": "AWS::SQS::Queue"}}}
    account.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(body))
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={a_list(tmp_path)}", "YES=1", f"STACK={name}"))
    assert "Allowlist=ssm:/remediator/allowlist" in told and "PARAMETER=..." in told
    # Nor has it the other outputs.
    assert "has no output LogGroupName" in is_told_plainly(make("logs", f"STACK={name}"))


# -- logs ---------------------------------------------------------------------------------------------------------------


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


# -- redrive ------------------------------------------------------------------------------------------------------------


def failed(the_event, outputs, function=None):
    """The record that Lambda writes of an asynchronous invocation that failed."""
    function = function or outputs["FunctionName"]
    return {
        "version": "1.0",
        "timestamp": "2026-09-14T23:20:00.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": the_event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "IamCallFailed", "errorMessage": "..."},
    }


@pytest.fixture
def queue(account, outputs, front):
    """Sends to one of the two queues, and tells what is visible in it."""

    class Queue:
        def send(self, name, body):
            text = body if isinstance(body, str) else json.dumps(body)
            return account.sqs.send_message(QueueUrl=outputs[f"{name}Url"], MessageBody=text)["MessageId"]

        def visible(self, name):
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            found = account.sqs.get_queue_attributes(QueueUrl=outputs[f"{name}Url"], AttributeNames=names)["Attributes"]
            assert found["ApproximateNumberOfMessagesNotVisible"] == "0"
            return int(found["ApproximateNumberOfMessages"])

    return Queue()


def test_what_both_queues_hold_is_granted(make, queue, outputs, front, with_function, account):
    queue.send("FailedInvocations", failed(event(), outputs))
    # Word for word: the function is to read what EventBridge sent.
    body = json.dumps(event("not-allowlisted"), indent=3, ensure_ascii=False) + "\n"
    queue.send("UndeliveredEvents", body)
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stderr
    assert f"granted  -  {GRANTED}" in done.stdout
    assert "refused  not_allowlisted  user/stranger  ffmpeg-clip-cutter" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 done and deleted, 0 stay."
    assert account.policy("user/remotion_user") is not None
    assert [queue.visible(name) for name in QUEUES] == [0, 0]
    assert [name for name, _ in front.invoked] == [outputs["FunctionName"]] * 2
    assert json.loads(front.invoked[0][1]) == event()
    assert front.invoked[1][1] == body.encode()


def test_what_fails_stays_and_stops_nothing(make, queue, outputs, front, start):
    names = [queue.send("FailedInvocations", failed(event(), outputs)) for _ in range(2)]
    names.append(queue.send("UndeliveredEvents", event()))
    with start(AWS_ENDPOINT_URL="http://127.0.0.1:1", NOTICE_INTERVAL="0") as function:
        front.function = function
        done = make("redrive", "YES=1")
    assert done.returncode != 0
    for name in names:
        assert re.search(rf"{name}  stays: the function failed: IamCallFailed: iam:GetUserPolicy failed", done.stdout)
    assert done.stdout.splitlines()[-1] == "0 done and deleted, 3 stay."
    # At once there again, for the next try.
    assert [queue.visible(name) for name in QUEUES] == [2, 1]
    assert len(front.invoked) == 3
    with start(NOTICE_INTERVAL="0") as function:
        front.function = function
        assert make("redrive", "YES=1").returncode == 0
    assert [queue.visible(name) for name in QUEUES] == [0, 0]


def without(value, *path):
    """A copy without what is at `path`."""
    copy = json.loads(json.dumps(value))
    *way, last = path
    place = copy
    for key in way:
        place = place[key]
    del place[last]
    return copy


def test_what_holds_no_event_of_this_function_is_named_and_kept(make, queue, outputs, front, with_function):
    record = failed(event(), outputs)
    other_account = {**event(), "account": "111122223333"}
    poison = [
        ("UndeliveredEvents", "no JSON", "its body is not JSON"),
        ("UndeliveredEvents", json.dumps(event())[:200], "its body is not JSON"),
        ("UndeliveredEvents", "[" * 100_000, "its body is not JSON"),
        ("UndeliveredEvents", "[]", "it holds no event with a detail, or was cut off"),
        ("UndeliveredEvents", without(event(), "detail"), "it holds no event with a detail, or was cut off"),
        ("UndeliveredEvents", other_account, "its event is of account 111122223333"),
        # In the wrong queue.
        ("UndeliveredEvents", record, "it holds no event with a detail"),
        ("FailedInvocations", event(), "its body is no record of a failed invocation"),
        ("FailedInvocations", "null", "its body is no record of a failed invocation"),
        ("FailedInvocations", without(record, "requestPayload"), "its body is no record of a failed invocation"),
        ("FailedInvocations", without(record, "requestContext"), "its body is no record of a failed invocation"),
        ("FailedInvocations", failed({}, outputs), "it holds no event with a detail"),
        ("FailedInvocations", failed(other_account, outputs), "its event is of account 111122223333"),
        ("FailedInvocations", failed(event(), outputs, "others"), "it was written for another function, arn:aws:lambda:"),
        ("FailedInvocations", json.dumps(record).replace('"version": "0"', '"version": 1e999'), "its event cannot be written as JSON again"),
    ]
    expected = [(queue.send(name, body), reason) for name, body, reason in poison]
    queue.send("UndeliveredEvents", event())
    done = make("redrive", "YES=1")
    assert done.returncode != 0
    for name, reason in expected:
        assert f"{name}  stays: {reason}" in done.stdout
    assert f"granted  -  {GRANTED}" in done.stdout
    assert done.stdout.splitlines()[-1] == f"1 done and deleted, {len(poison)} stay."
    assert len(front.invoked) == 1
    assert sum(queue.visible(name) for name in QUEUES) == len(poison)


def test_an_event_of_a_megabyte_is_given_on(make, queue, outputs, front, with_function):
    large = event()
    # As JSON without ASCII's escapes nearly 1 MiB, the most that SQS takes; with them, three times as much.
    large["detail"]["padding"] = "é" * 500_000
    queue.send("UndeliveredEvents", json.dumps(large, ensure_ascii=False))
    queue.send("FailedInvocations", json.dumps(failed(large, outputs), ensure_ascii=False))
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(payload) for _, payload in front.invoked] == [large, large]


def test_what_came_in_by_another_way_is_given_on(make, queue, outputs, front):
    """Reports have an account like all events; a text and lines of a log have none, but the record names the function."""
    message = event()["detail"]["errorMessage"]
    report = {"account": ACCOUNT, "source": "com.example.clips", "detail-type": "Lambda Invoke Denied", "detail": {"errorMessage": message}}
    texts = [{"errorMessage": message}, message, {"awslogs": {"data": "H4sI"}}]
    for payload in [report, *texts]:
        queue.send("FailedInvocations", failed(payload, outputs))
    queue.send("UndeliveredEvents", report)
    # In this queue EventBridge puts events alone.
    kept = [queue.send("UndeliveredEvents", item) for item in texts if isinstance(item, dict)]
    kept += [queue.send("FailedInvocations", failed(item, outputs)) for item in ({"errorMessage": 1}, {"awslogs": {}}, {"awslogs": "x"})]
    front.instead = lambda payload: (200, [], b'{"outcome": "refused", "reason": "not_allowlisted"}')
    done = make("redrive", "YES=1")
    for name in kept:
        assert f"{name}  stays: it holds no event with a detail" in done.stdout
    assert done.stdout.splitlines()[-1] == f"5 done and deleted, {len(kept)} stay."
    given = [json.loads(payload) for _, payload in front.invoked]
    assert sorted(given, key=str) == sorted([report, report, *texts], key=str)


LOG = batch("started", DENIED, DENIED, DENIED, denied(user("stranger")), "ended")


def test_lines_of_a_log_are_told_together(make, queue, outputs, front, with_function, account):
    names = [queue.send("FailedInvocations", failed(payload, outputs)) for payload in (LOG, batch(), event("log-control-message"))]
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"{names[0]}  6 lines: 2 ignored, 1 granted, 2 already_granted, 1 refused\n"
        "  granted  -  user/shop-batch  price-quote\n"
        "  already_granted  -  user/shop-batch  price-quote  (2 times)\n"
        "  refused  not_allowlisted  user/stranger  price-quote\n"
    ) in done.stdout
    for name in names[1:]:
        assert f"{name}  0 lines\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "3 done and deleted, 0 stay."
    assert queue.visible("FailedInvocations") == 0
    assert account.policy("user/shop-batch") is not None


def test_a_storm_in_a_log_does_not_fill_the_terminal(make, queue, outputs, front, with_function):
    storm = batch(*[denied(user(f"stranger-{index % 25}")) for index in range(100)])
    queue.send("FailedInvocations", failed(storm, outputs))
    done = make("redrive", "YES=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  100 lines: 100 refused\n  refused  not_allowlisted  user/stranger-0  price-quote  (4 times)\n" in done.stdout
    assert "  refused  not_allowlisted  user/stranger-19  price-quote  (4 times)\n  and 5 others" in done.stdout
    assert len(done.stdout.splitlines()) < 30


def test_a_log_of_which_one_line_fails_stays_until_all_are_done(make, queue, outputs, front, start, calls, account):
    name = queue.send("FailedInvocations", failed(LOG, outputs))
    calls.fault = lambda action, count: Fault(DROP) if action == "iam:GetUser" else None
    try:
        with start(NOTICE_INTERVAL="0") as front.function:
            done = make("redrive", "YES=1")
            assert done.returncode != 0
            assert f"{name}  stays: the function failed: IamCallFailed: 3 of 6 lines failed, the first since " in done.stdout
            assert queue.visible("FailedInvocations") == 1
            calls.fault = lambda action, count: None
            assert make("redrive", "YES=1").returncode == 0
    finally:
        calls.fault = lambda action, count: None
    assert queue.visible("FailedInvocations") == 0
    assert account.policy("user/shop-batch") is not None


def test_dry_run_uses_up_no_line(make, queue, outputs, front, start, account):
    name = queue.send("FailedInvocations", failed(LOG, outputs))
    with start(MODE="dry-run") as front.function:
        done = make("redrive", "YES=1")
    assert done.returncode != 0
    assert f"{name}  stays: the function is in dry-run and wrote nothing; Mode=enforce would grant 3 of 6 lines" in done.stdout
    assert queue.visible("FailedInvocations") == 1
    assert account.policy("user/shop-batch") is None


OUTCOME = {"outcome": "granted"}
NO_OUTCOMES = [[OUTCOME, None], [None, OUTCOME], [OUTCOME, {}], [OUTCOME, {"outcome": 1}], [[OUTCOME]], ["granted"], {"0": OUTCOME}, None]


@pytest.mark.parametrize("reply", NO_OUTCOMES, ids=json.dumps)
def test_a_log_without_an_outcome_for_each_line_stays(make, queue, outputs, front, reply):
    queue.send("FailedInvocations", failed(LOG, outputs))
    front.instead = lambda payload: (200, [], json.dumps(reply).encode())
    done = make("redrive", "YES=1")
    assert done.returncode != 0 and "stays: the function's reply is no outcome" in done.stdout
    assert queue.visible("FailedInvocations") == 1


def test_no_more_than_max_are_taken(make, queue, front, with_function):
    for _ in range(3):
        queue.send("UndeliveredEvents", event("not-allowlisted"))
    done = make("redrive", "YES=1", "MAX=2")
    assert done.returncode == 0
    assert "2 done and deleted, 0 stay." in done.stdout and "MAX=2 was reached" in done.stderr
    assert queue.visible("UndeliveredEvents") == 1
    for bad in ("0", "-1", "all", "²"):
        assert f"MAX={bad} is no number" in is_told_plainly(make("redrive", f"MAX={bad}"))


def test_nothing_is_redriven_without_a_yes(make, queue, front, with_function):
    assert "Nothing to do." in make("redrive").stdout
    queue.send("UndeliveredEvents", event())
    assert "YES=1" in is_told_plainly(make("redrive"))
    assert is_told_plainly(make("redrive", answer="\n")) == "Nothing was done."
    assert (queue.visible("UndeliveredEvents"), front.invoked) == (1, [])
    assert make("redrive", answer="yes\n").returncode == 0
    assert queue.visible("UndeliveredEvents") == 0


def test_dry_run_uses_nothing_up(make, queue, front, start):
    queue.send("UndeliveredEvents", event())
    with start(MODE="dry-run") as function:
        front.function = function
        done = make("redrive", "YES=1")
    assert done.returncode != 0
    assert "stays: the function is in dry-run and wrote nothing" in done.stdout
    assert queue.visible("UndeliveredEvents") == 1


@pytest.mark.parametrize("reply", [b"null", b"{}", b'"granted"', b"", b'{"outcome": null}', b"[]", b'[{"outcome": "granted"}]', b"[" * 100_000], ids=len)
def test_a_reply_that_is_no_outcome_deletes_nothing(make, queue, front, reply):
    """Such as that of a function that is another one."""
    queue.send("UndeliveredEvents", event())
    front.instead = lambda payload: (200, [], reply)
    assert make("redrive", "YES=1").returncode != 0
    assert queue.visible("UndeliveredEvents") == 1


def error(status, code):
    return status, [("X-Amzn-Errortype", code), ("Content-Type", "application/json")], b'{"message": "no"}'


def test_a_throttled_function_is_asked_again(make, queue, front, with_function):
    queue.send("UndeliveredEvents", event())
    answers = iter([error(429, "TooManyRequestsException")])
    front.instead = lambda payload: next(answers, None)
    assert make("redrive", "YES=1").returncode == 0
    assert (queue.visible("UndeliveredEvents"), len(front.invoked)) == (0, 2)


def test_what_would_stop_every_message_stops_at_the_first(make, queue, front):
    for _ in range(3):
        queue.send("UndeliveredEvents", event())
    front.instead = lambda payload: error(403, "AccessDeniedException")
    told = is_told_plainly(make("redrive", "YES=1"))
    assert told == "AWS refused Invoke: no (AccessDeniedException)"
    assert (queue.visible("UndeliveredEvents"), len(front.invoked)) == (3, 1)


# -- canary and undo ----------------------------------------------------------------------------------------------------

WHOSE = [f"PRINCIPAL=arn:aws:iam::{ACCOUNT}:user/a", f"FUNCTION=arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"]


def test_undo_and_canary_are_the_tools(make, remediator):
    principal, function = (text.split("=")[1] for text in WHOSE)
    assert make("undo", *WHOSE).returncode == 0
    assert called(remediator) == ["undo", "--principal", principal, "--function", function]
    assert make("undo", *WHOSE, "YES=1").returncode == 0
    assert called(remediator)[-1] == "--yes"
    assert make("canary", "YES=1", "STACK=mine").returncode == 0
    assert called(remediator) == ["canary", "--stack", "mine", "--yes"]
    # No other word than a yes is one.
    assert make("canary", "YES=0").returncode == 0
    assert called(remediator) == ["canary", "--stack", STACK]
    remediator.with_suffix(".status").write_text("1")
    assert make("canary").returncode != 0


def test_undo_asks_for_what_is_missing(make):
    assert is_told_plainly(make("undo", WHOSE[1])).startswith("whose grant? say PRINCIPAL=arn:")
    assert is_told_plainly(make("undo", WHOSE[0])).startswith("of which function? say FUNCTION=arn:")


# -- deploy -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sam(tmp_path):
    """An environment whose `sam` notes how it is called; the real one takes minutes, and wants AWS."""
    venv, own = tmp_path / "venv", ROOT / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "lib").symlink_to(own / "lib")
    (venv / "pyvenv.cfg").write_bytes((own / "pyvenv.cfg").read_bytes())
    (venv / "bin/python").symlink_to((own / "bin/python").resolve())
    program = venv / "bin/sam"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" -- >> "$0.called"\n! grep -qx "$1" "$0.fails"\n')
    program.chmod(0o755)
    program.with_suffix(".fails").touch()
    program.with_suffix(".called").touch()
    (venv / ".ready").touch()
    return program


def runs(program):
    """What it was called with, each time, since the last look."""
    text = program.with_suffix(".called").read_text()
    program.with_suffix(".called").write_text("")
    return [run.splitlines() for run in text.split("--\n")[:-1]]


@pytest.fixture
def deploy(make, sam, tmp_path):
    def deploy(*arguments, **options):
        venv, config = f"DEPLOY_VENV={sam.parent.parent}", f"CONFIG={tmp_path}/samconfig.toml"
        return make("deploy", venv, config, "ALLOWLIST=allowlist.example.json", *arguments, **options)

    return deploy


def option(run, name):
    return run[run.index(name) + 1]


def test_the_first_deployment_is_guided(deploy, sam, tmp_path):
    done = deploy(answer="")
    assert done.returncode == 0, done.stderr
    assert f"Stack {STACK} in account {ACCOUNT}, {REGION}, for " in done.stdout
    assert "dry-run is recommended first" in done.stdout
    build, guided = runs(sam)
    architecture = "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64"
    assert build == ["build", "--parameter-overrides", f"Architecture={architecture}"]
    assert guided[:2] == ["deploy", "--guided"]
    assert (option(guided, "--stack-name"), option(guided, "--region")) == (STACK, REGION)
    assert option(guided, "--capabilities") == "CAPABILITY_IAM"
    assert option(guided, "--config-file") == f"{tmp_path}/samconfig.toml"
    overrides = dict(item.split("=", 1) for item in guided[guided.index("--parameter-overrides") + 1 :])
    # Those whom the list grants to, as the tool says them, too.
    checked = subprocess.run([CLI, "check", "--json", ROOT / "allowlist.example.json"], capture_output=True, check=True)
    principals = set(json.loads(checked.stdout)["principalArns"])
    assert set(overrides.pop("PrincipalArns").split(",")) == principals
    assert overrides == {"Architecture": architecture, "Allowlist": f"ssm:{PARAMETER}", "Mode": "dry-run"}
    # This `sam` has kept nothing, so that the next time is a first time again.
    assert not (tmp_path / "samconfig.toml").exists()


KEPT = """
version = 0.1
[default.deploy.parameters]
stack_name = "lambda-invoke-remediator"
region = "us-east-1"
parameter_overrides = "Allowlist=\\"ssm:/remediator/allowlist\\" Architecture=\\"x86_64\\" Mode=\\"dry-run\\""
"""


def test_the_next_deployments_ask_nothing(deploy, sam, tmp_path):
    config = tmp_path / "samconfig.toml"
    config.write_text(KEPT)
    done = deploy()
    if "Rust cannot build for x86_64 yet" in done.stderr:
        pytest.fail("this test needs Rust's target x86_64-unknown-linux-gnu")
    assert done.returncode == 0, done.stderr
    build, again = runs(sam)
    # That of the stack, whatever machine this is.
    assert build == ["build", "--parameter-overrides", "Architecture=x86_64"]
    assert again == ["deploy", "--resolve-s3", "--no-fail-on-empty-changeset", "--config-file", str(config)]


def reserving(value):
    """What the SAM CLI has kept, with so much reserved."""
    return KEPT.replace('Mode=', f'ReservedConcurrency=\\"{value}\\" Mode=')


# The account's limit, what of it is unreserved, what is wanted, and whether that is refused, may be refused, or is not.
CONCURRENCY = [
    (10, 10, 1, "refused"),
    (1000, 10, 1, "refused"),
    (1000, 104, 95, "refused"),
    (11, 11, 1, "may be"),
    (50, 50, 1, "may be"),
    (1000, 100, 1, "may be"),
    (1000, 101, 1, "taken"),
    (1000, 1000, 900, "taken"),
]


@pytest.mark.parametrize(("limit", "unreserved", "wanted", "expected"), CONCURRENCY)
def test_what_lambda_would_refuse_to_reserve_is_said_before_anything_is_built(
    deploy, sam, tmp_path, front, limit, unreserved, wanted, expected
):
    front.settings = fronts.account_limit(limit, unreserved)
    (tmp_path / "samconfig.toml").write_text(reserving(wanted))
    done = deploy("STACK=lambda-invoke-remediator")
    told = f"this account's limit is {limit} concurrent executions in this region, {unreserved} of them unreserved"
    what_to_do = f"set ReservedConcurrency=0 among the parameter_overrides of {tmp_path}/samconfig.toml"
    assert front.asked_settings == 1
    if expected == "refused":
        sentence = is_told_plainly(done)
        assert sentence.startswith(f"ReservedConcurrency={wanted} cannot be deployed") and told in sentence
        assert what_to_do in sentence and "quota Concurrent executions" in sentence
        assert runs(sam) == []
        return
    assert done.returncode == 0, done.stderr
    assert (f"ReservedConcurrency={wanted} may be refused" in done.stdout) == (expected == "may be")
    assert (told in done.stdout and what_to_do in done.stdout) == (expected == "may be")
    assert [run[0] for run in runs(sam)] == ["build", "deploy"]


@pytest.mark.parametrize("kept", [KEPT, reserving(0), reserving("")], ids=["not named", "0", "empty"])
def test_where_nothing_is_reserved_no_limit_is_asked_for(deploy, tmp_path, front, kept):
    front.settings = fronts.account_limit(10, 10)
    (tmp_path / "samconfig.toml").write_text(kept)
    done = deploy()
    assert done.returncode == 0 and "ReservedConcurrency" not in done.stdout
    assert front.asked_settings == 0


def test_what_the_stack_has_reserved_already_is_not_counted_twice(deploy, sam, tmp_path, front, the_account, template):
    """A stack that holds 1 of an account whose rest is what has to stay."""
    parameters = {"Allowlist": f"ssm:{PARAMETER}", "PrincipalArns": f"arn:aws:iam::{ACCOUNT}:user/remotion_user"}
    Created(the_account, template, "reserving", {**parameters, "ReservedConcurrency": "2"})
    front.settings = fronts.account_limit(12, 10)
    for wanted, is_refused in [(1, False), (2, False), (3, True)]:
        (tmp_path / "samconfig.toml").write_text(reserving(wanted).replace(STACK, "reserving"))
        done = deploy("STACK=reserving")
        assert (done.returncode != 0) == is_refused, (wanted, done.stdout, done.stderr)
        assert ("ReservedConcurrency=3 cannot be deployed" in done.stderr) == is_refused
    # Only what is more than it has is asked about.
    assert front.asked_settings == 1


REFUSED_SETTINGS = {
    "not allowed": ((403, [("X-Amzn-Errortype", "AccessDeniedException")], b'{"Message": "User is not authorized"}'), "(AccessDeniedException)"),
    "not known": ((404, [("Content-Type", "text/html")], b"<html>\n<p>not\nfound\n"), "(404)"),
    "no limit in it": ((200, [("Content-Type", "application/json")], b"{}"), "names no limit"),
}


@pytest.mark.parametrize("why", REFUSED_SETTINGS)
def test_where_the_limit_is_not_told_that_is_one_line(deploy, sam, tmp_path, front, why):
    front.settings, told = REFUSED_SETTINGS[why]
    (tmp_path / "samconfig.toml").write_text(reserving(1))
    done = deploy()
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if "ReservedConcurrency" in line]
    assert "was not looked up (lambda:GetAccountSettings): " in line and told in line
    assert [run[0] for run in runs(sam)] == ["build", "deploy"]


def test_the_first_deployment_says_whether_any_can_be_reserved(deploy, sam, tmp_path, front):
    hint = "Lambda accepts no ReservedConcurrency here: this account's limit is 10 concurrent executions in this region, "
    assert "accepts no" not in deploy(answer="").stdout
    front.settings = fronts.account_limit(10, 10)
    done = deploy(answer="")
    assert done.returncode == 0 and f"{hint}10 of them unreserved. Leave it at 0, or " in done.stdout
    # Whoever answered otherwise is told why it failed, where the SAM CLI has kept the answer.
    (tmp_path / "kept.toml").write_text(reserving(1))
    sam.write_text(f'#!/bin/sh\n[ "$1" = build ] && exit\ncp {tmp_path}/kept.toml {tmp_path}/samconfig.toml\nexit 1\n')
    assert is_told_plainly(deploy(answer="")).startswith("ReservedConcurrency=1 cannot be deployed")


def test_what_would_deploy_the_wrong_thing_is_refused(deploy, sam, tmp_path):
    (tmp_path / "samconfig.toml").write_text(KEPT)
    assert "you asked for another in us-east-1" in is_told_plainly(deploy("STACK=another"))
    assert "you asked for lambda-invoke-remediator in eu-west-1" in is_told_plainly(deploy("REGION=eu-west-1"))
    assert "says Architecture=x86_64" in is_told_plainly(deploy("ARCHITECTURE=arm64"))
    assert "is not one of Lambda's" in is_told_plainly(deploy("ARCHITECTURE=mips"))
    (tmp_path / "samconfig.toml").write_text("[default")
    assert "samconfig.toml cannot be read" in is_told_plainly(deploy())
    assert runs(sam) == []


def test_what_deploy_needs_is_said_before_anything_is_built(deploy, sam):
    assert "run it on a terminal" in is_told_plainly(deploy())
    assert is_told_plainly(deploy(answer="", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)).startswith("no AWS cred")
    assert is_told_plainly(deploy(answer="", AWS_REGION=None)).startswith("the region is not known")
    assert "write your list first" in is_told_plainly(deploy("ALLOWLIST=none.json", answer=""))
    assert "is no allowlist" in is_told_plainly(deploy("ALLOWLIST=Makefile", answer=""))
    assert runs(sam) == []


def test_a_target_of_rust_that_is_missing(deploy, sam, tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "rustc").write_text("#!/bin/sh\necho /nowhere\n")
    (bare / "rustc").chmod(0o755)
    path = f"{bare}{os.pathsep}{os.environ['PATH']}"
    told = is_told_plainly(deploy("ARCHITECTURE=arm64", answer="", PATH=path))
    assert told == "Rust cannot build for arm64 yet: `rustup target add aarch64-unknown-linux-gnu`"
    assert runs(sam) == []


def test_what_was_not_built_is_not_deployed(deploy, sam):
    sam.with_suffix(".fails").write_text("build\n")
    assert "nothing was deployed" in is_told_plainly(deploy(answer=""))
    assert [run[0] for run in runs(sam)] == ["build"]
    sam.with_suffix(".fails").write_text("deploy\n")
    assert is_told_plainly(deploy(answer="")) == "the deployment failed, see above"


def test_the_deploy_tools_are_pinned():
    lines = (ROOT / "requirements-deploy.txt").read_text().splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in packages)
    assert {"aws-sam-cli", "cargo-lambda", "ziglang"} < {line.split("==")[0] for line in packages}
