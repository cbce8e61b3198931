"""`remediator check`: whether a list is valid, where it is wrong, and where it is wide."""

import json

import pytest

from local.aws import ACCOUNT
from support.policies import FUNCTION
from support.tool import LIST, USER, rules, run


def test_the_example_is_valid():
    ended = run("check", "--strict", LIST)
    assert ended.returncode == 0, ended.stdout
    assert "is valid: 4 rules, 0 warnings" in ended.stdout
    assert f"{USER}" in ended.stdout


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        (json.dumps(rules(principals=[USER, "arn:aws:sts::1:assumed-role/x/y"]), indent=1), 7, 5, "is a session"),
        (json.dumps(rules(functions=[f"{FUNCTION}:live"]), indent=1), 9, 5, "has a qualifier"),
        (json.dumps(rules(effect="Allow"), indent=1), 11, None, "unknown field `effect`"),
        (json.dumps(rules(functions=None), indent=1), None, None, "missing field `functions`"),
        (json.dumps(rules(principals=[]), indent=1), 5, 18, "the list is empty"),
        (json.dumps({"rules": rules()["rules"] * 2}, indent=1), 13, 10, "the id `a` is that of rules[0] already"),
        ('{"rules": [', 1, None, "EOF"),
        ("", 1, None, "EOF"),
        ("{} {}", None, None, "missing field `rules`"),
        (json.dumps(rules()) + " x", 1, None, "trailing characters"),
    ],
)
def test_what_is_wrong_is_shown_at_its_place(tmp_path, text, line, column, said):
    path = tmp_path / "list.json"
    path.write_text(text)
    ended = run("check", path)
    assert ended.returncode == 1
    assert said in ended.stdout and "is not valid" in ended.stdout
    if line:
        assert f"{path}:{line}:{column or ''}" in ended.stdout, ended.stdout
    report = json.loads(run("check", "--json", "-", given=text).stdout)
    assert report["valid"] is False and said in report["error"]["problem"]
    assert line is None or report["error"]["line"] == line
    assert column is None or report["error"]["column"] == column


def test_wide_patterns_are_warned_of():
    wide = json.dumps(rules(principals=[f"arn:aws:iam::{ACCOUNT}:user/*"], functions=[FUNCTION.replace("ffmpeg", "*")]))
    assert run("check", "-", given=wide).returncode == 0
    ended = run("check", "--strict", "-", given=wide)
    assert ended.returncode == 3
    assert "every user of the account" in ended.stdout and "rules[0].functions[0]" in ended.stdout
    report = json.loads(run("check", "--json", "--strict", "-", given=wide).stdout)
    assert [warning["path"] for warning in report["warnings"]] == ["rules[0].principals[0]", "rules[0].functions[0]"]
    assert report["principalArns"] == [f"arn:aws:iam::{ACCOUNT}:user/*"]


def test_a_name_with_a_comma_does_not_split_the_parameter():
    comma = json.dumps(rules(principals=[f"arn:aws:iam::{ACCOUNT}:user/a,b"]))
    report = json.loads(run("check", "--json", "-", given=comma).stdout)
    assert report["principalArns"] == [f"arn:aws:iam::{ACCOUNT}:user/a?b"]
