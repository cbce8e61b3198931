"""The report of the decision core's times, on figures that are made up."""

import json
import re
import subprocess
import sys

import pytest

from benches import core_report
from local.aws import ROOT
from support import rust


def measured(folder, **medians):
    """What criterion leaves, with lists that take the same whatever their length where nothing is said of it."""
    lengths = (core_report.SHORT, core_report.LONG)
    wanted = {f"decide/{rules}/{length}": 200.0 for rules in core_report.LOOKED_UP for length in lengths}
    wanted |= {"decide/exact/100": 250.0, "load/exact/10": 5e6, "event/from values": 2500.0, **medians}
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


def test_lengths_are_in_order(tmp_path):
    rows = core_report.rows(measured(tmp_path))
    exact = [row for row in rows if row.name.startswith("decide/exact/")]
    assert [row.name for row in exact] == ["decide/exact/10", "decide/exact/100", "decide/exact/100000"]
    assert exact[1][1:] == (250, 240, 270)
    grown = core_report.growths(rows)
    assert [growth.rules for growth in grown] == list(core_report.LOOKED_UP)
    assert not any(growth.is_over for growth in grown)
    table = core_report.table(rows, grown)
    assert "| decide/exact/100 | 250 ns | 240 ns to 270 ns |" in table
    assert "| suffixes | 1.0 | 100 |" in table


@pytest.mark.parametrize("name", core_report.LOOKED_UP)
def test_a_list_that_is_read_and_not_looked_up_is_seen(tmp_path, name):
    rows = core_report.rows(measured(tmp_path, **{f"decide/{name}/100000": 20_001.0}))
    grown = core_report.growths(rows)
    assert [growth.rules for growth in grown if growth.is_over] == [name]
    assert f"| {name} | 100.0 | 100, missed |" in core_report.table(rows, grown)


def test_times_alone_are_no_failure(tmp_path):
    medians = {name: 1e9 for name in ("event/from values", "decide/infixes/100000", "load/exact/100000")}
    grown = core_report.growths(core_report.rows(measured(tmp_path, **medians)))
    assert not any(growth.is_over for growth in grown)


def test_what_was_not_measured_is_an_error(tmp_path):
    folder = measured(tmp_path)
    (folder / "decide/exact/100000/new/estimates.json").unlink()
    with pytest.raises(LookupError, match="not measured: decide/exact/100000"):
        core_report.growths(core_report.rows(folder))


def test_the_plots_are_named_by_their_groups(tmp_path):
    plots = core_report.copy_plots(tmp_path / "report", measured(tmp_path / "criterion"))
    assert sorted(plot.name for plot in plots) == ["core-decide.svg", "core-event.svg", "core-load.svg"]
    assert (tmp_path / "report/core-load.svg").read_text() == "<svg>load</svg>"


def test_the_benchmarks_are_those_that_are_compared():
    source = "".join(rust.sources("benches/core").values())
    assert all(f'"{name}"' in source for name in core_report.LOOKED_UP)
    [sizes] = re.findall(r"SIZES: .* = \[(.*)\];", source)
    assert {core_report.SHORT, core_report.LONG} <= {int(size) for size in sizes.replace("_", "").split(",")}


def test_without_figures_it_says_how_to_get_them(tmp_path):
    code = f"from benches import core_report as r; from pathlib import Path; r.growths(r.rows(Path({str(tmp_path)!r})))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode and "cargo bench -p decision-core-bench" in run.stderr
