"""A denied caller tries again and again: what that costs one execution environment."""

import json

from local.aws import ROOT
from support.peak import peak_kib

DENIALS = 10_000
MIB = 1024


def test_ten_thousand_identical_denials(start, account, calls, figure):
    event = (ROOT / "events/user.json").read_bytes()
    with start() as function:
        assert function.invoke(event).body["outcome"] == "granted"
        after_one = peak_kib(function)
        for _ in range(DENIALS - 1):
            reply = function.invoke(event)
            assert (reply.body["outcome"], reply.body["notice"]) == ("already_granted", "suppressed")
        growth = peak_kib(function) - after_one
    actions = calls.actions()
    puts, reads = actions.count("iam:PutUserPolicy"), actions.count("iam:GetUserPolicy")
    notices = account.notices()
    figure(
        f"storm: {DENIALS} identical denials, {puts} put, {len(notices)} notice, {reads} reads, "
        f"peak memory {growth} KiB above that after one"
    )
    assert (puts, len(notices)) == (1, 1)
    assert reads <= 10
    assert growth <= 2 * MIB


def test_memory_stays_bounded_whatever_comes(start, account, figure):
    """More different denials than are remembered, each told (to nobody, which is quicker)."""
    text = (ROOT / "events/not-allowlisted.json").read_text()
    topic = account.sns.create_topic(Name="nobody-listens")["TopicArn"]
    with start(TOPIC_ARN=topic) as function:
        peaks = []
        for index in range(3_000):
            reply = function.invoke(text.replace("stranger", f"stranger-{index}").encode())
            assert reply.body["notice"] == "published"
            if index in (1_499, 2_999):
                peaks.append(peak_kib(function))
    figure(f"storm: 3000 different denials, peak memory {peaks[1] - peaks[0]} KiB above that after 1500")
    assert peaks[1] - peaks[0] <= 2 * MIB


def test_the_next_notice_says_how_many_were_left_out(start, account):
    event = (ROOT / "events/not-allowlisted.json").read_bytes()
    with start(NOTICE_INTERVAL="1") as function:
        notices, left_out = [], 0
        for _ in range(20_000):
            left_out += function.invoke(event).body["notice"] == "suppressed"
            if left_out and (found := account.notices()):
                notices += found
            if len(notices) == 2:
                break
    assert json.loads(notices[1]["Message"])["leftOut"] == left_out > 0
