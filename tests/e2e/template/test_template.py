"""template.yaml held against the code: what one of them states, the other has."""

import json
import re
import tomllib
from itertools import compress, product

import pytest

from local.aws import ACCOUNT, POLICY_NAME, REGION, ROOT
from support import rust
from support.bus import lets_through
from support.cloudformation import Stack
from support.log_batch import each

EVENTS = sorted((ROOT / "events").glob("*.json"))
# Statements that only some stacks have, and their condition.
CONDITIONAL = {"ReadTheAllowlist": "AllowlistIsInSsm", "KeepTheLedger": "HasLedger", "EncryptForTheTopicAndTheQueue": "HasKey"}


def statements(template):
    document = template["Resources"]["Permissions"]["Properties"]["PolicyDocument"]
    found = {}
    for statement in document["Statement"]:
        if "Fn::If" in statement:
            condition, statement, otherwise = statement["Fn::If"]
            assert condition == CONDITIONAL[statement["Sid"]] and otherwise == {"Ref": "AWS::NoValue"}
        actions = statement["Action"]
        found[statement["Sid"]] = {**statement, "Action": [actions] if isinstance(actions, str) else actions}
    return found


def test_the_environment_is_the_one_that_the_code_reads(template):
    names = set(rust.every(r'^const ([A-Z_]+): &str = "\1";$', rust.FUNCTION))
    # Set by SAM's local emulator and by Lambda itself, not by a template.
    names -= {"AWS_SAM_LOCAL", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API"}
    assert set(template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]) == names


def test_the_modes_are_those_of_the_code(template):
    modes = set(rust.every(r'Some\("([a-z-]+)"\) => Ok\(Mode::'))
    assert set(template["Parameters"]["Mode"]["AllowedValues"]) == modes == {"enforce", "dry-run"}
    assert template["Parameters"]["Mode"]["Default"] == "enforce"


def constants():
    """The texts, and the lists of texts, that the reader of CloudTrail's records compares with."""
    text = rust.definition(r"^const EVENT_NAMES: ", rust.CORE).string
    lists = {name: json.loads(items) for name, items in re.findall(r"^const (\w+): \[&str; \d\] = (\[.*\]);", text, re.M)}
    return dict(re.findall(r'^const (\w+): &str = "([^"]+)";', text, re.M)), lists


def test_the_pattern_names_what_the_code_accepts(template):
    pattern = template["Resources"]["Function"]["Properties"]["Events"]["DeniedInvoke"]["Properties"]["Pattern"]
    texts, lists = constants()
    assert pattern == {
        "source": [texts["SOURCE"]],
        "detail-type": [texts["DETAIL_TYPE"]],
        "detail": {
            "eventSource": [texts["EVENT_SOURCE"]],
            "eventName": lists["EVENT_NAMES"],
            "errorCode": lists["ERROR_CODES"],
        },
    }


def test_the_trail_records_what_the_code_accepts_and_nothing_else(template):
    [selector] = template["Resources"]["Trail"]["Properties"]["AdvancedEventSelectors"]
    # On resources.ARN never: the record of a denied call may hold no resources.
    assert selector["FieldSelectors"] == [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::Lambda::Function"]},
        {"Field": "eventName", "Equals": constants()[1]["EVENT_NAMES"]},
    ]


@pytest.fixture
def bus(translated, account):
    """Gives what the translated rule's own pattern lets through."""
    with lets_through(account, translated["Resources"]["FunctionDeniedInvoke"]["Properties"]["EventPattern"]) as send:
        yield send


# A bus writes its own account and region into what it delivers, and moto's is not that of these.
OF_ANOTHER_BUS = {"contradictory-account", "contradictory-region", "other-partition"}


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_the_pattern_lets_through_what_the_function_does_not_ignore(path, bus, function):
    """And the function makes of what is delivered what is expected of the file."""
    expected = json.loads((path.parent / "expected" / path.name).read_text())
    event = json.loads(path.read_text())
    sources = {outcome["source"] for outcome in each(expected)}
    is_envelope = isinstance(event, dict) and isinstance(event.get("detail"), dict)
    if not is_envelope:
        # EventBridge itself takes no such event; texts, lines of a log and a record by itself come in without it.
        assert sources <= {"manual", "log"} or path.stem == "record-without-envelope" or expected["reason"] in ("not_a_denied_invoke", "contradictory_event")
        return
    delivered = bus(event)
    # Which action was denied only the message says, on which no pattern can be made. Reports have a rule of their own.
    is_wanted = sources == {"cloudtrail"} and expected["reason"] != "not_a_denied_invoke"
    assert len(delivered) == is_wanted
    for body in delivered:
        assert json.loads(body)["detail"] == event["detail"]
        if path.stem in OF_ANOTHER_BUS:
            body = json.dumps({**json.loads(body), "account": event["account"], "region": event["region"]})
        reply = function.invoke(body.encode())
        assert (reply.is_error, reply.body) == (False, expected)


def test_the_role_may_do_what_the_code_does_and_no_more(template):
    policies = "(?:get|put|delete)_(?:user|role)_policy|list_(?:user|role)_policies|get_(?:user|role)"
    table = "(?:put|update|delete|batch_get|batch_write)_item|query"
    calls = rf"\.({policies}|publish|get_parameter|{table})\(\)"
    services = {"publish": "sns", "get_parameter": "ssm"}
    called = set()
    for name in rust.every(calls, rust.FUNCTION):
        action = "".join(word.title() for word in name.split("_"))
        service = "dynamodb" if re.fullmatch(table, name) else services.get(name, "iam")
        called.add(f"{service}:{action}")
    # The writer deletes where a change comes to a deletion. Nothing in the function does: that is the operator's tool.
    code = "".join(rust.sources(rust.FUNCTION).values())
    assert re.findall(r"Edit::Delete(?! =>)", re.sub("//.*", "", code)) == []
    never_called = {"iam:DeleteUserPolicy", "iam:DeleteRolePolicy"}
    assert never_called < called
    called -= never_called
    allowed = statements(template)
    assert {sid: set(allowed[sid]["Action"]) for sid in allowed} == {
        "ReadPrincipals": {action for action in called if action.startswith(("iam:Get", "iam:List"))},
        "WriteInlinePolicies": {action for action in called if action.startswith("iam:Put")},
        "NeverOnItself": {"iam:*"},
        "PublishNotices": {"sns:Publish"},
        "KeepTheLedger": {action for action in called if action.startswith("dynamodb:")},
        "ReadTheAllowlist": {"ssm:GetParameter"},
        "WriteTheLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "KeepFailedInvocations": {"sqs:SendMessage"},
        # Made by SNS and SQS, for what the role sends them.
        "EncryptForTheTopicAndTheQueue": {"kms:Decrypt", "kms:GenerateDataKey*"},
    }
    assert {"sns:Publish", "ssm:GetParameter"} < called
    for sid in ("ReadPrincipals", "WriteInlinePolicies"):
        assert allowed[sid]["Resource"] == {"Ref": "PrincipalArns"}
    assert allowed["PublishNotices"]["Resource"] == {"Ref": "Topic"}
    assert allowed["EncryptForTheTopicAndTheQueue"]["Resource"] == {"Ref": "KmsKeyArn"}
    table = {"Fn::GetAtt": ["LedgerTable", "Arn"]}
    assert allowed["KeepTheLedger"]["Resource"] == {"Fn::If": ["CreatesLedger", table, {"Ref": "Ledger"}]}
    assert len(allowed["KeepTheLedger"]["Action"]) == 6
    # Each key of the ledger begins with the account: core/src/ledger/key.rs.
    own = {"Fn::Sub": "${AWS::AccountId}#*"}
    keys = "dynamodb:LeadingKeys"
    assert allowed["KeepTheLedger"]["Condition"] == {"ForAllValues:StringLike": {keys: own}, "Null": {keys: "false"}}
    deny = allowed["NeverOnItself"]
    assert (deny["Effect"], deny["Resource"]) == ("Deny", {"Fn::GetAtt": ["Role", "Arn"]})
    for statement in allowed.values():
        assert statement["Resource"] != "*"
        assert statement["Effect"] == ("Deny" if statement is deny else "Allow")


@pytest.mark.parametrize(
    ("allowlist", "parameter"),
    [
        ("ssm:/remediator/allowlist", "parameter/remediator/allowlist"),
        ("ssm:allowlist", "parameter/allowlist"),
        ("ssm:team/allowlist", "parameter/team/allowlist"),
        ('{"rules": []}', None),
        ('{"rules": [{"id": "ssm:x"}]}', None),
    ],
)
def test_the_parameter_that_may_be_read_is_the_one_that_is_named(template, allowlist, parameter):
    stack = Stack(template, {"Allowlist": allowlist})
    assert re.fullmatch(template["Parameters"]["Allowlist"]["AllowedPattern"], allowlist)
    assert stack.holds("AllowlistIsInSsm") == (parameter is not None)
    if parameter:
        resource = statements(template)["ReadTheAllowlist"]["Resource"]
        assert stack.resolve(resource) == f"arn:aws:ssm:{REGION}:{ACCOUNT}:{parameter}"


def test_both_failure_paths_end_in_a_queue(translated):
    resources = translated["Resources"]
    [target] = resources["FunctionDeniedInvoke"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    [config] = [item for item in resources.values() if item["Type"] == "AWS::Lambda::EventInvokeConfig"]
    failure = config["Properties"]["DestinationConfig"]["OnFailure"]
    assert failure["Destination"] == {"Fn::GetAtt": ["FailedInvocations", "Arn"]}
    assert config["Properties"]["MaximumRetryAttempts"] == 2


def test_the_function_is_built_and_run_for_al2023_with_json_logs(template, translated):
    function = template["Resources"]["Function"]
    assert function["Metadata"]["BuildMethod"] == "rust-cargolambda"
    properties = translated["Resources"]["Function"]["Properties"]
    assert properties["Runtime"] == "provided.al2023"
    assert properties["LoggingConfig"]["LogFormat"] == "JSON"
    assert template["Parameters"]["Architecture"]["Default"] == "arm64"


def test_a_panic_can_be_reported():
    """cargo-lambda builds with `abort` whatever does not say otherwise, and then nobody is told of a panic."""
    profile = tomllib.loads((ROOT / "Cargo.toml").read_text())["profile"]["release"]
    assert profile["panic"] == "unwind"


def test_one_policy_name(account):
    assert rust.definition(r'\bconst POLICY_NAME: &str = "(\w+)";')[1] == POLICY_NAME
    assert POLICY_NAME in (ROOT / "README.md").read_text()


# For each condition of the template the parameters that make it hold; without them it does not.
SWITCHES = {
    "HasReservedConcurrency": {"ReservedConcurrency": 1},
    "RequiresBoundary": {"RequiredPermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/ceiling"},
    "RequiresTag": {"RequiredTagValue": "yes"},
    "HasNotificationEmail": {"NotificationEmail": "team@example.com"},
    "HasAlarmTopic": {"AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"},
    "HasKey": {"KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0"},
    "CreatesTrail": {"CreateTrail": "yes"},
    "TakesReports": {"ReportSource": "com.example.clips"},
    "ReadsLogGroup": {"DeniedInvokeLogGroup": "clips"},
    "CreatesLedger": {"Ledger": "create"},
    "AllowlistIsInSsm": {"Allowlist": "ssm:/remediator/allowlist"},
}
# Those that follow from others, or from where the stack is.
DERIVED = {"HasLedger", "RequiresBoundaryOrTag", "IsInChina", "IsInGovCloud", "IsInEuropeanSovereignCloud", "ConsoleIsKnown"}
COMBINATIONS = [tuple(compress(SWITCHES, choice)) for choice in product([False, True], repeat=len(SWITCHES))]


def references(value):
    """What Ref, GetAtt and Sub refer to, as (name, attribute or None)."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        match value:
            case {"Ref": name}:
                yield name, None
            case {"Fn::GetAtt": [name, attribute]}:
                yield name, attribute
            case {"Fn::Sub": argument}:
                text, extra = (argument, {}) if isinstance(argument, str) else argument
                found = re.findall(r"\$\{([\w:]+)(?:\.(\w+))?\}", text)
                yield from ((name, attribute or None) for name, attribute in found if name not in extra)
                yield from references(extra)
            case _:
                yield from references(list(value.values()))


def check(resolved, place):
    """Nothing is left that CloudFormation would have to resolve, and nothing is empty."""
    if isinstance(resolved, dict):
        assert not any(key == "Ref" or key.startswith("Fn::") for key in resolved), place
        for key, item in resolved.items():
            check(item, f"{place}.{key}")
    elif isinstance(resolved, list):
        assert resolved, place
        for item in resolved:
            check(item, place)
    else:
        assert resolved not in ("", None), place
        assert isinstance(resolved, str | int | bool) and "${" not in str(resolved).replace("${!", ""), place


def test_every_condition_can_be_switched(template):
    assert set(SWITCHES) | DERIVED == set(template["Conditions"])


def test_every_combination_of_conditions_gives_a_whole_stack(translated):
    """What is created refers to what is created, and resolves in full."""
    items = [(place, name, item) for place in ("Resources", "Outputs") for name, item in translated[place].items()]
    for on in COMBINATIONS:
        parameters = {"Allowlist": '{"rules": []}', "PrincipalArns": ["arn:aws:iam::281502313273:role/*"]}
        for condition in on:
            parameters.update(SWITCHES[condition])
        stack = Stack(translated, parameters, {"AWS::StackName": "prod"})
        assert {condition for condition in SWITCHES if stack.holds(condition)} == set(on)
        created = [item for item in items if stack.creates(item[2])]
        there = {name for place, name, _ in created if place == "Resources"}
        for _, _, item in created:
            for name, attribute in references(item):
                if name in there:
                    stack.values[f"{name}.{attribute}" if attribute else name] = f"{name}-{attribute}"
        for place, name, item in created:
            body = item["Value"] if place == "Outputs" else item.get("Properties", {})
            found = stack.resolve(body)
            if name == "Function":
                # What the translator was given as parameters it has put in already.
                found["Environment"]["Variables"].pop("ALLOWLIST")
            if name == "Dashboard":
                json.loads(found["DashboardBody"])
            check(found, f"{name} with {on}")


def test_what_is_created_only_where_it_is_asked_for(template):
    places = [*template["Resources"].items(), *template["Outputs"].items()]
    assert {name: item["Condition"] for name, item in places if "Condition" in item} == {
        "EmailSubscription": "HasNotificationEmail",
        **dict.fromkeys(["Trail", "TrailBucket", "TrailBucketPolicy", "TrailArn"], "CreatesTrail"),
        **dict.fromkeys(["ReportRule", "ReportPermission", "LostReportsAlarm", "ReportRuleName"], "TakesReports"),
        **dict.fromkeys(["DeniedInvokeLines", "LogPermission"], "ReadsLogGroup"),
        "AllowlistParameter": "AllowlistIsInSsm",
        "LedgerTable": "CreatesLedger",
        "LedgerTableArn": "HasLedger",
        "DashboardUrl": "ConsoleIsKnown",
    }


# The partitions, each with a region of it, and the host of its console: None where that is not known.
CONSOLES = {
    "aws": (REGION, "console.aws.amazon.com"),
    "aws-cn": ("cn-north-1", "console.amazonaws.cn"),
    "aws-us-gov": ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    "aws-eusc": ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
    "aws-iso": ("us-iso-east-1", None),
    "aws-iso-b": ("us-isob-east-1", None),
    "aws-iso-e": ("eu-isoe-west-1", None),
    "aws-iso-f": ("us-isof-south-1", None),
    "aws-not-yet-there": ("xx-east-1", None),
}


@pytest.mark.parametrize("partition", CONSOLES)
def test_the_dashboards_address_is_right_or_is_not_there(partition, template):
    region, console = CONSOLES[partition]
    stack = Stack(template, {"AWS::Partition": partition, "AWS::Region": region}, {"Dashboard": "denials"})
    output = template["Outputs"]["DashboardUrl"]
    assert stack.creates(output) == (console is not None)
    if console:
        url = f"https://{console}/cloudwatch/home?region={region}#dashboards/dashboard/denials"
        assert stack.resolve(output["Value"]) == url
    # Its name is there everywhere.
    assert stack.creates(template["Outputs"]["DashboardName"])


OTHER_REGION = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/shared"
OTHER_ACCOUNT = f"arn:aws:dynamodb:{REGION}:111122223333:table/shared"


@pytest.mark.parametrize("ledger", ["none", "create", OTHER_REGION, OTHER_ACCOUNT])
def test_the_ledger_is_none_the_stacks_own_or_another_one(ledger, template):
    values = {"LedgerTable.Arn": "the-arn-of-the-table"}
    stack = Stack(template, {"Ledger": ledger, "LedgerRetentionDays": 60}, values)
    arn = {"none": None, "create": "the-arn-of-the-table"}.get(ledger, ledger)
    assert stack.creates(template["Resources"]["LedgerTable"]) == (ledger == "create")
    assert stack.holds("HasLedger") == (arn is not None)
    output = template["Outputs"]["LedgerTableArn"]
    assert stack.creates(output) == (arn is not None)
    written = template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    names = ("LEDGER_TABLE", "LEDGER_RETENTION_DAYS")
    variables = stack.resolve({name: written[name] for name in names})
    assert variables == ({} if arn is None else dict(zip(names, (arn, 60))))
    if arn:
        assert stack.resolve(statements(template)["KeepTheLedger"]["Resource"]) == arn
        assert stack.resolve(output["Value"]) == arn


def test_without_a_ledger_nothing_of_the_stack_is_about_one(translated):
    """The default, and with a key as well. Parameters and conditions are no part of what is made."""
    for parameters in ({}, {"KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0"}):
        stack = Stack(translated, {"PrincipalArns": [], **parameters})
        found = {}
        for name, item in [*translated["Resources"].items(), *translated["Outputs"].items()]:
            if stack.creates(item):
                for other in references(item):
                    stack.values.setdefault(".".join(filter(None, other)), "x")
                found[name] = stack.resolve(item.get("Properties", item.get("Value")))
        assert {"Function", "Permissions", "TopicArn"} < set(found)
        assert not re.search("dynamodb|ledger", json.dumps(found), re.IGNORECASE)


def test_the_retention_is_what_the_code_takes(template):
    default = rust.definition(r"\bconst DEFAULT_RETENTION_DAYS: u32 = (\d+);", rust.FUNCTION)[1]
    limits = rust.definition(r"\((\d+)\.\.=([\d_]+)\)\.contains\(&days\) => Ok\(days\)", rust.FUNCTION).groups()
    parameter = template["Parameters"]["LedgerRetentionDays"]
    found = [parameter[name] for name in ("Default", "MinValue", "MaxValue")]
    assert found == [int(number) for number in (default, *limits)]


def test_what_stays_when_the_stack_is_deleted(template):
    kept = {name for name, item in template["Resources"].items() if item.get("DeletionPolicy") == "Retain"}
    assert kept == {"LedgerTable", "LogGroup", "TrailBucket", "TrailBucketPolicy"}
    assert template["Resources"]["LedgerTable"]["Properties"]["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "KmsKeyArn",
            ["", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11112222-3333-4444-5555-666677778888", f"arn:aws-cn:kms:cn-north-1:{ACCOUNT}:key/mrk-0a"],
            ["alias/aws/sns", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/mine", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*", "*", "11112222-3333"],
        ),
        (
            "AlarmTopicArn",
            ["", f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"],
            ["alarms", f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms.fifo", f"arn:aws:sqs:{REGION}:{ACCOUNT}:alarms", "team@example.com"],
        ),
        (
            "Ledger",
            ["none", "create", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/led_ger.1-2"],
            ["", "yes", "ledger", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/*", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/x/index/y", "*"],
        ),
        (
            "ReportSource",
            ["", "com.example.clips", "clips", "awsome.app", "my/app_1-2", "com.aws.example", "a" * 256],
            ["aws.lambda", "aws.", "AWS.lambda", "aws.partner/example.com/1", "com.example.*", "*", "com.example.?", "a b", "a\n", '"', "a" * 257],
        ),
        (
            "DeniedInvokeLogGroup",
            ["", "/aws/lambda/clips", "clips.prod_1#a-b", "a" * 512],
            ["*", "/aws/lambda/*", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:clips", "clips:*", "a b", "${AWS::StackName}", "a" * 513],
        ),
    ],
    ids=["key", "topic", "ledger", "source", "log group"],
)  # fmt: skip
def test_a_name_is_one(parameter, good, bad, template):
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)


def test_the_cost_of_a_trail_is_said_where_it_is_asked_for(template):
    parameter = template["Parameters"]["CreateTrail"]
    assert parameter["Default"] == "no"
    assert "charges" in parameter["Description"] and "https://aws.amazon.com/cloudtrail/pricing/" in parameter["Description"]


def test_what_checkov_does_not_look_at_has_a_reason():
    skips = re.findall(r"checkov:skip=(\w+)(.*)", (ROOT / "template.yaml").read_text())
    assert [check for check, _ in skips] == ["CKV_AWS_116", "CKV_AWS_117", "CKV_AWS_173", "CKV_AWS_67", "CKV_AWS_18"]
    assert all(reason.startswith(":") and len(reason) > 40 for _, reason in skips)
