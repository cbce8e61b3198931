"""What the real binary publishes, held against the schemas that are kept, and against what AWS says of each reader."""

import copy
import json
import shlex

import pytest
from jsonschema import Draft202012Validator

from local.aws import ROOT
from local.proxy import Answer, Fault
from support.events import event
from support.log_batch import each
from support.tool import credentials, run

EVENTS = sorted((ROOT / "events").glob("*.json"))
NAMES = ["outcome", "notice", "notice-chat"]
# https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
CUSTOM = {"version", "source", "id", "content", "metadata"}
CONTENT = {"textType", "title", "description", "nextSteps", "keywords"}
METADATA = {"threadId", "summary", "eventType", "relatedResources", "additionalContext"}


def schema(name):
    return json.loads((ROOT / f"{name}.schema.json").read_text())


def is_valid(name, value):
    return Draft202012Validator(schema(name)).is_valid(value)


def published(calls):
    """The bodies of each notice, by protocol."""
    found = [parameters for action, parameters in calls.calls if action == "sns:Publish"]
    for parameters in found:
        # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
        assert parameters["MessageStructure"] == "json" and len(parameters["Message"].encode()) < 256 * 1024
    return [json.loads(parameters["Message"]) for parameters in found]


def mutations(value):
    """The value without each of its keys, and with something of another type in its place."""
    for key in value:
        without = copy.deepcopy(value)
        del without[key]
        yield f"without {key}", without
        yield f"{key} of another type", {**value, key: 7 if isinstance(value[key], (str, list, dict, type(None))) else "x"}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_schema(name):
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["description"] and "$id" not in schema(name)


@pytest.mark.parametrize("path", sorted((ROOT / "events/expected").glob("*.json")), ids=lambda path: path.stem)
def test_every_expected_outcome(path):
    for outcome in each(json.loads(path.read_text())):
        assert is_valid("outcome", outcome)
        for what, mutated in mutations(outcome):
            assert not is_valid("outcome", mutated), what
        for key in ["outcome", "reason", "deniedBy", "denial", "source", "notice"]:
            assert not is_valid("outcome", {**outcome, key: "made_up"}), key


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_notice(path, function, account, calls):
    outcomes = each(function.invoke(path.read_bytes()).body)
    assert all(is_valid("outcome", outcome) for outcome in outcomes)
    bodies = published(calls)
    assert len(bodies) == sum(outcome["notice"] == "published" for outcome in outcomes)
    assert [outcome["notice"] == "none" for outcome in outcomes] == [outcome["outcome"] == "ignored" for outcome in outcomes]
    messages = [notice["Message"] for notice in account.notices()]
    assert sorted(messages) == sorted(body["sqs"] for body in bodies)
    for body in bodies:
        assert set(body) == {"default", "email", "sqs", "lambda", "http", "https"}
        assert body["sqs"] == body["lambda"] == body["http"]
        notice, chat = json.loads(body["sqs"]), json.loads(body["https"])
        assert is_valid("notice", notice) and is_valid("notice-chat", chat)
        for what, mutated in mutations(notice):
            assert not is_valid("notice", mutated), what
        for what, mutated in mutations(chat):
            assert not is_valid("notice-chat", mutated), what
        for part in ["content", "metadata"]:
            for what, mutated in mutations(chat[part]):
                # The thread is the one thing that may be missing.
                assert is_valid("notice-chat", {**chat, part: mutated}) == (what == "without threadId"), what
        for what, mutated in mutations(chat["metadata"]["additionalContext"]):
            metadata = {**chat["metadata"], "additionalContext": mutated}
            assert not is_valid("notice-chat", {**chat, "metadata": metadata}), what
        # AWS's schema: these keys, and texts or lists of texts.
        assert set(chat) <= CUSTOM and set(chat["content"]) <= CONTENT and set(chat["metadata"]) <= METADATA
        assert chat["content"]["description"]
        for value in [*chat["content"].values(), *chat["metadata"].values()]:
            texts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
            assert all(isinstance(text, str) and text for text in texts), value


def test_the_schemas_refuse_what_is_no_outcome():
    for value in [None, [], {}, "granted", {"outcome": "granted"}]:
        for name in NAMES:
            assert not is_valid(name, value), (name, value)


def test_a_pair_has_one_thread(function, account, calls):
    for name in ["user", "function-alias", "role", "not-allowlisted"]:
        function.invoke(event(name))
    threads = [json.loads(body["https"])["metadata"]["threadId"] for body in published(calls)]
    assert threads[0] == threads[1] and len(set(threads)) == 3, threads


def test_the_commands_of_a_mail_are_whole(function, account, calls):
    reply = function.invoke(event("role-with-path")).body
    body = published(calls)[0]
    lines = body["email"].splitlines()
    for command in json.loads(body["sqs"])["undo"]:
        assert command in lines
    undo = ["remediator", "undo", "--principal", reply["principal"], "--function", reply["function"]]
    assert undo in [shlex.split(line) for line in lines if line.startswith("remediator ")]
    steps = json.loads(body["https"])["content"]["nextSteps"]
    assert undo in [shlex.split(step.split("`")[1]) for step in steps if "`remediator " in step]


def test_the_command_of_a_notice_takes_the_grant_back(function, account, calls):
    function.invoke(event("role-with-path"))
    assert account.policy("role/render-stitcher")
    [command] = json.loads(published(calls)[0]["sqs"])["undo"]
    tool, *arguments = shlex.split(command)
    ended = run(*arguments, "--yes", env=credentials(account.endpoint))
    assert (tool, ended.returncode) == ("remediator", 0), ended.stderr
    assert account.policy("role/render-stitcher") is None


def test_kinds_that_no_event_alone_ends_in(start, account, calls):
    error = b"<ErrorResponse><Error><Code>LimitExceeded</Code><Message>full</Message></Error></ErrorResponse>"
    full = Fault(Answer(409, error))
    with start(NOTICE_INTERVAL="0", MODE="dry-run") as function:
        assert function.invoke(event("user")).body["outcome"] == "would_grant"
    with start(NOTICE_INTERVAL="0") as function:
        calls.fault = lambda action, count: full if action == "iam:PutUserPolicy" else None
        try:
            assert function.invoke(event("user")).body["reason"] == "policy_full"
        finally:
            calls.fault = lambda action, count: None
        later = event("user")
        later["detail"]["eventTime"] = "2999-01-01T00:00:00Z"
        assert function.invoke(event("user")).body["outcome"] == "granted"
        assert function.invoke(later).body["outcome"] == "already_granted"
    bodies = published(calls)
    titles = [json.loads(body["https"])["content"]["title"].split(":")[0] for body in bodies]
    assert titles == ["Would grant (dry-run)", "Refused (policy full)", "Granted", "Granted, still denied"]
    for body in bodies:
        assert is_valid("notice", json.loads(body["sqs"])) and is_valid("notice-chat", json.loads(body["https"]))


def test_texts_of_any_length_and_kind(function, account, calls):
    for text in ["x" * 5_000, "<!channel> " * 500, "\u202e\0`" * 900, "null", "\\null", ""]:
        hostile = event("not-allowlisted")
        hostile["detail"] |= {"eventID": text, "eventTime": text, "sourceIPAddress": text, "userAgent": text}
        hostile["detail"]["userIdentity"] |= {"arn": text, "userName": text}
        hostile["detail"]["errorMessage"] = f"User: {text} is not authorized to perform: lambda:InvokeFunction"
        calls.clear()
        reply = function.invoke(hostile)
        assert not reply.is_error and reply.body["outcome"] == "refused"
        body = published(calls)[0]
        notice, chat = json.loads(body["sqs"]), json.loads(body["https"])
        assert is_valid("notice", notice) and is_valid("notice-chat", chat)
        back = chat["metadata"]["additionalContext"]["eventId"]
        if text in ("null", "\\null"):
            assert (notice["eventId"], back) == (text, f"\\{text}")
        assert "<!" not in body["https"]
