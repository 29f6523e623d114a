"""Which dtype goes in and which comes out."""

from collections.abc import Iterable, Sequence

import ml_dtypes
import numpy as np
import pytest

from npfuse import _native
from table import Kernel

STORAGE_TYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]


def arguments(kernel: Kernel, x: object) -> tuple:
    """Everything besides x as Python numbers, which promote nothing."""
    return (*((1.0,) if kernel.backward else ()), x, *kernel.parameters)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(kernel: Kernel, dtype: type) -> None:
    assert kernel.function(*arguments(kernel, np.ones(3, dtype))).dtype == dtype


def in_computing_type(kernel: Kernel, operands: Sequence[np.ndarray], parameters: Iterable[float]) -> np.ndarray:
    """Return the result of all operands in the type that their dtype computes in, rounded to that dtype."""
    stored = operands[0].dtype
    computing = np.float64 if stored == np.float64 else np.float32
    wide = (np.asarray(operand).astype(computing) for operand in (*operands, *parameters))
    return kernel.function(*wide).astype(stored)


@pytest.mark.parametrize("number", [float, int])
@pytest.mark.parametrize("dtype", STORAGE_TYPES)
def test_python_numbers_take_the_type_of_the_operands(parametric: Kernel, dtype: type, number: type) -> None:
    x = np.linspace(-2, 2, 5).astype(dtype)
    parameters = [number(parameter) for parameter in parametric.parameters]
    operands = parametric.operands(x)[: -len(parameters)]
    expected = in_computing_type(parametric, operands, parameters)
    assert expected.dtype == dtype
    for choice in ({}, {"dtype": dtype}, {"out": np.empty_like(x)}):
        result = parametric.function(*operands, *parameters, **choice)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, expected)
    scalars = parametric.function(*(operand[0] for operand in operands), *parameters)
    assert scalars.dtype == dtype


@pytest.mark.parametrize("dtype", STORAGE_TYPES)
def test_defaults_take_the_type_of_the_operands(with_defaults: Kernel, dtype: type) -> None:
    x = np.linspace(-2, 2, 5).astype(dtype)
    defaults = _native.activation_parameters[with_defaults.activation.name].values()
    operands = with_defaults.operands(x)[: -len(defaults)]
    result = with_defaults.function(*operands)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, in_computing_type(with_defaults, operands, defaults))


def test_a_parameter_keeps_its_precision_where_the_result_has_more(parametric: Kernel) -> None:
    x = np.linspace(-2, 2, 5).astype(np.float32)
    parameters = [0.1 + i for i in range(len(parametric.parameters))]
    operands = parametric.operands(x)[: -len(parameters)]
    expected = parametric.function(*(operand.astype(np.float64) for operand in operands), *parameters)
    np.testing.assert_array_equal(parametric.function(*operands, *parameters, dtype=np.float64), expected)
    np.testing.assert_array_equal(parametric.function(*operands[:-1], x.astype(np.float64), *parameters), expected)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_integers_promote_as_for_exp(kernel: Kernel, dtype: type) -> None:
    """Parameters are of the dtype that comes out; beside a Python float, NumPy takes integers for float64."""
    x = np.ones(3, dtype)
    operands = [np.asarray(operand).astype(np.exp(x).dtype) for operand in kernel.operands(np.ones(3))]
    position = 1 if kernel.backward else 0
    result = kernel.function(*operands[:position], x, *operands[position + 1 :])
    np.testing.assert_array_equal(result, kernel.function(*operands))
    assert result.dtype == np.exp(x).dtype


def test_mixed_operands_promote(backward: Kernel) -> None:
    dy, x, *parameters = backward.operands(np.ones(3, np.float32))
    assert backward.function(dy.astype(np.float64), x, *parameters).dtype == np.float64
    assert backward.function(dy.astype(np.float16), x, *parameters).dtype == np.float32


def test_dtype_argument_decides(kernel: Kernel) -> None:
    operands = kernel.operands(np.linspace(-2, 2, 5).astype(np.float32))
    result = kernel.function(*operands, dtype=np.float64)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, kernel.function(*(operand.astype(np.float64) for operand in operands)))


def test_longdouble_is_refused(kernel: Kernel) -> None:
    with pytest.raises(TypeError):
        kernel.function(*kernel.operands(np.ones(3, np.longdouble)))


@pytest.mark.parametrize("x", [np.ones(3, complex), np.array(["a"]), np.array([None])])
def test_what_is_no_real_number_is_refused(kernel: Kernel, x: np.ndarray) -> None:
    with pytest.raises(TypeError):
        kernel.function(*arguments(kernel, x))


def test_lists_and_python_numbers_become_float64(kernel: Kernel) -> None:
    from_list = kernel.function(*arguments(kernel, [0.5, 1.5]))
    assert from_list.dtype == np.float64
    assert isinstance(kernel.function(*arguments(kernel, 0.5)), np.float64)
    assert kernel.function(*arguments(kernel, 0.5)) == from_list[0]
