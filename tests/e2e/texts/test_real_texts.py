"""Texts as people and programs left them, through the function and through the operator's tool: both say the same of the
same bytes."""

import json

import pytest

from local.aws import ACCOUNT, ROOT
from support.tool import run

FOLDER = ROOT / "tests/real-texts"
CASES = json.loads((FOLDER / "cases.json").read_text())
LIST = {
    "rules": [
        {
            "id": "everybody",
            "sources": ["cloudtrail", "manual", "report", "log"],
            "principals": [f"arn:aws:iam::{ACCOUNT}:{kind}/*" for kind in ["user", "role"]],
            "functions": [f"arn:aws:lambda:*:{ACCOUNT}:function:*"],
        }
    ]
}
SAID = ["outcome", "reason", "deniedBy", "denial", "principal", "function", "account", "region", "authorizationId"]


@pytest.fixture(scope="module")
def named(the_account):
    """The users and roles of this account that the texts name, without a path: as the tool takes them."""
    iam = the_account.iam
    there = {user["UserName"] for user in iam.list_users()["Users"]} | {role["RoleName"] for role in iam.list_roles()["Roles"]}
    for arn in {case["principal"] for case in CASES}:
        resource = arn.split(":")[-1]
        name = resource.split("/")[1] if "/" in resource else ""
        if ACCOUNT not in arn or name in there:
            continue
        there.add(name)
        if ":user/" in arn:
            iam.create_user(UserName=resource.split("/")[-1])
        else:
            trust = json.dumps({"Version": "2012-10-17", "Statement": []})
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)


@pytest.fixture(scope="module")
def path_of_the_list(tmp_path_factory):
    path = tmp_path_factory.mktemp("list") / "list.json"
    path.write_text(json.dumps(LIST))
    return path


def payloads(text):
    """As bytes of an invocation, where they are JSON, and as a JSON string."""
    try:
        json.loads(text)
    except ValueError:
        return [text]
    return [text.encode()] if "awslogs" in text else [text.encode(), text]


def test_there_are_texts():
    assert len(CASES) == len(list(FOLDER.glob("*.txt"))) > 40


@pytest.mark.usefixtures("named")
def test_the_function_and_the_tool_say_the_same(start, path_of_the_list):
    with start(ALLOWLIST=json.dumps(LIST), MODE="dry-run", NOTICE_INTERVAL="0") as function:
        for case in CASES:
            text = (FOLDER / case["file"]).read_text()
            explained = json.loads(run("explain", "--json", "--allowlist", path_of_the_list, given=text).stdout)
            for payload in payloads(text):
                body = function.invoke(payload).body
                replies = body if isinstance(body, list) else [body]
                assert [told(case) for case in explained] == [told(reply) for reply in replies], case["file"]
            outcomes = {reply["outcome"] for reply in explained}
            right = {"G": {"would_grant"}, "G?": {"would_grant", "refused"}, "R": {"refused", "ignored"}, "I": {"refused", "ignored"}}
            # Of another partition the reading is right, and this account is not the one.
            allowed = {"refused"} if ":aws-us-gov:" in case["principal"] or "arn:aws-us-gov:" in case["principal"] else right[case["verdict"]]
            assert outcomes <= allowed, case["file"]
            assert case["verdict"] != "R" or "refused" in outcomes, case["file"]


def told(outcome):
    return {key: outcome[key] for key in SAID}
