"""The decision core's times, from what criterion left under target/criterion. They are reported and have no budget; only where
a list is looked up, a long one may not take as if it were read."""

import json
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "target/criterion"
REPORT = ROOT / "target/bench"

MICROSECOND, MILLISECOND = 1e3, 1e6
# What is looked up, whatever the length of the list. What is not there was not measured.
LOOKED_UP = ("exact", "prefixes", "prefixes of others", "suffixes")
# Between 10 rules and 100,000: read one after the other they would take 10,000 times as long.
SHORT, LONG = 10, 100_000
MOST_GROWTH = 100
PLOTS = {"decide": "lines.svg", "load": "lines.svg", "event": "violin.svg"}


class Row(NamedTuple):
    """One median and the bounds of its confidence interval, in nanoseconds."""

    name: str
    median: float
    low: float
    high: float


class Growth(NamedTuple):
    """How many times as long one question takes with the long list."""

    rules: str
    times: float

    @property
    def is_over(self) -> bool:
        return self.times > MOST_GROWTH


def rows(measured: Path = MEASURED) -> list[Row]:
    """All medians, the groups and the lengths of the lists in order."""
    found = []
    for file in measured.glob("**/new/estimates.json"):
        name = json.loads(file.with_name("benchmark.json").read_text())["full_id"]
        median = json.loads(file.read_text())["median"]
        interval = median["confidence_interval"]
        found.append(Row(name, median["point_estimate"], interval["lower_bound"], interval["upper_bound"]))
    return sorted(found, key=lambda row: place(row.name))


def growths(found: list[Row]) -> list[Growth]:
    """Of all that is looked up."""
    medians = {row.name: row.median for row in found}
    wanted = {rules: [f"decide/{rules}/{length}" for length in (SHORT, LONG)] for rules in LOOKED_UP}
    if missing := sorted(name for pair in wanted.values() for name in pair if name not in medians):
        raise LookupError(f"not measured: {', '.join(missing)}: cargo bench -p decision-core-bench")
    return [Growth(rules, medians[long] / medians[short]) for rules, (short, long) in wanted.items()]


def place(name: str) -> list[tuple[int, str]]:
    """By which names are sorted: a number as a number."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in name.split("/")]


def copy_plots(into: Path, measured: Path = MEASURED) -> list[Path]:
    """The drawings of criterion, each by the name of its group."""
    into.mkdir(parents=True, exist_ok=True)
    return [
        Path(shutil.copyfile(measured / group / "report" / plot, into / f"core-{group}.svg"))
        for group, plot in PLOTS.items()
    ]


def time(nanoseconds: float) -> str:
    """In the unit that suits it."""
    for unit, size in (("ms", MILLISECOND), ("µs", MICROSECOND)):
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"


def table(found: list[Row], grown: list[Growth]) -> str:
    """For Markdown."""
    lines = ["| what | median | 95 % |", "|---|---|---|"]
    lines += [f"| {row.name} | {time(row.median)} | {time(row.low)} to {time(row.high)} |" for row in found]
    lines += ["", f"| {LONG:,} rules instead of {SHORT} | times as long | at most |", "|---|---|---|"]
    for growth in grown:
        lines.append(f"| {growth.rules} | {growth.times:.1f} | {MOST_GROWTH}{', missed' if growth.is_over else ''} |")
    return "\n".join(lines)


def main() -> int:
    """Prints the tables, and leaves the times as JSON and the plots in target/bench/; 1 where a long list takes too much."""
    try:
        found = rows()
        grown = growths(found)
        copy_plots(REPORT)
    except (LookupError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    (REPORT / "core.json").write_text(json.dumps([row._asdict() for row in found], indent=1) + "\n")
    print(table(found, grown))
    return int(any(growth.is_over for growth in grown))


if __name__ == "__main__":
    sys.exit(main())
