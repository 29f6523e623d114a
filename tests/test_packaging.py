"""What is installed: typed, small in what it imports, and whole without the optional packages."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import npfuse as nf
from npfuse.bench.overhead import installed_files

ROOT = Path(__file__).parent.parent


def output_of(program: str) -> str:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_version_is_the_projects() -> None:
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert nf.__version__ == stated[1] == importlib.metadata.version("npfuse")


def test_types_are_shipped() -> None:
    assert {Path("py.typed"), Path("_native.pyi"), Path("losses.pyi")} <= set(installed_files())


def test_import_brings_numpy_and_nothing_else() -> None:
    program = "import numpy, sys; before = set(sys.modules); import npfuse; print(*(set(sys.modules) - before))"
    packages = {name.split(".")[0] for name in output_of(program).split()}
    foreign = packages - set(sys.stdlib_module_names) - {"npfuse", "numpy", "ml_dtypes"}
    assert not foreign


def test_without_ml_dtypes_everything_else_works() -> None:
    program = """
import sys
sys.modules["ml_dtypes"] = None
import numpy as np, npfuse as nf
print(nf.sigmoid(np.zeros(3, np.float32)).dtype, nf.softmax(np.zeros(4, np.float16)).dtype)
"""
    assert output_of(program).split() == ["float32", "float16"]


def test_commands() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "npfuse", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert nf.__version__ in run("info").stdout
    assert "usage" in run("--help").stdout
    assert run("bench", "--help").returncode == 0
    unknown = run("no-such-command")
    assert unknown.returncode == 2
    assert "bench" in unknown.stderr
