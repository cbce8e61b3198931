"""What Lambda takes for a million denied invokes a day: the measured times of a warm function, stretched to its share of a
processor, and the published prices. What else costs is in docs/operations.md.

Run `make bench` before. The times are those of this machine, for both architectures: arm64 was not measured.
"""

import json
import math
import sys
from pathlib import Path

MEASURED = Path(__file__).resolve().parent.parent / "target/bench/bench.json"

# US East (N. Virginia), in USD, from AWS's price list as of 2026-09-06; no free tier, no savings plan.
PER_REQUEST = 0.20 / 1e6
PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MEMORY = (128, 256, 512, 1024, 1769)
FULL_PROCESSOR = 1769

MILLION = 1_000_000
# What the million is made of: how many of each outcome.
DAYS = {
    "one caller that tries again and again": {"suppressed": MILLION - 24, "refused": 24},
    "one in a hundred is new, and refused": {"suppressed": MILLION * 99 // 100, "refused": MILLION // 100},
    "one in a thousand is new, and granted": {"suppressed": MILLION * 999 // 1000, "granted": MILLION // 1000},
    "every one is new, and granted": {"granted": MILLION},
}


def billed_ms(step, memory):
    """The billed duration of one event: what waits stays, what computes takes its share of a processor."""
    cpu, work, waited = step["cpuMs"]["median"], step["workMs"]["median"], step["waitedMs"]["median"]
    idle = max(0.0, work - cpu)
    return math.ceil(waited + idle + cpu / min(1.0, memory / FULL_PROCESSOR))


def cost(steps, day, memory, architecture):
    """In USD."""
    seconds = sum(count * billed_ms(steps[name], memory) for name, count in day.items()) / 1000
    return sum(day.values()) * PER_REQUEST + seconds * memory / 1024 * PER_GB_SECOND[architecture]


def table(report):
    """With 10 ms for each call to AWS."""
    steps = report["figures"]["10"]["remediator"]["steps"]
    lines = ["| a day | architecture | " + " | ".join(f"{memory} MB" for memory in MEMORY) + " |"]
    lines.append("|---|---|" + "---|" * len(MEMORY))
    for name, day in DAYS.items():
        for architecture in PER_GB_SECOND:
            costs = (cost(steps, day, memory, architecture) for memory in MEMORY)
            lines.append(f"| {name} | {architecture} | " + " | ".join(f"{usd:.2f}" for usd in costs) + " |")
    lines += ["", "Billed milliseconds of one event:", ""]
    lines += ["| outcome | " + " | ".join(f"{memory} MB" for memory in MEMORY) + " |", "|---|" + "---|" * len(MEMORY)]
    for name in ("granted", "already_granted", "refused", "suppressed"):
        lines.append(f"| {name} | " + " | ".join(str(billed_ms(steps[name], memory)) for memory in MEMORY) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if not MEASURED.exists():
        sys.exit(f"{MEASURED} is missing: make bench")
    print(table(json.loads(MEASURED.read_text())))
