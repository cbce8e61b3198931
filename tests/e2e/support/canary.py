"""An account on the loopback for `remediator canary`: a stack, a trail and all that a denied call sets off.

moto plays the account. What it cannot do stands between: Lambda denies the call, and what would follow in AWS is set off
from there: CloudTrail's record goes to EventBridge, the record that the stack's rule takes to the real binary, and what the
binary logs to CloudWatch Logs.
"""

import json
import re
import threading
import time
import urllib.parse
import uuid
from contextlib import contextmanager

from moto.events.models import EventPattern

from local.aws import ACCOUNT, REGION
from local.forwarding import Forwarding, serving

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


def leftovers(account):
    """What canaries make."""
    roles = [role["RoleName"] for role in account.iam.list_roles()["Roles"] if "canary" in role["RoleName"]]
    queues = [url for url in account.sqs.list_queues().get("QueueUrls", []) if "canary" in url]
    rules = [rule["Name"] for rule in account.events.list_rules()["Rules"] if "canary" in rule["Name"]]
    topic = account.sns.list_subscriptions_by_topic(TopicArn=account.topic_arn)["Subscriptions"]
    return roles + queues + rules + [item["Endpoint"] for item in topic if "canary" in item["Endpoint"]]


def reached(stages):
    return {name: stage["reached"] for name, stage in stages.items()}


ALL = {"trail": True, "rule": True, "function": True, "policy": True, "topic": True}
