"""The benchmark runs, verifies before it times, and says what it found."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
from npfuse.bench import main, report
from npfuse.bench.contest import Contest


@pytest.fixture(autouse=True)
def undisturbed_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The benchmark confines its process to one CPU; the other tests shall keep theirs."""
    before = nf.get_num_threads()
    monkeypatch.setattr("npfuse.bench.machine.use_cpus", lambda count: None)
    yield
    nf.set_num_threads(before)


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
    with pytest.raises(AssertionError, match="textbook"):
        contest.times(rounds=1, seconds=1e-5)


def test_the_ratio_is_the_best_peers_time_over_ours() -> None:
    result = report.Result("op", "10", 10, 80, {"npfuse": 2e-8, "numpy": 8e-8, "torch": 4e-8}, [])
    assert result.best_peer == "torch"
    assert result.ratio == pytest.approx(2)
    assert result.gigabytes_per_second == pytest.approx(4)


def test_an_unknown_operation_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(SystemExit, match="sigmoid"):
        main(["--quick", "--only", "no_such_operation"])
