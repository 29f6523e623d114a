"""What the tests of npfuse.cuda run on: a GPU, and the same kernels compiled for the host.

The second needs g++ alone. A stand-in for the CUDA runtime (tests/native/runtime) has the host's memory for a device's,
and blocks and threads take turns; all else is what runs on a GPU: the kernels' text, their launchers, what calls the
runtime, the Python side.
"""

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

import ml_dtypes
import numpy as np
import pytest

from npfuse import _native, cuda
from npfuse.cuda import _device
from samples import SEED, edges

DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "csrc" / "cuda"
RUNTIME = ROOT / "tests" / "native" / "runtime"
BUILT = ROOT / "build" / "cuda-on-host"

FLAGS = ["-std=c++20", "-O1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wno-unknown-pragmas"]
"""The same arithmetic as everywhere: no fast-math, no contraction, fma where it is written."""


def with_fma() -> list[str]:
    return ["-march=x86-64-v3"] if platform.machine() in {"x86_64", "AMD64"} else []


def sources() -> list[Path]:
    return [*sorted(SOURCES.glob("*.cu")), *sorted((SOURCES / "bind").glob("*.cpp")), RUNTIME / "runtime.cpp"]


def reason_against_host() -> str | None:
    """Say why the kernels cannot run on the host, if so."""
    if shutil.which("g++") is None:
        return "there is no g++ to compile the kernels for the host with"
    if importlib.util.find_spec("pybind11") is None:
        return "there is no pybind11 to compile the kernels for the host with"
    if set(_native.config()["available_isas"]) <= {"x86-64-v2"}:
        return "this CPU has no FMA, so its bits are not the GPU's"
    return None


def compiled_for_the_host() -> ModuleType:
    """Compile the GPU's module with the host's compiler, what has changed since the last time, and load it."""
    if reason := reason_against_host():
        pytest.skip(reason)
    import pybind11

    folders = [ROOT / "csrc", RUNTIME, pybind11.get_include(), sysconfig.get_path("include")]
    headers = [f"-I{folder}" for folder in folders]
    command = ["g++", *FLAGS, *with_fma(), *headers, '-DNPFUSE_VERSION="host"', "-x", "c++", "-c"]
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT.parent / "cuda-on-host.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be at it
        return loaded(built_for_the_host(command))


def built_for_the_host(command: list[str]) -> Path:
    compiled_before = set(BUILT.iterdir())
    objects = [BUILT / f"{source.stem}-{fingerprint(source)}.o" for source in sources()]
    running: list[subprocess.Popen[bytes]] = []
    for source, built in zip(sources(), objects, strict=True):
        if built in compiled_before:
            continue
        running.append(subprocess.Popen([*command, str(source), "-o", str(built)]))
        if len(running) >= (os.cpu_count() or 1):
            assert running.pop(0).wait() == 0
    for process in running:
        assert process.wait() == 0
    module = BUILT / f"_cuda{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run(["g++", "-shared", *map(str, objects), "-o", str(module)], check=True)
    for stale in compiled_before - {*objects, module}:
        stale.unlink()
    return module


def fingerprint(source: Path) -> str:
    """Hash a source together with every header."""
    headers = [*sorted((ROOT / "csrc").rglob("*.h")), *sorted(RUNTIME.glob("*.h"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in [source, *headers])).hexdigest()[:16]


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("on_host._cuda", path)  # beside the GPU's, under another name
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sample(dtype: type, n: int, seed: int = SEED) -> np.ndarray:
    """Return numbers of any bits, ordinary ones and the edges; no NaN, whose payload is each machine's own."""
    random = np.random.default_rng(seed)
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    any_bits = random.integers(0, np.iinfo(unsigned).max, size=n, dtype=unsigned).view(dtype)
    near = edges(dtype) if np.dtype(dtype).itemsize > 2 else np.array([0, -0.0, 1, -1, np.inf, -np.inf], dtype)
    numbers = np.concatenate([near, random.normal(scale=4, size=n).astype(dtype), any_bits])
    return random.permutation(numbers[~is_nan(numbers)])[:n]


def is_nan(numbers: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # a bfloat16 NaN may be a signalling one
        return np.isnan(numbers.astype(np.float64))


def assert_same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    """Compare bit by bit, but for NaN, of which one is as good as another."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    unsigned = f"u{actual.dtype.itemsize}"
    nan = is_nan(expected)
    np.testing.assert_array_equal(is_nan(actual), nan)
    np.testing.assert_array_equal(actual.view(unsigned)[~nan], expected.view(unsigned)[~nan])


class Foreign:
    """A view of an array on the GPU as a library of its own would hold it."""

    def __init__(self, array: cuda.Array, like: np.ndarray, view: np.ndarray) -> None:
        self.owner = array
        interface = dict(array.__cuda_array_interface__)
        offset = view.__array_interface__["data"][0] - like.__array_interface__["data"][0]
        self.shape = view.shape
        self.interface = {
            **interface,
            "data": (interface["data"][0] + offset, False),
            "shape": view.shape,
            "strides": view.strides,
            "typestr": view.dtype.name,
        }

    @property
    def __cuda_array_interface__(self) -> dict:
        return self.interface


class Runtime:
    """What a test may ask of the stand-in for the CUDA runtime: tests/native/runtime/runtime.cpp says what it does."""

    def __init__(self, module: ModuleType) -> None:
        library = ctypes.CDLL(module.__file__)
        address, integer, flag = ctypes.c_size_t, ctypes.c_longlong, ctypes.c_bool
        functions = {
            "last_thread_first": (None, [flag]),
            "put_off": (None, [flag]),
            "destroy_stream": (None, [address]),
            "create_stream": (None, [address]),
            "capture": (None, [address, flag]),
            "pin": (None, [address, address]),
            "context": (address, []),
            "set_context": (None, [address]),
            "last_error": (ctypes.c_int, []),
            "leave_error": (None, [ctypes.c_int]),
            "waits": (integer, []),
            "misuses": (integer, []),
            "allocations": (integer, []),
        }
        for name, (result, arguments) in functions.items():
            function = getattr(library, f"npfuse_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    @contextmanager
    def putting_off(self) -> Iterator[None]:
        """Have streams do their work as late as they may, in the least convenient order."""
        self.put_off(True)
        try:
            yield
        finally:
            self.put_off(False)


LAST_THREAD_FIRST = "host, last thread first"


class Device:
    """Makes npfuse.cuda run on the GPU or on the host, there with the threads of a step in either order."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        if kind.startswith("host"):
            self.module = compiled_for_the_host()
        elif (reason := _device.reason_against()) is not None:
            pytest.skip(reason)
        else:
            self.module = _device.load()
        self.runtime = Runtime(self.module) if kind.startswith("host") else None

    def __enter__(self) -> "Device":
        self._before = _device.load
        _device.load, _device._ready = lambda: self.module, None
        self._set_order(self.kind == LAST_THREAD_FIRST)
        return self

    def __exit__(self, *_: object) -> None:
        self._set_order(False)
        _device.load, _device._ready = self._before, None

    def _set_order(self, last_thread_first: bool) -> None:
        if self.runtime is not None:
            self.runtime.last_thread_first(last_thread_first)


@cache
def device_of_kind(kind: str) -> Device:
    """Return the device, whose module is compiled and loaded once."""
    return Device(kind)
