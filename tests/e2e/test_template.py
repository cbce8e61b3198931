"""template.yaml held against the code: what one of them states, the other has."""

import json
import re

import pytest
from cloudformation import Stack

from local.aws import ACCOUNT, POLICY_NAME, REGION, ROOT

EVENTS = sorted((ROOT / "events").glob("*.json"))


def statements(template):
    document = template["Resources"]["Permissions"]["Properties"]["PolicyDocument"]
    found = {}
    for statement in document["Statement"]:
        if "Fn::If" in statement:
            condition, statement, otherwise = statement["Fn::If"]
            assert (condition, otherwise) == ("AllowlistIsInSsm", {"Ref": "AWS::NoValue"})
        actions = statement["Action"]
        found[statement["Sid"]] = {**statement, "Action": [actions] if isinstance(actions, str) else actions}
    return found


def source(name):
    return (ROOT / "src" / name).read_text()


def test_the_environment_is_the_one_that_the_code_reads(template):
    names = set(re.findall(r'^const ([A-Z_]+): &str = "\1";$', source("config.rs"), re.M))
    # Set by SAM's local emulator, not by a template.
    names.remove("AWS_SAM_LOCAL")
    assert set(template["Resources"]["Function"]["Properties"]["Environment"]["Variables"]) == names


def test_the_modes_are_those_of_the_code(template):
    modes = set(re.findall(r'Some\("([a-z-]+)"\) => Ok\(Mode::', source("config.rs")))
    assert set(template["Parameters"]["Mode"]["AllowedValues"]) == modes == {"enforce", "dry-run"}
    assert template["Parameters"]["Mode"]["Default"] == "enforce"


def test_the_pattern_names_what_the_code_accepts(template):
    pattern = template["Resources"]["Function"]["Properties"]["Events"]["DeniedInvoke"]["Properties"]["Pattern"]
    text = source("event.rs")
    constants = dict(re.findall(r'^const (\w+): &str = "([^"]+)";', text, re.M))
    lists = {name: json.loads(items) for name, items in re.findall(r"^const (\w+): \[&str; \d\] = (\[.*\]);", text, re.M)}
    assert pattern == {
        "source": [constants["SOURCE"]],
        "detail-type": [constants["DETAIL_TYPE"]],
        "detail": {
            "eventSource": [constants["EVENT_SOURCE"]],
            "eventName": lists["EVENT_NAMES"],
            "errorCode": lists["ERROR_CODES"],
        },
    }


def test_the_pattern_lets_through_what_the_function_does_not_ignore(translated, account):
    """Judged by an engine: moto's EventBridge, with a queue behind the translated rule's pattern."""
    pattern = translated["Resources"]["FunctionDeniedInvoke"]["Properties"]["EventPattern"]
    queue = account.sqs.create_queue(QueueName="matched")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    account.events.put_rule(Name="denied-invoke", EventPattern=json.dumps(pattern))
    account.events.put_targets(Rule="denied-invoke", Targets=[{"Id": "queue", "Arn": arn}])
    for path in EVENTS:
        expected = json.loads((path.parent / "expected" / path.name).read_text())
        event = json.loads(path.read_text())
        is_envelope = isinstance(event, dict) and isinstance(event.get("detail"), dict)
        if not is_envelope:
            # EventBridge itself takes no such event.
            assert expected["reason"] in ("not_a_denied_invoke", "contradictory_event"), path.name
            continue
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        assert account.events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        delivered = account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in delivered:
            account.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            assert json.loads(message["Body"])["detail"] == event["detail"]
        # Which action was denied only the message says, on which no pattern can be made.
        is_wanted = expected["reason"] != "not_a_denied_invoke"
        assert len(delivered) == is_wanted, path.name


def test_the_role_may_do_what_the_code_does_and_no_more(template):
    policies = "(?:get|put)_(?:user|role)_policy|list_(?:user|role)_policies"
    calls = rf"\.({policies}|publish|get_parameter)\(\)"
    services = {"publish": "sns", "get_parameter": "ssm"}
    code = "".join(source(path.name) for path in (ROOT / "src").glob("*.rs"))
    called = set()
    for name in re.findall(calls, code):
        action = "".join(word.title() for word in name.split("_"))
        called.add(f"{services.get(name, 'iam')}:{action}")
    allowed = statements(template)
    assert {sid: set(allowed[sid]["Action"]) for sid in allowed} == {
        "ReadInlinePolicies": {action for action in called if action.startswith(("iam:Get", "iam:List"))},
        "WriteInlinePolicies": {action for action in called if action.startswith("iam:Put")},
        "NeverOnItself": {"iam:*"},
        "PublishNotices": {"sns:Publish"},
        "ReadTheAllowlist": {"ssm:GetParameter"},
        "WriteTheLog": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "KeepFailedInvocations": {"sqs:SendMessage"},
    }
    assert {"sns:Publish", "ssm:GetParameter"} < called
    for sid in ("ReadInlinePolicies", "WriteInlinePolicies"):
        assert allowed[sid]["Resource"] == {"Ref": "PrincipalArns"}
    assert allowed["PublishNotices"]["Resource"] == {"Ref": "Topic"}
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


def test_one_policy_name(account):
    assert f'pub const POLICY_NAME: &str = "{POLICY_NAME}";' in source("policy.rs")
    assert POLICY_NAME in (ROOT / "README.md").read_text()
