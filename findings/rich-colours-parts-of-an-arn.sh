#!/usr/bin/env bash
# Rich colours what it recognizes in a log line: numbers, paths, addresses. Expected: an ARN stays in one piece, or has its
# account coloured as one number. Seen: its colons make some of its letters look like an IPv6 or EUI-48 address: `1:2815` of
# `us-east-1:281502313273`, `bda:e` of `lambda:eu-central-1`. Escape codes then stand inside the region and the account, and a
# search of the log for the ARN or the account finds nothing.
#
# Seen with rich 15.0.0, with colours on. It concerns `print` and `RichHandler` if somebody searches their output later. ARNs
# stay whole with `Console(highlight=False)`, or `RichHandler(highlighter=NullHighlighter())`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check 'rich==15.0.0'

cat > "$work/arns.py" <<'PYTHON'
import io

from rich.console import Console

for arn in (
    "arn:aws:lambda:us-east-1:281502313273:function:clip-cutter",
    "arn:aws:lambda:eu-central-1:281502313273:function:clip-cutter",
    "arn:aws:iam::281502313273:user/clip_user",
):
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system="standard")
    console.print(f"denied {arn}")
    line = console.file.getvalue().rstrip("\n")
    print("in one piece:" if arn in line else "in pieces:", ascii(line))
PYTHON
cat > "$work/expected" <<'TEXT'
in pieces: 'denied arn:aws:lambda:us-east-\x1b[1;92m1:2815\x1b[0m0231\x1b[1;92m3273:f\x1b[0munction:clip-cutter'
in pieces: 'denied arn:aws:lam\x1b[1;92mbda:e\x1b[0mu-central-\x1b[1;92m1:2815\x1b[0m0231\x1b[1;92m3273:f\x1b[0munction:clip-cutter'
in pieces: 'denied arn:aws:iam::\x1b[1;36m281502313273\x1b[0m:user/clip_user'
TEXT
"$work/venv/bin/python" "$work/arns.py" | tee "$work/seen"
diff "$work/expected" "$work/seen"
