"""What the GPU kernels need of registers, as their compiler says: python tools/registers.py [ARCHITECTURES] [--jobs N].

Builds the GPU's module as it is always built, with ptxas asked to report, for CMake's list of architectures (all that
a wheel carries if left out), prints the largest kernel of each architecture, and fails if any spills. Needs CMake, ninja,
pybind11, NumPy and nvcc.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pybind11

ROOT = Path(__file__).parent.parent

KERNEL = re.compile(
    r"Compiling entry function '(?P<name>\w+)' for '(?P<architecture>sm_\w+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers",
    re.DOTALL,
)


@dataclass(frozen=True)
class Kernel:
    name: str
    architecture: str
    registers: int
    spilled: int


def kernels_in(report: str) -> list[Kernel]:
    """Return every kernel that a report of ptxas tells of."""
    return [
        Kernel(
            found["name"], found["architecture"], int(found["registers"]), int(found["stores"]) + int(found["loads"])
        )
        for found in KERNEL.finditer(report)
    ]


def build(folder: str, architectures: str | None, jobs: int) -> str:
    """Return what the build prints."""
    settings = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_CUDA_FLAGS": "-Xptxas=-v",
        "NPFUSE_CUDA": "ON",
        "NPFUSE_STUBS": "OFF",
        "Python_EXECUTABLE": sys.executable,
        "SKBUILD_PROJECT_VERSION": "0",
        "pybind11_DIR": pybind11.get_cmake_dir(),
    }
    if architectures:
        settings["NPFUSE_CUDA_ARCHITECTURES"] = architectures
    defined = [f"-D{name}={value}" for name, value in settings.items()]
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", *defined], check=True, stdout=subprocess.DEVNULL)
    command = ["cmake", "--build", folder, "--target", "_cuda", "-j", str(jobs)]
    built = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if built.returncode:
        raise SystemExit(built.stdout)
    return built.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architectures", nargs="?", help='such as "90-real"; what a wheel carries if left out')
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="files compiled at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kernels = kernels_in(build(folder, options.architectures, options.jobs))
    if not kernels:
        raise SystemExit("ptxas reported no kernel")
    for architecture in sorted({kernel.architecture for kernel in kernels}):
        here = [kernel for kernel in kernels if kernel.architecture == architecture]
        largest = max(here, key=lambda kernel: kernel.registers)
        spilling = [kernel for kernel in here if kernel.spilled]
        print(f"{architecture}: {len(here)} kernels, {len(spilling)} spill; most registers: {largest.registers}")
        for kernel in spilling:
            print(f"  {kernel.spilled} bytes: {kernel.name}")
    return 1 if any(kernel.spilled for kernel in kernels) else 0


if __name__ == "__main__":
    sys.exit(main())
