"""`remediator explain`: what the function would decide of an event, a text or a log file, and why."""

import gzip
import json

import pytest

from local.aws import ACCOUNT, ROOT
from support.policies import FUNCTION
from support.tool import LIST, OWN_ROLE, USER, message, rules, run

EVENTS = sorted((ROOT / "events").glob("*.json"))


def test_every_event_is_explained_as_the_function_decides():
    ended = run("explain", "--json", "--allowlist", LIST, "--own-role", OWN_ROLE, *EVENTS)
    assert ended.returncode == 0, ended.stderr
    explained = json.loads(ended.stdout)
    events = []
    for path in EVENTS:
        expected = json.loads((path.parent / "expected" / path.name).read_text())
        if isinstance(expected, list):
            events += [(f"{path} [{index}]", line) for index, line in enumerate(expected)]
        else:
            events.append((str(path), expected))
    assert [case["event"] for case in explained] == [name for name, _ in events]
    for (name, expected), case in zip(events, explained, strict=True):
        # A line after one that was granted finds it so; explaining writes nothing.
        if expected["outcome"] == "already_granted":
            expected |= {"outcome": "would_grant", "summary": case["summary"]}
        # A file says what becomes of it where the principal has no policy yet, and explaining writes nothing.
        if expected["outcome"] == "granted":
            expected |= {"outcome": "would_grant", "summary": case["summary"]}
        del expected["notice"]
        assert {key: case[key] for key in expected} == expected, name
        if case["rule"]:
            assert set(case["clause"]) == {"principal", "function"}
        else:
            assert case["clause"] is None


def test_the_clause_is_the_one_that_matches():
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, ROOT / "events/role.json").stdout)
    assert case["rule"] == "render-roles"
    assert case["clause"] == {
        "principal": f"arn:aws:iam::{ACCOUNT}:role/render-*",
        "function": f"arn:aws:lambda:*:{ACCOUNT}:function:ffmpeg-*",
    }
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, ROOT / "events/not-allowlisted.json").stdout)
    assert case["reason"] == "not_allowlisted" and any("remotion-clips" in miss for miss in case["nearMisses"])


def test_a_table_holds_what_matters():
    ended = run("explain", "--allowlist", LIST, ROOT / "events/user.json", ROOT / "events/root.json")
    assert ended.returncode == 0
    for text in ["user.json", "would_grant", "remotion-clips", "unsupported_principal"]:
        assert text in ended.stdout
    assert "\x1b" not in ended.stdout


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        (message(USER), "would_grant", None),
        (json.dumps(message(USER)), "would_grant", None),
        (json.dumps({"errorMessage": message(USER)}), "would_grant", None),
        (f"An error occurred (AccessDeniedException) when calling the Invoke operation: {message(USER)}", "would_grant", None),
        (f"{message(USER)} (Service: Lambda, Status Code: 403, Request ID: 1)", "would_grant", None),
        (message(USER).replace(" on resource", "\n  on resource"), "would_grant", None),
        (message(USER, clause="with an explicit deny in a service control policy"), "refused", "not_identity_based"),
        (message(f"arn:aws:sts::{ACCOUNT}:assumed-role/render-worker/me"), "would_grant", None),
        (message(f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_x_1/me"), "refused", "protected_role"),
        (message("arn:aws:sts::111122223333:assumed-role/render-worker/me"), "refused", "other_account"),
        (message(f"arn:aws:iam::{ACCOUNT}:user/stranger"), "refused", "not_allowlisted"),
        (message(USER, function="*"), "refused", "untrusted_resource"),
        (f"{message(USER)} {message(USER)}", "would_grant", None),
        (f"{message(USER)} {message(USER.replace('remotion_user', 'other'))}", "refused", "contradictory_event"),
        (f"{message(USER)}\n" + "\tat com.amazonaws.RetryPolicy.deny(X.java:1)\n" * 60, "would_grant", None),
        ("  File x.py, line 1\n" * 80 + message(USER), "would_grant", None),
        ("something else", "ignored", "not_a_denied_invoke"),
    ],
)
def test_a_pasted_message_is_judged_like_its_event(text, outcome, reason):
    ended = run("explain", "--json", "--allowlist", LIST, given=text)
    assert ended.returncode == 0, ended.stderr
    [case] = json.loads(ended.stdout)
    assert (case["event"], case["outcome"], case["reason"]) == ("standard input", outcome, reason), case


def test_a_broken_event_is_a_text_for_both(tmp_path, function):
    """The one thing that refuses this event is not in its message. With a slip in it, it is no event any more: the function gets it as
    a text, from whoever pastes it, and the tool says what becomes of that."""
    event = json.loads((ROOT / "events/user.json").read_text())
    event["detail"]["userIdentity"] |= {"arn": USER.replace("remotion_user", "mallory"), "userName": "mallory"}
    for text, outcome in [("\ufeff" + json.dumps(event), "refused"), (json.dumps(event)[:-1] + ",}", "would_grant")]:
        path = tmp_path / "event.json"
        path.write_text(text)
        [case] = json.loads(run("explain", "--json", "--allowlist", LIST, path).stdout)
        assert case["outcome"] == outcome, text
        if outcome != "refused":
            assert function.invoke(text).body["outcome"] == "granted" and case["source"] == "manual"
    assert "not JSON" in case["note"]


def test_nothing_at_all_is_no_event():
    ended = run("explain", "--allowlist", LIST, given="")
    assert ended.returncode == 2 and "empty" in ended.stderr
    ended = run("explain", "--allowlist", "-", given=LIST.read_text())
    assert ended.returncode == 2 and "both" in ended.stderr


def test_whether_a_role_is_the_functions_own_has_to_be_said(tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(rules(principals=[f"arn:aws:iam::{ACCOUNT}:role/*"])))
    [case] = json.loads(run("explain", "--json", "--allowlist", path, ROOT / "events/own-role.json").stdout)
    assert case["outcome"] == "would_grant" and "--own-role" in case["note"]
    own = ["--own-role", OWN_ROLE]
    [case] = json.loads(run("explain", "--json", "--allowlist", path, *own, ROOT / "events/own-role.json").stdout)
    assert (case["reason"], case["note"]) == ("own_role", None)


def test_a_packed_log_file_of_cloudtrail_is_read(tmp_path):
    record = json.loads((ROOT / "events/user.json").read_text())["detail"]
    # CloudTrail's files hold more than one event may have.
    records = [record, *[{"eventSource": "other", "filler": "x" * 1000}] * 1500]
    path = tmp_path / "trail.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    cases = json.loads(run("explain", "--json", "--allowlist", LIST, path).stdout)
    assert len(cases) == 1501 and cases[0]["outcome"] == "would_grant"


def test_a_pasted_session_can_be_given_its_role():
    session = message(f"arn:aws:sts::{ACCOUNT}:assumed-role/render-stitcher/me")
    role = f"arn:aws:iam::{ACCOUNT}:role/service/render/render-stitcher"
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, "--principal", role, "-", given=session).stdout)
    assert (case["principal"], case["clause"]["principal"]) == (role, f"arn:aws:iam::{ACCOUNT}:role/service/render/*")
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, "-", given=session).stdout)
    assert case["principal"] == f"arn:aws:iam::{ACCOUNT}:role/render-stitcher" and "path" in case["note"]
    # Another role than the session's is a contradiction, whoever says so.
    wrong = ["--principal", f"arn:aws:iam::{ACCOUNT}:role/render-worker"]
    [case] = json.loads(run("explain", "--json", "--allowlist", LIST, *wrong, "-", given=session).stdout)
    assert case["reason"] == "contradictory_event"


def test_a_log_file_of_cloudtrail_is_taken_apart(tmp_path):
    records = [json.loads((ROOT / "events" / name).read_text())["detail"] for name in ("user.json", "root.json")]
    path = tmp_path / "trail.json"
    path.write_text(json.dumps({"Records": records}))
    cases = json.loads(run("explain", "--json", "--allowlist", LIST, path).stdout)
    assert [case["outcome"] for case in cases] == ["would_grant", "refused"]
    assert [case["event"] for case in cases] == [f"{path} Records[0]", f"{path} Records[1]"]


def test_a_list_of_several_accounts_needs_to_know_its_own(tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(rules(functions=[FUNCTION, FUNCTION.replace(ACCOUNT, "111122223333")])))
    ended = run("explain", "--allowlist", path, ROOT / "events/user.json")
    assert ended.returncode == 2 and "--account" in ended.stderr
    ended = run("explain", "--json", "--account", ACCOUNT, "--allowlist", path, ROOT / "events/user.json")
    assert json.loads(ended.stdout)[0]["outcome"] == "would_grant"
    ended = run("explain", "--json", "--account", "111122223333", "--allowlist", path, ROOT / "events/user.json")
    assert json.loads(ended.stdout)[0]["reason"] == "other_account"
