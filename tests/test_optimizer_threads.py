"""Optimizers among threads, forks, signals and the end of the process."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native

EXIT = """
import sys, threading, time
import numpy as np
import npfuse as nf

nf.set_num_threads(2)
param, grad = np.ones(100_000, np.float32), np.ones(100_000, np.float32)
table, rows, grads = np.ones((1000, 100), np.float32), np.arange(1000), np.ones((1000, 100), np.float32)
whole, of_rows = nf.Adam([param]), nf.Adam([table])
CALLS = {
    "step": lambda: whole.step([grad], clip_norm=1.0),
    "step_rows": lambda: of_rows.step_rows(0, rows, grads),
    "sgd_step": lambda: nf.sgd_step(param, grad, step=1, lr=0.1),
    "global_norm": lambda: nf.global_norm([grad]),
    "clip_by_global_norm": lambda: nf.clip_by_global_norm([grad], 1e-3),
    "state_dict": lambda: whole.state_dict(),
}
call, running = CALLS[sys.argv[1]], threading.Event()


def work():
    while True:
        call()
        running.set()


threading.Thread(target=work, daemon=True).start()
running.wait()
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("call", ["step", "step_rows", "sgd_step", "global_norm", "clip_by_global_norm", "state_dict"])
def test_the_process_may_end_while_a_daemon_thread_is_inside(call):
    for delay in ("0", "0.0007", "0.0013"):
        done = subprocess.run([sys.executable, "-c", EXIT, call, delay], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def at_work(optimizer):
    """Return a thread that is in the middle of a step of the optimizer, and what ends that."""
    inside, leave = threading.Event(), threading.Event()

    def schedule(taken):
        inside.set()
        assert leave.wait(60)
        return 0.5

    group = optimizer.groups[0]
    before = group["lr"]
    group["lr"] = schedule
    thread = threading.Thread(target=optimizer.step, args=([np.ones(3)],))
    thread.start()
    assert inside.wait(60)
    group["lr"] = before
    return thread, leave


USES = {
    "step": lambda optimizer: optimizer.step([np.ones(3)]),
    "step_rows": lambda optimizer: optimizer.step_rows(0, np.array([1]), np.ones(1)),
    "state_dict": lambda optimizer: optimizer.state_dict(),
    "load_state_dict": lambda optimizer: optimizer.load_state_dict({}),
    "add_group": lambda optimizer: optimizer.add_group([np.ones(2)]),
    "pickle": lambda optimizer: optimizer.__getstate__(),
}


@pytest.mark.parametrize("use", USES)
def test_one_thread_at_a_time(use):
    """However small the arrays: a step begins when it reads the settings and the number of steps."""
    optimizer = nf.SGD([np.ones(3)], lr=0.5)
    thread, leave = at_work(optimizer)
    with pytest.raises(RuntimeError, match="another thread is in the middle of a step of this optimizer"):
        USES[use](optimizer)
    leave.set()
    thread.join()
    assert optimizer.groups[0].steps == 1
    assert (optimizer.params[0] == 0.5).all()
    optimizer.step([np.ones(3)])
    assert optimizer.groups[0].steps == 2


def test_many_threads_take_as_many_steps_as_are_counted():
    param, refused = np.zeros(3), []
    optimizer = nf.SGD([param], lr=1.0)

    def work():
        for _ in range(2000):
            try:
                optimizer.step([np.full(3, -1.0)])
            except RuntimeError:
                refused.append(1)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert optimizer.groups[0].steps == 8000 - len(refused)
    assert (param == optimizer.groups[0].steps).all()


def test_settings_are_read_when_a_step_begins():
    """NAdam's product of momenta is that of the momenta that the step was taken with."""
    together, alone = (nf.NAdam([np.ones(3)], lr=0.5) for _ in range(2))
    thread, leave = at_work(together)
    leave.set()
    thread.join()
    alone.step([np.ones(3)])
    assert together.groups[0].carried == alone.groups[0].carried


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_step_locks_nothing():
    optimizer = nf.SGD([np.ones(3)], lr=0.5)
    thread, leave = at_work(optimizer)
    child = os.fork()
    if child == 0:
        try:
            optimizer.step([np.ones(3)])
            optimizer.state_dict()
            os._exit(0 if optimizer.groups[0].steps == 1 else 1)
        finally:
            os._exit(2)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    optimizer.step([np.ones(3)])
    assert optimizer.groups[0].steps == 2


FORK = """
import os, sys, threading
import numpy as np
import npfuse as nf

params = [np.ones(1_000_000, np.float32)]
grads = [np.ones(1_000_000, np.float32)]
optimizer = nf.Adam(params)
stop = threading.Event()


def work():
    while not stop.is_set():
        optimizer.step(grads)


thread = threading.Thread(target=work)
thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        optimizer.step(grads)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cannot fork")
def test_forks_during_native_steps():
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupted_step_is_whole():
    """A signal that comes in the middle of the native step is noticed when steps are counted already."""
    _signal = pytest.importorskip("signal")
    param = np.zeros(3)
    optimizer = nf.NAdam([param], lr=1.0)
    native = optimizer._updater.step

    class Interrupted:
        def step(self, *args):
            done = native(*args)
            _signal.raise_signal(_signal.SIGINT)
            return done

    optimizer._updater = Interrupted()
    # Where the process was started in the background, Python would ignore the signal.
    before = _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            optimizer.step([np.ones(3)])
    finally:
        _signal.signal(_signal.SIGINT, before)
    assert (param != 0).all()
    assert optimizer.groups[0].steps == 1
    assert optimizer.groups[0].carried["mu_product"] != 1


def test_an_exclusive_call_within_itself_is_refused():
    exclusive = _native.Exclusive()
    with pytest.raises(RuntimeError, match="in the middle"):
        exclusive(exclusive, len, ())
    assert exclusive(len, (1, 2)) == 2
