"""`make allowlist`: the list is checked, shown and put to SSM."""

import json
import uuid

import pytest

from local.aws import ACCOUNT, REGION
from support.stack_targets import PARAMETER, called, is_told_plainly


@pytest.fixture
def parameter(account, front):
    name = f"/remediator/{uuid.uuid4()}"
    yield name
    account.ssm.delete_parameters(Names=[name])


def value_of(account, name):
    return account.ssm.get_parameter(Name=name)["Parameter"]


def a_list(tmp_path, size=None):
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    rule = {"id": "a", "principals": [f"arn:aws:iam::{ACCOUNT}:user/a"], "functions": [function]}
    text = json.dumps({"rules": [rule]}, indent=2)
    path = tmp_path / "list.json"
    path.write_text(text + " " * (size - len(text)) if size else text)
    return path


def test_the_list_is_checked_shown_and_put(make, account, parameter, tmp_path, remediator):
    path = a_list(tmp_path)
    arguments = ["allowlist", f"ALLOWLIST={path}", f"PARAMETER={parameter}"]
    done = make(*arguments, "YES=1")
    assert done.returncode == 0, done.stderr
    assert called(remediator) == ["check", str(path)]
    assert f"{parameter} is version 1 now" in done.stdout
    kept = value_of(account, parameter)
    assert (kept["Value"], kept["Type"]) == (path.read_text(), "String")

    done = make(*arguments, "YES=1")
    assert (done.returncode, done.stdout.strip()) == (0, f"{parameter} has this list already, as version 1.")

    path.write_text(path.read_text().replace("user/a", "user/b"))
    done = make(*arguments, "YES=1")
    assert f"{parameter} is version 2 now" in done.stdout
    assert f'-        "arn:aws:iam::{ACCOUNT}:user/a"' in done.stdout.splitlines()
    assert f'+        "arn:aws:iam::{ACCOUNT}:user/b"' in done.stdout.splitlines()


def test_nothing_is_put_without_a_yes(make, account, parameter, tmp_path):
    arguments = ["allowlist", f"ALLOWLIST={a_list(tmp_path)}", f"PARAMETER={parameter}"]
    told = is_told_plainly(make(*arguments))
    assert "Nothing was done" in told and "YES=1" in told
    told = is_told_plainly(make(*arguments, answer="n\n"))
    assert told == "Nothing was done."
    with pytest.raises(account.ssm.exceptions.ParameterNotFound):
        value_of(account, parameter)
    assert make(*arguments, answer="y\n").returncode == 0
    assert value_of(account, parameter)["Version"] == 1


def test_a_list_that_is_refused_is_not_put(make, account, parameter, tmp_path, remediator):
    remediator.with_suffix(".status").write_text("1")
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={a_list(tmp_path)}", f"PARAMETER={parameter}", "YES=1"))
    assert "`remediator check` refuses it" in told
    with pytest.raises(account.ssm.exceptions.ParameterNotFound):
        value_of(account, parameter)


def test_it_is_the_tool_that_checks(make, account, parameter, tmp_path):
    """The real one, which make builds."""
    path = a_list(tmp_path)
    arguments = ["allowlist", f"ALLOWLIST={path}", f"PARAMETER={parameter}", "YES=1"]
    tool = "target/debug/remediator"
    done = make(*arguments, tool=tool)
    assert done.returncode == 0, done.stderr
    assert f"`{path}` is valid: 1 rule, " in done.stdout
    path.write_text(path.read_text().replace("functions", "function"))
    done = make(*arguments, tool=tool)
    assert done.returncode != 0
    assert "unknown field `function`" in done.stdout + done.stderr
    assert value_of(account, parameter)["Version"] == 1


def test_a_list_that_is_not_there(make, tmp_path):
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={tmp_path}/none.json"))
    assert told.startswith(f"there is no file {tmp_path}/none.json: ALLOWLIST=...")


def test_the_tier_follows_the_size(make, account, parameter, tmp_path):
    def put(size):
        return make("allowlist", f"ALLOWLIST={a_list(tmp_path, size)}", f"PARAMETER={parameter}", "YES=1")

    def tier():
        filters = [{"Key": "Name", "Option": "Equals", "Values": [parameter]}]
        return account.ssm.describe_parameters(ParameterFilters=filters)["Parameters"][0]["Tier"]

    assert "charges" not in put(4096).stdout
    assert tier() == "Standard"
    assert "which AWS charges for by the month" in put(4097).stdout
    assert tier() == "Advanced"
    # SSM does not turn it back, and refuses a put that asks for it.
    assert put(500).returncode == 0
    assert (tier(), value_of(account, parameter)["Version"]) == ("Advanced", 3)
    assert put(8192).returncode == 0
    assert "has 8193 bytes" in is_told_plainly(put(8193))
    assert len(value_of(account, parameter)["Value"]) == 8192


def test_a_parameter_of_another_type_is_left_alone(make, account, parameter, tmp_path):
    account.ssm.put_parameter(Name=parameter, Value="secret", Type="SecureString")
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={a_list(tmp_path)}", f"PARAMETER={parameter}", "YES=1"))
    assert told.startswith(f"{parameter} is of type SecureString")
    assert value_of(account, parameter)["Version"] == 1


def test_the_parameter_is_the_stacks(make, account, outputs, tmp_path):
    arguments = ["allowlist", f"ALLOWLIST={a_list(tmp_path)}", "YES=1"]
    assert outputs["AllowlistParameter"] == PARAMETER
    # Other tests put one there, too.
    account.ssm.delete_parameters(Names=[PARAMETER])
    assert f"{PARAMETER} is version 1 now" in make(*arguments).stdout
    account.ssm.delete_parameters(Names=[PARAMETER])
    # Before there is a stack: the one that `make deploy` offers.
    assert f"{PARAMETER} is version 1 now" in make(*arguments, "STACK=nobodys").stdout
    account.ssm.delete_parameters(Names=[PARAMETER])


def test_a_stack_that_holds_its_list_itself(make, account, tmp_path):
    name = f"inline-{uuid.uuid4()}"
    body = {"Resources": {"Unused": {"Type": "AWS::SQS::Queue"}}}
    account.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(body))
    told = is_told_plainly(make("allowlist", f"ALLOWLIST={a_list(tmp_path)}", "YES=1", f"STACK={name}"))
    assert "Allowlist=ssm:/remediator/allowlist" in told and "PARAMETER=..." in told
    # Nor has it the other outputs.
    assert "has no output LogGroupName" in is_told_plainly(make("logs", f"STACK={name}"))
