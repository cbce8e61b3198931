"""README.md held against what it shows: the files, the schemas, the tools."""

import json
import re

import jsonschema
import pytest

from local.aws import ROOT
from support import rust
from support.pages import anchors

PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "SECURITY.md")}
README = PAGES["README.md"]


def shown():
    """The JSON that it shows."""
    return [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", README, re.M | re.S)]


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## )", README, re.M | re.S)[1]


def test_the_outcome_is_that_of_the_sample():
    [outcome] = [item for item in shown() if "outcome" in item]
    text = (ROOT / "events/expected/user.json").read_text()
    assert list(outcome.items()) == list(json.loads(text).items())


def test_the_list_is_one_and_its_keys_are_told():
    [rules] = [item for item in shown() if "rules" in item]
    schema = json.loads((ROOT / "allowlist.schema.json").read_text())
    jsonschema.validate(rules, schema)
    [table] = re.findall(r"^\| key \|.*?\n\n", section("Configuration"), re.M | re.S)
    optional = set(re.findall(r"^\| `([a-zA-Z]+)` \|", table, re.M))
    [rule] = [item["properties"] for item in schema["$defs"].values() if "sources" in item.get("properties", {})]
    assert optional == set(rule) - {"id", "principals", "functions"}


def test_each_reason_has_a_line():
    lines = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", section("What it does"), re.M)
    told = re.findall(r"`([a-z_]+)`", "".join(line for line in lines if line != "`reason`"))
    schema = json.loads((ROOT / "outcome.schema.json").read_text())
    assert sorted(told) == sorted(one["const"] for one in schema["$defs"]["Reason"]["oneOf"])


def test_each_way_has_a_line(template):
    text = section("More ways in")
    told = re.findall(r"^\| `([a-z]+)` \| [^|]*\| [^|]*\| [^|]*\| (admits it|does not) \|$", text, re.M)
    source = rust.definition(r"^pub enum Source \{", rust.CORE).string
    assert sorted(name for name, _ in told) == sorted(re.findall(r'Self::\w+ => "([a-z]+)"', source))
    default = rust.definition(r"^impl Default for Sources \{\s*fn default\(\) -> Self \{\s*Self\((.*?)\)\n", rust.CORE)[1]
    assert {name for name, default in told if default == "admits it"} == {
        name.lower() for name in re.findall(r"Source::(\w+)", default)
    }
    for name in ("ReportSource", "DeniedInvokeLogGroup"):
        assert f"`{name}`" in text and name in template["Parameters"]


def test_as_many_fuzz_targets_as_there_are():
    [count] = re.findall(r"a minute for each of (\w+) targets", README)
    assert count == ["three", "four", "five", "six"][len(list((ROOT / "fuzz/fuzz_targets").glob("*.rs"))) - 3]


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    found = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", PAGES[name])
    assert len(found) >= 3
    for target, anchor in found:
        path = ROOT / (target or name)
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), anchor
