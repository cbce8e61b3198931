"""The metrics, the alarms and the dashboard of template.yaml held against what the real binary writes to its log."""

import json
import re
import time

import log_filter
import pytest
from cloudformation import Stack

from local.aws import REGION, ROOT
from local.proxy import Answer, Fault

NAMESPACE = "lambda-invoke-remediator/prod"


class Anything(dict):
    """What Ref and GetAtt give, where it does not matter what."""

    def __missing__(self, key):
        return f"{key}-of-the-stack"


def of_type(template, kind):
    return {name: item["Properties"] for name, item in template["Resources"].items() if item["Type"] == kind}


def resolved(template, properties):
    stack = Stack(template, {"Allowlist": "ssm:/a", "PrincipalArns": "a"})
    stack.values = Anything(stack.values, **{"AWS::StackName": "prod"})
    return stack.resolve(properties)


@pytest.fixture(scope="session")
def measure(template):
    """What all filters together make of a log: {(name, dimensions as text): values}."""
    filters = [resolved(template, item) for item in of_type(template, "AWS::Logs::MetricFilter").values()]
    assert {item["LogGroupName"] for item in filters} == {"LogGroup-of-the-stack"}

    def measure(log):
        found = {}
        for properties in filters:
            for namespace, name, dimensions, value in log_filter.metrics(properties, log):
                assert namespace == NAMESPACE
                key = " ".join([name, *(f"{key}={value}" for key, value in dimensions.items())])
                found.setdefault(key, []).append(value)
        return found

    return measure


def event(name):
    return json.loads((ROOT / f"events/{name}.json").read_text())


def counts(measured):
    return {key: sum(values) for key, values in measured.items() if not key.startswith(("HandlingTime", "TimeSinceDenial"))}


def test_each_outcome_is_counted_by_kind_and_reason(start, account, measure):
    with start() as function:
        for name in ["user", "user", "not-allowlisted", "not-allowlisted", "explicit-identity-based-policy", "s3-put-object"]:
            assert not function.invoke(event(name)).is_error
        log = function.output()
    assert counts(measure(log)) == {
        "Outcomes Outcome=granted": 1,
        "Outcomes Outcome=already_granted": 1,
        "Outcomes Outcome=refused": 3,
        "Outcomes Outcome=ignored": 1,
        "Refusals Reason=not_allowlisted": 2,
        "Refusals Reason=not_identity_based": 1,
        # Of the second grant, and of the second refusal.
        "SuppressedRepeats": 2,
    }


def test_the_latencies_are_those_of_the_event(start, measure):
    denied = event("user")
    denied["detail"]["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 100))
    late = event("not-allowlisted")
    late["detail"]["eventTime"] = "2999-01-01T00:00:00Z"
    with start() as function:
        began = time.monotonic()
        assert function.invoke(denied).body["outcome"] == "granted"
        took = (time.monotonic() - began) * 1000
        assert function.invoke(late).body["outcome"] == "refused"
        measured = measure(function.output())
    [handling] = measured["HandlingTime Outcome=granted"]
    # The grant is watched for two seconds.
    assert 2000 < handling <= took
    [since] = measured["TimeSinceDenial Outcome=granted"]
    # CloudTrail's times have no fractions.
    assert 100_000 + handling - 1 <= since <= 102_000 + took
    assert len(measured["HandlingTime Outcome=refused"]) == 1
    # A denial that is still to come has no age.
    assert "TimeSinceDenial Outcome=refused" not in measured


def test_errors_are_counted_by_code(start, measure):
    with start(AWS_ENDPOINT_URL="http://127.0.0.1:1") as function:
        assert function.invoke(event("user")).body["errorType"] == "IamCallFailed"
        assert function.invoke(event("not-allowlisted")).body["errorType"] == "NoticeNotSent"
        log = function.output()
    assert measure(log) == {"Errors Code=IamCallFailed": [1.0], "Errors Code=NoticeNotSent": [1.0]}


def alarm(template, name):
    properties = resolved(template, template["Resources"][name]["Properties"])
    dimensions = [f"{item['Name']}={item['Value']}" for item in properties["Dimensions"]]
    return properties["Namespace"], " ".join([properties["MetricName"], *dimensions])


@pytest.mark.parametrize(
    "value",
    ["ssm:/not/there", '{"rules": [{"id": "a"}]}', '{"rules": ', None, "[]"],
    ids=["not there", "malformed", "cut", "not set", "neither"],
)
def test_a_list_that_stops_the_cold_start_raises_its_alarm(value, template, start, measure):
    with start(ALLOWLIST=value) as function:
        assert function.process.wait(timeout=30) == 1
        log = function.output()
    namespace, metric = alarm(template, "AllowlistUnreadableAlarm")
    assert (namespace, measure(log)) == (NAMESPACE, {metric: [1.0]})


def test_a_list_that_cannot_be_read_later_raises_the_same_alarm(template, start, account, measure):
    """An invocation reads it again when it is a minute old, by the wall clock: so this takes as long."""
    parameter = "/remediator/metrics"
    account.ssm.put_parameter(Name=parameter, Value=account.environment()["ALLOWLIST"], Type="String", Overwrite=True)
    with start(ALLOWLIST=f"ssm:{parameter}") as function:
        assert function.invoke(event("not-allowlisted")).body["outcome"] == "refused"
        account.ssm.put_parameter(Name=parameter, Value='{"rules": []', Type="String", Overwrite=True)
        time.sleep(61)
        assert function.invoke(event("user")).body["errorType"] == "AllowlistUnreadable"
        log = function.output()
    _, metric = alarm(template, "AllowlistUnreadableAlarm")
    assert counts(measure(log))[metric] == 1


def test_another_bad_variable_does_not_raise_the_alarm_of_the_list(start, measure):
    with start(MODE="dry") as function:
        assert function.process.wait(timeout=30) == 1
        log = function.output()
    assert measure(log) == {"Errors Code=BadConfiguration": [1.0]}


def test_a_full_policy_raises_its_alarm(template, start, calls, measure):
    full = b"<ErrorResponse><Error><Type>Sender</Type><Code>LimitExceeded</Code><Message>m</Message></Error></ErrorResponse>"
    calls.fault = lambda action, count: Fault(Answer(409, full)) if action == "iam:PutUserPolicy" else None
    try:
        with start() as function:
            assert function.invoke(event("user")).body["reason"] == "policy_full"
            log = function.output()
    finally:
        calls.fault = lambda action, count: None
    namespace, metric = alarm(template, "PolicyFullAlarm")
    assert namespace == NAMESPACE
    assert counts(measure(log))[metric] == 1


def test_text_of_others_makes_no_metric(start, measure):
    """A caller who writes lines of the log into an event."""
    forged = '{"message": "outcome", "outcome": "granted"}'
    hostile = event("not-allowlisted")
    hostile["detail"]["userAgent"] = f"\n{forged}\n"
    hostile["detail"]["eventID"] = f"\n{forged}\n"
    hostile["detail"]["errorMessage"] = f"\n{forged}\n"
    with start() as function:
        assert function.invoke(hostile).body["outcome"] == "refused"
        measured = measure(function.output())
    assert [key for key in measured if key.startswith("Outcomes")] == ["Outcomes Outcome=refused"]


def test_the_filters_know_their_syntax():
    assert log_filter.matches('{ ($.a = "x") && ($.b = *) }', '{"a": "x", "b": 0}')
    assert not log_filter.matches('{ ($.a = "x") && ($.b = *) }', '{"a": "x"}')
    assert not log_filter.matches('{ ($.a = "x") }', '{"a": "y"}')
    assert not log_filter.matches("{ ($.a = *) }", "a")
    assert not log_filter.matches("{ ($.a = *) }", '["a"]')
    assert log_filter.matches('"a b"', "x a b y") and log_filter.matches('"a b"', '{"c": "a b"}')
    assert not log_filter.matches('"a b"', "a  b") and not log_filter.matches('"a b"', "A b")
    for pattern in ['"a" "b"', '"a', "{ $.a = 1 }", '{ ($.a != "x") }', '{ ($.a = "x") || ($.b = *) }', '{ ($.a.b = "x") }', "a"]:
        with pytest.raises(ValueError):
            log_filter.matches(pattern, "{}")


def test_every_alarm_says_what_to_do_and_tells_somebody(template):
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    assert set(alarms) == {
        "ErrorsAlarm", "ThrottlesAlarm", "FailedInvocationsAlarm", "UndeliveredEventsAlarm", "LostFailedInvocationsAlarm",
        "LostUndeliveredEventsAlarm", "LostReportsAlarm", "PolicyFullAlarm", "AllowlistUnreadableAlarm",
    }  # fmt: skip
    for name, properties in alarms.items():
        assert properties["TreatMissingData"] == "notBreaching", name
        assert len(properties["AlarmDescription"]) > 80, name
        assert resolved(template, properties)["AlarmActions"] == ["Topic-of-the-stack"]
        other = {"AlarmTopicArn": "arn:aws:sns:us-east-1:281502313273:alarms"}
        stack = Stack(template, {**other, "Allowlist": "ssm:/a", "PrincipalArns": "a"})
        assert stack.resolve(properties["AlarmActions"]) == [other["AlarmTopicArn"]]


@pytest.fixture(scope="session")
def widgets(template):
    """By title, with their properties."""
    body = resolved(template, template["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
    found = json.loads(body)["widgets"]
    assert all(widget["x"] + widget["width"] <= 24 for widget in found)
    return {widget["properties"]["title"]: (widget["type"], widget["properties"]) for widget in found}


def test_the_dashboard_shows_metrics_that_are_made(template, widgets):
    made = {}
    for properties in of_type(template, "AWS::Logs::MetricFilter").values():
        [item] = properties["MetricTransformations"]
        made[item["MetricName"]] = [dimension["Key"] for dimension in item.get("Dimensions", [])]
    shown = {}
    for kind, properties in widgets.values():
        for metric in properties.get("metrics", []):
            assert (kind, properties["region"]) == ("metric", REGION)
            if isinstance(metric[0], dict):
                search = r"SEARCH\('\{\"([^\"]+)\",(\w+)\} MetricName=\"(\w+)\"', '(?:Sum|Maximum)', 3600\)"
                namespace, key, name = re.fullmatch(search, metric[0]["expression"]).groups()
                keys = [key]
            else:
                namespace, name, *dimensions = metric
                keys = dimensions[::2]
            if not namespace.startswith("AWS/"):
                assert namespace == NAMESPACE
                shown[name] = keys
    assert shown == made
    stacked = [metric[3] for metric in widgets["Outcomes"][1]["metrics"]]
    kinds = re.search(r"pub enum OutcomeKind \{(.*?)\n\}", (ROOT / "core/src/outcome/mod.rs").read_text(), re.S)[1]
    names = re.findall(r"^    (\w+),$", kinds, re.M)
    assert stacked == [re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in names]


def test_the_dashboards_tables_ask_for_fields_that_are_logged(widgets, start):
    with start() as function:
        function.invoke(event("user"))
        function.invoke(event("not-allowlisted"))
        outcomes = {key for line in function.outcome_lines() for key in line}
    with start(MODE="dry") as function:
        function.process.wait(timeout=30)
        errors = set(json.loads(function.output().splitlines()[-1]))
    tables = {title: item["query"] for title, (kind, item) in widgets.items() if kind == "log"}
    known = {"Last grants": outcomes, "Refusals by reason, principal and function": outcomes, "Last errors": errors | {"requestId"}}
    assert set(tables) == set(known)
    words = {"SOURCE", "filter", "and", "sort", "desc", "limit", "display", "stats", "count", "as", "max", "by", "times", "last"}
    for title, query in tables.items():
        assert query.startswith("SOURCE 'LogGroup-of-the-stack' | ")
        text = re.sub(r"\"[^\"]*\"|'[^']*'|ispresent|@timestamp|\b\d+\b", "", query)
        fields = set(re.findall(r"\w+", text)) - words
        assert fields and fields <= known[title], title


def test_the_dashboard_shows_every_alarm(template, widgets):
    """Of those that every stack has: the text of a dashboard knows no conditions."""
    items = template["Resources"].items()
    alarms = [name for name, item in items if item["Type"] == "AWS::CloudWatch::Alarm" and "Condition" not in item]
    assert widgets["Alarms"][1]["alarms"] == [f"{name}.Arn-of-the-stack" for name in alarms]
