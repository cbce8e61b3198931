"""docs/ held against what it tells of: the template, the Makefile, the code."""

import re
import xml.etree.ElementTree as xml

import pytest

from docs import rooms
from docs.draw import DRAWING, ROOMS, ROOMS_TITLE, SOURCE, digest, draw
from local.aws import REGION, ROOT
from support import rust
from support.pages import anchors
from support.shell import run

OPERATIONS = (ROOT / "docs/operations.md").read_text()
REPORTING = (ROOT / "docs/reporting.md").read_text()
# What the drawing has a box for, by its name in template.yaml.
DRAWN = {
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::Rule",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}


def resources(template, *kinds):
    return {name for name, resource in template["Resources"].items() if resource["Type"] in kinds}


def test_the_drawing_is_that_of_its_source():
    text = DRAWING.read_text()
    assert f"source sha256 {digest(SOURCE.read_text())}" in text, "make diagram"
    # Not the digest alone: what draws it may have changed as well.
    assert draw(SOURCE.read_text()) == text, "make diagram"


def test_the_rooms_are_drawn_as_the_code_has_them():
    assert rooms.cycles(rooms.arrows()) == []
    assert draw(rooms.dot(), ROOMS_TITLE) == ROOMS.read_text(), "make diagram"


def test_the_core_has_no_arrow_to_another_crate():
    assert {target for (crate, _), (target, _) in rooms.arrows() if crate == "core"} == {"core"}
    assert "cli" not in {target for (crate, _), (target, _) in rooms.arrows() if crate == "function"}


@pytest.mark.parametrize("drawing", [DRAWING, ROOMS], ids=["architecture", "rooms"])
def test_the_drawing_needs_nothing_else_and_is_small(drawing):
    text = drawing.read_text()
    assert len(text) < 60_000
    names = {element.tag.split("}")[1] for element in xml.fromstring(text).iter()}
    assert names <= {"svg", "title", "desc", "style", "rect", "g", "path", "polygon", "ellipse", "text"}
    links = re.findall(r"(?:href|src)=|url\(|@import|https?://[^\"]+", text)
    assert set(links) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "prefers-color-scheme: dark" in text


def test_the_drawing_names_what_the_template_makes(translated):
    source = SOURCE.read_text()
    words = set(re.findall(r"\w+", source.replace("\\n", " ")))
    assert resources(translated, *DRAWN) <= words
    drawn = re.findall(r'label="[\w ]+\\n([A-Z][a-zA-Z]+)"', source[source.index("cluster_stack") : source.index("  list [")])
    assert len(drawn) >= 6
    assert set(drawn) <= resources(translated, *DRAWN)


def test_the_drawing_names_targets_that_are_there():
    targets = re.findall(r"make ([a-z, ]+)", SOURCE.read_text().split("digraph")[1])
    makefile = (ROOT / "Makefile").read_text()
    names = {name for found in targets for name in found.split(", ")}
    assert names >= {"redrive", "undo", "logs", "allowlist"}
    for name in names:
        assert re.search(rf"^{name}:.*## ", makefile, re.M)


def table(heading):
    """The first column of the table under a heading."""
    [text] = re.findall(rf"^## {heading}\n(.*?)(?=^## )", OPERATIONS, re.M | re.S)
    return re.findall(r"^\| `([A-Za-z_]+)`", text, re.M)


def test_each_alarm_has_a_line(translated):
    told = table("Alarms")
    assert len(told) == len(set(told))
    assert resources(translated, "AWS::CloudWatch::Alarm") <= set(told)


def test_each_target_has_a_line():
    makefile = (ROOT / "Makefile").read_text()
    [names] = re.findall(r"^\.PHONY: (deploy .*)$", makefile, re.M)
    for name in names.split():
        assert f"`make {name}" in OPERATIONS or f"$ make {name}" in OPERATIONS, name
    for name in set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"`[^`]*`|^\$ .*$", OPERATIONS, re.M)))):
        assert re.search(rf"^{name}:.*## ", makefile, re.M), name
    for name in set(re.findall(r"\b([A-Z]+)=", OPERATIONS)):
        assert re.search(rf"\$\({name}\)", makefile), name


@pytest.mark.parametrize("page", [OPERATIONS, REPORTING], ids=["operations", "reporting"])
def test_links_lead_somewhere(page):
    pages = {"": page, "operations.md": OPERATIONS, "reporting.md": REPORTING, "../SECURITY.md": (ROOT / "SECURITY.md").read_text()}
    found = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", page)
    assert len(found) >= 4
    for target, anchor in found:
        assert not target or (ROOT / "docs" / target).exists(), target
        assert not anchor or anchor in anchors(pages[target]), anchor


CLIENTS = {"python": "report_denied.py", "js": "report-denied.mjs", "rust": "report_denied.rs"}


def test_every_client_is_on_the_page():
    assert {path.name for path in (ROOT / "docs/clients").iterdir() if path.is_file()} == set(CLIENTS.values())


@pytest.mark.parametrize("language", CLIENTS)
def test_the_page_shows_the_clients_own_text(language):
    [shown] = re.findall(rf"^```{language}\n(.*?)^```", REPORTING, re.M | re.S)
    assert shown == (ROOT / "docs/clients" / CLIENTS[language]).read_text()


def test_the_page_names_what_the_template_has(template):
    pattern = template["Resources"]["DeniedInvokeLines"]["Properties"]["FilterPattern"]
    assert f"```text\n{pattern}\n```" in REPORTING
    for name in ("ReportSource", "DeniedInvokeLogGroup", "NoticeInterval"):
        assert name in template["Parameters"] and f"`{name}`" in REPORTING
    for name in ("UndeliveredEvents", "LostReportsAlarm", "DeniedInvokeLines", "LogPermission"):
        assert name in template["Resources"] and f"`{name}`" in REPORTING


def test_every_switch_for_a_way_has_a_line(template):
    told = table("More ways in")
    assert set(told) == {"ReportSource", "DeniedInvokeLogGroup"} <= set(template["Parameters"])


def test_the_page_lists_when_each_grant_of_all_principals_expires(account):
    def statement(end, name):
        arn = f"arn:aws:lambda:us-east-1:281502313273:function:{name}"
        condition = {"Condition": {"DateLessThan": {"aws:CurrentTime": end}}} if end else {}
        return {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [arn, f"{arn}:*"], **condition}

    def put(principal, *statements):
        account.put_policy(principal, {"Version": "2012-10-17", "Statement": list(statements)})

    by_hand = {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::clips"}
    put("user/remotion_user", statement(None, "clip"), statement("2026-12-25T00:00:00Z", "render"), by_hand)
    put("role/render-worker", statement("2026-11-30T00:00:00Z", "clip"))
    account.put_policy("user/remotion_user_eu", {"Version": "2012-10-17", "Statement": statement("2026-12-01T00:00:00Z", "clip")})
    [text] = re.findall(r"^```sh\n# when each grant expires\n(.*?)^```", OPERATIONS, re.M | re.S)
    names = {"AWS_ENDPOINT_URL": account.endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    done = run(text, {**names, "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    told = [(line.split()[0], line.split()[1].split("/")[-1], line.split(":")[-1]) for line in done.stdout.splitlines()]
    assert told == [
        ("-", "remotion_user", "clip"),
        ("2026-11-30T00:00:00Z", "render-worker", "clip"),
        ("2026-12-01T00:00:00Z", "remotion_user_eu", "clip"),
        ("2026-12-25T00:00:00Z", "remotion_user", "render"),
    ]


def test_each_folder_of_tests_says_what_it_protects():
    place = ROOT / "tests/e2e"
    told = re.findall(r"^\| `(\w+)` \| .{20,} \|$", (place / "README.md").read_text(), re.M)
    assert sorted(told) == sorted({path.parent.name for path in place.glob("*/test_*.py")})
    # Deeper, or beside the folders, nothing looks for tests.
    assert set(place.glob("*/test_*.py")) == set(place.rglob("test_*.py"))
