"""A stack for the canary, and its flight."""

import json
import uuid

import pytest

from support.bus import clear
from support.canary import ADMITS, BOUNDARY, FUNCTION, LOG_GROUP, RULE, World, gateway
from support.tool import credentials, run


@pytest.fixture
def stack(account, template):
    """A stack with the outputs that the canary reads, and the parts behind them."""
    pattern = template["Resources"]["Function"]["Properties"]["Events"]["DeniedInvoke"]["Properties"]["Pattern"]
    clear(account)
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
