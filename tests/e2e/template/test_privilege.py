"""Least privilege, judged by an evaluator that is not ours: the function's role may make the calls that the binary makes,
and none that a thief of the role would like to make.

The policies are those that the translated template attaches to the role, with values in the place of its parameters.
"""

import json
import re
import time

import pytest

from local.aws import ACCOUNT, LEDGER, OWN_ROLE_ARN, PRINCIPALS, REGION, allowlist
from support.cloudformation import Stack
from support.denied import denied, session, user
from support.events import event
from support.judge import Call, allowed, judge

PARAMETER = "/remediator/allowlist"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:denied-invokes"
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:remediator-LogGroup-1A2B3C"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{LEDGER}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:remediator-FailedInvocations-1A2B3C"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator-Function-1A2B3C"
# What Ref and GetAtt give for the stack's resources.
RESOURCES = {
    "Role": OWN_ROLE_ARN.split("/")[-1],
    "Role.Arn": OWN_ROLE_ARN,
    "Topic": TOPIC,
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    "LogGroup.Arn": f"{LOG_GROUP}:*",
    "FailedInvocations.Arn": QUEUE,
    "LedgerTable.Arn": TABLE,
}
ARNS = {f"{kind}/{name}": f"arn:aws:iam::{ACCOUNT}:{kind}{path}{name}" for kind, path, name in PRINCIPALS}
LISTED = [principal for rule in json.loads(allowlist())["rules"] for principal in rule["principals"]]
USER, ROLE = ARNS["user/remotion_user"], ARNS["role/render-worker"]
# Made by Lambda with the function's role: no call of the binary's.
BY_LAMBDA = [
    Call("logs:CreateLogStream", f"{LOG_GROUP}:log-stream:2026/09/14/[$LATEST]0123456789abcdef"),
    Call("logs:PutLogEvents", f"{LOG_GROUP}:log-stream:2026/09/14/[$LATEST]0123456789abcdef"),
    Call("sqs:SendMessage", QUEUE),
]


def iam_arn(rest):
    return f"arn:aws:iam::{ACCOUNT}:{rest}"


def parameter_arn(name):
    return f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name.removeprefix('/')}"


@pytest.fixture(scope="session")
def policies(translated):
    """What is attached to the role in a stack with these parameters."""

    def policies(**parameters):
        stack = Stack(translated, {"Allowlist": f"ssm:{PARAMETER}", "PrincipalArns": LISTED, "Ledger": "create", **parameters}, RESOURCES)
        return [stack.resolve(translated["Resources"]["Permissions"]["Properties"]["PolicyDocument"])]

    return policies


LEADING_KEYS = "dynamodb:LeadingKeys"


def on_table(action, table, *keys):
    """A call on the items with these partition keys, which DynamoDB gives to conditions."""
    return Call(action, table, {LEADING_KEYS: sorted(set(keys))})


def call_on_table(action, parameters):
    match action.split(":")[1]:
        case "BatchGetItem":
            [(table, found)] = parameters["RequestItems"].items()
            items = found["Keys"]
        case "BatchWriteItem":
            [(table, requests)] = parameters["RequestItems"].items()
            pairs = [pair for request in requests for pair in request.items()]
            items = [item["Item" if kind == "PutRequest" else "Key"] for kind, item in pairs]
        case "Query":
            assert parameters["KeyConditionExpression"].startswith("pk = :pk AND ")
            table, items = parameters["TableName"], [{"pk": parameters["ExpressionAttributeValues"][":pk"]}]
        case "PutItem":
            table, items = parameters["TableName"], [parameters["Item"]]
        case _:
            table, items = parameters["TableName"], [parameters["Key"]]
    return on_table(action, table, *(item["pk"]["S"] for item in items))


def call_of(action, parameters):
    """What IAM would decide on, for a call as the proxy wrote it down."""
    match action.split(":"):
        case ["iam", operation]:
            kind = "user" if "User" in operation else "role"
            name = f"{kind}/{parameters[f'{kind.title()}Name']}"
            # The call holds the name alone; IAM knows the path. Who does not exist has none.
            return Call(action, ARNS.get(name, iam_arn(name)))
        case ["sns", _]:
            return Call(action, parameters["TopicArn"])
        case ["dynamodb", _]:
            return call_on_table(action, parameters)
        case ["ssm", _]:
            return Call(action, parameter_arn(parameters["Name"]))
    raise ValueError(f"{action}: on which resource is that?")


def test_the_role_has_no_other_policy(translated):
    """Neither the template nor its translation attaches one in another way."""
    resources = translated["Resources"]
    kinds = {name: item["Type"] for name, item in resources.items() if item["Type"].startswith("AWS::IAM::")}
    assert kinds == {"Role": "AWS::IAM::Role", "Permissions": "AWS::IAM::RolePolicy"}
    assert resources["Permissions"]["Properties"]["RoleName"] == {"Ref": "Role"}
    assert not {"Policies", "ManagedPolicyArns"} & set(resources["Role"]["Properties"])
    assert resources["Function"]["Properties"]["Role"] == {"Fn::GetAtt": ["Role", "Arn"]}


def with_ledger(account):
    """A run with a ledger: a lock that somebody else holds for two more seconds, a grant, and a refusal twice."""
    dynamodb = account.client("dynamodb")
    if LEDGER not in dynamodb.list_tables()["TableNames"]:
        account.create_ledger()
    lock = {"pk": f"{ACCOUNT}#user/remotion_user", "sk": "lock", "owner": "somebody"}
    item = {name: {"S": text} for name, text in lock.items()}
    numbers = {"version": 1, "leaseEnds": int(time.time()) + 2, "ttl": int(time.time()) + 60}
    item.update({name: {"N": str(number)} for name, number in numbers.items()})
    dynamodb.put_item(TableName=LEDGER, Item=item)
    refused = event("not-allowlisted")
    again = {**refused, "detail": {**refused["detail"], "eventID": "another"}}
    shared = {"LEDGER_TABLE": TABLE, "NOTICE_INTERVAL": "600"}
    return shared, [event("user"), refused, again], ["granted", "refused", "refused"]


@pytest.fixture
def made(start, account, calls):
    """The calls of the real binary over events of each kind, each call once."""
    account.ssm.put_parameter(Name=PARAMETER, Value=allowlist(), Type="String", Overwrite=True)
    gone = json.loads(json.dumps(event("role")).replace("render-worker", "render-gone"))
    refused = ["not-allowlisted", "notify-only", "explicit-service-control-policy", "own-role", "root", "malformed-event"]
    callers = [user("media/eu/remotion_user_eu"), session("render-worker"), session("render-stitcher")]
    named = [{"errorMessage": denied(caller, "ffmpeg-clip-cutter")} for caller in callers]
    runs = [
        ({"MODE": "dry-run"}, ["user", "role"], {"would_grant"}),
        ({}, ["user", "user-with-path", "role", "role-with-path"], {"granted"}),
        # Another environment, which does not remember the grants.
        ({}, ["user", "user-with-path", "role", "role-with-path"], {"already_granted"}),
        ({}, [*refused, gone], {"refused", "ignored"}),
        # Whoever is named by a text, of a role without its path, IAM has to say.
        ({}, ["pasted-text", *named], {"already_granted"}),
    ]
    for variables, events, outcomes in runs:
        with start(ALLOWLIST=f"ssm:{PARAMETER}", NOTICE_INTERVAL="0", **variables) as function:
            events = [event(item) if isinstance(item, str) else item for item in events]
            replies = [function.invoke(item) for item in events]
        assert {reply.body.get("outcome") for reply in replies} == outcomes
    account.delete_policies()
    variables, events, outcomes = with_ledger(account)
    with start(ALLOWLIST=f"ssm:{PARAMETER}", **variables) as function:
        replies = [function.invoke(item) for item in events]
    assert [reply.body.get("outcome") for reply in replies] == outcomes, replies
    found = []
    for call in (call_of(*call) for call in calls.calls):
        if call not in found:
            found.append(call)
    return found


def test_what_the_binary_calls_is_allowed_and_nothing_else_is(made, policies, figure):
    assert TOPIC in {call.resource for call in made}
    for name, call in (("user/remotion_user_eu", "iam:GetUser"), ("role/render-stitcher", "iam:GetRole")):
        assert Call(call, ARNS[name]) in made and Call(f"{call}Policy", ARNS[name]) in made
    assert allowed(policies(), made) == made
    statements = [statement for policy in policies() for statement in policy["Statement"]]
    actions = [statement["Action"] for statement in statements if statement["Effect"] == "Allow"]
    actions = {action for item in actions for action in ([item] if isinstance(item, str) else item)}
    assert actions == {call.action for call in made + BY_LAMBDA}
    figure(f"privilege: {len(made)} different calls of the binary and {len(BY_LAMBDA)} of Lambda, all allowed")


def test_what_lambda_does_with_the_role_is_allowed(policies):
    assert allowed(policies(), BY_LAMBDA) == BY_LAMBDA


# What the role may do to items of the ledger; items of its own account, and of another one that shares the table.
ON_ITEMS = ["BatchGetItem", "BatchWriteItem", "DeleteItem", "PutItem", "Query", "UpdateItem"]
OWN_ITEMS, OTHER_ITEMS = f"{ACCOUNT}#user/remotion_user", "111122223333#user/remotion_user"
CALLS_ON_PRINCIPALS = ["Get{}", "Get{}Policy", "Put{}Policy", "List{}Policies"]


def on_principal(arn):
    kind = arn.split(":")[-1].split("/")[0].title()
    return [Call(f"iam:{name.format(kind)}", arn) for name in CALLS_ON_PRINCIPALS]


# Whom the function must neither ask for nor touch, with PrincipalArns as the example's allowlist has them.
OTHERS = [
    ARNS["user/stranger"],
    ARNS["role/intern"],
    iam_arn("user/remotion_user_eu"),
    iam_arn("user/media/remotion_user"),
    iam_arn("user/remotion_user2"),
    iam_arn("role/service/other/render-worker"),
    iam_arn("role/aws-service-role/lambda.amazonaws.com/AWSServiceRoleForLambda"),
    USER.replace(ACCOUNT, "111122223333"),
    ROLE.replace(ACCOUNT, "111122223333"),
]
ON_OTHERS = [call for arn in OTHERS for call in on_principal(arn)]

ON_ITSELF = [
    *on_principal(OWN_ROLE_ARN),
    Call("iam:AttachRolePolicy", OWN_ROLE_ARN),
    Call("iam:DeleteRolePolicy", OWN_ROLE_ARN),
    Call("iam:DeleteRolePermissionsBoundary", OWN_ROLE_ARN),
    Call("iam:PassRole", OWN_ROLE_ARN),
    Call("iam:UpdateAssumeRolePolicy", OWN_ROLE_ARN),
]

# What the role has no use for, though it may do other things to the same user, role, topic, parameter, ...
OTHER_CALLS = [
    *(
        Call(f"iam:{name}", USER)
        for name in [
            "AttachUserPolicy", "CreateAccessKey", "CreateLoginProfile", "DeactivateMFADevice", "DeleteUserPermissionsBoundary",
            "DeleteUserPolicy", "DetachUserPolicy", "PutUserPermissionsBoundary", "TagUser", "UpdateLoginProfile", "UpdateUser",
        ]
    ),
    *(
        Call(f"iam:{name}", ROLE)
        for name in [
            "AttachRolePolicy", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DetachRolePolicy", "PassRole",
            "PutRolePermissionsBoundary", "TagRole", "UpdateAssumeRolePolicy",
        ]
    ),
    Call("sts:AssumeRole", ROLE),
    Call("sts:AssumeRole", iam_arn("role/administrator")),
    Call("iam:AddUserToGroup", iam_arn("group/administrators")),
    Call("iam:PutGroupPolicy", iam_arn("group/administrators")),
    Call("iam:AttachGroupPolicy", iam_arn("group/administrators")),
    Call("iam:CreatePolicyVersion", iam_arn("policy/ceiling")),
    Call("iam:SetDefaultPolicyVersion", iam_arn("policy/ceiling")),
    Call("iam:ListUsers", iam_arn("user/*")),
    Call("iam:ListRoles", iam_arn("role/*")),
    Call("iam:CreateUser", iam_arn("user/thief")),
    Call("iam:CreateRole", iam_arn("role/thief")),
    Call("iam:CreateServiceLinkedRole", iam_arn("role/aws-service-role/x.amazonaws.com/X")),
    Call("sns:Publish", f"{TOPIC}-2"),
    Call("sns:Publish", TOPIC.replace(ACCOUNT, "111122223333")),
    Call("sns:Publish", TOPIC.replace(REGION, "eu-west-1")),
    Call("sns:SetTopicAttributes", TOPIC),
    Call("sns:Subscribe", TOPIC),
    Call("sns:AddPermission", TOPIC),
    Call("sns:DeleteTopic", TOPIC),
    *(
        on_table(f"dynamodb:{name}", TABLE, OWN_ITEMS)
        for name in [
            "ConditionCheckItem", "CreateBackup", "DeleteTable", "DescribeTable", "ExportTableToPointInTime", "GetItem", "PartiQLSelect",
            "PartiQLUpdate", "PutResourcePolicy", "RestoreTableToPointInTime", "Scan", "UpdateContinuousBackups", "UpdateTable",
            "UpdateTimeToLive",
        ]
    ),
    *(on_table(f"dynamodb:{name}", table, OWN_ITEMS) for name in ON_ITEMS for table in [f"{TABLE}-2", f"{TABLE}/index/any"]),
    *(on_table(f"dynamodb:{name}", TABLE, OTHER_ITEMS) for name in ON_ITEMS),
    *(on_table(f"dynamodb:{name}", TABLE, OWN_ITEMS, OTHER_ITEMS) for name in ["BatchGetItem", "BatchWriteItem"]),
    # No call of these is without a key. Should one be, it is not let through.
    *(Call(f"dynamodb:{name}", TABLE) for name in ON_ITEMS),
    Call("ssm:GetParameter", parameter_arn("/other")),
    Call("ssm:GetParameter", parameter_arn(f"{PARAMETER}2")),
    Call("ssm:GetParameter", parameter_arn(f"{PARAMETER}/secret")),
    Call("ssm:GetParameter", parameter_arn(PARAMETER).replace(REGION, "eu-west-1")),
    Call("ssm:GetParametersByPath", parameter_arn("/remediator")),
    Call("ssm:GetParameterHistory", parameter_arn(PARAMETER)),
    Call("ssm:PutParameter", parameter_arn(PARAMETER)),
    Call("ssm:DeleteParameter", parameter_arn(PARAMETER)),
    Call("lambda:UpdateFunctionCode", FUNCTION),
    Call("lambda:UpdateFunctionConfiguration", FUNCTION),
    Call("lambda:AddPermission", FUNCTION),
    Call("lambda:InvokeFunction", FUNCTION),
    Call("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ffmpeg-clip-cutter"),
    Call("sqs:ReceiveMessage", QUEUE),
    Call("sqs:DeleteMessage", QUEUE),
    Call("sqs:PurgeQueue", QUEUE),
    Call("sqs:SetQueueAttributes", QUEUE),
    Call("sqs:SendMessage", QUEUE.replace("FailedInvocations", "UndeliveredEvents")),
    Call("logs:CreateLogStream", f"{LOG_GROUP}-2:log-stream:x"),
    Call("logs:PutLogEvents", f"{LOG_GROUP}-2:log-stream:x"),
    Call("logs:GetLogEvents", f"{LOG_GROUP}:log-stream:x"),
    Call("logs:DeleteLogStream", f"{LOG_GROUP}:log-stream:x"),
    Call("logs:DeleteLogGroup", f"{LOG_GROUP}:*"),
    Call("logs:PutRetentionPolicy", f"{LOG_GROUP}:*"),
    Call("events:PutTargets", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/remediator-FunctionDeniedInvoke-1A2B3C"),
    Call("events:PutEvents", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"),
    Call("cloudformation:UpdateStack", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/remediator/0"),
    Call("cloudtrail:StopLogging", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/main"),
    Call("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0"),
    Call("s3:GetObject", "arn:aws:s3:::clips/secret"),
]  # fmt: skip


def test_a_thief_of_the_role_gets_no_further(policies, figure):
    calls = ON_OTHERS + ON_ITSELF + OTHER_CALLS
    assert allowed(policies(), calls) == []
    assert set(judge(policies(), ON_ITSELF)) == {"Deny"}
    figure(f"privilege: {len(calls)} calls that a thief of the role would like, all denied")


@pytest.mark.parametrize("arns", [["*"], [iam_arn("*")], [iam_arn("user/*"), iam_arn("role/*")], [OWN_ROLE_ARN]], ids=str)
def test_however_wide_principal_arns_is_the_role_itself_is_denied(arns, policies):
    wide = policies(PrincipalArns=arns)
    assert set(judge(wide, ON_ITSELF)) == {"Deny"}
    # Nor does it open another call.
    assert allowed(wide, OTHER_CALLS) == []


KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11112222-3333-4444-5555-666677778888"


def with_key(service, key=KEY, region=REGION):
    context = {"kms:ViaService": f"{service}.{region}.amazonaws.com"} if service else {}
    return [Call(f"kms:{action}", key, context) for action in ("Decrypt", "GenerateDataKey")]


def test_a_key_is_used_for_topic_queue_and_ledger_and_for_nothing_else(policies):
    encrypted = policies(KmsKeyArn=KEY)
    wanted = with_key("sns") + with_key("sqs") + with_key("dynamodb")
    assert allowed(encrypted, wanted) == wanted
    assert allowed(policies(KmsKeyArn=KEY, Ledger="none"), with_key("dynamodb")) == []
    # A table that was restored from the stack's own one has its key, and is named by its ARN.
    assert allowed(policies(KmsKeyArn=KEY, Ledger=f"{TABLE}-restored"), with_key("dynamodb")) == with_key("dynamodb")
    assert allowed(policies(), wanted) == []
    others = [
        *(call for service in (None, "s3", "ssm", "secretsmanager") for call in with_key(service)),
        *with_key("sns", key=KEY.replace("1111", "9999")),
        *with_key("sqs", region="eu-west-1"),
        *with_key("dynamodb", region="eu-west-1"),
        *(Call(f"kms:{action}", KEY, wanted[0].context) for action in ("CreateGrant", "PutKeyPolicy", "ReEncryptFrom")),
    ]
    assert allowed(encrypted, others) == []
    assert allowed(encrypted, ON_OTHERS + ON_ITSELF + OTHER_CALLS) == []


# The table of a stack of its own, and those that an ARN names: of another region, and of another account.
TABLES = {
    "create": TABLE,
    "of another region": TABLE.replace(REGION, "eu-west-1"),
    "of another account": TABLE.replace(ACCOUNT, "111122223333"),
}


@pytest.mark.parametrize("ledger", TABLES)
def test_the_own_items_of_the_ledger_may_be_touched_and_no_others(ledger, policies):
    found = policies(Ledger="create" if ledger == "create" else TABLES[ledger])
    for name, table in TABLES.items():
        calls = [on_table(f"dynamodb:{action}", table, OWN_ITEMS, f"{ACCOUNT}#check") for action in ON_ITEMS]
        assert allowed(found, calls) == (calls if name == ledger else [])
        assert allowed(found, [on_table(f"dynamodb:{action}", table, OTHER_ITEMS) for action in ON_ITEMS]) == []
    [statement] = [item for item in found[0]["Statement"] if item["Sid"] == "KeepTheLedger"]
    assert statement["Action"] == [f"dynamodb:{action}" for action in ON_ITEMS]


def test_without_a_ledger_no_table_may_be_touched(policies):
    calls = [on_table(f"dynamodb:{action}", table, OWN_ITEMS) for action in ON_ITEMS for table in TABLES.values()]
    assert judge(policies(Ledger="none"), calls) == ["NotApplicable"] * len(calls)


def test_a_list_that_is_not_in_ssm_lets_no_parameter_be_read(policies):
    inline = policies(Allowlist=allowlist())
    assert judge(inline, [Call("ssm:GetParameter", parameter_arn(PARAMETER))]) == ["NotApplicable"]


BOUNDARY = iam_arn("policy/ceiling")
BOUNDARY_KEY = "iam:PermissionsBoundary"
TAG_KEY = "aws:ResourceTag/lambda-invoke-remediator"
# Which of its keys IAM gives with which call: the boundary with those that write alone, the tags with all.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
KEYS = {"Get": {TAG_KEY}, "List": {TAG_KEY}, "Put": {TAG_KEY, BOUNDARY_KEY}}


def on(calls, principal):
    """The calls on a principal with this boundary and this tag, as the keys of conditions."""

    def keys(call):
        return next((keys for prefix, keys in KEYS.items() if call.action.startswith(f"iam:{prefix}")), set())

    return [call._replace(context={key: principal[key] for key in principal if key in keys(call)}) for call in calls]


NOTHING, READ, ALL = (), ("iam:Get", "iam:List"), ("iam:Get", "iam:List", "iam:Put")
BY_BOUNDARY, BY_TAG = {"RequiredPermissionsBoundary": BOUNDARY}, {"RequiredTagValue": "yes"}
BOUND, TAGGED = {BOUNDARY_KEY: BOUNDARY}, {TAG_KEY: "yes"}
# (the template's parameters, the principal, which calls are allowed on it)
CONDITIONS = {
    "none": ({}, {}, ALL),
    "none, on a principal that meets both": ({}, BOUND | TAGGED, ALL),
    "boundary": (BY_BOUNDARY, BOUND, ALL),
    "boundary, none there": (BY_BOUNDARY, {}, READ),
    "boundary, another there": (BY_BOUNDARY, {BOUNDARY_KEY: f"{BOUNDARY}2"}, READ),
    "boundary, a tag there": (BY_BOUNDARY, TAGGED, READ),
    "tag": (BY_TAG, TAGGED, ALL),
    "tag, none there": (BY_TAG, {}, NOTHING),
    "tag, another value there": (BY_TAG, {TAG_KEY: "no"}, NOTHING),
    "tag, in other letters": (BY_TAG, {TAG_KEY: "Yes"}, NOTHING),
    "tag, another tag there": (BY_TAG, {"aws:ResourceTag/team": "yes"}, NOTHING),
    "tag, a boundary there": (BY_TAG, BOUND, NOTHING),
    "both": (BY_BOUNDARY | BY_TAG, BOUND | TAGGED, ALL),
    "both, a tag there": (BY_BOUNDARY | BY_TAG, TAGGED, READ),
    "both, a boundary there": (BY_BOUNDARY | BY_TAG, BOUND, NOTHING),
    "both, none there": (BY_BOUNDARY | BY_TAG, {}, NOTHING),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_on_the_principal(condition, policies):
    parameters, principal, prefixes = CONDITIONS[condition]
    narrow = policies(**parameters)
    calls = on([call for arn in (USER, ROLE) for call in on_principal(arn)], principal)
    assert allowed(narrow, calls) == [call for call in calls if call.action.startswith(prefixes)]
    # It opens nothing, even if what the call is on met it.
    assert allowed(narrow, on(ON_OTHERS + ON_ITSELF + OTHER_CALLS, BOUND | TAGGED)) == []
    assert allowed(narrow, BY_LAMBDA) == BY_LAMBDA


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "RequiredPermissionsBoundary",
            ["", BOUNDARY, iam_arn("policy/team/ceiling"), "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws-cn:iam::281502313273:policy/a"],
            ["ceiling", "*", iam_arn("policy/*"), iam_arn("policy/${aws:username}"), iam_arn("role/ceiling"), f"{BOUNDARY} "],
        ),
        ("RequiredTagValue", ["", "yes", "team a/b_c.d:e=f+g@h-i"], ["*", "y?s", "${aws:username}", "a,b", "x" * 257]),
    ],
    ids=["boundary", "tag"],
)  # fmt: skip
def test_a_condition_has_one_exact_value(parameter, good, bad, template):
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)
