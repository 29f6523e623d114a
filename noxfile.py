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
def peers(session):
    session.install(".[peers]")
    session.run("pytest", "-m", "peers", *session.posargs)


@nox.session
def mutate(session):
    session.install("scikit-build-core>=0.10", "pybind11>=3.0", "numpy>=2.0", "cmake>=3.21", "ninja")
    session.install(*requirements_of("test"))
    session.run("python", "tools/mutate.py", *session.posargs)


@nox.session
def exhaustive(session):
    session.install(".[test]")
    session.run("python", "tools/exhaustive.py", "--write", "docs/accuracy.md", *session.posargs)


@nox.session
def sanitize(session):
    """The test suite, but for what a build without type stubs cannot pass."""
    install_sanitized(session, "sanitizers")
    without_stubs = [
        "--ignore=tests/test_types.py",
        "--deselect=tests/test_packaging.py::test_types_are_shipped",
        "--deselect=tests/test_bench.py::test_the_wheel_holds_every_file_once",
    ]
    session.run("pytest", *without_stubs, *session.posargs, env=sanitizer_environment())


@nox.session
def threads(session):
    """Concurrent callers under ThreadSanitizer."""
    install_sanitized(session, "threads")
    with session.chdir("tests"):
        session.run(
            "python", "-m", "reliability.stress", *(session.posargs or ["60"]), env=thread_sanitizer_environment()
        )


@nox.session
def fuzz(session):
    session.install(".[test]")
    with session.chdir("tests"):
        session.run("python", "-m", "fuzz.campaign", *session.posargs)


@nox.session
@nox.parametrize("numpy", ["numpy==1.26.*", "numpy>=2"])
def neighbours(session, numpy):
    """A share of the fuzzing with oldest and newest NumPy, flags of the interpreter, every instruction set."""
    session.install(".[test]", numpy)
    session.run("python", "tools/neighbours.py", *session.posargs)


@nox.session
def reliability(session):
    """Every attack there is; needs hours, nox itself and g++."""
    session.install(".[test,dev]")
    session.run("python", "tools/reliability.py", "--write", "docs/reliability.md", *session.posargs)


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


def requirements_of(extra):
    """Return what an optional part of the project requires, where the project itself is not to be installed."""
    return nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"][extra]


def install_sanitized(session, preset):
    """Install with a preset of CMakePresets.json; the kernels of this machine's instruction set only."""
    session.install(
        ".[test]",
        f"--config-settings=cmake.args=--preset={preset}",
        "--config-settings=cmake.build-type=RelWithDebInfo",
        "--config-settings=cmake.define.NPFUSE_ISAS=native",
        f"--config-settings=build-dir=build/{preset}",
    )


def preloaded(*names):
    """Python itself is built without sanitizers: their runtime, and what it intercepts, must be loaded before it."""
    return " ".join(
        subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip()
        for name in (*names, "libstdc++.so")
    )


def thread_sanitizer_environment():
    return {
        "LD_PRELOAD": preloaded("libtsan.so"),
        "TSAN_OPTIONS": "halt_on_error=0 exitcode=66 suppressions=reliability/interpreter.supp",
    }


def sanitizer_environment():
    return {
        "LD_PRELOAD": preloaded("libasan.so", "libubsan.so"),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter leaves much to the end of the process
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # so that every overrun of an object is seen
    }
