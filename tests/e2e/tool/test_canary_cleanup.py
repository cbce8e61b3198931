"""`remediator canary` makes what the stack asks for and nothing that may do anything, and deletes it, whatever happens."""

import json
import signal
import subprocess
import threading
import time

import pytest

from local.aws import ACCOUNT, REGION
from support.binaries import CLI
from support.canary import ADMITS, ALL, BOUNDARY, ROLE, World, gateway, leftovers, reached
from support.errors import error
from support.tool import credentials, run


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
