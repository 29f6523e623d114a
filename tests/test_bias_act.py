"""bias_act is the activation of a sum, its backward pass the gradient and its sum over rows."""

import ml_dtypes
import numpy as np
import pytest

import npfuse as nf
from table import Kernel

ROWS, COLUMNS = 70, 37


def sample(dtype: type, *shape: int) -> np.ndarray:
    return np.random.default_rng(24).normal(scale=2, size=shape).astype(dtype)


def parameters_of(kernel: Kernel) -> dict[str, float]:
    names = nf._native.activation_parameters[kernel.activation.name]
    return dict(zip(names, kernel.parameters, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(COLUMNS,), (ROWS, COLUMNS), (3, 5, COLUMNS), (1, 1), (4000, COLUMNS)])
def test_forward_has_the_bits_of_the_activation(forward: Kernel, dtype: type, shape: tuple[int, ...]) -> None:
    x, bias = sample(dtype, *shape), sample(dtype, shape[-1]) / 3
    result = nf.bias_act(x, bias, forward.activation.name, **parameters_of(forward))
    np.testing.assert_array_equal(result, forward(x + bias))
    assert result.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(COLUMNS,), (ROWS, COLUMNS), (3, 5, COLUMNS), (1, 1), (4000, COLUMNS)])
def test_backward_has_the_bits_of_the_derivative(backward: Kernel, dtype: type, shape: tuple[int, ...]) -> None:
    x, bias = sample(dtype, *shape), sample(dtype, shape[-1]) / 3
    dy = sample(dtype, *shape) / 2
    dx, dbias = nf.bias_act_backward(dy, x, bias, backward.activation.name, **parameters_of(backward))
    np.testing.assert_array_equal(dx, backward(x + bias, dy))
    rows = dx.reshape(-1, shape[-1]).astype(np.longdouble)
    tolerance = np.finfo(dtype).eps * (1 if dtype is np.float32 else 16)  # float64 has no wider type to sum in
    np.testing.assert_allclose(dbias, rows.sum(axis=0), rtol=tolerance, atol=tolerance * np.abs(rows).sum(axis=0).max())
    assert dbias.shape == bias.shape
    assert dbias.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_parameters_promote_nothing(parametric: Kernel, dtype: type) -> None:
    x, bias = sample(dtype, ROWS, COLUMNS), sample(dtype, COLUMNS)
    name = parametric.activation.name
    for parameters in ({}, parameters_of(parametric)):
        assert nf.bias_act(x, bias, name, **parameters).dtype == dtype
        dx, dbias = nf.bias_act_backward(x, x, bias, name, **parameters)
        assert dx.dtype == dbias.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float16, "bfloat16"])
def test_half_types_round_once(dtype: type | str) -> None:
    """The sum is not rounded to the half type on its way into the activation."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    x, bias = sample(dtype, ROWS, COLUMNS), sample(dtype, COLUMNS)
    wide = nf.sigmoid(x.astype(np.float32) + bias.astype(np.float32))
    np.testing.assert_array_equal(nf.bias_act(x, bias, "sigmoid"), wide.astype(dtype))


def test_dbias_does_not_depend_on_threads_or_layout() -> None:
    x, dy, bias = sample(np.float32, 3001, 65), sample(np.float32, 3001, 65) / 3, sample(np.float32, 65)
    _, expected = nf.bias_act_backward(dy, x, bias, "tanh")
    before = nf.get_num_threads()
    try:
        for threads in (1, 2, 5):
            nf.set_num_threads(threads)
            for arrays in (
                (dy, x),
                (np.asfortranarray(dy), np.asfortranarray(x)),
                (dy, np.repeat(x, 2, axis=1)[:, ::2]),
            ):
                np.testing.assert_array_equal(nf.bias_act_backward(*arrays, bias, "tanh")[1], expected)
    finally:
        nf.set_num_threads(before)


def test_in_place() -> None:
    x, bias = sample(np.float32, ROWS, COLUMNS), sample(np.float32, COLUMNS)
    expected = nf.bias_act(x, bias, "silu")
    gradients = nf.bias_act_backward(x / 2, x, bias, "silu")
    dy = x / 2
    dx, dbias = nf.bias_act_backward(dy, x, bias, "silu", out=dy)
    assert dx is dy
    np.testing.assert_array_equal(dx, gradients[0])
    np.testing.assert_array_equal(dbias, gradients[1])
    assert nf.bias_act(x, bias, "silu", out=x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("out_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_dbias_has_the_dtype_of_the_result_whatever_out_is(dtype: type, out_dtype: type) -> None:
    x, bias = sample(dtype, ROWS, COLUMNS), sample(dtype, COLUMNS)
    dx, dbias = nf.bias_act_backward(x, x, bias, "tanh")
    out = np.empty((ROWS, COLUMNS), out_dtype)
    written, sums = nf.bias_act_backward(x, x, bias, "tanh", out=out)
    assert written is out
    np.testing.assert_array_equal(out, dx.astype(out_dtype))
    assert sums.dtype == dbias.dtype == dtype
    np.testing.assert_array_equal(sums.astype(np.float64), dbias.astype(np.float64))
    mixed = nf.bias_act_backward(x, x.astype(np.float32), bias, "tanh", out=out)[1]
    assert mixed.dtype == np.result_type(dtype, np.float32)


def test_masked_arrays_are_refused() -> None:
    x, bias = sample(np.float32, ROWS, COLUMNS), sample(np.float32, COLUMNS)
    out = np.full_like(x, 7)
    for name, masked in (
        ("x", {"x": np.ma.array(x)}),
        ("bias", {"bias": np.ma.array(bias)}),
        ("out", {"out": np.ma.array(out)}),
    ):
        with pytest.raises(TypeError, match=rf"^{name} must be an array without a mask, got a MaskedArray"):
            nf.bias_act(**{"x": x, "bias": bias, "out": out, **masked})
        with pytest.raises(TypeError, match=rf"^{name} must be an array without a mask"):
            nf.bias_act_backward(**{"dy": x, "x": x, "bias": bias, "out": out, **masked})
    with pytest.raises(TypeError, match=r"^dy must be an array without a mask"):
        nf.bias_act_backward(np.ma.array(x), x, bias, out=out)
    assert (out == 7).all()


def test_out_of_any_layout_is_written() -> None:
    x, bias = sample(np.float32, 4, 5, 6), sample(np.float32, 6)
    expected, _ = nf.bias_act_backward(x, x, bias, "tanh")
    out = np.full((6, 5, 4), 7, np.float32).T
    nf.bias_act_backward(x, x, bias, "tanh", out=out)
    np.testing.assert_array_equal(out, expected)
    out = np.full((4, 5, 12), 7, np.float32)[..., ::2]
    nf.bias_act(x, bias, "tanh", out=out)
    np.testing.assert_array_equal(out, nf.bias_act(x, bias, "tanh"))


def test_no_rows() -> None:
    x, bias = np.empty((0, 3), np.float32), np.ones(3, np.float32)
    assert nf.bias_act(x, bias, "relu").shape == (0, 3)
    dx, dbias = nf.bias_act_backward(x, x, bias, "relu")
    assert dx.shape == (0, 3)
    np.testing.assert_array_equal(dbias, np.zeros(3))


def test_silence() -> None:
    x = np.array([[-np.inf, np.inf, np.nan, 3e38, -1e-45]], np.float32)
    with np.errstate(all="raise"):
        nf.bias_act(x, np.full(5, 3e38, np.float32), "sigmoid")
        nf.bias_act_backward(x, x, np.full(5, 3e38, np.float32), "sigmoid")


def test_bad_input_is_refused_before_anything_is_written() -> None:
    x, bias = sample(np.float32, 4, 5), sample(np.float32, 5)
    out = np.full((4, 5), 7, np.float32)
    with pytest.raises(ValueError, match="relu"):
        nf.bias_act(x, bias, "rleu", out=out)
    with pytest.raises(TypeError, match="activation"):
        nf.bias_act(x, bias, 3, out=out)
    with pytest.raises(TypeError, match="slop"):
        nf.bias_act(x, bias, "leaky_relu", slop=3, out=out)
    for wrong in (np.ones(4, np.float32), np.ones((4, 5), np.float32)):
        with pytest.raises(ValueError, match=r"^bias must be of shape \(5,\)"):
            nf.bias_act_backward(x, x, wrong, "relu", out=out)
    with pytest.raises(ValueError, match=r"^bias must be of shape \(5,\), that of a row of x, got \(4,\)"):
        nf.bias_act(x, wrong[0, :4], "relu", out=out)
    with pytest.raises(ValueError, match=r"^out must be of the shape of x, \(4, 5\), got \(3, 5\)"):
        nf.bias_act(x, bias, "relu", out=out[:3])
    with pytest.raises(TypeError, match=r"^out must be an ndarray, got list"):
        nf.bias_act(x, bias, "relu", out=[1.0])
    with pytest.raises(TypeError, match=r"^bias must be of float16, .* got complex128"):
        nf.bias_act(x, bias.astype(complex), "relu")
    with pytest.raises(ValueError, match="dy"):
        nf.bias_act_backward(x[0], x, bias, "relu", out=out)
    assert (out == 7).all()
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        nf.bias_act(x, bias, "relu", out=out)
