"""`remediator canary` in an account on the loopback: a stack, a trail and all that a denied call sets off.

moto plays the account. What it cannot do stands between: Lambda denies the call, and what would follow in AWS is set off
from there: CloudTrail's record goes to EventBridge, the record that the stack's rule takes to the real binary, and what the
binary logs to CloudWatch Logs.
"""

import json
import re
import signal
import subprocess
import threading
import time
import urllib.parse
import uuid
from contextlib import contextmanager

import pytest
from moto.events.models import EventPattern
from test_cli import credentials, run
from test_faults import error

from conftest import CLI
from local.aws import ACCOUNT, REGION, ROOT
from local.forwarding import Forwarding, serving
from local.proxy import Fault

ROLE = "lambda-invoke-remediator-canary"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
FUNCTION = "lambda-invoke-remediator"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
LOG_GROUP = "/remediator"
RULE = "rule-of-the-stack"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/canary-boundary"
ADMITS = {"rules": [{"id": "canary", "principals": [ROLE_ARN], "functions": [FUNCTION_ARN]}]}


class World:
    """What happens in AWS when the canary calls; each part can be taken out."""

    def __init__(self, account, function, pattern):
        self.account, self.function = account, function
        self.pattern = EventPattern.load(json.dumps(pattern))
        self.logs = account.client("logs")
        self.records = self.rule_matches = self.function_runs = True
        self.threads = []
        # The IAM actions that the canary's caller needs.
        self.actions = set()
        # Called before a call with its action; what it gives is the answer in the place of the account's own.
        self.before = lambda action: None
        # The same after it was carried out.
        self.after = lambda action: None

    def deny(self, session):
        """Lambda's answer to the call, and what it sets off."""
        said = (
            f"User: {session} is not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION_ARN} because no "
            "identity-based policy allows the lambda:InvokeFunction action"
        )
        thread = threading.Thread(target=self.follow, args=(session, said))
        self.threads.append(thread)
        thread.start()
        return said

    def follow(self, session, said):
        if not self.records:
            return
        time.sleep(0.5)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        detail = {
            "eventSource": "lambda.amazonaws.com", "eventName": "Invoke", "errorCode": "AccessDenied", "errorMessage": said,
            "eventID": str(uuid.uuid4()), "eventTime": now, "awsRegion": REGION, "recipientAccountId": ACCOUNT,
            "userIdentity": {
                "type": "AssumedRole", "arn": session, "accountId": ACCOUNT,
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE_ARN, "accountId": ACCOUNT, "userName": ROLE}},
            },
        }  # fmt: skip
        event = {
            "source": "aws.lambda", "detail-type": "AWS API Call via CloudTrail", "account": ACCOUNT, "region": REGION,
            "detail": detail,
        }  # fmt: skip
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(detail)}
        assert self.account.events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        if not (self.rule_matches and self.function_runs and self.pattern.matches_event(event)):
            return
        before = len(self.function.output())
        self.function.invoke(event)
        if self.function.init_error:
            # In Lambda it would have tried to start for this event; here it did before.
            before = 0
        lines = [line for line in self.function.output()[before:].splitlines() if line.startswith("{")]
        log = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
        self.logs.put_log_events(logGroupName=LOG_GROUP, logStreamName="one", logEvents=log)

    def test_event_pattern(self, pattern, event):
        return self.rule_matches and EventPattern.load(pattern).matches_event(json.loads(event))


class _Handler(Forwarding):
    def do_POST(self):
        world, body = self.server.world, self.body()
        service = self.headers["Authorization"].split("Credential=")[1].split("/")[3]
        target = self.headers.get("X-Amz-Target") or urllib.parse.parse_qs(body.decode()).get("Action", [""])[0]
        action = f"{service}:{target.split('.')[-1]}" if target else "lambda:Invoke"
        if target:
            world.actions.add(action)
        if answer := world.before(action):
            return self.answer(*answer)
        if self.path.endswith("/invocations"):
            said = json.dumps({"Message": world.deny(self.caller())}).encode()
            self.answer(403, [("x-amzn-ErrorType", "AccessDeniedException")], said)
        elif self.headers.get("X-Amz-Target") == "AWSEvents.TestEventPattern":
            asked = json.loads(body)
            result = world.test_event_pattern(asked["EventPattern"], asked["Event"])
            self.answer(200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps({"Result": result}).encode())
        else:
            answer = self.forward(body)
            self.answer(*(world.after(action) or answer))

    def caller(self):
        """Who calls: the keys tell nothing by themselves, STS knows whose they are."""
        headers = {
            "Authorization": self.headers["Authorization"].replace("/lambda/", "/sts/"),
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Amz-Security-Token": self.headers["X-Amz-Security-Token"],
        }
        _, _, answer = self.forward(b"Action=GetCallerIdentity&Version=2011-06-15", "/", headers)
        return re.search(rb"<Arn>(.*)</Arn>", answer)[1].decode()


@contextmanager
def gateway(world):
    with serving(_Handler, world.account.endpoint, world=world) as endpoint:
        try:
            yield endpoint
        finally:
            for thread in world.threads:
                thread.join()


@pytest.fixture
def stack(account, template):
    """A stack with the outputs that the canary reads, and the parts behind them."""
    pattern = template["Resources"]["Function"]["Properties"]["Events"]["DeniedInvoke"]["Properties"]["Pattern"]
    account.events.put_rule(Name=RULE, EventPattern=json.dumps(pattern), State="ENABLED")
    try:
        document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}}
        account.iam.create_policy(PolicyName=BOUNDARY.split("/")[1], PolicyDocument=json.dumps(document))
    except account.iam.exceptions.EntityAlreadyExistsException:
        pass
    logs = account.client("logs")
    for create in (
        lambda: logs.create_log_group(logGroupName=LOG_GROUP),
        lambda: logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="one"),
    ):
        try:
            create()
        except logs.exceptions.ResourceAlreadyExistsException:
            pass
    values = {
        "FunctionName": FUNCTION, "LogGroupName": LOG_GROUP, "RuleName": RULE, "TopicArn": account.topic_arn,
    }  # fmt: skip
    body = {
        "Resources": {"Unused": {"Type": "AWS::SQS::Queue"}},
        "Parameters": {name: {"Type": "String"} for name in ("RequiredTagValue", "RequiredPermissionsBoundary")},
        "Outputs": {name: {"Value": value} for name, value in values.items()},
    }
    client, name = account.client("cloudformation"), f"remediator-{uuid.uuid4().hex[:8]}"
    parameters = [
        {"ParameterKey": "RequiredTagValue", "ParameterValue": "yes"},
        {"ParameterKey": "RequiredPermissionsBoundary", "ParameterValue": BOUNDARY},
    ]
    client.create_stack(StackName=name, TemplateBody=json.dumps(body), Parameters=parameters)
    yield name, pattern
    client.delete_stack(StackName=name)


def leftovers(account):
    """What canaries make."""
    roles = [role["RoleName"] for role in account.iam.list_roles()["Roles"] if "canary" in role["RoleName"]]
    queues = [url for url in account.sqs.list_queues().get("QueueUrls", []) if "canary" in url]
    rules = [rule["Name"] for rule in account.events.list_rules()["Rules"] if "canary" in rule["Name"]]
    topic = account.sns.list_subscriptions_by_topic(TopicArn=account.topic_arn)["Subscriptions"]
    return roles + queues + rules + [item["Endpoint"] for item in topic if "canary" in item["Endpoint"]]


@pytest.fixture
def fly(account, stack, start):
    """Lets a canary fly through a world that `change` may have spoiled."""
    name, pattern = stack

    def fly(*arguments, allowlist=ADMITS, change=lambda world: None, wait=8, **variables):
        with start(ALLOWLIST=json.dumps(allowlist), NOTICE_INTERVAL="0", **variables) as function:
            world = World(account, function, pattern)
            change(world)
            with gateway(world) as endpoint:
                arguments = ["--stack", name, "--wait", wait, "--json", "--yes", *arguments]
                ended = run("canary", *arguments, env=credentials(endpoint))
        report = json.loads(ended.stdout) if ended.stdout else None
        return ended, {stage["stage"]: stage for stage in report["stages"]} if report else None, report

    return fly


def reached(stages):
    return {name: stage["reached"] for name, stage in stages.items()}


ALL = {"trail": True, "rule": True, "function": True, "policy": True, "topic": True}


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


def test_the_role_is_what_the_stack_asks_for_and_may_do_nothing(account, fly):
    found, policies = {}, []

    def look(world):
        deny = world.deny

        def denied(session):
            found.update(account.iam.get_role(RoleName=ROLE)["Role"])
            policies.extend(account.iam.list_role_policies(RoleName=ROLE)["PolicyNames"])
            policies.extend(account.iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"])
            [url] = account.sqs.list_queues(QueueNamePrefix="remediator-canary-")["QueueUrls"]
            found["queue"] = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
            return deny(session)

        world.deny = denied

    fly(change=look)
    assert found["Tags"] == [{"Key": "lambda-invoke-remediator", "Value": "yes"}]
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    [statement] = found["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"]["AWS"].startswith(f"arn:aws:") and "*" not in statement["Principal"]["AWS"]
    assert policies == []
    senders = json.loads(found["queue"]["Policy"])["Statement"]
    sources = {one["Principal"]["Service"]: one["Condition"]["ArnEquals"]["aws:SourceArn"] for one in senders}
    assert sources["sns.amazonaws.com"] == account.topic_arn
    assert sources["events.amazonaws.com"].startswith(f"arn:aws:events:{REGION}:{ACCOUNT}:rule/remediator-canary-")


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


@pytest.mark.parametrize("action", ["iam:CreateRole", "sqs:CreateQueue", "events:PutRule", "sns:Subscribe"])
def test_what_was_made_is_deleted_although_its_answer_was_lost(account, fly, action):
    def lose(world):
        world.after = lambda made: (500, [], b"") if made == action else None

    ended, _, _ = fly(change=lose)
    # A second try by the SDK finds its own role.
    assert ended.returncode == 2 and action in ended.stderr or action == "iam:CreateRole", ended.stderr
    assert leftovers(account) == []


def test_a_policy_that_comes_back_is_deleted_once_more(account, fly):
    """The function may be watching its grant while the role is deleted."""
    left = [1]

    def conflict(world):
        def before(action):
            if action == "iam:DeleteRole" and left:
                left.pop()
                return (409, [], error(409, "DeleteConflict").body)
            return None

        world.before = before

    ended, stages, _ = fly(change=conflict)
    assert ended.returncode == 0 and reached(stages) == ALL and not left
    assert leftovers(account) == []


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


def test_what_cannot_be_deleted_is_named(account, fly):
    def refuse(world):
        world.before = lambda action: (403, [], error(403, "AccessDenied").body) if action == "iam:DeleteRole" else None

    ended, stages, report = fly(change=refuse)
    try:
        assert ended.returncode == 1 and reached(stages) == ALL
        assert f"aws iam delete-role --role-name {ROLE}" in ended.stderr
        assert len(report["leftBehind"]) == 1 and leftovers(account) == [ROLE]
    finally:
        account.iam.delete_role(RoleName=ROLE)


def test_a_role_that_is_there_is_not_touched(account, fly):
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    account.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    try:
        ended, _, _ = fly()
        assert ended.returncode == 2 and "--role" in ended.stderr
        assert leftovers(account) == [ROLE]
    finally:
        account.iam.delete_role(RoleName=ROLE)


def test_without_yes_nothing_is_done(account):
    ended = run("canary", env=credentials(account.endpoint))
    assert ended.returncode == 2 and "--yes" in ended.stderr and ROLE in ended.stderr
    assert leftovers(account) == []


def test_a_stack_that_is_not_there_is_told(account):
    ended = run("canary", "--yes", "--stack", "nowhere", env=credentials(account.endpoint))
    assert ended.returncode == 2 and "nowhere" in ended.stderr
    assert leftovers(account) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_while_something_is_made_is_heard_when_it_stands(account, stack, start, ending):
    name, pattern = stack
    made = threading.Event()
    with start(ALLOWLIST=json.dumps(ADMITS)) as function:
        world = World(account, function, pattern)

        def dawdle(action):
            if action == "events:PutRule":
                made.set()
                time.sleep(1)

        world.before = dawdle
        with gateway(world) as endpoint:
            command = [CLI, "canary", "--stack", name, "--yes"]
            process = subprocess.Popen(command, env=credentials(endpoint), stderr=subprocess.PIPE, text=True)
            assert made.wait(30)
            process.send_signal(ending)
            said = process.stderr.read()
            assert process.wait(timeout=30) == 2, said
    assert "interrupted" in said
    assert leftovers(account) == []


def test_an_interrupted_canary_cleans_up(account, stack, start):
    name, pattern = stack
    with start(ALLOWLIST=json.dumps(ADMITS)) as function:
        world = World(account, function, pattern)
        world.records = False
        with gateway(world) as endpoint:
            command = [CLI, "canary", "--stack", name, "--yes"]
            process = subprocess.Popen(command, env=credentials(endpoint), stderr=subprocess.PIPE, text=True)
            for line in process.stderr:
                if "denied" in line:
                    break
            assert len(leftovers(account)) == 4
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
            assert process.wait(timeout=30) == 2, said
    assert "interrupted" in said
    assert leftovers(account) == []
