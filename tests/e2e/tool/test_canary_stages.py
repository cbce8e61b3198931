"""`remediator canary` follows one denial from the trail to the topic, and names the stage that it does not reach."""

import json
import re
import time
import uuid

import pytest

from local.aws import ACCOUNT, ROOT
from local.proxy import Fault
from support.canary import ADMITS, ALL, FUNCTION_ARN, LOG_GROUP, ROLE, ROLE_ARN, RULE, leftovers, reached
from support.errors import error
from support.tool import credentials, run


def test_a_canary_reaches_every_stage_and_leaves_nothing(account, fly):
    ended, stages, report = fly()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert reached(stages) == ALL
    assert report["event"]["detail"]["userIdentity"]["arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/")
    assert report["leftBehind"] == []
    assert leftovers(account) == []


def test_a_canary_in_a_dry_run_writes_nothing(account, fly):
    ended, stages, _ = fly(MODE="dry-run")
    assert ended.returncode == 0 and "dry-run" in stages["policy"]["text"]


def test_a_canary_that_is_not_listed_says_which_rule_it_lacks(account, fly):
    other = {"rules": [{**ADMITS["rules"][0], "principals": [f"arn:aws:iam::{ACCOUNT}:user/x"]}]}
    ended, stages, _ = fly(allowlist=other)
    assert ended.returncode == 1
    assert reached(stages) == {**ALL, "policy": False}
    assert ROLE_ARN in stages["policy"]["text"] and FUNCTION_ARN in stages["policy"]["text"]
    assert leftovers(account) == []


@pytest.mark.parametrize(
    ("change", "expected", "said"),
    [
        (lambda world: setattr(world, "records", False), {"trail": False}, "no trail of this region"),
        (lambda world: setattr(world, "rule_matches", False), {"trail": True, "rule": False}, "does not match"),
        (
            lambda world: setattr(world, "function_runs", False),
            {"trail": True, "rule": True, "function": False},
            "UndeliveredEvents",
        ),
    ],
)
def test_the_stage_that_is_not_reached_is_named(account, fly, change, expected, said):
    ended, stages, report = fly(change=change, wait=2)
    assert ended.returncode == 1
    assert reached(stages) == {**dict.fromkeys(ALL), **expected}
    [last] = [stage["text"] for stage in stages.values() if stage["reached"] is False]
    assert said in last
    assert (report["event"] is not None) == expected["trail"]
    assert leftovers(account) == []


@pytest.fixture
def trail(account):
    """One that records Lambda's data events; gives its ARN."""
    client, name = account.client("cloudtrail"), f"trail-{uuid.uuid4().hex[:8]}"
    account.client("s3").create_bucket(Bucket=name)
    arn = client.create_trail(Name=name, S3BucketName=name)["TrailARN"]
    fields = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::Lambda::Function"]},
    ]
    client.put_event_selectors(TrailName=name, AdvancedEventSelectors=[{"Name": "x", "FieldSelectors": fields}])
    client.start_logging(Name=name)
    yield arn
    client.delete_trail(Name=name)


def test_a_trail_of_other_data_events_is_not_taken_for_one(account, fly, trail):
    fields = [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ]
    selectors = [{"Name": "x", "FieldSelectors": fields}]
    account.client("cloudtrail").put_event_selectors(TrailName=trail.split("/")[1], AdvancedEventSelectors=selectors)
    _, stages, _ = fly(change=lambda world: setattr(world, "records", False), wait=1)
    assert "no trail of this region" in stages["trail"]["text"]


def test_a_trail_that_should_have_recorded_it_is_named(account, fly, trail):
    def be_silent(world):
        world.records = False

    _, stages, _ = fly(change=be_silent, wait=1)
    assert f"records data events of Lambda: {trail}" in stages["trail"]["text"]
    account.client("cloudtrail").stop_logging(Name=trail)
    _, stages, _ = fly(change=be_silent, wait=1)
    assert f"not logging: {trail}" in stages["trail"]["text"]


def test_the_documented_permissions_are_those_that_a_canary_uses(fly, trail):
    text = (ROOT / "docs/operations.md").read_text()
    [block] = re.findall(r"canary needs.*?```json\n(.*?)```", text, re.S)
    documented = {action for statement in json.loads(block)["Statement"] for action in statement["Action"]}
    worlds = []
    assert fly(change=worlds.append)[0].returncode == 0
    # A role is made with its tag in one call, for which IAM wants two actions; whoever calls may know who they are.
    assert documented == worlds[0].actions - {"sts:GetCallerIdentity"} | {"iam:TagRole"}


def test_a_function_that_fails_is_named_with_its_error(account, fly, calls):
    denied = Fault(error(403, "AccessDenied"))
    calls.fault = lambda action, count: None if action.startswith("sns") else denied
    try:
        ended, stages, _ = fly(wait=3)
    finally:
        calls.fault = lambda action, count: None
    assert ended.returncode == 1 and stages["function"]["reached"] is False
    assert "IamAccessDenied" in stages["function"]["text"] and "PrincipalArns" in stages["function"]["text"]
    assert leftovers(account) == []


def test_a_function_that_cannot_start_is_named_with_what_is_wrong(account, fly):
    ended, stages, _ = fly(MODE="dry", wait=3)
    # That the rule handed the record on is not known by it: the line names no event.
    assert ended.returncode == 1 and reached(stages) == {**dict.fromkeys(ALL), "trail": True, "rule": True, "function": False}
    assert "matches" in stages["rule"]["text"]
    assert stages["function"]["text"].startswith("it cannot start: BadConfiguration: environment variable MODE: ")
    assert leftovers(account) == []


def test_an_error_of_an_earlier_canary_is_not_taken_for_its_own(account, fly):
    lines = [
        {"level": "ERROR", "message": "x", "code": "IamAccessDenied", "error": f"not allowed for {ROLE_ARN}"},
        {"level": "ERROR", "message": "the function cannot start, or cannot go on", "code": "BadConfiguration", "error": "x"},
    ]
    events = [{"timestamp": int(time.time() * 1000), "message": json.dumps(line)} for line in lines]

    def leave(world):
        world.function_runs = False
        world.logs.put_log_events(logGroupName=LOG_GROUP, logStreamName="one", logEvents=events)

    _, stages, _ = fly(change=leave, wait=2)
    assert stages["function"]["reached"] is False and "its log says nothing" in stages["function"]["text"]


def test_a_rule_that_is_disabled_is_not_reached(account, fly):
    def disable(world):
        world.function_runs = False
        account.events.disable_rule(Name=RULE)

    _, stages, _ = fly(change=disable, wait=2)
    assert stages["rule"]["reached"] is False and "disabled" in stages["rule"]["text"]


def test_a_call_that_is_allowed_is_no_denial(account, fly):
    def allow(world):
        world.before = lambda action: (200, [], b"null") if action == "lambda:Invoke" else None

    ended, _, _ = fly(change=allow)
    assert ended.returncode == 2 and "was allowed" in ended.stderr
    assert leftovers(account) == []


def test_what_is_new_is_waited_for(account, fly):
    """IAM spreads a role and its credentials in its own time."""
    left = {"sts:AssumeRole": 1, "lambda:Invoke": 1}
    said = b'{"__type": "UnrecognizedClientException", "message": "m"}'

    def lag(world):
        def before(action):
            if left.get(action, 0) > 0:
                left[action] -= 1
                header = [("x-amzn-ErrorType", "UnrecognizedClientException")]
                return (403, header, error(403, "AccessDenied").body if action.startswith("sts") else said)
            return None

        world.before = before

    ended, stages, _ = fly(change=lag)
    assert ended.returncode == 0 and reached(stages) == ALL, ended.stderr


def test_an_outcome_of_an_earlier_canary_is_not_taken_for_its_own(account, fly):
    """The role is the same, and CloudTrail takes minutes."""

    def be_late(world):
        deny = world.deny
        world.deny = lambda session: deny(session.rsplit("/", 1)[0] + "/remediator-canary-00000000")

    ended, stages, report = fly(change=be_late, wait=3)
    assert ended.returncode == 1 and stages["trail"]["reached"] is False and report["event"] is None
    assert reached(stages) == {**dict.fromkeys(ALL), "trail": False}


def test_a_notice_that_does_not_arrive_is_told(account, fly):
    def unsubscribe(world):
        deny = world.deny

        def denied(session):
            for item in account.sns.list_subscriptions_by_topic(TopicArn=account.topic_arn)["Subscriptions"]:
                if "remediator-canary" in item["Endpoint"]:
                    account.sns.unsubscribe(SubscriptionArn=item["SubscriptionArn"])
            return deny(session)

        world.deny = denied

    ended, stages, _ = fly(change=unsubscribe, wait=3)
    assert ended.returncode == 1 and reached(stages) == {**ALL, "topic": False}
    assert "did not arrive" in stages["topic"]["text"]


def test_a_stack_that_is_not_there_is_told(account):
    ended = run("canary", "--yes", "--stack", "nowhere", env=credentials(account.endpoint))
    assert ended.returncode == 2 and "nowhere" in ended.stderr
    assert leftovers(account) == []
