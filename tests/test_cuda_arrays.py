"""How arrays of other libraries reach a GPU's kernels, and what is refused, by a message that names it."""

from types import ModuleType

import numpy as np
import pytest

import npfuse as nf
from gpu import DTYPES, Device, Foreign, assert_same_bits
from npfuse import cuda
from npfuse.cuda import _device, _libraries, _storage, _torch, _work

NOT_THERE = {
    "Optimizer",
    "__version__",
    "get_num_threads",
    "minibatches",
    "schedules",
    "set_num_threads",
    "show_config",
}


class OnlyDlpack:
    """An array of a library that speaks DLPack alone."""

    def __init__(self, array: cuda.Array) -> None:
        self.array = array
        self.streams: list[int] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __dlpack__(self, *, stream: int) -> object:
        self.streams.append(stream)
        return self.array.__dlpack__(stream=stream)


def array(shape: tuple[int, ...] = (3, 4), dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def test_everything_of_the_cpu_is_there() -> None:
    missing = {name for name in nf.__all__ if not hasattr(cuda, name)}
    assert missing == NOT_THERE


def test_without_a_gpu_a_call_says_why() -> None:
    if cuda.is_available():
        pytest.skip("there is a GPU")
    for call in (
        lambda: cuda.gelu(1),
        lambda: cuda.asarray([1.0]),
        lambda: cuda.Adam([]),
        lambda: cuda.global_norm([1]),
    ):
        with pytest.raises(RuntimeError, match=r"npfuse.cuda cannot run: .*(no GPU kernels|no CUDA device)"):
            call()


def test_a_build_without_gpu_kernels_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise ImportError

    monkeypatch.setattr(_device, "load", absent)
    monkeypatch.setattr(_device, "_ready", None)
    assert not cuda.is_available()
    with pytest.raises(RuntimeError, match="NPFUSE_CUDA=ON"):
        cuda.silu(array())


@pytest.mark.parametrize("dtype", [*DTYPES, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [(), (0,), (3, 4)])
def test_numbers_go_there_and_back(device: Device, shape: tuple[int, ...], dtype: type) -> None:
    numbers = array(shape, dtype) if shape else np.asarray(3, dtype)
    there = cuda.asarray(numbers)
    assert (there.shape, there.ndim, there.size, there.dtype) == (shape, len(shape), numbers.size, np.dtype(dtype))
    np.testing.assert_array_equal(there.get(), numbers)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_is_understood_and_spoken(device: Device, dtype: type) -> None:
    numbers = array((5, 6), dtype)
    foreign = OnlyDlpack(cuda.asarray(numbers))
    assert_same_bits(cuda.gelu(foreign).get(), nf.gelu(numbers))
    assert foreign.streams == [1]  # the default stream, as the protocol calls it
    cuda.asarray(numbers).__dlpack__()  # a capsule that nobody takes gives its array back


def test_dlpack_needs_a_stream_of_its_own_for_work_elsewhere(device: Device) -> None:
    if device.kind == "gpu":
        pytest.skip("the stream is made up")
    foreign = OnlyDlpack(cuda.asarray(array()))
    cuda.gelu(foreign, stream=77)
    assert foreign.streams == [77]


class Stream:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class StreamWithProtocol:
    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, 9


def test_streams_of_every_library() -> None:
    streams = [5, Stream(ptr=6), Stream(cuda_stream=7), Stream(handle=Stream(value=8)), StreamWithProtocol()]
    assert [_libraries.address_of_stream(stream) for stream in streams] == [5, 6, 7, 8, 9]
    for wrong in (-1, "5", True, None):
        with pytest.raises(TypeError, match="stream must be"):
            _libraries.address_of_stream(wrong)


def test_parameters_round_as_in_an_array() -> None:
    for value in (0.1, 1 / 3, -2.7, 1e-8, 65519.9, 1e6, np.inf):
        for dtype in DTYPES:
            with np.errstate(over="ignore"):
                expected = float(
                    np.asarray(np.float64(value)).astype(np.float32 if dtype is DTYPES[1] else dtype).astype(dtype)
                )
            assert _storage.rounded(value, np.dtype(dtype).name) == expected


def test_a_number_too_large_for_a_storage_is_infinite() -> None:
    for storage in ("float16", "bfloat16", "float32"):
        assert _storage.rounded(-1e39, storage) == -np.inf
    assert _storage.rounded(-1e39, "float64") == -1e39


class OfAnotherDevice(OnlyDlpack):
    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()[0], 1


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
    (lambda x: cuda.swiglu(x, OfAnotherDevice(x)), ValueError, "x is on GPU 1, but .* GPU 0"),
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
    with pytest.raises(ValueError, match="out is read-only"):
        cuda.gelu(cuda.asarray(numbers), out=foreign)
    assert_same_bits(target.get(), numbers)


def test_parameters_may_be_given_by_place_by_name_or_not_at_all(device: Device) -> None:
    x = array()
    there = cuda.asarray(x)
    assert_same_bits(cuda.elu(there, 0.5).get(), nf.elu(x, 0.5))
    assert_same_bits(cuda.elu(there, alpha=0.5, out=there).get(), nf.elu(x, 0.5))
    assert_same_bits(cuda.elu(cuda.asarray(x)).get(), nf.elu(x))


@pytest.fixture
def torch_on_the_device(device: Device, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """PyTorch, whose tensors on the CPU are taken for such on the emulated device, or on its own one."""
    torch = pytest.importorskip("torch")
    if device.kind == "gpu":
        if not torch.cuda.is_available():
            pytest.skip("PyTorch sees no GPU")
        monkeypatch.setattr(torch, "from_numpy", lambda numbers: torch.as_tensor(numbers, device="cuda:0"))
        return torch
    monkeypatch.setattr(_torch, "number_of_gpu", lambda tensor: 0)
    for module in (_work, _device):
        monkeypatch.setattr(module, "current_stream", lambda library, number: 5 if library == "torch" else 0)
    return torch


@pytest.mark.parametrize("view", [np.s_[:], np.s_[:, 1:], np.s_[1], np.s_[::2, ::3], np.s_[:, :0], np.s_[1, 1]])
def test_torch_tensors_are_asked_directly(
    torch_on_the_device: ModuleType, monkeypatch: pytest.MonkeyPatch, view: object
) -> None:
    torch = torch_on_the_device
    monkeypatch.setattr(torch.Tensor, "__dlpack__", None)
    x = array()
    source, target = torch.from_numpy(x)[view], torch.from_numpy(np.zeros_like(x))[view]
    assert cuda.gelu(source, out=target) is target
    assert_same_bits(target.cpu().numpy(), nf.gelu(x[view]))
    with pytest.raises(TypeError, match=r"x must be of float16, .* got int32"):
        cuda.gelu(torch.from_numpy(x.astype(np.int32)))


def test_torch_tensors_that_are_more_than_their_numbers_are_refused(torch_on_the_device: ModuleType) -> None:
    tensor = torch_on_the_device.from_numpy(array()).requires_grad_()
    with pytest.raises(TypeError, match=r"x (cannot be handed over|is in the CPU's memory)"):
        cuda.gelu(tensor)


def test_torch_tensors_on_the_cpu_are_refused(device: Device) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="x is in the CPU's memory"):
        cuda.gelu(torch.ones(3))
