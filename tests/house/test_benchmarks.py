"""The frame of the benchmarks: its statistics, bars that can be missed, the page written from the figures."""

import ast
import json
from pathlib import Path

import pytest
from django.conf import settings

from benchmarks import baseline, frame, report
from benchmarks.frame import Bar, Ratio, Result, Samples, at_least, at_most, holds, race, ratio_of
from benchmarks.main import exit_code

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("config", "audit", "accounts", "roles", "personalization", "launcher")


@pytest.fixture
def quiet(monkeypatch):
    """A machine whose sentinel takes 50 ms each time; returns the list of the seconds to come instead."""
    coming = []

    def sentinel(*, disk=False):
        seconds = coming.pop(0) if coming else 0.05
        frame._best["cpu"] = min(seconds, frame._best.get("cpu", seconds))
        return {"cpu": seconds}

    monkeypatch.setattr(frame, "_best", {})
    monkeypatch.setattr(frame, "_tally", {"rounds": 0, "discarded": 0})
    monkeypatch.setattr(frame, "sentinel", sentinel)
    return coming


@pytest.fixture
def registry(monkeypatch):
    """An empty list of benchmarks."""
    monkeypatch.setattr(frame, "REGISTRY", {})


def figures(*results):
    """Return what a run writes, as a reader gets it from the file."""
    run = {
        "machine": {"cpu": "Some CPU", "cores": 2, "ram_gb": 8.0, "pg": "18.1", "python": "3.11.7", "settings": {}},
        "seed": 7,
        "git": "abc1234",
        "size": "S",
        "seconds": 60,
        "sentinel": {"rounds": 9, "discarded": 2},
        "benchmarks": [result.to_json() for result in results],
    }
    return json.loads(json.dumps(run, default=str))


def test_a_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_medians():
    # Rounds: 2, 10 and 3 times as long. The medians, 20 and 4, would say 5.
    assert ratio_of([2, 40, 20 * 0.3], [1, 4, 2]) == Ratio(3, 2, 10)


def test_every_variant_runs_once_a_round_in_the_order_that_the_seed_fixes(quiet):
    def order(seed):
        calls = []
        race({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=4, seed=seed, warm=False)
        return calls

    first = order(7)
    assert len(first) == 12
    assert all(sorted(first[at : at + 3]) == ["a", "b", "c"] for at in range(0, 12, 3))
    assert order(7) == first
    assert order(8) != first


def test_a_round_of_a_disturbed_machine_is_discarded_and_told(quiet):
    quiet += [
        0.05,
        0.05,
        0.09,
        0.05,
    ]  # before the first round, then after each; the third begins where the second ended
    samples = race({"one": lambda: None}, rounds=4, warm=False)
    assert samples.rounds == 4
    assert len(samples.discarded["one"]) == 2
    assert not samples.noisy
    assert frame.sentinel_summary()["discarded"] == 2


def test_a_race_without_quiet_rounds_says_so(quiet):
    quiet += [0.05] + [0.2, 0.1] * 10
    result = Result("B0", "S").timed(race({"ours": lambda: None}, rounds=3, warm=False), ours="ours")
    assert result.samples["ours"].noisy
    assert "disturbed" in result.notes[0]


def test_what_is_done_before_a_variant_is_not_timed_and_names_it(quiet):
    seen = []
    race({"a": lambda: seen.append("run")}, rounds=2, before=seen.append, warm=False)
    assert seen == ["a", "run", "a", "run"]


def test_ratios_of_a_result_say_peer_by_ours_and_ours_by_floor():
    samples = Samples({"ours": [0.2, 0.2], "peer": [0.8, 1.0], "floor": [0.1, 0.1]})
    result = Result("B0", "S").timed(samples, ours="ours", peers=["peer"], floor=["floor"])
    assert result.peers["peer"] == Ratio(4.5, 4, 5)
    assert result.floor["floor"].median == pytest.approx(2)
    assert result.ours["median_ms"] == pytest.approx(200)


def test_bars_hold_at_their_limit_and_not_beyond():
    assert at_most("x", 1.2, 1.2).passed
    assert not at_most("x", 1.21, 1.2).passed
    assert at_least("x", 15, 15).passed
    assert not at_least("x", 14.9, 15).passed


def test_a_missed_bar_fails_the_run_and_is_red_in_table_and_page():
    good = Result("B1", "S", ours={"median_ms": 1.0}, bars=[holds("same rows", True)])
    bad = Result("B2", "S", ours={"median_ms": 1.0}, bars=[at_most("buffers", 900, 500)])
    assert exit_code([good]) == 0
    assert exit_code([good, bad]) == 1
    assert "MISSED buffers ≤ 500: 900" in report.table(figures(good, bad))
    page = report.markdown([figures(good, bad)])
    assert "**MISSED buffers ≤ 500: 900**" in page
    assert page.count("MISSED") == 2  # the row and the list of bars


def test_a_missed_bar_of_time_is_tried_once_more_and_its_first_figures_are_kept(registry):
    tries = iter([30.0, 10.0])

    @frame.benchmark("B0")
    def slow_at_first(bench):
        measured = next(tries)
        samples = Samples({"ours": [measured]})
        yield Result("B0", "S", bars=[at_most("time", measured, 20, wall=True)], samples={"ours": samples})

    (result,) = frame.run("B0", None)
    assert result.passed
    assert result.retried
    assert result.samples["first try of ours"].times == {"ours": [30.0]}


def test_a_missed_counter_is_not_tried_again(registry):
    runs = []

    @frame.benchmark("B0")
    def reads_too_much(bench):
        runs.append(bench)
        yield Result("B0", "S", bars=[at_most("buffers", 900, 500), at_most("time", 30, 20, wall=True)])

    (result,) = frame.run("B0", None)
    assert len(runs) == 1
    assert not result.passed


def test_a_recorded_ratio_may_fall_but_not_rise(tmp_path, monkeypatch):
    monkeypatch.setattr(baseline, "FILE", tmp_path / "baseline.json")
    monkeypatch.setattr(baseline, "_seen", {})
    assert baseline.bar("B1 ÷ floor", 4).passed  # the first figure
    baseline.record()
    assert baseline.bar("B1 ÷ floor", 4.5).passed
    assert not baseline.bar("B1 ÷ floor", 4.7).passed
    assert baseline.bar("B1 ÷ floor", 3).passed
    baseline.record()
    assert baseline.recorded() == {"B1 ÷ floor": 3}


def test_the_page_tells_ratios_growth_and_notes_once():
    results = [
        Result(
            f"B{number}",
            "S",
            title="a list",
            ours={"median_ms": 7.251, "queries": 9},
            peers={"admin": Ratio(35.44, 29.1, 41)},
            floor={"raw SQL": Ratio(2.3, 2, 3)},
            growth={"10,000 → 1,000,000": 1.06},
            bars=[Bar("peer", "35", True)],
            notes=["Same note."],
        )
        for number in (1, 2)
    ]
    page = report.markdown([figures(*results)])
    row = "| B1 a list | admin 35.4 (29.1–41) | raw SQL 2.3 (2–3) | 10,000 → 1,000,000 1.06 | queries 9 | 7.25 ms | pass (1) |"
    assert row in page
    assert page.count("Same note.") == 1
    assert "9 rounds, 2 of them discarded" in page


def test_the_product_knows_neither_benchmarks_nor_the_admin():
    assert not any("admin" in app or "benchmarks" in app for app in settings.INSTALLED_APPS)
    for folder in PRODUCT:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not any(name.split(".")[0] == "benchmarks" for name in names), f"{path}:{node.lineno}"
