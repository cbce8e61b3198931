"""The report of the decision core's times, on figures that are made up."""

import json
import subprocess
import sys

import pytest

from benches import core_report
from local.aws import ROOT


def measured(folder, **medians):
    """What criterion leaves, with every time at a tenth of its budget where nothing is said of it."""
    wanted = {name: budget / 10 for name, budget in core_report.BUDGETS.items()}
    wanted |= {"decide/exact/10": 200.0, "decide/exact/10000": 300.0, "decide/exact/100": 250.0, **medians}
    for name, median in wanted.items():
        new = folder / name / "new"
        new.mkdir(parents=True)
        interval = {"confidence_level": 0.95, "lower_bound": median - 10, "upper_bound": median + 20}
        estimates = {"median": {"point_estimate": median, "confidence_interval": interval}}
        (new / "estimates.json").write_text(json.dumps(estimates))
        (new / "benchmark.json").write_text(json.dumps({"full_id": name}))
    for group, plot in core_report.PLOTS.items():
        report = folder / group / "report"
        report.mkdir(parents=True)
        (report / plot).write_text(f"<svg>{group}</svg>")
    return folder


def test_lengths_are_in_order_and_budgets_beside_them(tmp_path):
    rows = core_report.rows(measured(tmp_path))
    exact = [row.name for row in rows if row.name.startswith("decide/exact/")]
    assert exact == [
        "decide/exact/10",
        "decide/exact/100",
        "decide/exact/10000",
        "decide/exact/10000 more than 10",
    ]
    extra = rows[-1]
    assert (extra.median, extra.low, extra.high, extra.budget) == (100, 70, 130, 5000)
    assert {row.name: row.budget for row in rows}["load/mixed/10000"] == 20e6
    assert not any(row.is_over for row in rows)


@pytest.mark.parametrize("name", core_report.BUDGETS)
def test_a_missed_budget_is_seen(tmp_path, name):
    rows = core_report.rows(measured(tmp_path, **{name: core_report.BUDGETS[name] + 1}))
    assert [row.name for row in rows if row.is_over] == [name]
    assert ", missed |" in core_report.table(rows)


def test_a_long_list_may_not_take_much_more_than_a_short_one(tmp_path):
    rows = core_report.rows(measured(tmp_path, **{"decide/exact/10000": 5201.0}))
    assert [row.name for row in rows if row.is_over] == ["decide/exact/10000 more than 10"]


def test_what_was_not_measured_is_an_error(tmp_path):
    folder = measured(tmp_path)
    (folder / "load/exact/10000/new/estimates.json").unlink()
    with pytest.raises(LookupError, match="not measured: load/exact/10000"):
        core_report.rows(folder)


def test_the_plots_are_named_by_their_groups(tmp_path):
    plots = core_report.copy_plots(tmp_path / "report", measured(tmp_path / "criterion"))
    assert sorted(plot.name for plot in plots) == ["core-decide.svg", "core-event.svg", "core-load.svg"]
    assert (tmp_path / "report/core-load.svg").read_text() == "<svg>load</svg>"


def test_the_benchmarks_are_those_that_have_budgets():
    source = (ROOT / "benches/core/src/lib.rs").read_text() + (ROOT / "benches/core/benches/decision.rs").read_text()
    for name in core_report.BUDGETS:
        assert all(f'"{part}"' in source for part in name.split("/") if not part.isdigit()), name


def test_without_figures_it_says_how_to_get_them(tmp_path):
    code = f"from benches import core_report as r; from pathlib import Path; print(r.rows(Path({str(tmp_path)!r})))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode and "cargo bench -p decision-core-bench" in run.stderr
