"""The benchmark of a GPU runs on the emulated one: every kernel is set up, checked, timed and judged."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
from gpu import Device
from npfuse import cuda
from npfuse.bench import gpu, main
from npfuse.bench.bar import Bar
from npfuse.bench.gpu import contest, peers, promises
from npfuse.bench.gpu.clock import Clock
from npfuse.bench.gpu.task import Task
from npfuse.bench.gpu.training import MANY
from npfuse.bench.report import Result
from npfuse.cuda import _device

NUMBERS = 2**13
TINY = ["--cuda", "--quick", "--numbers", str(NUMBERS), "--peers", "nobody"]


def one_of_each() -> list[Task]:
    """Return a task for every operation and dtype."""
    found = {(task.operation, task.workload): task for task in gpu.tasks(NUMBERS, quick=True)}
    return list(found.values())


@pytest.mark.parametrize("task", one_of_each(), ids=lambda task: f"{task.operation} {task.workload}")
def test_every_task_has_the_cpus_bits(device_in_either_order: Device, task: Task) -> None:
    held = contest.set_up(task, task.make(), [], Clock(device_in_either_order.module))
    held.verify()
    assert list(held.calls) == ["npfuse"]
    assert len(held.calls["npfuse"]) >= 2


def test_every_operation_is_timed() -> None:
    timed = {task.operation for task in one_of_each()}
    everything = {name for name in cuda.__all__ if callable(getattr(cuda, name, None))}
    everything -= {"Array", "asarray", "is_available", "Optimizer", "clip_by_global_norm", "global_norm"}
    assert timed >= {name for name in everything if not name.endswith("_step")}


def test_the_command(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "results.json"
    words = ["relu", "swiglu", "softmax", "mse_loss", "Adam", "global_norm"]
    assert main([*TINY, "--only", *words, "--json", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "of copy" in printed
    data = json.loads(target.read_text())
    assert data["copy_gigabytes_per_second"] > 0
    assert not data["not_verified"]
    operations = {result["operation"] for result in data["results"]}
    assert operations >= {"relu", "relu_backward", "softmax", "softmax_cross_entropy", "mse_loss", "Adam", "AdamW"}
    assert all(result["gigabytes_per_second"] > 0 and result["of_copy"] > 0 for result in data["results"])
    assert {result["workload"].split()[-1] for result in data["results"]} >= {"float32", "float16", "bfloat16"}
    judged = [bar["what"].split(" over")[0] for bar in data["bars"]]
    assert judged[:4] == ["elementwise", "losses", "optimizer steps", "rows and losses of rows"]
    launches = data["bars"][-1]
    assert launches["what"] == f"launches of Adam's step over {MANY}"
    assert (launches["measured"], launches["kept"]) == (1, True)
    for bar in data["bars"]:
        assert f"{bar['what']}: " in printed


def test_a_wrong_result_is_not_timed(
    device: Device, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "results.json"

    def almost(x: cuda.Array, *, out: cuda.Array) -> cuda.Array:
        right = nf.relu(x.get())
        right[-1] = np.nextafter(right[-1], right.dtype.type(9))
        out.set(right)
        return out

    monkeypatch.setattr(cuda, "relu", almost)
    assert main([*TINY, "--only", "relu", "--json", str(target)]) == 1
    assert "not the CPU's bits" in capsys.readouterr().out
    data = json.loads(target.read_text())
    assert data["not_verified"][0] == f"relu of {NUMBERS:,} float32"
    assert not [result for result in data["results"] if result["operation"] == "relu"]


def test_a_wrong_peer_is_not_timed() -> None:
    ones = np.ones(3, np.float32)
    calls = {"npfuse": [lambda: ones], "near": [lambda: ones * np.float32(1.0001)], "liar": [lambda: ones + 1]}
    held = contest.Contest(calls, [ones], unit=2.0**-23)
    held.verify()
    assert list(held.calls) == ["npfuse", "near"]
    assert held.wrong == ["liar"]


def test_arrays_go_twice_round_the_cache(device: Device) -> None:
    clock = Clock(device.module)
    for size in (1, 100, clock.cache, 10 * clock.cache):
        assert clock.turns(size) * size > 2 * clock.cache
        assert clock.turns(size) >= 2


def result(operation: str, family: str, seconds: dict[str, float], workload: str = "9 float32") -> Result:
    return Result(family, operation, workload, 9, 10**9, seconds, [])


def test_promises() -> None:
    results = [
        result("relu", "elementwise", {"npfuse": 0.1}),
        result("gelu", "elementwise", {"npfuse": 0.2}),
        result("softmax", "rows", {"npfuse": 0.1}),
        result("nll_loss", "losses", {"npfuse": 0.2, "torch": 0.3}),
        result("mse_loss", "losses", {"npfuse": 0.1, "torch": 0.3, "torch kernels": 0.12}),
        result("Adam", "optimizers", {"npfuse": 0.1, "torch fused": 0.11, "torch foreach": 0.05}),
        result("Adam", "optimizers", {"npfuse": 9.0, "torch fused": 0.9}, MANY),
    ]
    bars = {bar.what.split(",")[0]: bar for bar in promises.judge(results, copy=10)}
    judged = {what: (round(bar.measured, 3), bar.kept) for what, bar in bars.items()}
    assert judged == {
        "elementwise over the device's own copy": (0.5, False),
        "losses over the device's own copy": (1, True),
        "optimizer steps over the device's own copy": (1, True),
        "rows and losses of rows over the device's own copy": (0.5, False),
        "Adam over torch fused": (0.1, False),
        "loss and gradient over torch": (1.2, False),
    }
    assert all(isinstance(bar, Bar) for bar in bars.values())


def test_torch_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, where its kernels are others, but are called alike; in half types it loses more than we allow."""
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(peers.to_torch, "__defaults__", ("cpu",))
    wrong = []
    for task in one_of_each():
        arrays = task.make()
        calls = peers.torch_ways(task, [arrays])  # before a step of ours changes the parameters
        held = contest.set_up(task, arrays, [], NoClock())
        held.calls = calls
        held.verify()
        wrong += [f"{who}: {task.operation}" for who in held.wrong if task.workload.endswith("float32")]
    assert wrong == []


class NoClock:
    @staticmethod
    def sets(arrays: list[np.ndarray]) -> list:
        return []


def test_without_a_gpu_one_line_says_why() -> None:
    reason = _device.reason_against()
    if reason is None:
        pytest.skip("there is a GPU")
    run = subprocess.run(
        [sys.executable, "-m", "npfuse", "bench", "--cuda"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr == f"--cuda: {reason}\n"


@pytest.mark.parametrize("arguments", [["--numbers", "9"], ["--cuda", "--numbers", "0"], ["--cuda", "--picture", "x"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert arguments[-2] in capsys.readouterr().err
