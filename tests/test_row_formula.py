"""A row formula runs on every layout, dtype and device that there is: layer_norm, which the library does not have."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "tests" / "native" / "layer_norm"
EPS = 1e-5
ULP = {np.float16: 2**-11, np.float32: 2**-23, np.float64: 2**-49}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("no compiler to build a formula with")
    built = tmp_path_factory.mktemp("layer_norm") / "layer_norm.so"
    flags = ["-std=c++20", "-O1", "-fPIC", "-fopenmp-simd", "-ffp-contract=off", "-w", f"-I{ROOT / 'csrc'}"]
    objects = []
    for name, defined in (("cpu", ["-DNPFUSE_ISA=tested"]), ("gpu", [])):
        objects.append(str(built.with_name(f"{name}.o")))
        source = str(SOURCES / f"{name}.cpp")
        subprocess.run(["g++", *flags, *defined, "-c", source, "-o", objects[-1]], check=True)
    subprocess.run(["g++", "-shared", *objects, "-o", str(built)], check=True)
    return ctypes.CDLL(str(built))


def expected(x):
    x = x.astype(np.float64)
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPS)


def on_cpu(library, x, has_scratch=True):
    """Rows along the last axis of a matrix of any strides; the result lies in memory as the matrix does."""
    y = np.empty_like(x)
    strides = [(ctypes.c_ssize_t * 2)(x.strides[axis], y.strides[axis]) for axis in (0, 1)]
    scratch = np.empty(2 * 64 * max(x.shape[1], 1)) if has_scratch else None
    function = getattr(library, f"layer_norm_{x.dtype}")
    sizes = [ctypes.c_ssize_t(size) for size in x.shape]
    function(
        ctypes.c_void_p(x.ctypes.data),
        ctypes.c_void_p(y.ctypes.data),
        *strides,
        *sizes,
        ctypes.c_void_p(None if scratch is None else scratch.ctypes.data),
    )
    return y


def on_gpu(library, x, inner=1):
    """Rows of a C-contiguous array of shape (outer, n, inner)."""
    y = np.empty_like(x)
    function = getattr(library, f"gpu_layer_norm_{x.dtype}")
    n = x.shape[1]
    sizes = [ctypes.c_longlong(size) for size in (x.size // n, n, inner)]
    function(ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), *sizes)
    return y


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 7, 31, 200, 1000, 5000])
def test_layer_norm_has_the_same_bits_wherever_rows_lie(library, n, dtype):
    x = np.random.default_rng(n).standard_normal((70, n)).astype(dtype)
    truth = expected(x)
    contiguous = on_cpu(library, x)
    assert np.abs(contiguous - truth).max() <= ULP[dtype] * max(1, np.abs(truth).max())
    columns = on_cpu(library, np.asfortranarray(x))
    strided = on_cpu(library, np.repeat(x, 2, axis=1)[:, ::2])
    by_blocks = on_cpu(library, np.repeat(x, 2, axis=1)[:, ::2], has_scratch=False)
    gpu = on_gpu(library, x)
    across = on_gpu(library, np.ascontiguousarray(x.T)[None], inner=70)[0].T
    for other in (columns, strided, by_blocks, gpu, across):
        np.testing.assert_array_equal(other, contiguous)


def test_the_formula_is_short():
    body = re.search(r"struct LayerNorm \{.*?\n\};", (SOURCES / "formula.h").read_text(), re.DOTALL)
    assert body is not None
    assert body.group().count("\n") <= 25
