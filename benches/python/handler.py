"""The peer that the benchmarks compare with: this project's job as a Lambda function in Python with boto3.

It is what a competent user would write in an afternoon. So it decides with care, merges instead of overwriting, and
keeps its clients between invocations; but it reads back once and does not watch for other writers, believes fields that
it does not need, and takes its list from the environment alone. tests/e2e/benches/test_peer.py says where it and the binary
differ.

Run it in this folder as `python -m awslambdaric handler.handler`.
"""

import json
import os
import re
import time
from fnmatch import fnmatchcase

import boto3
from botocore.config import Config

POLICY_NAME = "LambdaInvokePermission"
ACTION = "lambda:InvokeFunction"
URL_ACTION = "lambda:InvokeFunctionUrl"
RULES = json.loads(os.environ["ALLOWLIST"])["rules"]
TOPIC_ARN = os.environ["TOPIC_ARN"]
NOTICE_INTERVAL = float(os.environ.get("NOTICE_INTERVAL", "3600"))

# boto3 waits for a minute by default, which is longer than the function may run.
CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
iam = boto3.client("iam", config=CONFIG)
sns = boto3.client("sns", config=CONFIG, region_name=TOPIC_ARN.split(":")[3])
GET = {"user": iam.get_user_policy, "role": iam.get_role_policy}
PUT = {"user": iam.put_user_policy, "role": iam.put_role_policy}

MESSAGE = re.compile(r"User: (\S+) is not authorized to perform: (\S+) on resource: (\S+)(?: (.*))?", re.S)
CAUSE = re.compile(r"(because no|with an explicit deny in an?) ([\w -]+ policy|permissions boundary)")
DETAILS = re.compile(r"/authorization-details/([a-z0-9]{24,25}) ")
PRINCIPAL = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):(user|role)/([\w+=,.@/-]+)", re.A)
FUNCTION = re.compile(r"(arn:aws[\w-]*:lambda:[a-z0-9-]+:(\d{12}):function:[\w-]{1,64})(?::[\w$-]+)?", re.A)
PROTECTED = ("aws-service-role/", "aws-reserved/")

# When what was told last, so that a caller that tries again and again does not flood the topic.
told = {}


class Refused(Exception):
    """Said once and for good: a retry would end the same way."""


def handler(event, context):
    detail = event.get("detail") or {}
    outcome = {
        "outcome": "ignored",
        "reason": "not_a_denied_invoke",
        "deniedBy": None,
        "denial": None,
        "principal": None,
        "function": None,
        "rule": None,
        "policyName": POLICY_NAME,
        "account": event.get("account"),
        "region": event.get("region"),
        "source": "cloudtrail",
        "eventId": detail.get("eventID"),
        "eventTime": detail.get("eventTime"),
        "authorizationId": None,
        "summary": "Nothing to do: it is not a denied invoke.",
        "notice": "none",
    }
    is_denied = detail.get("errorCode") in ("AccessDenied", "AccessDeniedException")
    if is_denied and detail.get("eventSource") == "lambda.amazonaws.com" and detail.get("eventName") == "Invoke":
        try:
            remedy(detail, context.invoked_function_arn.split(":")[4], outcome)
        except Refused as refusal:
            outcome.update(outcome="refused", reason=str(refusal), summary=f"It is not granted: {refusal}.")
    if outcome["outcome"] != "ignored":
        publish(outcome)
    print(json.dumps({"message": "outcome", **outcome}))
    return outcome


def remedy(detail, own_account, outcome):
    """Decides on the denial and grants it, and notes in `outcome` what it finds."""
    message = MESSAGE.match(detail.get("errorMessage") or "")
    if not message:
        raise Refused("untrusted_resource")
    user, action, resource, cause = message.groups(default="")
    if action not in (ACTION, URL_ACTION):
        outcome["reason"] = "other_action"
        return
    identity = detail.get("userIdentity") or {}
    outcome["principal"] = identity.get("arn")
    if tail := DETAILS.search(cause):
        outcome["authorizationId"] = tail[1]
    if stated := CAUSE.match(cause):
        outcome["denial"] = "implicit" if stated[1] == "because no" else "explicit"
        outcome["deniedBy"] = re.sub("[ -]", "_", stated[2].lower())

    if identity.get("arn") != user:
        raise Refused("contradictory_event")
    function, function_account = find_function(detail, resource)
    outcome["function"] = function
    principal, account, kind, name = find_principal(identity)
    outcome["principal"] = principal
    if action == URL_ACTION:
        raise Refused("function_url")
    if {function_account, account} != {own_account}:
        raise Refused("other_account")
    if not cause.startswith("because no identity-based policy allows"):
        raise Refused("not_identity_based")
    rule = find_rule(principal, function)
    outcome["rule"] = rule["id"]
    if rule.get("action") == "notify":
        raise Refused("notify_only")

    if grant(kind, name, function):
        outcome.update(outcome="granted", reason=None, summary=f"{kind}/{name} may invoke {function} now.")
    else:
        outcome.update(outcome="already_granted", reason=None, summary=f"{kind}/{name} may invoke {function} already.")


def find_function(detail, resource):
    """The one function that message and resources speak of, without version or alias, and its account."""
    names = {resource, *(item.get("ARN") for item in detail.get("resources") or [])}
    found = [FUNCTION.fullmatch(name or "") for name in names]
    if not all(found):
        raise Refused("untrusted_resource")
    if len({match[1] for match in found}) > 1:
        raise Refused("contradictory_event")
    return found[0].groups()


def find_principal(identity):
    """The user, or the role behind a session: an inline policy can be put on nothing else."""
    arn = None
    if identity.get("type") == "IAMUser":
        arn = identity.get("arn")
    elif identity.get("type") == "AssumedRole":
        arn = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    found = PRINCIPAL.fullmatch(arn or "")
    if not found:
        raise Refused("unsupported_principal")
    account, kind, path = found.groups()
    if path.startswith(PROTECTED):
        raise Refused("protected_role")
    return arn, account, kind, path.rsplit("/", 1)[-1]


def find_rule(principal, function):
    def is_in(text, patterns):
        return any(fnmatchcase(text, pattern) for pattern in patterns)

    for rule in RULES:
        if is_in(principal, rule["principals"]) and is_in(function, rule["functions"]):
            return rule
    raise Refused("not_allowlisted")


def grant(kind, name, function):
    """Adds the function to the policy; says whether that was necessary."""
    pair = [function, f"{function}:*"]
    target = {f"{kind.title()}Name": name, "PolicyName": POLICY_NAME}
    document = read_policy(kind, target)
    missing = [resource for resource in pair if not covers(document, resource)]
    if not missing:
        return False
    merge(document, missing)
    try:
        PUT[kind](**target, PolicyDocument=json.dumps(document))
    except iam.exceptions.NoSuchEntityException:
        raise Refused("no_such_principal") from None
    except iam.exceptions.LimitExceededException:
        raise Refused("policy_full") from None
    written = read_policy(kind, target)
    if not all(covers(written, resource) for resource in pair):
        raise RuntimeError(f"{POLICY_NAME} of {kind}/{name} lacks {function} after it was written")
    return True


def read_policy(kind, target):
    try:
        document = GET[kind](**target)["PolicyDocument"]
    except iam.exceptions.NoSuchEntityException:
        return {"Version": "2012-10-17", "Statement": []}
    document["Statement"] = as_list(document["Statement"])
    return document


def as_list(value):
    return value if isinstance(value, list) else [value]


def covers(document, resource):
    return any(
        statement["Effect"] == "Allow"
        and "Condition" not in statement
        and any(fnmatchcase(ACTION.lower(), action.lower()) for action in as_list(statement.get("Action", [])))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement.get("Resource", [])))
        for statement in document["Statement"]
    )


def merge(document, missing):
    """Adds to the statement that holds the grants so far, or makes it; leaves all others as they are."""
    for statement in document["Statement"]:
        is_plain = {"Effect", "Action", "Resource"} <= statement.keys() <= {"Sid", "Effect", "Action", "Resource"}
        if is_plain and statement["Effect"] == "Allow" and as_list(statement["Action"]) == [ACTION]:
            statement["Resource"] = as_list(statement["Resource"]) + missing
            return
    document["Statement"].append({"Effect": "Allow", "Action": [ACTION], "Resource": missing})


def publish(outcome):
    """Tells SNS, unless the same was told inside the interval. A grant is always told."""
    is_covered = outcome["outcome"] in ("granted", "already_granted")
    key = (is_covered, outcome["reason"], outcome["principal"], outcome["function"])
    now = time.time()
    if outcome["outcome"] != "granted" and now - told.get(key, 0) < NOTICE_INTERVAL:
        outcome["notice"] = "suppressed"
        return
    outcome["notice"] = "published"
    sns.publish(
        TopicArn=TOPIC_ARN,
        Subject=f"{ACTION}: {outcome['outcome']}",
        Message=json.dumps(outcome, indent=2),
        MessageAttributes={"outcome": {"DataType": "String", "StringValue": outcome["outcome"]}},
    )
    if len(told) > 1_000:
        told.clear()
    told[key] = now
