"""The layer under the kernels: which instruction set, how many threads, fork, and the floating-point environment."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import npfuse as nf
from floating_point import CONTROL_BITS, control_bits, control_word
from npfuse import _native

MAX_THREADS = 1024
AVAILABLE_ISAS = _native.config()["available_isas"]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin threads")


def python(code, **environment):
    """Run `code` in a fresh interpreter. One that hangs fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NPFUSE_")}
    return subprocess.run(
        [sys.executable, "-c", code], env=inherited | environment, capture_output=True, text=True, timeout=120
    )


def output_of(code, **environment):
    done = python(code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def numbers(n, dtype=np.float32):
    return np.random.default_rng(0).normal(scale=8, size=n).astype(dtype)


@pytest.fixture(autouse=True)
def _thread_count_restored():
    found = nf.get_num_threads()
    yield
    nf.set_num_threads(found)


# Instruction sets


def test_best_isa_is_the_default():
    assert output_of("from npfuse import _native; print(_native.config()['isa'])") == AVAILABLE_ISAS[0]


@pytest.mark.parametrize("isa", AVAILABLE_ISAS)
def test_isa_can_be_forced(isa):
    code = "import npfuse as nf; nf.sigmoid([0.5]); print(nf._native.config()['isa'])"
    assert output_of(code, NPFUSE_ISA=isa) == isa


@pytest.mark.parametrize("isa", ["AVX2", "x86-64-v9", "x86-64-v3 ", "X86-64-V3"])
def test_unknown_isa_fails_the_import(isa):
    done = python("import npfuse", NPFUSE_ISA=isa)
    assert done.returncode == 1
    for part in ["ImportError", "NPFUSE_ISA", f"'{isa}'", *AVAILABLE_ISAS]:
        assert part in done.stderr


def test_show_config(capsys):
    nf.show_config()
    shown = capsys.readouterr().out
    for part in [nf.__version__, _native.config()["isa"], *AVAILABLE_ISAS, str(nf.get_num_threads())]:
        assert part in shown


# The number of threads

PRINT_THREADS = "import npfuse as nf; print(nf.get_num_threads())"


@pytest.mark.parametrize("count", [1, 2, 3, MAX_THREADS, np.int64(2)])
def test_set_num_threads(count):
    nf.set_num_threads(count)
    assert nf.get_num_threads() == _native.config()["num_threads"] == count


BEYOND_A_WORD = [2**64 + 1, 10**30, -(10**30)]


@pytest.mark.parametrize(
    ("count", "error"),
    [
        *[(count, ValueError) for count in (0, -1, -7, MAX_THREADS + 1, 2**31 + 1, 2**32 + 1, *BEYOND_A_WORD)],
        *[(count, TypeError) for count in (1.5, np.float64(2), "2", None, True, False, [2])],
    ],
    ids=repr,
)
def test_set_num_threads_refuses(count, error):
    nf.set_num_threads(2)
    with pytest.raises(error, match="threads must be an integer") as caught:
        nf.set_num_threads(count)
    if count not in BEYOND_A_WORD:
        assert repr(count) in str(caught.value)
    assert nf.get_num_threads() == 2


@pytest.mark.parametrize("count", [1, 3, MAX_THREADS])
def test_thread_count_from_the_environment(count):
    assert output_of(PRINT_THREADS, NPFUSE_NUM_THREADS=str(count)) == str(count)


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "two", "2 ", str(MAX_THREADS + 1), "9" * 30])
def test_invalid_thread_count_in_the_environment_fails_the_import(count):
    done = python("import npfuse", NPFUSE_NUM_THREADS=count)
    assert done.returncode == 1
    for part in ["ImportError", "NPFUSE_NUM_THREADS", f"'{count}'", str(MAX_THREADS)]:
        assert part in done.stderr


@needs_affinity
def test_default_thread_count_is_within_the_affinity():
    assert 1 <= int(output_of(PRINT_THREADS)) <= len(os.sched_getaffinity(0))
    pinned = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + PRINT_THREADS
    assert output_of(pinned) == "1"


# Threads and results

COUNT_WORKERS = """
import pathlib

def workers():
    names = [task.joinpath("comm").read_text() for task in pathlib.Path("/proc/self/task").iterdir()]
    return names.count("npfuse\\n")
"""

needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")


@needs_proc
def test_threads_start_when_they_are_first_needed():
    code = """
import numpy as np
import npfuse as nf
x = np.ones(1_000_000, np.float32)
nf.set_num_threads(1)
nf.sigmoid(x)
nf.set_num_threads(4)
nf.sigmoid(x[:100])
few = workers()
nf.sigmoid(x)
many = workers()
nf.set_num_threads(2)
nf.sigmoid(x)
print(few, many, workers())
"""
    most = nf._native.config()["cpus"] - 1  # more would bring nothing
    assert output_of(COUNT_WORKERS + code) == f"0 {min(3, most)} {min(1, most)}"


@needs_proc
def test_workers_leave_signals_to_the_program():
    code = """
import os, pathlib, time
import numpy as np
import npfuse as nf
nf.set_num_threads(3)
nf.sigmoid(np.ones(1_000_000, np.float32))
time.sleep(0.2)  # a thread that is starting blocks all signals for a moment
for task in pathlib.Path("/proc/self/task").iterdir():
    if task.joinpath("comm").read_text() == "npfuse\\n":
        fields = dict(line.split(":", 1) for line in task.joinpath("status").read_text().splitlines())
        blocked = [int(fields["SigBlk"], 16) >> (number - 1) & 1 for number in ({asynchronous}, {synchronous})]
        print(*blocked)
""".format(asynchronous="1, 2, 10, 12, 14, 15, 17", synchronous="4, 5, 6, 7, 8, 11, 31")
    helpers = min(2, nf._native.config()["cpus"] - 1)
    assert output_of(code).splitlines() == helpers * ["1 1 1 1 1 1 1 0 0 0 0 0 0 0"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("count", [2, 3, 8])
def test_same_bits_with_any_number_of_threads(count, dtype):
    arrays = [numbers(n, dtype) for n in (1, 1000, 32_767, 32_768, 32_769, 100_003, 1_000_000)]
    arrays.append(arrays[-1][::-3])

    nf.set_num_threads(1)
    expected = [nf.sigmoid(x).tobytes() for x in arrays]
    nf.set_num_threads(count)
    for x, bits in zip(arrays, expected, strict=True):
        assert nf.sigmoid(x).tobytes() == bits


def test_many_python_threads_at_once():
    x = numbers(300_000)
    nf.set_num_threads(1)
    expected = nf.sigmoid(x).tobytes()
    workers = 8
    start = threading.Barrier(workers)

    def compute(_):
        start.wait()
        return all(nf.sigmoid(x).tobytes() == expected for _ in range(20))

    nf.set_num_threads(3)
    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(compute, range(workers))
        for count in (1, 4, 2, 8, 3) * 20:  # and the number of threads changes under them
            nf.set_num_threads(count)
        assert all(results)


# Fork and exit

FORK = """
import multiprocessing, os, signal, sys, threading
import numpy as np
import npfuse as nf

x = np.random.default_rng(0).normal(scale=8, size=300_000).astype(np.float32)
nf.set_num_threads(4)
expected = nf.sigmoid(x).tobytes()

def check():
    return nf.sigmoid(x).tobytes() == expected

def check_in_child():
    if not check(): return False
    nf.set_num_threads(2)
    return check() and (sys.platform != "linux" or workers() == 1)

def fork(run):
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that hangs is killed, and so fails
        os._exit(0 if run() else 1)
    status = os.waitpid(child, 0)[1]
    if status != 0:
        print(f"a forked child ended with status {status}", file=sys.stderr, flush=True)
        os._exit(1)  # whatever the other threads are doing
    return True
"""

FORK_CASES = {
    "after threads were used": "for _ in range(20): fork(check_in_child); assert check()",
    "a child of a child": "for _ in range(10): fork(lambda: check() and fork(check_in_child) and check())",
    "from a thread": """
thread = threading.Thread(target=lambda: [fork(check_in_child) for _ in range(20)])
thread.start()
thread.join()
""",
    "while other threads compute": """
stop = threading.Event()
def compute():
    while not stop.is_set():
        if not check(): os._exit(1)
threads = [threading.Thread(target=compute) for _ in range(3)]
for thread in threads: thread.start()
for _ in range(40): fork(check_in_child)
stop.set()
for thread in threads: thread.join()
""",
    "multiprocessing": """
with multiprocessing.get_context("fork").Pool(3) as pool:
    assert all(pool.apply_async(check_in_child).get(timeout=60) for _ in range(20))
""",
}


@needs_fork
@pytest.mark.parametrize("case", FORK_CASES)
def test_fork(case):
    assert output_of(COUNT_WORKERS + FORK + FORK_CASES[case] + "\nprint('done')") == "done"


DAEMONS = {
    "none": "pass",
    "activation": "nf.sigmoid(x)",
    "rows": "nf.softmax(x)",
    "bias": "nf.bias_act_backward(x, x, x[0])",
    "loss": "nf.mse_loss.value_and_grad(x, x)",
    "loss of rows": "nf.softmax_cross_entropy.value_and_grad(x, labels)",
}


@pytest.mark.parametrize("task", DAEMONS)
def test_exit_while_daemon_threads_compute(task):
    """CPython before 3.14 ends such a thread when it asks for the GIL, by unwinding its stack."""
    for _ in range(5):
        output_of(f"""
import threading, time
import numpy as np
import npfuse as nf
nf.set_num_threads(4)
x, labels = np.ones((2000, 100), np.float32), np.zeros(2000, int)
nf.sigmoid(x)
def compute():
    while True: {DAEMONS[task]}
for _ in range({0 if task == "none" else 4}): threading.Thread(target=compute, daemon=True).start()
time.sleep(0.05)
""")


# The floating-point environment

# Some for the calling thread alone, some for all threads.
SIZES = [8, 300_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_reported_of_what_happens_inside(dtype, size):
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.resize(np.array([-1e30, -800, -200, -100, tiny, 200, 1e30, np.inf, -np.inf, np.nan], dtype), size)
    nf.set_num_threads(3)
    with np.errstate(all="raise"):
        nf.sigmoid(x)
        nf.sigmoid_backward(x, x[::-1])


@pytest.mark.skipif(not CONTROL_BITS, reason="knows only how glibc stores the environment")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("setting", CONTROL_BITS)
def test_the_users_environment_changes_nothing_and_is_left_alone(setting, size):
    x = np.resize(np.concatenate([np.array([1e-40, -1e-40, -88, -95, -103], np.float32), numbers(997)]), size)
    y = np.empty_like(x)
    nf.set_num_threads(2)
    expected = nf.sigmoid(x).tobytes()
    dx = nf.sigmoid_backward(x, x).tobytes()

    bits = CONTROL_BITS[setting]
    with control_bits(bits):
        before = control_word()
        nf.set_num_threads(4)  # new threads start with the environment of the one that starts them
        nf.sigmoid(x, out=y)
        forward = y.tobytes()
        nf.sigmoid_backward(x, x, out=y)
        after = control_word()
    assert before & bits == bits
    assert before == after
    assert forward == expected
    assert y.tobytes() == dx


def operands_of_every_family():
    x, dy = numbers(9000).reshape(90, 100), numbers(9000)[::-1].reshape(90, 100) / 3
    tiny = np.float32([1e-39, -1e-39, 3e-40, -1, 1])
    rows = [[array.astype(dtype) for array in (x, dy)] for dtype in (np.float16, np.float32, np.float64)]
    return x, dy, x[0] / 7, tiny, tiny.astype(np.float16), x.astype(np.float16), rows


def results_of_every_family(x, dy, bias, tiny, tiny_halves, halves, all_rows):
    """Return everything that is computed of numbers which another rounding mode or flushing would change."""
    results = [
        nf.leaky_relu(np.float32([-1, -3]), 1e-39),
        nf.leaky_relu_backward(tiny, tiny, 0.1),
        nf.leaky_relu(tiny_halves, 0.1),
        nf.leaky_relu(1.1, 0.1),
        nf.leaky_relu_backward(0.1, tiny, 1 / 3),
        nf.hard_sigmoid(halves),
        *nf.prelu_backward(dy, x, 0.1),
        *nf.prelu_backward(dy, x, bias),
        *nf.prelu_backward(dy, x, x[:, :1]),
        *nf.prelu_backward(dy.reshape(6, 15, 100), x.reshape(6, 15, 100), x[:15, :1]),
        *nf.swiglu_backward(dy, x, dy),
        nf.glu(x),
        nf.glu_backward(x[:, :50], x),
        *nf.maxout(x, 5, return_index=True),
    ]
    for rows, gradient in all_rows:
        for name in ("relu", "elu", "gelu"):
            results.append(nf.bias_act(rows, rows[1], name))
            results += nf.bias_act_backward(gradient, rows, rows[1], name)
        results += nf.bias_act_backward(
            gradient, rows, rows[1], "swish", out=np.empty(rows.shape, np.float64), beta=1.1
        )
    return b"".join(np.asarray(result).tobytes() for result in results)


@pytest.mark.skipif(not CONTROL_BITS, reason="knows only how glibc stores the environment")
@pytest.mark.parametrize("setting", CONTROL_BITS)
def test_the_users_environment_changes_no_result(setting):
    operands = operands_of_every_family()
    expected = results_of_every_family(*operands)
    with control_bits(CONTROL_BITS[setting]):
        before = control_word()
        found = results_of_every_family(*operands)
        after = control_word()
    assert before == after
    assert found == expected
