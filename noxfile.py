"""The project's checks, each as one command: `nox -s tests`. CONTRIBUTING.md says what each is for."""

import subprocess

import nox

nox.needs_version = ">=2024.3"
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def lint(session):
    session.install("ruff>=0.17,<0.18", "clang-format==23.1.5")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    listed = session.run("git", "ls-files", "*.h", "*.cpp", "*.cu", "*.cuh", external=True, silent=True)
    session.run("clang-format", "--dry-run", "-Werror", *listed.split())


@nox.session
def types(session):
    session.install(".", "mypy>=2.4")
    session.run("mypy", "--strict", "-p", "npfuse")
    session.run("mypy", "--strict", "tests/typed_program.py")


@nox.session
def tests(session):
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def exhaustive(session):
    session.install(".[test]")
    session.run("python", "tools/exhaustive.py", "--write", "docs/accuracy.md", *session.posargs)


@nox.session
def sanitize(session):
    session.install(
        ".[test]",
        "--config-settings=cmake.args=--preset=sanitizers",
        "--config-settings=cmake.build-type=RelWithDebInfo",
        "--config-settings=build-dir=build/sanitizers",
    )
    session.run("pytest", *session.posargs, env=sanitizer_environment())


@nox.session
def registers(session):
    """Needs nvcc."""
    session.install("pybind11>=3.0", "numpy>=2.0", "cmake>=3.21", "ninja")
    session.run("python", "tools/registers.py", *session.posargs)


@nox.session
def demo(session):
    session.install(".[demo]")
    session.run("python", "-m", "npfuse", "demo", *session.posargs)


@nox.session
def bench(session):
    session.install(".[bench]")
    session.run("python", "-m", "npfuse", "bench", *session.posargs)


def sanitizer_environment():
    """Python itself is built without sanitizers: their runtime, and what it intercepts, must be loaded before it."""
    libraries = [
        subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    return {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter leaves much to the end of the process
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # so that every overrun of an object is seen
    }
