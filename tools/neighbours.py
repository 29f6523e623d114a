"""Fuzz a little in every neighbourhood: flags of the interpreter, instruction sets, older processors under qemu.

Prints the last line of each run of tests/fuzz/campaign.py; ends with 1 where a run is wrong or cannot be made.
"""

import argparse
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import numpy as np

from npfuse import _native

TESTS = pathlib.Path(__file__).parents[1] / "tests"
FLAGS = [[], ["-X", "dev"], ["-W", "error"], ["-O"]]
PROCESSORS = {"Nehalem": "x86-64-v2", "Haswell": "x86-64-v3"}  # and the kernels that they take
# NumPy's OpenBLAS takes AVX for granted under qemu.
LINEAR_ALGEBRA = {"Nehalem": {"OPENBLAS_CORETYPE": "NEHALEM"}}


def neighbours():
    """Yield by name what stands before `-m fuzz.campaign`, the environment and the part of the arrays it can bear."""
    for flags in FLAGS:
        yield f"NumPy {np.__version__} {' '.join(flags)}", [sys.executable, *flags], {}, 1.0
    for isa in _native.config()["available_isas"]:
        yield f"ISA {isa}", [sys.executable], {"NPFUSE_ISA": isa}, 1.0
    emulator = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    # Under qemu, np.tanh of NumPy 1.26 crashes.
    if emulator and platform.machine() == "x86_64" and int(np.__version__.split(".")[0]) >= 2:
        for processor, isa in PROCESSORS.items():
            if isa in _native.config()["available_isas"]:
                yield (
                    f"qemu {processor}",
                    [emulator, "-cpu", processor, sys.executable],
                    LINEAR_ALGEBRA.get(processor, {}),
                    0.02,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrays", type=int, default=30_000)
    options = parser.parse_args()
    failed = 0
    for name, command, environment, share in neighbours():
        arrays = int(options.arrays * share)
        done = subprocess.run(
            [*command, "-m", "fuzz.campaign", f"--arrays={arrays}", f"--bad={arrays // 10}", "--seed=7000000"],
            cwd=TESTS,
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )
        last = (done.stdout.strip().splitlines() or ["nothing printed"])[-1]
        print(f"{name}: {last}", flush=True)
        if done.returncode:
            failed = 1
            print(done.stdout[:4000], done.stderr[-4000:], flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
