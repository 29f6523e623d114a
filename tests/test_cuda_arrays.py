"""How arrays of other libraries reach a GPU's kernels, and what is refused, by a message that names it."""

import ctypes
from types import ModuleType

import numpy as np
import pytest

import npfuse as nf
from gpu import DTYPES, Device, assert_same_bits
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


@pytest.mark.parametrize("max_version", [None, (0, 8), (1, 0), (1, 1), (2, 0)])
@pytest.mark.parametrize("copy", [None, False, True])
def test_dlpack_hands_over_what_is_asked_for(device: Device, copy: bool | None, max_version: tuple | None) -> None:
    numbers = array((5, 6))
    there = cuda.asarray(numbers)
    capsule = there.__dlpack__(max_version=max_version, copy=copy, dl_device=there.__dlpack_device__())
    is_versioned = max_version is not None and max_version >= (1, 0)
    assert ("dltensor_versioned" in repr(capsule)) == is_versioned
    borrowed = device.module.Borrowed(capsule)
    assert (borrowed.pointer != there._pointer) == (copy is True)
    assert (borrowed.shape, borrowed.strides, borrowed.dtype) == ((5, 6), (6, 1), (2, 32, 1))
    assert (borrowed.kind, borrowed.device) == there.__dlpack_device__()
    assert not borrowed.is_read_only
    with pytest.raises(ValueError, match="PyCapsule_GetPointer"):
        device.module.Borrowed(capsule)  # which has been taken


@pytest.mark.parametrize("stream", [None, 1, 2, -1])
def test_dlpack_takes_the_streams_of_the_standard(device: Device, stream: int | None) -> None:
    there = cuda.asarray(array())
    for copy in (False, True):
        assert device.module.Borrowed(there.__dlpack__(stream=stream, copy=copy)).shape == (3, 4)


def test_dlpack_copies_to_the_cpu(device: Device) -> None:
    numbers = array()
    there = cuda.asarray(numbers)

    class Wanted:
        def __dlpack_device__(self) -> tuple[int, int]:
            return 1, 0

        def __dlpack__(self, **_: object) -> object:
            return there.__dlpack__(dl_device=(1, 0))

    assert_same_bits(np.from_dlpack(Wanted()), numbers)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dl_device": (1, 0), "copy": False}, BufferError, "copy must not be False"),
        ({"dl_device": (2, 7)}, BufferError, r"dl_device must be \(2, 0\) or the CPU, \(1, 0\), got \(2, 7\)"),
        ({"dl_device": "cpu"}, TypeError, "dl_device must be two integers, got 'cpu'"),
        ({"dl_device": 1}, TypeError, "dl_device must be two integers, got 1"),
        ({"max_version": (1,)}, TypeError, "max_version must be two integers"),
        ({"max_version": "1.0"}, TypeError, "max_version must be two integers"),
        ({"copy": "no"}, TypeError, "copy must be True, False or None, got 'no'"),
        ({"stream": 0}, ValueError, "stream must be -1, 1, 2 or a stream's address, got 0"),
        ({"stream": -2}, ValueError, "stream must be .* got -2"),
        ({"stream": "1"}, TypeError, "stream must be an integer or None, got '1'"),
        ({"stream": True}, TypeError, "stream must be an integer or None, got True"),
    ],
    ids=str,
)
def test_dlpack_refuses_what_it_cannot_do(device: Device, arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cuda.asarray(array()).__dlpack__(**arguments)


class OfReadOnlyMemory(OnlyDlpack):
    """Hands over a capsule of version 1 that says so: the flags come behind the version, a context and a deleter."""

    def __dlpack__(self, *, stream: int, max_version: tuple[int, int]) -> object:
        capsule = self.array.__dlpack__(stream=stream, max_version=max_version)
        pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
        pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        address = pointer_of(capsule, b"dltensor_versioned")
        ctypes.c_uint64.from_address(address + 24).value |= 1
        return capsule


def test_read_only_memory_is_read_and_not_written(device: Device) -> None:
    numbers = array()
    there = cuda.asarray(numbers)
    assert_same_bits(cuda.gelu(OfReadOnlyMemory(there)).get(), nf.gelu(numbers))
    with pytest.raises(ValueError, match="out must be writeable"):
        cuda.gelu(there, out=OfReadOnlyMemory(there))
    assert_same_bits(there.get(), numbers)


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
