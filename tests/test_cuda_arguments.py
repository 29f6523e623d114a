"""Wrong arguments are refused by an error that names them, before anything is started or written; empty ones work."""

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

import npfuse as nf
from gpu import Device, Foreign, assert_same_bits
from npfuse import cuda
from test_cuda_overlap import OPERATIONS, Operation, listed


def array(shape: tuple[int, ...] = (3, 4), dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


class OnDevice:
    """An array of a library that speaks DLPack, and says any device."""

    def __init__(self, array: cuda.Array, device: object) -> None:
        self.array, self.device = array, device

    def __dlpack_device__(self) -> object:
        return self.device

    def __dlpack__(self, **how: object) -> object:
        return self.array.__dlpack__(**how)


def of_bools(x: cuda.Array) -> Foreign:
    numbers = x.get()
    foreign = Foreign(x, numbers, numbers)
    foreign.interface = {**foreign.interface, "typestr": "|b1", "strides": None}
    return foreign


BAD_CALLS = [
    (lambda x: cuda.gelu(x.get()), TypeError, "x is in the CPU's memory"),
    (lambda x: cuda.gelu("text"), TypeError, "x must be an array on a GPU .* got str"),
    (lambda x: cuda.gelu(1.5), TypeError, "x must be an array on a GPU .* got float"),
    (lambda x: cuda.gelu(cuda.asarray([1, 2])), TypeError, "x must be of float16, .* got int64"),
    (lambda x: cuda.gelu_backward(x, cuda.asarray(array(dtype=np.float64))), TypeError, "x is of float64"),
    (lambda x: cuda.gelu_backward(x, cuda.asarray(array((5, 2)))), ValueError, r"dy \(3, 4\), x \(5, 2\)"),
    (lambda x: cuda.swiglu(x, OnDevice(x, (2, 1))), ValueError, "x is on GPU 1, but .* GPU 0"),
    (lambda x: cuda.gelu(x, out=cuda.asarray(array((4, 3)))), ValueError, r"out must be of shape \(3, 4\)"),
    (lambda x: cuda.gelu(x, out=array()), TypeError, "out is in the CPU's memory"),
    (lambda x: cuda.swiglu_backward(x, x, x, out=x), TypeError, "out must be a tuple of 2"),
    (lambda x: cuda.swiglu_backward(x, x, x, out=(x, x)), ValueError, r"out\[1\] shares memory"),
    (lambda x: cuda.elu(x, beta=1), TypeError, "beta"),
    (lambda x: cuda.elu(), TypeError, "missing a required .*argument: 'x'"),
    (lambda x: cuda.elu(x, 1, 2), TypeError, "too many positional arguments"),
    (lambda x: cuda.elu(x, 1, alpha=1), TypeError, "multiple values for argument 'alpha'"),
    (lambda x: cuda.relu_backward(x), TypeError, "missing a required .*argument: 'x'"),
    (lambda x: cuda.relu(x=x), TypeError, "'x'.* positional"),
    (lambda x: cuda.gelu(of_bools(x)), TypeError, "x must be of float16, .* got bool"),
    (lambda x: cuda.softmax(x, axis=2), ValueError, "axis"),
    (lambda x: cuda.softmax_backward(x, cuda.asarray(array((4, 3)))), ValueError, "dy must be of shape"),
    (lambda x: cuda.maxout(x, 3), ValueError, "3 does not divide"),
    (lambda x: cuda.maxout_backward(x, x, 2), TypeError, "index must be of int32"),
    (lambda x: cuda.bias_act(x, cuda.asarray(array((3,)))), ValueError, r"bias: expected shape \(4,\)"),
    (lambda x: cuda.bias_act(x, cuda.asarray(array((4,))), "glow"), ValueError, "glow"),
    (lambda x: cuda.glu(x, 0), ValueError, "even length"),
    (lambda x: cuda.asarray(["text"]), TypeError, "array must be of"),
    (lambda x: cuda.asarray([1j]), TypeError, "array must be of"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS, ids=[message for *_, message in BAD_CALLS])
def test_bad_arguments_are_named(device: Device, call, error, message) -> None:
    with pytest.raises(error, match=message):
        call(cuda.asarray(array()))


def test_read_only_outputs_are_refused(device: Device) -> None:
    numbers = array()
    target = cuda.asarray(numbers)
    foreign = Foreign(target, numbers, numbers)
    foreign.interface["data"] = (foreign.interface["data"][0], True)
    with pytest.raises(ValueError, match="out must be writeable"):
        cuda.gelu(cuda.asarray(numbers), out=foreign)
    assert_same_bits(target.get(), numbers)


def with_interface(x: cuda.Array, **changes: object) -> Foreign:
    numbers = x.get()
    foreign = Foreign(x, numbers, numbers)
    foreign.interface = {**foreign.interface, "strides": None, **changes}
    return foreign


def at(x: cuda.Array, offset: int) -> tuple[int, bool]:
    return x._pointer + offset, False


BAD_ARRAYS: dict[str, Callable[[cuda.Array], object]] = {
    "text": lambda x: "text",
    "an object": lambda x: object(),
    "an array on the CPU": lambda x: x.get(),
    "a masked array": lambda x: np.ma.array(x.get(), mask=True),
    "a list": lambda x: x.get().tolist(),
    "integers": lambda x: cuda.asarray(np.ones(x.shape, np.uint8)),
    "another shape": lambda x: cuda.asarray(np.ones((3, *x.shape, 9), x.dtype)),
    "another device": lambda x: cuda.asarray(x.get(), device=1),
    "another device by DLPack": lambda x: OnDevice(x, (2, 1)),
    "another device than DLPack's": lambda x: OnDevice(cuda.asarray(x.get(), device=1), (2, 0)),
    "no device": lambda x: OnDevice(x, None),
    "a device of text": lambda x: OnDevice(x, "gpu"),
    "no interface": lambda x: with_interface(x, shape=None),
    "an interface of text": lambda x: with_interface(x, shape="12"),
    "lengths below 0": lambda x: with_interface(x, shape=(-3, -4)),
    "lengths of text": lambda x: with_interface(x, shape=("3", "4")),
    "too few strides": lambda x: with_interface(x, strides=()) if x.shape else None,
    "data of text": lambda x: with_interface(x, data="address"),
    "no memory": lambda x: with_interface(x, data=(None, False)),
    "memory of the CPU": lambda x: with_interface(x, data=(MEMORY.ctypes.data, False)),
    "no type": lambda x: with_interface(x, typestr=None),
    "an unknown type": lambda x: with_interface(x, typestr="<x9"),
    "foreign byte order": lambda x: with_interface(x, typestr=">f4"),
    "a mask": lambda x: with_interface(x, mask=x),
    "an ambiguous stream": lambda x: with_interface(x, stream=0),
    "unaligned memory": lambda x: with_interface(x, data=at(x, 1)),
}
MEMORY = np.ones(10_000)

FIRST_OF_EACH = {operation.name.split()[0]: operation for operation in reversed(OPERATIONS)}

RELATIVE = {"another shape", "another device", "another device by DLPack"}
"""What is wrong in comparison only: of two arrays that do not fit together, the error names the second."""

TAKEN_FROM_THE_CPU = {"a list", "an array on the CPU"}
"""Class weights may be that."""


PREDICTIONS = ["logits", "log_probs"]
"""What losses of rows call them."""


def is_taken(operation: Operation, name: str, bad: str) -> bool:
    """Return whether something bad elsewhere is all right here."""
    is_row_loss = operation.name.startswith(("softmax_cross_entropy", "nll_loss"))
    return is_row_loss and ((name == "weight" and bad in TAKEN_FROM_THE_CPU) or name == "target")


@pytest.mark.parametrize("operation", FIRST_OF_EACH.values(), ids=FIRST_OF_EACH)
def test_bad_arrays_are_refused_by_every_operation(device: Device, operation: Operation) -> None:
    if device.kind == "gpu":
        pytest.skip("the second GPU is made up")
    good = {name: cuda.asarray(numbers) for name, numbers in operation.operands.items()}
    outputs = tuple(cuda.asarray(np.full(shape, 7, np.float32)) for shape in operation.outputs)
    expected = [each.get() for each in listed(operation.call(good, (None,) * len(outputs)))]
    before = device.module.launch_count()
    for name, x in good.items():
        for words, bad in BAD_ARRAYS.items():
            if is_taken(operation, name, words):
                continue
            with pytest.raises((TypeError, ValueError)) as caught:
                operation.call({**good, name: bad(x)}, outputs)
            names = [*good, "out", "the shapes"] if words in RELATIVE else [name]
            names += PREDICTIONS if "pred" in names else []
            assert any(str(caught.value).startswith(each) for each in names), (name, words, caught.value)
    for bad in BAD_ARRAYS.values():
        with pytest.raises((TypeError, ValueError), match=r"^out"):
            operation.call(good, (bad(outputs[0]), *outputs[1:]))
    assert device.module.launch_count() == before
    for output in outputs:
        assert (output.get() == 7).all()
    for actual, wanted in zip(listed(operation.call(good, (None,) * len(outputs))), expected, strict=True):
        assert_same_bits(actual.get(), wanted)


def loss(x: cuda.Array, **options: object) -> object:
    return cuda.softmax_cross_entropy(x, cuda.asarray(np.array([0, 1, 2])), **options)


def ones(*shape: int) -> cuda.Array:
    return cuda.asarray(np.ones(shape, np.float32))


BAD_OPTIONS = [
    (lambda x: cuda.maxout(x, 2, return_index="False"), TypeError, "return_index must be True or False, got 'False'"),
    (lambda x: cuda.maxout(x, "2"), TypeError, "pieces"),
    (lambda x: cuda.maxout(x, 0), ValueError, "pieces"),
    (lambda x: cuda.softmax(x, axis="0"), TypeError, "axis must be an integer, got '0'"),
    (lambda x: cuda.glu(x, axis=1.0), TypeError, "axis must be an integer, got 1.0"),
    (lambda x: cuda.elu(x, 10**400), ValueError, "alpha must be a number that float64 can hold"),
    (lambda x: cuda.elu(x, "1"), TypeError, "alpha must be an array on a GPU .* got str"),
    (lambda x: cuda.bias_act(x, ones(4), "elu", alpha="1"), TypeError, "alpha must be a real number, got"),
    (lambda x: cuda.bias_act(x, ones(4), "elu", alpha=x), TypeError, "alpha must be a real number, got"),
    (lambda x: cuda.bias_act(x, ones(4), "elu", alpha=10**400), ValueError, "alpha must be a number that float64"),
    (lambda x: cuda.bias_act(x, ones(4), 5), TypeError, "activation"),
    (lambda x: cuda.huber_loss(x, x, delta="1"), TypeError, "delta must be a real number, got '1'"),
    (lambda x: cuda.huber_loss(x, x, delta=True), TypeError, "delta must be a real number, got True"),
    (lambda x: cuda.huber_loss(x, x, delta=np.nan), ValueError, "delta must be greater than 0, got nan"),
    (lambda x: cuda.huber_loss(x, x, delta=10**400), ValueError, "delta must be a number that float64 can hold"),
    (lambda x: cuda.kl_div(x, x, log_target="False"), TypeError, "log_target must be True or False, got 'False'"),
    (lambda x: cuda.mse_loss(x, x, reduction=None), ValueError, "reduction must be .* got None"),
    (lambda x: cuda.mse_loss(x, x, reduction=["mean"]), ValueError, "reduction must be .* got"),
    (lambda x: loss(x, ignore_index="1"), TypeError, "ignore_index must be an integer, got '1'"),
    (lambda x: loss(x, ignore_index=2**63), ValueError, "ignore_index must be an integer of 64 bits"),
    (lambda x: loss(x, weight=np.ma.ones(4)), TypeError, "weight must not be a masked array"),
    (lambda x: loss(x, weight=["a"] * 4), TypeError, "weight must be of real numbers, got <U1"),
    (lambda x: loss(x, weight=[None] * 4), TypeError, "weight must be of real numbers, got object"),
    (lambda x: loss(x, weight=[1j] * 4), TypeError, "weight must be of real numbers, got complex128"),
    (lambda x: loss(x, weight=[[1], [2, 3]]), ValueError, "inhomogeneous"),
    (lambda x: loss(x, label_smoothing=np.nan), ValueError, "label_smoothing must be"),
    (lambda x: cuda.asarray(np.ma.ones(3)), TypeError, "array must not be a masked array"),
    (lambda x: cuda.asarray(x), TypeError, "array must be of .* got object"),
    (lambda x: cuda.asarray([1.0], device="0"), TypeError, "device must be an integer, got '0'"),
    (lambda x: cuda.asarray([1.0], device=True), TypeError, "device must be an integer, got True"),
    (lambda x: cuda.asarray([1.0], device=99), ValueError, "device must be at least 0 and less than .* got 99"),
    (lambda x: cuda.asarray([1.0], device=-1), ValueError, "device must be at least 0"),
    (lambda x: cuda.asarray([1.0], stream="0"), TypeError, "stream must be"),
    (lambda x: cuda.relu(x, stream=2**64), TypeError, "stream must be"),
    (lambda x: cuda.relu(x, stream=1.0), TypeError, "stream must be"),
    (lambda x: x.set(np.ma.ones((3, 4), dtype=np.float32)), TypeError, "numbers must not be a masked array"),
    (lambda x: x.set(np.ones((3, 4))), ValueError, "numbers must be float32 of shape"),
    (lambda x: cuda.global_norm(x), TypeError, "arrays must be a list"),
    (lambda x: cuda.global_norm([x, None]), TypeError, r"arrays\[1\] must be an array on a GPU .* got NoneType"),
    (lambda x: cuda.clip_by_global_norm([x], "1"), TypeError, "max_norm"),
    (lambda x: cuda.clip_by_global_norm([x], np.nan), ValueError, "max_norm"),
    (lambda x: cuda.SGD([None]), TypeError, r"params\[0\]|params must be an array on a GPU"),
    (lambda x: cuda.SGD(x), TypeError, "params must be a list"),
    (lambda x: cuda.SGD([x]).step(x), TypeError, "grads must be a list"),
    (lambda x: cuda.SGD([x]).step([None]), TypeError, r"grads\[0\] must be an array on a GPU .* got NoneType"),
    (lambda x: cuda.SGD([x]).step_rows("0", np.array([0]), ones(1, 4)), TypeError, "index must be an integer"),
    (lambda x: cuda.SGD([x]).step_rows(0, [0], ones(1, 4)), TypeError, "rows must be an array of integers, got"),
    (lambda x: cuda.SGD([x]).step_rows(0, np.ma.array([0]), ones(1, 4)), TypeError, "rows must be .*, got MaskedArray"),
    (lambda x: cuda.SGD([x]).step_rows(0, np.array([3]), ones(1, 4)), IndexError, "rows must be at least 0"),
    (lambda x: cuda.SGD([x]).step_rows(0, np.array([0]), ones(2, 4)), ValueError, "grads must be of shape"),
    (lambda x: cuda.adam_step(x, ones(3, 4), None, ones(3, 4), step=1), TypeError, "exp_avg"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_OPTIONS)
def test_bad_options_are_refused(device: Device, call, error, message) -> None:
    x = array()
    there = cuda.asarray(x)
    before = device.module.launch_count()
    with pytest.raises(error, match=message):
        call(there)
    assert device.module.launch_count() == before
    assert_same_bits(there.get(), x)


def test_states_that_are_missing_or_too_many_are_refused(device: Device) -> None:
    optimizer = cuda.Adam([ones(3)])
    state = optimizer.__getstate__()
    for states in ({}, {"exp_avg": ones(3)}, {name: ones(3) for name in "abcd"}, {"exp_avg": None, "exp_avg_sq": None}):
        wrong = cuda.Adam([ones(3)])
        with pytest.raises(TypeError, match=r"params\[0\] must have the states exp_avg, exp_avg_sq, got"):
            wrong.__setstate__({**state, "_state": [states]})


# The compiled functions are given addresses, which they must believe, but nothing else.
MALFORMED = [
    lambda native, place, x: native.run_elementwise(place, "nothing", 0, 2, [(x, 0.0)], [x], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 10**6, 2, [(x, 0.0)], [x], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 4, [(x, 0.0)], [x], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 2, [], [x], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 2, [(x,)], [x], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 2, [(x, 0.0)], [x, x], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 2, [(x, 0.0)], [x], -4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 2, [(x, 0.0)], [0], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 2, [(0, 0.0)], [x], 4),
    lambda native, place, x: native.run_elementwise(place, "activations_forward", 0, 2, [(x, 0.0)], [x], 4, bias=x),
    lambda native, place, x: native.run_elementwise(
        place, "activations_forward", 0, 2, [(x, 0.0)], [x], 4, columns=2, halved_inputs=[9]
    ),
    lambda native, place, x: native.run_elementwise(None, "activations_forward", 0, 2, [(x, 0.0)], [x], 4),
    lambda native, place, x: native.run_rows(place, 0, False, 2, [x, x], x, 2, 2, 1),
    lambda native, place, x: native.run_rows(place, 0, True, 2, [x], x, 2, 2, 1),
    lambda native, place, x: native.run_rows(place, 0, False, 2, [x], x, -2, 2, 1),
    lambda native, place, x: native.run_rows(place, 0, False, 2, [x], x, 3, 2, 2),
    lambda native, place, x: native.run_rows(place, 0, False, 2, [x], x, 2, 2, 0),
    lambda native, place, x: native.run_rows(place, 99, False, 2, [x], x, 2, 2, 1),
    lambda native, place, x: native.run_maxout(place, False, 9, x, x, x, 4, 2, 1),
    lambda native, place, x: native.run_maxout(place, False, 2, x, x, x, 4, 0, 1),
    lambda native, place, x: native.run_maxout(place, False, 2, x, x, x, 4, 2, 0),
    lambda native, place, x: native.run_maxout(place, False, 2, x, 0, x, 4, 2, 1),
    lambda native, place, x: native.run_matrix(place, "bias", 0, 2, [(x, 0)], x, x, x, (1, 2, 2)),
    lambda native, place, x: native.run_matrix(place, "nothing", 0, 2, [(x, 0, 0.0)] * 3, x, x, x, (1, 2, 2)),
    lambda native, place, x: native.run_matrix(place, "bias", 0, 2, [(x, 0, 0.0)] * 3, x, x, x, (1, -2, 2)),
    lambda native, place, x: native.run_matrix(place, "bias", 0, 2, [(x, 0, 0.0)] * 3, x, x, x, (1, 2)),
    lambda native, place, x: native.run_matrix(place, "bias", 0, 2, [(x, 0, 0.0)] * 3, 0, x, x, (1, 2, 2)),
    lambda native, place, x: native.run_matrix(place, "bias", 0, 2, [(x, 0, 0.0)] * 3, x, 0, x, (1, 2, 2)),
    lambda native, place, x: native.run_loss(place, 0, 2, [(x, 0.0)], 0, 0, x, x, 4, 0, [], 1.0, 1.0, 0),
    lambda native, place, x: native.run_loss(place, 0, 2, [(x, 0.0)] * 2, 0, 0, x, x, 4, 0, [1.0] * 9, 1.0, 1.0, 0),
    lambda native, place, x: native.run_loss(place, 99, 2, [(x, 0.0)] * 2, 0, 0, x, x, 4, 0, [], 1.0, 1.0, 0),
    lambda native, place, x: native.RowLossCall(x, 0, x, True, -100, 0, (1, 2)),
    lambda native, place, x: native.RowLossCall(x, 0, x, True, -100, 0, (-1, 2, 1)),
    lambda native, place, x: native.RowLossCall(x, 0, x, True, -100, 0, (3, 2, 2)),
    lambda native, place, x: native.total_weight(place, native.RowLossCall(x, 0, x, True, -100, 0, (1, 2, 1)), 9, x),
    lambda native, place, x: native.total_weight(place, None, 2, x),
    lambda native, place, x: native.run_row_loss(
        place, 0, 2, native.RowLossCall(x, 0, x, True, -100, 0, (1, 2, 1)), [], 1.0, x, 0, x, 1.0, 0
    ),
    lambda native, place, x: native.run_updates(place, 99, False, x, x, (0, 1), [0.0] * 5, None),
    lambda native, place, x: native.run_updates(place, 0, False, x, x, (0, 1), [], None),
    lambda native, place, x: native.run_updates(place, 0, False, 0, x, (0, 1), [0.0] * 99, None),
    lambda native, place, x: native.norm(place, 0, x, 1, False),
    lambda native, place, x: native.norm(place, x, x, -1, False),
    lambda native, place, x: native.sum_rows(place, x, 9, False, x, x, 1, 1, x),
    lambda native, place, x: native.sum_rows(place, x, 2, False, x, x, -1, 1, x),
    lambda native, place, x: native.scale(place, x, -1, 4, 1.0),
    lambda native, place, x: native.scale(place, 0, 2, 4, 1.0),
    lambda native, place, x: native.scale(place, x, 2, -4, 1.0),
    lambda native, place, x: native.gather(place, x, x, 3, [2], [4]),
    lambda native, place, x: native.gather(place, x, x, 4, [2, 2], [4]),
    lambda native, place, x: native.gather(place, x, x, 4, [-2], [4]),
    lambda native, place, x: native.scatter(place, x, 0, 4, [2], [4]),
    lambda native, place, x: native.scatter(place, x, x, 4, [1] * 40, [4] * 40),
    lambda native, place, x: native.copy_in(place, 0, np.ones(4, np.uint8)),
    lambda native, place, x: native.copy_in(place, x, np.ones((4, 4), np.uint8)[:, 1]),
    lambda native, place, x: native.copy_in(place, x, "text"),
    lambda native, place, x: native.copy_out(place, np.ones(4, np.uint8), 0),
    lambda native, place, x: native.Place("0", 0),
    lambda native, place, x: native.Memory(place, -1),
    lambda native, place, x: native.await_memories(place, [None], []),
    lambda native, place, x: native.await_memories(place, None, []),
    lambda native, place, x: native.await_memories(native.Place(1, 0), [native.Memory(place, 4)], []),
    lambda native, place, x: native.used(place, [None], []),
    lambda native, place, x: native.Borrowed(None),
    lambda native, place, x: native.Borrowed(object()),
    lambda native, place, x: native.lend(object(), x, 0, (2,), [1], [1], False, False),
    lambda native, place, x: native.lend(object(), x, 0, (2, 32), [1, 2], [1], True, False),
    lambda native, place, x: native.Event(None),
]


@pytest.mark.parametrize("call", MALFORMED)
def test_compiled_functions_refuse_what_is_malformed(device: Device, call) -> None:
    if device.kind == "gpu":
        pytest.skip("the second GPU is made up")
    numbers = np.full(64, 3.0)
    there = cuda.asarray(numbers)
    before = device.module.launch_count()
    with pytest.raises((TypeError, ValueError, IndexError, KeyError)):
        call(device.module, device.module.Place(0, 0), there._pointer)
    assert device.module.launch_count() == before
    np.testing.assert_array_equal(there.get(), numbers)


EMPTY_SHAPES = [((0, 4), 1), ((4, 0), 1), ((4, 0), 0), ((0, 0), 0), ((2, 0, 6), 2), ((2, 6, 0), 1), ((0,), 0)]


@pytest.mark.parametrize(("shape", "axis"), EMPTY_SHAPES)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_empty_arrays_of_every_function(device: Device, dtype: type, shape: tuple[int, ...], axis: int) -> None:
    x = np.zeros(shape, dtype)
    there = cuda.asarray(x)
    rest = shape[:axis] + shape[axis + 1 :]
    column = np.zeros(shape[-1:], dtype)
    calls = [
        lambda module, x, column: module.gelu(x),
        lambda module, x, column: module.elu_backward(x, x, 0.5),
        lambda module, x, column: module.swiglu_backward(x, x, x),
        lambda module, x, column: module.prelu(x, column),
        lambda module, x, column: module.prelu_backward(x, x, column),
        lambda module, x, column: module.bias_act(x, column, "gelu"),
        lambda module, x, column: module.bias_act_backward(x, x, column, "gelu"),
        lambda module, x, column: module.softmax(x, axis=axis),
        lambda module, x, column: module.log_softmax_backward(x, x, axis=axis),
        lambda module, x, column: module.logsumexp(x, axis=axis),
        lambda module, x, column: module.maxout(x, 1, axis, return_index=True),
        lambda module, x, column: module.mse_loss.value_and_grad(x, x),
        lambda module, x, column: module.huber_loss(x, x, weight=column, reduction="none"),
        lambda module, x, column: module.sigmoid_cross_entropy.grad(x, 1.0, pos_weight=2.0),
    ]
    if shape[axis] % 2 == 0:
        calls += [lambda module, x, column: module.glu(x, axis)]
    for call in calls:
        results, expected = listed(call(cuda, there, cuda.asarray(column))), listed(call(nf, x, column))
        for actual, wanted in zip(results, expected, strict=True):
            np.testing.assert_array_equal(actual.get(), np.asarray(wanted))
            assert actual.shape == np.shape(wanted)
    assert cuda.global_norm([there]) == 0
    optimizer = cuda.Adam([there])
    assert optimizer.step([there], clip_norm=1.0)
    assert rest or math.prod(shape) == 0


@pytest.mark.parametrize("slope", [(0, 1), (1, 5), (5,), (), (0, 5)])
def test_slopes_of_empty_arrays(device: Device, slope: tuple[int, ...]) -> None:
    x, slopes = np.zeros((0, 5), np.float32), np.zeros(slope, np.float32)
    results = cuda.prelu_backward(cuda.asarray(x), cuda.asarray(x), cuda.asarray(slopes))
    for actual, expected in zip(results, nf.prelu_backward(x, x, slopes), strict=True):
        np.testing.assert_array_equal(actual.get(), expected)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_losses_of_no_rows_and_of_no_classes(
    device: Device, shape: tuple[int, int], weighted: bool, reduction: str
) -> None:
    logits, labels = np.zeros(shape, np.float32), np.full(shape[0], -100)
    weight = np.ones(shape[1], np.float32) if weighted else None
    for name, target in (("softmax_cross_entropy", labels), ("nll_loss", labels), ("softmax_cross_entropy", logits)):
        loss = getattr(cuda, name)
        value, grad = loss.value_and_grad(
            cuda.asarray(logits), cuda.asarray(target), weight=weight, reduction=reduction
        )
        assert not value.get().any()
        assert value.shape == (shape[:1] if reduction == "none" else ())
        assert grad.shape == shape
    if shape == (3, 0):
        with pytest.raises(ValueError, match=r"target\[0\] is 0; labels must be"):
            cuda.nll_loss(cuda.asarray(logits), cuda.asarray(np.zeros(3, np.int64)))


def test_empty_arrays_without_memory_are_on_any_device(device: Device) -> None:
    numbers = np.zeros((0, 3), np.float32)
    nowhere = with_interface(cuda.asarray(numbers), data=(None, False))
    assert cuda.gelu(nowhere).shape == (0, 3)
    assert cuda.swiglu(cuda.asarray(numbers), nowhere).shape == (0, 3)
