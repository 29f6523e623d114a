"""Work on several streams happens in the order in which it was asked for, as far as it touches the same memory.

The streams of the stand-in for the CUDA runtime do their work as late as they may: only what is waited for, and what
that waits for, is done. Memory is filled with NaN when it is given back.
"""

import gc
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import npfuse as nf
from gpu import Device, Foreign, Runtime, assert_same_bits, device_of_kind, reason_against_host
from npfuse import cuda
from npfuse.cuda import _device, _work

STREAMS = [0, 77, 78, 79]


@pytest.fixture
def device() -> Iterator[Device]:
    """The host only: the streams are made up."""
    if reason := reason_against_host():
        pytest.skip(reason)
    with device_of_kind("host") as chosen:
        yield chosen


@pytest.fixture
def runtime(device: Device) -> Iterator[Runtime]:
    """The stand-in for the CUDA runtime, which puts work off."""
    assert device.runtime is not None
    before = device.runtime.misuses()
    with device.runtime.putting_off():
        yield device.runtime
        assert device.runtime.misuses() == before


def numbers(seed: int = 0, shape: tuple[int, ...] = (50,)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_read_waits_for_the_write_before_it(runtime: Runtime) -> None:
    x, y = cuda.asarray(numbers()), cuda.asarray(np.zeros(50, np.float32))
    cuda.tanh(x, out=y, stream=77)
    assert_same_bits(cuda.silu(y, stream=78).get(), nf.silu(nf.tanh(numbers())))


def test_a_write_waits_for_the_reads_before_it(runtime: Runtime) -> None:
    x = cuda.asarray(numbers())
    results = [cuda.tanh(x, stream=stream) for stream in STREAMS]
    x.set(numbers(1))
    assert_same_bits(x.get(), numbers(1))  # that has been written, then
    for result in results:
        assert_same_bits(result.get(), nf.tanh(numbers()))


def test_a_write_waits_for_the_write_before_it(runtime: Runtime) -> None:
    x, y = cuda.asarray(numbers()), cuda.asarray(np.zeros(50, np.float32))
    cuda.tanh(x, out=y, stream=77)
    cuda.silu(x, out=y, stream=78)
    assert_same_bits(y.get(), nf.silu(numbers()))


def test_memory_is_given_back_after_its_last_use(runtime: Runtime) -> None:
    results, expected = [], []
    for stream in STREAMS:
        x = cuda.asarray(numbers(stream), stream=77)
        y = cuda.tanh(x, stream=78)
        results += [cuda.silu(x, stream=stream), cuda.silu(y, stream=stream)]
        expected += [nf.silu(numbers(stream)), nf.silu(nf.tanh(numbers(stream)))]
    del x, y
    gc.collect()
    cuda.asarray(numbers()).get()
    for result, wanted in zip(results, expected, strict=True):
        assert_same_bits(result.get(), wanted)


def allocations(device: Device) -> int:
    """Count what is not given back, once a call has taken memory: what had to wait has then been given back."""
    gc.collect()
    cuda.asarray(numbers())
    assert device.runtime is not None
    return device.runtime.allocations()


def test_all_memory_is_given_back(device: Device) -> None:
    before = allocations(device)
    with device.runtime.putting_off():
        for stream in STREAMS:
            x = cuda.asarray(numbers(), stream=stream)
            optimizer = cuda.Adam([cuda.tanh(x, stream=77)])
            optimizer.step([cuda.gelu(x)], stream=78, clip_norm=1.0)
            with pytest.raises(ValueError, match="must be of shape"):
                cuda.gelu(x, out=cuda.asarray(numbers(shape=(3,))))
        del x, optimizer
        gc.collect()
    assert allocations(device) == before


def test_a_destroyed_stream_is_not_asked_for_anything(runtime: Runtime) -> None:
    x = cuda.asarray(numbers(), stream=81)
    y = cuda.tanh(x, stream=82)
    optimizer = cuda.SGD([y], lr=0.5)
    optimizer.step([cuda.asarray(numbers(1))], stream=82)
    for stream in (81, 82):
        runtime.destroy_stream(stream)
    try:
        expected = nf.tanh(numbers())
        for stream in (0, 77):
            optimizer.step([cuda.asarray(numbers(1))], stream=stream)
        for _ in range(3):
            nf.sgd_step(expected, numbers(1), step=1, lr=0.5)
        assert_same_bits(cuda.tanh(y, stream=78).get(), nf.tanh(expected))
        del x, y, optimizer
        gc.collect()
    finally:
        for stream in (81, 82):
            runtime.create_stream(stream)


def test_a_new_stream_at_the_address_of_a_destroyed_one_waits(runtime: Runtime) -> None:
    x, y = cuda.asarray(numbers()), cuda.asarray(numbers())
    cuda.tanh(x, out=y, stream=83)
    runtime.destroy_stream(83)
    runtime.create_stream(83)
    assert_same_bits(cuda.silu(y, stream=83).get(), nf.silu(nf.tanh(numbers())))


def test_the_default_stream_has_two_names(runtime: Runtime) -> None:
    x = cuda.asarray(numbers())
    waits = runtime.waits()
    y = cuda.tanh(cuda.tanh(x, stream=1), stream=0)
    assert_same_bits(y.get(), nf.tanh(nf.tanh(numbers())))
    assert runtime.waits() == waits


def test_one_stream_never_waits(runtime: Runtime) -> None:
    kept: list[cuda.Array] = []  # what is given back is waited for, by a stream of its own
    for stream in STREAMS:
        x = cuda.asarray(numbers(), stream=stream)
        params = [cuda.asarray(numbers(), stream=stream) for _ in range(3)]
        optimizer = cuda.Adam(params)
        before = runtime.waits()
        for _ in range(3):
            cuda.gelu(x, out=x, stream=stream)
            kept += cuda.mse_loss.value_and_grad(x, x, stream=stream)
        assert runtime.waits() == before
    waits = runtime.waits()
    optimizer.step([x, x, x], stream=79)
    first = runtime.waits() - waits
    optimizer.step([x, x, x], stream=79)
    assert runtime.waits() - waits == first  # the states came from the default stream


def test_a_locked_buffer_may_be_changed_when_the_copy_returns(runtime: Runtime) -> None:
    buffer = numbers()
    runtime.pin(buffer.ctypes.data, buffer.nbytes)
    try:
        x = cuda.asarray(buffer, stream=77)
        y = cuda.asarray(numbers(1))
        y.set(buffer)
        buffer[:] = 0
        for array in (x, y):
            assert_same_bits(array.get(), numbers())
    finally:
        runtime.pin(buffer.ctypes.data, 0)


def run(seed: int, streams: Sequence[int] = STREAMS) -> None:
    """Do at random what arrays can be used for, on random streams, and the same on the CPU."""
    random = np.random.default_rng(seed)
    on_cpu = [numbers(k) for k in range(4)]
    on_gpu = [cuda.asarray(array, stream=int(random.choice(streams))) for array in on_cpu]
    optimizers = cuda.SGD(on_gpu[:1], lr=0.1, momentum=0.5), nf.SGD(on_cpu[:1], lr=0.1, momentum=0.5)

    def one() -> int:
        return int(random.integers(1, len(on_cpu)))

    for _ in range(40):
        stream, source, target = int(random.choice(streams)), one(), one()
        match random.integers(7):
            case 0:
                cuda.tanh(on_gpu[source], out=on_gpu[target], stream=stream)
                nf.tanh(on_cpu[source], out=on_cpu[target])
            case 1:
                on_gpu[target] = cuda.silu(on_gpu[source], stream=stream)
                on_cpu[target] = nf.silu(on_cpu[source])
            case 2:
                cuda.mse_loss.grad(on_gpu[source], on_gpu[0], out=on_gpu[target], stream=stream)
                nf.mse_loss.grad(on_cpu[source], on_cpu[0], out=on_cpu[target])
            case 3:
                optimizers[0].step([on_gpu[source]], stream=stream)
                optimizers[1].step([on_cpu[source]])
            case 4:
                on_gpu[target].set(on_cpu[target])
            case 5:
                cuda.clip_by_global_norm([on_gpu[target]], 0.5, stream=stream)
                nf.clip_by_global_norm([on_cpu[target]], 0.5)
            case _:
                assert_same_bits(on_gpu[source].get(), on_cpu[source])
    for actual, expected in zip(on_gpu, on_cpu, strict=True):
        assert_same_bits(actual.get(), expected)


@pytest.mark.parametrize("seed", range(30))
def test_any_work_on_any_streams(runtime: Runtime, seed: int) -> None:
    run(seed)


def test_threads_may_use_streams_of_their_own(device: Device) -> None:
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for k in range(5):
                run(100 * seed + k)
        except BaseException as error:
            errors.append(error)

    shared = cuda.asarray(numbers())
    readers = [threading.Thread(target=lambda s=s: [cuda.tanh(shared, stream=s) for _ in range(200)]) for s in STREAMS]
    threads = [*(threading.Thread(target=work, args=(seed,)) for seed in range(3)), *readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.fixture
def on_gpu() -> Iterator[Any]:
    """PyTorch and a GPU, whose streams are real."""
    if reason := _device.reason_against():
        pytest.skip(reason)
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    with device_of_kind("gpu"):
        yield torch


@pytest.mark.cuda
@pytest.mark.parametrize("seed", range(10))
def test_any_work_on_any_streams_of_a_gpu(on_gpu: Any, seed: int) -> None:
    streams = [on_gpu.cuda.Stream() for _ in range(3)]
    run(seed, [0, 2, *(stream.cuda_stream for stream in streams)])


@pytest.mark.cuda
def test_a_stream_that_pytorch_captures_is_refused(on_gpu: Any) -> None:
    x = cuda.asarray(numbers())
    stream, graph = on_gpu.cuda.Stream(), on_gpu.cuda.CUDAGraph()
    with on_gpu.cuda.graph(graph, stream=stream):
        with pytest.raises(RuntimeError, match="stream must not be captured"):
            cuda.tanh(x, stream=stream)
        on_gpu.ones(3, device="cuda")  # so that the graph is not empty
    assert_same_bits(cuda.tanh(x, stream=stream).get(), nf.tanh(numbers()))


@pytest.mark.cuda
def test_pytorch_may_reuse_memory_that_another_stream_has_read(on_gpu: Any) -> None:
    stream, expected = on_gpu.cuda.Stream(), nf.gelu(np.ones(10**7, np.float32))
    for _ in range(5):
        x = on_gpu.ones(10**7, device="cuda")
        y = cuda.gelu(x, stream=stream)
        del x
        on_gpu.zeros(10**7, device="cuda")  # where x was
        assert_same_bits(y.cpu().numpy(), expected)


@pytest.mark.cuda
def test_locked_memory_may_be_changed_when_the_copy_returns(on_gpu: Any) -> None:
    buffer = on_gpu.ones(10**7).pin_memory().numpy()
    x = cuda.asarray(buffer, stream=on_gpu.cuda.Stream())
    buffer[:] = 0
    assert (x.get() == 1).all()


@pytest.mark.cuda
def test_the_current_device_stays_the_current_one(on_gpu: Any) -> None:
    if on_gpu.cuda.device_count() < 2:
        pytest.skip("there is one GPU only")
    for current in (0, 1):
        with on_gpu.cuda.device(current):
            cuda.tanh(cuda.asarray(numbers(), device=1 - current)).get()
            assert on_gpu.cuda.current_device() == current


def test_a_captured_stream_is_refused(runtime: Runtime) -> None:
    x, y = cuda.asarray(numbers(), stream=78), cuda.asarray(np.zeros(50, np.float32), stream=78)
    optimizer = cuda.SGD([cuda.asarray(numbers(), stream=78)])
    kept = cuda.asarray(numbers())
    runtime.capture(77, True)
    try:
        for call in (
            lambda: cuda.tanh(x, stream=77),
            lambda: cuda.tanh(x, out=y, stream=77),
            lambda: optimizer.step([x], stream=77),
            lambda: cuda.global_norm([x], stream=77),
            lambda: cuda.mse_loss(x, x, stream=77),
            lambda: cuda.asarray(numbers(), stream=77),
            lambda: x.__dlpack__(stream=77),
        ):
            with pytest.raises(RuntimeError, match="stream must not be captured"):
                call()
        with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureImplicit"):
            cuda.tanh(x)  # on the default stream, which would wait for the captured one
        with pytest.raises(RuntimeError, match="cudaErrorStreamCaptureImplicit"):
            cuda.tanh(kept, stream=78)
        del kept  # whose memory is given back later
        gc.collect()
        cuda.tanh(x, out=y, stream=78)  # another one may go on
    finally:
        runtime.capture(77, False)
    assert_same_bits(y.get(), nf.tanh(numbers()))


def test_memory_of_a_time_of_capture_is_given_back(device: Device) -> None:
    before = allocations(device)
    x = cuda.asarray(numbers())
    device.runtime.capture(77, True)
    del x
    gc.collect()
    device.runtime.capture(77, False)
    cuda.asarray(numbers())
    gc.collect()
    assert allocations(device) == before


NOT_READY = 600


def test_errors_of_others_are_left_to_them(runtime: Runtime) -> None:
    x = cuda.asarray(numbers())
    runtime.leave_error(NOT_READY)
    try:
        optimizer = cuda.SGD([cuda.tanh(x, stream=77)])
        optimizer.step([x], clip_norm=1.0)
        assert_same_bits(cuda.silu(x).get(), nf.silu(numbers()))
        del x, optimizer
        gc.collect()
        assert runtime.last_error() == NOT_READY
    finally:
        runtime.leave_error(0)


def test_our_own_errors_are_found_by_nobody_else(runtime: Runtime) -> None:
    with pytest.raises(MemoryError, match="cannot allocate device memory"):
        cuda.Array.empty((2**60,), "float32", 0, 0)
    assert runtime.last_error() == 0


@pytest.mark.parametrize("context", [0, 1, 2, 17, 18])
def test_the_callers_device_stays_the_current_one(runtime: Runtime, context: int) -> None:
    """The context of a device, 1 or 2, one that another library has made, 17 or 18, or none, 0."""
    runtime.set_context(context)
    try:
        for number in (0, 1):
            x = cuda.asarray(numbers(), device=number)
            cuda.SGD([cuda.tanh(x, stream=77)]).step([x])
            del x
            gc.collect()
            now = runtime.context()
            assert now == context or (context, now) == (0, 1)  # which is what device 0 is without any context
    finally:
        runtime.set_context(0)


class Recorder:
    """An array of a library of which nobody knows on which stream it reuses memory."""

    def __init__(self, array: cuda.Array) -> None:
        self.array = array

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __dlpack__(self, **how: object) -> object:
        return self.array.__dlpack__(**how)


def test_arrays_of_other_libraries_are_kept_until_the_work_is_done(runtime: Runtime) -> None:
    array = cuda.asarray(numbers())
    memory = array._memory
    count = len(gc.get_referrers(memory))
    y = cuda.tanh(Recorder(array), stream=77)
    del array
    gc.collect()
    assert len(_work.on_loan._loans) >= 1
    assert memory.pointer
    assert count >= 1
    assert_same_bits(y.get(), nf.tanh(numbers()))
    cuda.tanh(Recorder(y), stream=77).get()
    cuda.tanh(Recorder(y), stream=77).get()
    assert len(_work.on_loan._loans) <= 2


def test_the_stream_that_an_interface_names_waits_both_ways(runtime: Runtime) -> None:
    x = numbers()
    there = cuda.asarray(x)
    foreign = Foreign(there, x, x)
    foreign.interface["stream"] = 79
    cuda.tanh(there, out=there, stream=79)  # of the other library, that is
    y = cuda.silu(foreign, stream=77)
    native, place = _device.native(), _device.Place(0, 79)
    zeros = np.zeros(x.nbytes, np.uint8)
    native.copy_in(place.place, there._pointer, zeros)  # as the other library does, behind our back
    native.synchronize(place.place)
    assert_same_bits(y.get(), nf.silu(nf.tanh(x)))


def test_work_elsewhere_waits_for_torch_and_torch_for_it(
    device: Device, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    from npfuse.cuda import _torch

    monkeypatch.setattr(_torch, "number_of_gpu", lambda tensor: 0)
    for module in (_work, _device):
        monkeypatch.setattr(module, "current_stream", lambda library, number: 79 if library == "torch" else 0)
    x, y = torch.from_numpy(numbers()), torch.from_numpy(np.zeros(50, np.float32))
    waits = runtime.waits()
    cuda.gelu(x, out=y)
    assert runtime.waits() == waits
    cuda.gelu(x, out=y, stream=77)
    assert runtime.waits() == waits + 2
