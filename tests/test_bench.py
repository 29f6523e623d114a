"""The benchmark runs, verifies before it times, and says what it found."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native
from npfuse.bench import bandwidth, bar, inputs, main, measure, overhead, parse, picture, promises, report
from npfuse.bench.contest import Contest
from npfuse.bench.suite import BEYOND_CACHE, MIXED, Entry, arrays_in_words, entries


@pytest.fixture(autouse=True)
def undisturbed_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The benchmark confines its process to one CPU; the other tests shall keep theirs."""
    before = nf.get_num_threads()
    monkeypatch.setattr("npfuse.bench.machine.use_cpus", lambda count: None)
    yield
    nf.set_num_threads(before)


def result(**changes: object) -> report.Result:
    seconds = {"npfuse": 2e-8, "numpy": 8e-8, "torch": 4e-8}
    values = {"family": "f", "operation": "op", "workload": "10", "numbers": 10, "bytes_moved": 80, "wrong": []}
    return report.Result(**{**values, "seconds": seconds, **changes})


def one_of_each() -> list[Entry]:
    """Return the shortest contest of every operation."""
    shortest = {}
    for entry in sorted(entries(quick=True), key=lambda entry: -entry.numbers):
        shortest[entry.operation] = entry
    return list(shortest.values())


@pytest.mark.parametrize("entry", one_of_each(), ids=lambda entry: entry.operation)
def test_every_contest_can_be_held(entry: Entry) -> None:
    contest = entry.set_up(["numpy"])
    contest.verify()
    assert list(contest.calls) == ["npfuse", "numpy"]


def test_quick_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "results.json"
    status = main(["--quick", "--only", "relu", "--peers", "numpy", "--no-bars", "--json", str(target)])
    printed = capsys.readouterr().out
    assert status == 0
    assert "relu_backward" in printed
    assert "GB/s" in printed
    results = json.loads(target.read_text())["results"]
    assert {result["operation"] for result in results} >= {"relu", "relu_backward"}
    assert all(result["ns_per_number"]["npfuse"] > 0 for result in results)
    assert all(result["best_peer"] == "numpy" for result in results)


def test_a_wrong_peer_is_not_timed() -> None:
    contest = Contest({"npfuse": lambda: np.ones(3), "liar": lambda: np.zeros(3)}, [np.ones(3)], bytes_moved=24)
    times = contest.times(rounds=1, seconds=1e-5)
    assert list(times) == ["npfuse"]
    assert contest.wrong == ["liar"]


def test_a_wrong_result_of_ours_ends_the_run() -> None:
    contest = Contest({"npfuse": lambda: np.zeros(3)}, [np.ones(3)], bytes_moved=24)
    with pytest.raises(AssertionError, match=r"npfuse\.reference"):
        contest.times(rounds=1, seconds=1e-5)


def test_the_ratio_is_the_best_peers_time_over_ours() -> None:
    assert result().best_peer == "torch"
    assert result().ratio == pytest.approx(2)
    assert result().gigabytes_per_second == pytest.approx(4)


def test_the_best_of_a_librarys_ways_stands_in_the_table() -> None:
    line = report.line(result(seconds={"npfuse": 2e-8, "torch": 4e-8, "torch fused": 3e-8}), ["npfuse", "torch"])
    assert "  2  " in line
    assert "  3  " in line
    assert line.endswith("1.50 × torch fused")


def test_promises_are_judged_by_the_best_peer_or_the_one_they_name() -> None:
    seconds = {"npfuse": 1.0, "numpy": 4.0, "torch": 2.0, "torch fused": 3.0}
    adam = result(family="optimizers", operation="Adam", numbers=BEYOND_CACHE, seconds=seconds)
    mixed = result(family="optimizers", operation="Adam", workload=arrays_in_words(MIXED), seconds=seconds)
    losses = [
        result(family="losses", operation=name, numbers=BEYOND_CACHE, seconds={"npfuse": 1.0, "jax": time})
        for name, time in (("mse_loss", 2.0), ("l1_loss", 8.0))
    ]
    bars = {bar.what: bar for bar in promises.judge([adam, mixed, *losses])}
    fused = next(bar for what, bar in bars.items() if what.startswith("Adam of"))
    assert (fused.measured, fused.kept) == (3, True)
    many = next(bar for what, bar in bars.items() if what.startswith("step over 200"))
    assert (many.measured, many.kept) == (3, False)
    assert bars["losses over the best peer: geometric mean"].measured == pytest.approx(4)
    assert next(bar for what, bar in bars.items() if "worst mse_loss" in what).kept
    assert not next(bar for what, bar in bars.items() if "plain NumPy" in what).kept


def test_the_worst_speaks_for_all() -> None:
    (most,) = bar.worst("cost", {"a": 1.0, "b": 3.0, "c": 2.5}, 2)
    assert (most.measured, most.kept, "b (2 of 3 beyond)" in str(most)) == (3, False, True)
    (least,) = bar.worst("gain", {"a": 1.0, "b": 3.0}, 0.5, at_least=True)
    assert (least.measured, least.kept) == (1, True)
    assert not list(bar.worst("nothing", {}, 1))


def test_everything_else_is_measured_for_the_operations_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def called_once(calls: dict, *rest: object, **more: object) -> dict[str, float]:
        for call in calls.values():
            call()
        return dict.fromkeys(calls, 1.0)

    for module in (inputs, overhead, bandwidth):
        monkeypatch.setattr(module, "best_times", called_once)
    for module in (inputs, bandwidth):
        for size in ("IN_CACHE", "BEYOND_CACHE", "LARGE"):
            monkeypatch.setattr(module, size, 1000, raising=False)
    options = parse(["--only", "these", "--quick"])
    names = {"relu", "swish", "swiglu_backward", "softmax", "mse_loss", "nll_loss", "Adam"}
    assert not [bar for bar in measure(options, set()) if bar]
    measured = [*measure(options, names), *bandwidth.steps_as_passes(names)]
    assert len(measured) == 9
    assert {bar.measured for bar in measured if "subnormals" not in bar.what} <= {0, 1}


def test_the_import_is_measured_as_pip_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(overhead, "IMPORT_ROUNDS", 2)
    (measured,) = overhead.import_time()
    assert 0 < measured.measured < 1000


def test_the_wheel_holds_every_file_once() -> None:
    files = overhead.installed_files()
    assert Path(_native.__file__) in files.values()
    assert {Path("__init__.py"), Path("optimizers/_base.py"), Path("py.typed"), Path("losses.pyi")} <= set(files)
    (measured,) = overhead.wheel_size()
    compiled = sum(path.stat().st_size for path in files.values() if path.suffix == ".so")
    assert compiled / 5 < 1e6 * measured.measured < sum(path.stat().st_size for path in files.values())


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / "bench.png"
    results = [result(family=family, numbers=10**6) for family in ("activations", "losses")]
    picture.draw(results, target)
    assert target.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit, match="no operation"):
        picture.draw([result()], target)


def test_an_unknown_operation_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(SystemExit, match="sigmoid"):
        main(["--quick", "--only", "no_such_operation"])
