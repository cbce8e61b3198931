"""The template made in an account: moto's CloudFormation creates the stack, and what is there afterwards is looked at."""

import json

import pytest

from local import aws
from local.aws import ACCOUNT, REGION
from support.cloudformation import Stack
from support.created import BY_CALL, Created

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11112222-3333-4444-5555-666677778888"
ALARMS = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/ceiling"
LISTED = f"arn:aws:iam::{ACCOUNT}:user/remotion_user,arn:aws:iam::{ACCOUNT}:role/render-*"
NEEDED = {"Allowlist": '{"rules": []}', "PrincipalArns": LISTED}
EVERYTHING = {
    "Allowlist": "ssm:/remediator/allowlist",
    "PrincipalArns": LISTED,
    "RequiredPermissionsBoundary": BOUNDARY,
    "RequiredTagValue": "yes",
    "Mode": "dry-run",
    "NoticeInterval": "60",
    "Ledger": "create",
    "LedgerRetentionDays": "60",
    "ReservedConcurrency": "1",
    "NotificationEmail": "team@example.com",
    "AlarmTopicArn": ALARMS,
    "CreateTrail": "yes",
    "TrailLogRetentionDays": "30",
    "ReportSource": "com.example.clips",
    "DeniedInvokeLogGroup": "clips",
    "KmsKeyArn": KEY,
    "Architecture": "x86_64",
    "LogRetentionDays": "14",
}


@pytest.fixture(scope="module")
def create(template):
    """Servers of its own for each: a rule that is left behind would meet events of other tests."""
    found = {}

    def create(account, name, parameters):
        if name not in found:
            found[name] = Created(account, template, name, parameters)
        return found[name]

    with aws.account() as first, aws.account() as second:
        yield {"plain": lambda: create(first, "plain", NEEDED), "everything": lambda: create(second, "everything", EVERYTHING)}


@pytest.fixture
def plain(create):
    return create["plain"]()


@pytest.fixture
def everything(create):
    return create["everything"]()


def test_what_moto_leaves_out_is_known(everything):
    """Should moto learn one of them, it is to be created by moto."""
    assert {everything.template["Resources"][key]["Type"] for key in everything.left_out} == set(BY_CALL)


ALWAYS = {
    "FunctionName", "FunctionArn", "RoleArn", "TopicArn", "LogGroupName", "RuleName", "FailedInvocationsUrl",
    "UndeliveredEventsUrl", "DashboardName", "DashboardUrl", "MetricsNamespace",
}  # fmt: skip


def test_the_outputs(plain, everything):
    assert set(plain.outputs) == ALWAYS
    assert set(everything.outputs) == ALWAYS | {"LedgerTableArn", "AllowlistParameter", "TrailArn", "ReportRuleName"}
    assert everything.outputs["AllowlistParameter"] == "/remediator/allowlist"
    for created in (plain, everything):
        assert all(created.outputs.values())
        assert created.outputs["MetricsNamespace"] == f"lambda-invoke-remediator/{created.name}"
        url = f"https://console.aws.amazon.com/cloudwatch/home?region={REGION}#dashboards/dashboard/"
        assert created.outputs["DashboardUrl"] == url + created.outputs["DashboardName"]
        found = created.function.get_function(FunctionName=created.outputs["FunctionName"])["Configuration"]
        assert (found["FunctionArn"], found["Role"]) == (created.outputs["FunctionArn"], created.outputs["RoleArn"])


def test_without_a_ledger_there_is_no_table(plain):
    assert plain.account.client("dynamodb").list_tables()["TableNames"] == []
    variables = plain.function.get_function(FunctionName=plain.outputs["FunctionName"])["Configuration"]["Environment"]["Variables"]
    assert not [name for name in variables if name.startswith("LEDGER")]


def test_the_ledger_is_encrypted_without_a_key_as_well(plain):
    stack = Stack(plain.template, {"Ledger": "create"})
    properties = stack.resolve(plain.template["Resources"]["LedgerTable"]["Properties"])
    assert properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}


def test_the_ledger_has_the_keys_and_is_kept(everything):
    dynamodb = everything.account.client("dynamodb")
    arn = everything.outputs["LedgerTableArn"]
    table = dynamodb.describe_table(TableName=arn.split("/")[1])["Table"]
    assert table["TableArn"] == arn
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]} == {"pk": "S", "sk": "S"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST" and table["DeletionProtectionEnabled"]
    expiry = dynamodb.describe_time_to_live(TableName=arn.split("/")[1])["TimeToLiveDescription"]
    assert expiry == {"AttributeName": "ttl", "TimeToLiveStatus": "ENABLED"}
    backups = dynamodb.describe_continuous_backups(TableName=arn.split("/")[1])["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    resource = everything.template["Resources"]["LedgerTable"]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    # moto's CloudFormation reads this property as the API has it, which is not as CloudFormation has it.
    assert everything.stack.resolve(resource["Properties"])["SSESpecification"] == {
        "SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY,
    }  # fmt: skip
    found = everything.function.get_function(FunctionName=everything.outputs["FunctionName"])["Configuration"]
    variables = found["Environment"]["Variables"]
    assert (variables["LEDGER_TABLE"], int(variables["LEDGER_RETENTION_DAYS"])) == (arn, 60)


def test_the_function(plain, everything):
    for created in (plain, everything):
        found = created.function.get_function(FunctionName=created.outputs["FunctionName"])["Configuration"]
        variables = found["Environment"]["Variables"]
        assert variables["TOPIC_ARN"] == created.outputs["TopicArn"]
        assert variables["OWN_ROLE_ARN"] == created.outputs["RoleArn"]
        assert variables["ALLOWLIST"] == created.stack.values["Allowlist"]
        failed = created.function.get_function_event_invoke_config(FunctionName=created.outputs["FunctionName"])
        queue = created.queue("FailedInvocations")["QueueArn"]
        assert failed["DestinationConfig"]["OnFailure"] == {"Destination": queue}
    settings = everything.function.get_function(FunctionName=everything.outputs["FunctionName"])
    assert settings["Configuration"]["Environment"]["Variables"]["MODE"] == "dry-run"
    assert settings["Configuration"]["Architectures"] == ["x86_64"]


def test_the_rule_leads_to_the_function_and_its_queue(plain, template):
    rule = plain.account.events.describe_rule(Name=plain.outputs["RuleName"])
    events = template["Resources"]["Function"]["Properties"]["Events"]
    assert json.loads(rule["EventPattern"]) == events["DeniedInvoke"]["Properties"]["Pattern"]
    assert rule["State"] == "ENABLED"
    [target] = plain.account.events.list_targets_by_rule(Rule=plain.outputs["RuleName"])["Targets"]
    assert target["Arn"] == plain.outputs["FunctionArn"]
    assert target["DeadLetterConfig"] == {"Arn": plain.queue("UndeliveredEvents")["QueueArn"]}
    [statement] = json.loads(plain.queue("UndeliveredEvents")["Policy"])["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": [rule["Arn"]]}}
    assert callers(plain) == [{"service": "events.amazonaws.com", "aws:sourcearn": rule["Arn"]}]


def callers(created):
    """Who may invoke the function, and for what."""
    policy = json.loads(created.function.get_policy(FunctionName=created.outputs["FunctionName"])["Policy"])
    found = []
    for statement in policy["Statement"]:
        assert (statement["Effect"], statement["Action"]) == ("Allow", "lambda:InvokeFunction")
        pairs = [pair for condition in statement["Condition"].values() for pair in condition.items()]
        # Keys of conditions are the same in small and large letters, and moto writes them in its own way.
        conditions = {key.lower(): value for key, value in pairs}
        found.append({"service": statement["Principal"]["Service"], **conditions})
    return sorted(found, key=lambda item: item["aws:sourcearn"])


def test_reports_take_the_same_way_as_cloudtrails_records(everything):
    names = [everything.outputs["RuleName"], everything.outputs["ReportRuleName"]]
    ours, reports = (everything.account.events.describe_rule(Name=name) for name in names)
    assert reports["State"] == "ENABLED"
    assert json.loads(reports["EventPattern"]) == {
        "account": [ACCOUNT],
        "source": ["com.example.clips"],
        "detail-type": ["Lambda Invoke Denied"],
    }
    [target], [other] = (everything.account.events.list_targets_by_rule(Rule=name)["Targets"] for name in names)
    assert {**target, "Id": None} == {**other, "Id": None}
    [statement] = json.loads(everything.queue("UndeliveredEvents")["Policy"])["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": [ours["Arn"], reports["Arn"]]}}


def test_lines_of_the_one_log_group_come_to_the_function(everything):
    [found] = everything.logs.describe_subscription_filters(logGroupName="clips")["subscriptionFilters"]
    assert found["destinationArn"] == everything.outputs["FunctionArn"]
    assert found["filterPattern"] == '"is not authorized to perform: lambda:InvokeFunction"'
    # CloudWatch Logs invokes a function with its resource policy, and takes no role.
    assert not found.get("roleArn")


def test_who_may_invoke_the_function(everything):
    rules = [everything.account.events.describe_rule(Name=everything.outputs[key])["Arn"] for key in ("RuleName", "ReportRuleName")]
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:clips:*"
    assert callers(everything) == sorted(
        [
            *({"service": "events.amazonaws.com", "aws:sourcearn": arn} for arn in rules),
            {"service": "logs.amazonaws.com", "aws:sourcearn": group, "aws:sourceaccount": ACCOUNT},
        ],
        key=lambda item: item["aws:sourcearn"],
    )


def test_without_a_key_the_queues_have_one_of_sqs_and_the_topic_none(plain):
    for key in ("FailedInvocations", "UndeliveredEvents"):
        attributes = plain.queue(key)
        assert attributes["SqsManagedSseEnabled"] == "true" and "KmsMasterKeyId" not in attributes
    assert "KmsMasterKeyId" not in plain.topic()
    assert "KmsKeyId" not in plain.stack.resolve(plain.template["Resources"]["LogGroup"]["Properties"])
    assert plain.log_group()["retentionInDays"] == 90


def test_with_a_key_all_that_holds_events_is_encrypted_with_it(everything):
    for key in ("FailedInvocations", "UndeliveredEvents"):
        attributes = everything.queue(key)
        assert (attributes["KmsMasterKeyId"], attributes["SqsManagedSseEnabled"]) == (KEY, "false")
    assert everything.topic()["KmsMasterKeyId"] == KEY
    # moto's CloudFormation drops this property.
    properties = everything.stack.resolve(everything.template["Resources"]["LogGroup"]["Properties"])
    assert properties["KmsKeyId"] == KEY
    assert everything.log_group()["retentionInDays"] == 14


def test_the_alarms_watch_what_is_there(plain, everything):
    for created, actions in ((plain, [plain.outputs["TopicArn"]]), (everything, [ALARMS])):
        found = created.alarms()
        rules = {created.outputs[key] for key in ("RuleName", "ReportRuleName") if key in created.outputs}
        assert len(found) == 7 + len(rules)
        assert all(alarm["AlarmActions"] == actions and alarm["ActionsEnabled"] for alarm in found)
        watched = {item["Value"] for alarm in found for item in alarm["Dimensions"]}
        queues = {created.outputs[f"{key}Url"].split("/")[-1] for key in ("FailedInvocations", "UndeliveredEvents")}
        codes = {"policy_full", "AllowlistUnreadable"}
        assert watched == {created.outputs["FunctionName"], *rules, *queues, *codes}


def test_the_metric_filters_are_on_the_functions_log(plain):
    found = plain.logs.describe_metric_filters(logGroupName=plain.outputs["LogGroupName"])["metricFilters"]
    names = {item["metricTransformations"][0]["metricName"] for item in found}
    assert names == {"Outcomes", "Refusals", "SuppressedRepeats", "HandlingTime", "TimeSinceDenial", "Errors"}
    namespaces = {item["metricTransformations"][0]["metricNamespace"] for item in found}
    assert namespaces == {plain.outputs["MetricsNamespace"]}


def test_the_dashboard_is_of_this_stack(plain):
    body = plain.cloudwatch.get_dashboard(DashboardName=plain.outputs["DashboardName"])["DashboardBody"]
    json.loads(body)
    assert "${" not in body
    for output in ("FunctionName", "LogGroupName", "MetricsNamespace"):
        assert plain.outputs[output] in body
    assert len(plain.alarms()) == 8
    for alarm in plain.alarms():
        assert alarm["AlarmArn"] in body


def test_without_create_trail_there_is_none(plain):
    assert plain.cloudtrail.describe_trails()["trailList"] == []
    assert [item["Name"] for item in plain.s3.list_buckets()["Buckets"]] == ["bucket"]


def test_the_trail_logs_the_invokes_of_this_region_alone(everything):
    [trail] = everything.cloudtrail.describe_trails()["trailList"]
    assert trail["TrailARN"] == everything.outputs["TrailArn"]
    assert (trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"], trail["KmsKeyId"]) == (False, True, KEY)
    assert everything.cloudtrail.get_trail_status(Name=trail["Name"])["IsLogging"]
    [selector] = everything.cloudtrail.get_event_selectors(TrailName=trail["Name"])["AdvancedEventSelectors"]
    assert {item["Field"]: item["Equals"] for item in selector["FieldSelectors"]} == {
        "eventCategory": ["Data"],
        "resources.type": ["AWS::Lambda::Function"],
        "eventName": ["Invoke", "InvokeAsync", "InvokeWithResponseStream"],
    }


def test_the_trails_bucket_is_closed_and_forgets(everything):
    bucket, s3 = everything.stack.values["TrailBucket"], everything.s3
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    document = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    statements = {item["Sid"]: item for item in document["Statement"]}
    assert set(statements) == {"CloudTrailLooksAtTheBucket", "CloudTrailWritesLogs", "NeverWithoutTls"}
    for statement in statements.values():
        if statement["Effect"] == "Allow":
            assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
            assert statement["Condition"]["StringEquals"]["aws:SourceArn"] == everything.outputs["TrailArn"]
    resource = everything.template["Resources"]["TrailBucket"]
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    properties = everything.stack.resolve(resource["Properties"])
    # moto's CloudFormation drops these properties of a bucket.
    block = properties["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"], True)
    assert properties["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == "30"
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_only_who_gave_an_address_gets_mail(plain, everything):
    assert plain.account.sns.list_subscriptions_by_topic(TopicArn=plain.outputs["TopicArn"])["Subscriptions"] == []
    topic = everything.outputs["TopicArn"]
    [found] = everything.account.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (found["Protocol"], found["Endpoint"]) == ("email", "team@example.com")


def test_the_role_has_its_one_policy(plain, everything):
    sids = {}
    for created in (plain, everything):
        role = created.outputs["RoleArn"].split("/")[-1]
        assert created.account.iam.list_role_policies(RoleName=role)["PolicyNames"] == ["Remediate"]
        document = created.account.iam.get_role_policy(RoleName=role, PolicyName="Remediate")["PolicyDocument"]
        sids[created.name] = {statement["Sid"] for statement in document["Statement"]}
    assert sids["everything"] - sids["plain"] == {"KeepTheLedger", "ReadTheAllowlist", "EncryptForTheTopicAndTheQueue"}
    assert sids["plain"] < sids["everything"]
