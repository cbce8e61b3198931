"""The decision core's times, from what criterion left under target/criterion, each with what it may take at most."""

import json
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "target/criterion"
REPORT = ROOT / "target/bench"

MICROSECOND, MILLISECOND = 1e3, 1e6
# In nanoseconds. What is not there was not measured, and is missed.
BUDGETS = {
    "event/from values": 3 * MICROSECOND,
    "event/from bytes": 15 * MICROSECOND,
    "decide/prefixes/10000": MILLISECOND,
    "decide/prefixes of others/10000": MILLISECOND,
    "decide/suffixes/10000": MILLISECOND,
    "decide/infixes/10000": MILLISECOND,
    "load/exact/10000": 20 * MILLISECOND,
    "load/prefixes/10000": 20 * MILLISECOND,
    "load/mixed/10000": 20 * MILLISECOND,
}
# What a long list may take more than a short one.
EXTRA = {("decide/exact/10000", "decide/exact/10"): 5 * MICROSECOND}
PLOTS = {"decide": "lines.svg", "load": "lines.svg", "event": "violin.svg"}


class Row(NamedTuple):
    """One median, the bounds of its confidence interval, and its budget, all in nanoseconds."""

    name: str
    median: float
    low: float
    high: float
    budget: float | None

    @property
    def is_over(self) -> bool:
        return self.budget is not None and self.median > self.budget


def rows(measured: Path = MEASURED) -> list[Row]:
    """All medians, the groups and the lengths of the lists in order; then what is the difference of two."""
    medians = {}
    for file in measured.glob("**/new/estimates.json"):
        name = json.loads(file.with_name("benchmark.json").read_text())["full_id"]
        median = json.loads(file.read_text())["median"]
        interval = median["confidence_interval"]
        bounds = interval["lower_bound"], interval["upper_bound"]
        medians[name] = Row(name, median["point_estimate"], *bounds, BUDGETS.get(name))
    wanted = {*BUDGETS, *(name for pair in EXTRA for name in pair)}
    if missing := sorted(wanted - medians.keys()):
        raise LookupError(f"not measured: {', '.join(missing)}: cargo bench -p decision-core-bench")
    found = [medians[name] for name in sorted(medians, key=place)]
    for (name, base), budget in EXTRA.items():
        long, short = medians[name], medians[base]
        label = f"{name} more than {base.rsplit('/', 1)[1]}"
        difference = long.median - short.median, long.low - short.high, long.high - short.low
        found.append(Row(label, *difference, budget))
    return found


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


def table(found: list[Row]) -> str:
    """For Markdown."""
    lines = ["| what | median | 95 % | budget |", "|---|---|---|---|"]
    for row in found:
        budget = "" if row.budget is None else time(row.budget) + (", missed" if row.is_over else "")
        lines.append(f"| {row.name} | {time(row.median)} | {time(row.low)} to {time(row.high)} | {budget} |")
    return "\n".join(lines)


def main() -> int:
    """Prints the table, and leaves it as JSON and the plots in target/bench/; 1 where a budget is missed."""
    try:
        found = rows()
        copy_plots(REPORT)
    except (LookupError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    (REPORT / "core.json").write_text(json.dumps([row._asdict() for row in found], indent=1) + "\n")
    print(table(found))
    return int(any(row.is_over for row in found))


if __name__ == "__main__":
    sys.exit(main())
