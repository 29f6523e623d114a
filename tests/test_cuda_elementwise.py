"""Elementwise operations on a GPU have the bits they have on the CPU, from the same table, wherever they stand."""

import numpy as np
import pytest

import npfuse as nf
from gpu import DTYPES, Device, Foreign, assert_same_bits, sample
from npfuse import cuda
from table import GATED, Gated, Kernel


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_have_the_cpus_bits(device: Device, any_kernel: Kernel, dtype: type) -> None:
    x, dy = sample(dtype, 5003), sample(dtype, 5003, seed=1)
    first = [cuda.asarray(dy)] if any_kernel.backward else []
    actual = getattr(cuda, any_kernel.name)(*first, cuda.asarray(x), *any_kernel.parameters)
    assert_same_bits(actual.get(), any_kernel(x, dy))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", GATED, ids=lambda row: row.name)
def test_gated_activations_have_the_cpus_bits(device: Device, row: Gated, dtype: type) -> None:
    dy, gate, x = (sample(dtype, 3001, seed) for seed in range(3))
    on_gpu = [cuda.asarray(array) for array in (dy, gate, x)]
    assert_same_bits(getattr(cuda, row.name)(*on_gpu[1:]).get(), getattr(nf, row.name)(gate, x))
    expected = getattr(nf, f"{row.name}_backward")(dy, gate, x)
    for actual, wanted in zip(getattr(cuda, f"{row.name}_backward")(*on_gpu), expected, strict=True):
        assert_same_bits(actual.get(), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 255, 2047, 2048, 2049])
def test_every_length(device: Device, dtype: type, n: int) -> None:
    x = sample(dtype, 3000)[:n]
    assert_same_bits(cuda.silu(cuda.asarray(x)).get(), nf.silu(x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_position_and_layout_do_not_matter(device: Device, dtype: type) -> None:
    """Views that start anywhere, run backwards, leave gaps or have their axes swapped."""
    x = sample(dtype, 6 * 100).reshape(6, 100)
    on_gpu = cuda.asarray(x)
    for view in (np.s_[:, 1:], np.s_[1:, 3:97:2], np.s_[::-1, ::-3], np.s_[2], np.s_[None, :, 5, None]):
        foreign = Foreign(on_gpu, x, x[view])
        assert_same_bits(cuda.gelu(foreign).get(), nf.gelu(x[view]))
    assert_same_bits(cuda.gelu(Foreign(on_gpu, x, x.T)).get(), nf.gelu(x.T))


def test_shapes_broadcast(device: Device) -> None:
    x, slope = sample(np.float32, 4 * 5 * 6).reshape(4, 5, 6), sample(np.float32, 5).reshape(5, 1)
    assert_same_bits(cuda.prelu(cuda.asarray(x), cuda.asarray(slope)).get(), nf.prelu(x, slope))


def test_out_takes_the_result(device: Device) -> None:
    x = sample(np.float32, 1000)
    in_place = cuda.asarray(x)
    assert cuda.tanh(in_place, out=in_place) is in_place
    assert_same_bits(in_place.get(), nf.tanh(x))


def test_out_may_overlap_an_input(device: Device) -> None:
    x = sample(np.float32, 1000)
    on_gpu = cuda.asarray(x)
    cuda.tanh(Foreign(on_gpu, x, x[:-1]), out=Foreign(on_gpu, x, x[1:]))
    assert_same_bits(on_gpu.get()[1:], nf.tanh(x[:-1]))


def test_out_may_have_gaps(device: Device) -> None:
    x, target = sample(np.float64, 50), np.zeros(100)
    on_gpu = cuda.asarray(target)
    cuda.sigmoid(cuda.asarray(x), out=Foreign(on_gpu, target, target[::2]))
    assert_same_bits(on_gpu.get()[::2], nf.sigmoid(x))
    assert not on_gpu.get()[1::2].any()
