"""Memory that runs out, signals, forks, exits, refused threads, small stacks: never a hang, a crash or half a step."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reliability.calls import KINDS
from reliability.with_failing_malloc import compiled

TESTS = Path(__file__).parents[1]
TIME_LIMIT = 120

each_kind = pytest.mark.parametrize("kind", KINDS)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

PREAMBLE = """
import os, signal, sys, threading, time
import numpy as np
import npfuse as nf
from reliability.calls import KINDS, calls

nf.set_num_threads(3)
all_calls = calls()
expected = {name: call() for name, call in all_calls.items()}

def check(name):
    return all_calls[name]() == expected[name]
"""


def output_of(program: str, *arguments: str, **environment: str) -> str:
    """Run a program that must end by itself, successfully."""
    paths = {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | paths | environment,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="session")
def preload(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lets allocations and threads fail, to be loaded before the C library."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("AddressSanitizer brings an allocator of its own")
    if shutil.which("cc") is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler and glibc")
    library = compiled(tmp_path_factory.mktemp("preload"))
    return os.pathsep.join(filter(None, [str(library), os.environ.get("LD_PRELOAD")]))


def test_a_call_without_memory_raises_and_writes_nothing(preload):
    program = "import sys; from reliability.exhaust import main; main()"
    *problems, total = output_of(program, "6", LD_PRELOAD=preload).splitlines()
    assert not problems, "\n".join(problems)
    assert int(total.split()[0]) > 500


def test_refused_threads_change_nothing(preload):
    program = (
        PREAMBLE
        + """
import ctypes
ctypes.CDLL(None).refuse_threads(1)
for threads in (7, 1, 3):
    nf.set_num_threads(threads)
    assert all(check(name) for name in KINDS)
ctypes.CDLL(None).refuse_threads(0)
nf.set_num_threads(4)
assert all(check(name) for name in KINDS)
"""
    )
    output_of(program, LD_PRELOAD=preload)


def test_small_stacks_suffice():
    program = (
        PREAMBLE
        + """
from fuzz.catalogue import OPERATIONS
from fuzz.choices import Seeded

def run():
    for name in KINDS:
        assert check(name)
    with np.errstate(all="ignore"):
        for operation in OPERATIONS:
            case = operation.draw(Seeded(1))
            try:
                case.call(case.arguments)
            except Exception:
                pass  # for the fuzzing to say
    done.append(True)

done = []
threading.stack_size(128 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
assert done
"""
    )
    output_of(program)


@each_kind
def test_exit_while_a_daemon_thread_computes(kind):
    program = (
        PREAMBLE
        + """
def compute():
    while True:
        all_calls[sys.argv[1]]()

for _ in range(2):
    threading.Thread(target=compute, daemon=True).start()
time.sleep(0.02)
"""
    )
    for _ in range(3):
        output_of(program, kind)


@needs_fork
def test_fork_while_idle_and_while_others_compute():
    program = (
        PREAMBLE
        + """
def child():
    signal.alarm(60)
    nf.set_num_threads(2)
    os._exit(0 if all(check(name) for name in KINDS) else 1)

def fork():
    process = os.fork()
    if process == 0:
        child()
    status = os.waitpid(process, 0)[1]
    if status != 0:
        print("a child ended with", status, flush=True)
        os._exit(1)

fork()
for name in KINDS:
    stop = threading.Event()
    def compute(name=name):
        while not stop.is_set():
            if not check(name):
                os._exit(2)
    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads: thread.start()
    for _ in range(4): fork()
    stop.set()
    for thread in threads: thread.join()
    assert check(name)
"""
    )
    output_of(program)


@needs_fork
def test_an_optimizer_goes_on_in_a_child_forked_during_its_step():
    program = (
        PREAMBLE
        + """
params = [np.zeros(2_000_000, np.float32)]
grads = [np.ones(2_000_000, np.float32)]
optimizer = nf.SGD(params, lr=1.0)
stop = threading.Event()
def train():
    while not stop.is_set():
        optimizer.step(grads)
thread = threading.Thread(target=train)
thread.start()
for _ in range(20):
    process = os.fork()
    if process == 0:
        signal.alarm(20)
        optimizer.step(grads)
        os._exit(0)
    status = os.waitpid(process, 0)[1]
    if status != 0:
        print("a child ended with", status, flush=True)
        os._exit(1)
    time.sleep(0.003)
stop.set()
thread.join()
assert (params[0] == params[0][0]).all() and -params[0][0] == optimizer.groups[0].steps
"""
    )
    output_of(program)


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_process_pools(method, tmp_path):
    main = tmp_path / "pool_main.py"
    main.write_text(
        "import multiprocessing, sys\n"
        "from reliability.calls import KINDS, calls\n"
        "def run(name):\n"
        "    return calls()[name]()\n"
        "if __name__ == '__main__':\n"
        "    here = calls()\n"
        "    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:\n"
        "        assert pool.map_async(run, KINDS).get(timeout=100) == [here[name]() for name in KINDS]\n"
    )
    output_of("import runpy, sys; sys.argv[1:] = [sys.argv[2]] + sys.argv[1:2]\n" + RUN_MAIN, str(main), method)


RUN_MAIN = (
    "import subprocess; sys.exit(subprocess.run([sys.executable, sys.argv[2], sys.argv[1]], timeout=110).returncode)"
)


@each_kind
def test_an_interrupt_waits_for_the_end_of_a_call(kind):
    """The exception comes after the call, whose results are complete; the next call is right."""
    program = (
        PREAMBLE
        + """
name = sys.argv[1]
signal.signal(signal.SIGALRM, signal.default_int_handler)
interrupts = 0
for attempt in range(30):
    signal.setitimer(signal.ITIMER_REAL, 0.0002 + 0.0003 * attempt)
    try:
        while True:
            all_calls[name]()
    except KeyboardInterrupt:
        interrupts += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert check(name)
assert interrupts == 30
"""
    )
    output_of(program, kind)


def test_an_interrupted_step_is_taken_and_counted_or_neither():
    program = (
        PREAMBLE
        + """
params = [np.zeros(3000, np.float32), np.zeros(5, np.float64)]
grads = [np.ones_like(param) for param in params]
optimizer = nf.SGD(params, lr=1.0)
signal.signal(signal.SIGALRM, signal.default_int_handler)
random = np.random.default_rng(0)
torn = 0
for attempt in range(3000):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 2e-4))
        while True:
            optimizer.step(grads)
    except KeyboardInterrupt:
        pass
    counts = {float(-part) for param in params for part in (param[0], param[-1])} | {optimizer.groups[0].steps}
    if len(counts) > 1:
        torn += 1
        optimizer.groups[0].steps = int(-params[0][0])
    params[0][...] = params[1][...] = 0
    optimizer.groups[0].steps = 0
assert torn == 0, torn
"""
    )
    output_of(program)
