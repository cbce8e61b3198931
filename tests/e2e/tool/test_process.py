"""The operator's tool as a process: how it ends, what it says of what it cannot read, its completions and man page."""

import json
import subprocess

from local.aws import POLICY_NAME, ROOT
from support.binaries import CLI
from support.policies import document
from support.tool import LIST, ours, run


def test_what_cannot_be_read_is_no_verdict(tmp_path):
    for arguments in [("check", tmp_path / "none.json"), ("check",), ("explain",), ("check", "--wrong", LIST), ("x",)]:
        ended = run(*arguments)
        assert (ended.returncode, ended.stdout) == (2, ""), arguments
        assert ended.stderr


def test_output_that_is_lost_is_no_success():
    with open("/dev/full", "w") as full:
        ended = subprocess.run([CLI, "check", LIST], stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2 and "could not be written" in ended.stderr
    with subprocess.Popen([CLI, "check", LIST], stdout=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(timeout=20) == 0


def test_text_of_others_cannot_steer_the_terminal(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document(ours(["\u009b2J"])), ensure_ascii=False))
    event = tmp_path / "e\x1b[2J.json"
    event.write_text((ROOT / "events/user.json").read_text())
    for ended in [
        run("plan", "--allowlist", LIST, "--policy", path, event),
        run("explain", "--allowlist", LIST, event),
        run("check", tmp_path / "none\x1b[2J"),
    ]:
        said = ended.stdout + ended.stderr
        assert said and "\x1b" not in said and "\x9b" not in said


def test_completions_and_man_page_name_every_command():
    commands = ["check", "explain", "plan", "undo", "canary"]
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"]:
        ended = run("completions", shell)
        assert ended.returncode == 0 and all(command in ended.stdout for command in commands), shell
    page = run("man").stdout
    assert page.startswith(".ie") or ".TH remediator 1" in page
    for command in commands:
        assert f".SH {command.upper()}" in page
    assert "\\-\\-strict" in page and "Exit codes" in page


def test_bash_takes_the_completions(tmp_path):
    (tmp_path / "complete").write_text(run("completions", "bash").stdout)
    script = f'source {tmp_path}/complete; COMP_WORDS=(remediator ch); COMP_CWORD=1; _remediator remediator ch remediator; echo "${{COMPREPLY[@]}}"'
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20)
    assert ended.stdout.split() == ["check"], ended.stderr


def test_one_policy_name():
    assert POLICY_NAME in run("undo", "--help").stdout or POLICY_NAME in run("--help").stdout
