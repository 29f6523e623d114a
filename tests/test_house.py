"""The house stands as csrc/README.md draws it: who includes whom, what crosses the layers, what every operation has."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
import table
from npfuse import _native
from npfuse.bench import suite

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "csrc"
PACKAGE = ROOT / "python" / "npfuse"
OF_THE_PROGRAMS = {"__main__.py", "_progress.py"}

MAY_INCLUDE = {
    ".": {"."},
    "formulas": {"formulas"},
    "loops": {".", "formulas", "loops"},
    "isa": {".", "loops"},
    "runtime": {".", "runtime"},
    "bind": {".", "runtime", "bind"},
    "cuda": {".", "formulas", "loops", "cuda"},
    "cuda/bind": {".", "cuda", "cuda/bind"},
}
"""The layers ("." is csrc itself, where the tables are declared) and the layers whose files each may include."""

PLAIN_DATA = {SOURCES / "formulas" / "describe.h", SOURCES / "formulas" / "row_loss_settings.h"}
"""What a formula says of itself is all that everybody may see of it."""

OF_EVERY_BINDING = {SOURCES / "bind" / "gil.h": {"cuda/bind"}}
"""Headers that one more layer than their own may include: this one depends on Python alone."""

NO_STANDARD_LIBRARY = {"formulas", "loops", "isa"}
"""Compiled per instruction set, so nothing may be left behind for the linker to share; C's headers leave nothing."""

BLIND_TO_OPERATIONS = {"loops", "isa", "runtime", "bind", "cuda", "cuda/bind"}

C_HEADERS = {"stddef.h", "stdint.h", "immintrin.h", "arm_neon.h"}


def layer(path: Path) -> str:
    folders = path.relative_to(SOURCES).parts[:-1]
    return "/".join(folders if folders[:1] == ("cuda",) else folders[:1]) or "."


def sources() -> list[Path]:
    return sorted(path for ending in ("h", "cpp", "cu", "cuh") for path in SOURCES.rglob(f"*.{ending}"))


def includes(path: Path) -> list[tuple[str, Path | None]]:
    """Return what a file includes: the words, and the file of ours they mean, if one."""
    found = re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), flags=re.MULTILINE)
    return [(words, find(path, words)) for words in found]


def find(path: Path, words: str) -> Path | None:
    candidates = [(path.parent / words).resolve(), (SOURCES / words).resolve()]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCES))


def test_includes_go_down_one_layer() -> None:
    found = {(path, words, included) for path in sources() for words, included in includes(path) if included}
    assert len(found) > len(sources())
    wrong = [
        (name_of(path), words)
        for path, words, included in found
        if included not in PLAIN_DATA
        and layer(included) not in MAY_INCLUDE[layer(path)]
        and layer(path) not in OF_EVERY_BINDING.get(included, set())
    ]
    assert not wrong


def test_kernels_use_no_standard_library() -> None:
    kernels = [path for path in sources() if layer(path) in NO_STANDARD_LIBRARY]
    foreign = {(name_of(path), words) for path in kernels for words, included in includes(path) if included is None}
    assert foreign
    assert not [(name, words) for name, words in foreign if words not in C_HEADERS]


def test_only_bind_knows_python() -> None:
    of_python = {
        layer(path)
        for path in sources()
        for words, _ in includes(path)
        if words.startswith(("pybind11", "Python.h", "numpy"))
    }
    assert of_python == {"bind", "cuda/bind"}


def names_in(path: Path) -> set[str]:
    """Return the operations that a file names, in any style of writing them; all else that it names is left out."""
    code = re.sub(r"//.*|\"[^\"\n]*\"", "", path.read_text())
    words = {word.lower().replace("_", "") for word in re.findall(r"\w+", code)}
    return words & {name.replace("_", "") for name in operations("activations")}


def test_no_layer_above_knows_an_operation_by_name() -> None:
    blind = [path for path in sources() if layer(path) in BLIND_TO_OPERATIONS]
    assert {layer(path) for path in blind} == BLIND_TO_OPERATIONS
    assert not {name_of(path): names_in(path) for path in blind if names_in(path)}
    assert {"gelu", "leakyrelu"} <= names_in(SOURCES / "formulas" / "registry.h"), "the search finds nothing"


def test_nothing_of_an_instruction_set_is_shared_by_the_linker(tmp_path: Path) -> None:
    """A family's file exports one table and has no weak symbol, even where nothing is inlined."""
    compiler, nm = shutil.which("g++"), shutil.which("nm")
    if compiler is None or nm is None:
        pytest.skip("no compiler to build an object with")
    isa = _native.config()["available_isas"][0]
    name = isa.replace("-", "_")
    flags = ["-std=c++20", "-O0", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-fopenmp-simd"]
    march = [f"-march={'armv8-a' if isa == 'neon' else isa}", f"-DNPFUSE_ISA={name}", f'-DNPFUSE_ISA_NAME="{isa}"']
    families = sorted((SOURCES / "isa").glob("*.cpp"))
    assert len(families) >= 6
    for source in families:
        built = tmp_path / "isa.o"
        subprocess.run([compiler, *flags, *march, "-c", str(source), "-o", str(built)], check=True)
        lines = subprocess.run([nm, str(built)], capture_output=True, text=True, check=True).stdout.splitlines()
        symbols = [(line[17], line[19:]) for line in lines]
        namespace = f"{len(name)}{name}"  # as it stands in every mangled name that belongs to it
        assert [name for kind, name in symbols if kind in "DR"] == [
            f"_ZN6npfuse{namespace}{len(source.stem)}{source.stem}E"
        ]
        assert not [name for kind, name in symbols if kind in "TDRBWVu" and namespace not in name]
        assert not [name for kind, name in symbols if kind == "U" and name.startswith(("_ZS", "_ZNS", "_Zn", "_Zd"))]
        assert not [name for _, name in symbols if "GLOBAL__sub_I" in name], "runs code when it is loaded"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return names


ALLOWED_IMPORTS = {
    "npfuse",
    "numpy",
    "abc",
    "functools",
    "collections",
    "typing",
    "__future__",
    "importlib",
    "math",
    "numbers",
    "operator",
    "platform",
    "sys",
    "warnings",
    "types",
    "enum",
    "dataclasses",
    "copy",
}


def test_the_library_needs_numpy_only() -> None:
    """What `import npfuse` loads: the standard library, NumPy, itself; not the programs that use it."""
    library = [path for path in modules() if path.parent == PACKAGE and path.name not in OF_THE_PROGRAMS]
    found = {(path.name, name) for path in library for name in imported(path)}
    assert {("_bias.py", "numpy"), ("__init__.py", "npfuse")} <= found
    assert not [each for each in found if each[1].split(".")[0] not in ALLOWED_IMPORTS]
    assert not [each for each in found if each[1].startswith(("npfuse.bench", "npfuse.demo", "npfuse.gallery"))]


def operations(kind: str) -> list[str]:
    return list(_native.operations.get(kind, []))


TRIED_BY_THEMSELVES = {"softmax_cross_entropy", "nll_loss"}
"""Losses of rows with labels: tests/test_losses.py has a reference for them instead of rows."""


def test_every_operation_has_a_row() -> None:
    rows = {"activations": table.ACTIVATIONS, "gated": table.GATED, "rows": table.ROWS}
    for kind, names in _native.operations.items():
        assert {row.name for row in rows[kind]} == set(names)
    assert {row.name for row in table.LOSSES} | TRIED_BY_THEMSELVES == set(nf.losses.__all__)
    kernels = {row.cls([np.zeros(1)], **row.options)._kernel for row in table.OPTIMIZERS}
    assert kernels == set(_native.optimizers)


NO_OPERATIONS = {
    "Optimizer",
    "__version__",
    "clip_by_global_norm",  # global_norm and a product
    "get_num_threads",
    "minibatches",
    "schedules",
    "set_num_threads",
    "show_config",
}
"""What is public and computes nothing by itself; nor do the `*_step` functions, which are the optimizers' steps."""


def test_everything_public_that_computes_has_a_benchmark() -> None:
    computing = {name for name in nf.__all__ if not name.endswith("_step")} - NO_OPERATIONS
    assert computing == suite.benchmarked()


@pytest.mark.parametrize("name", operations("activations") + operations("rows"))
def test_every_operation_has_a_derivative_and_is_public(name: str) -> None:
    for function in (name, f"{name}_backward"):
        assert function in nf.__all__
        assert callable(getattr(nf, function))


def test_ufuncs_are_numpys_own() -> None:
    for name in operations("activations"):
        if not _native.activation_parameters[name]:
            assert isinstance(getattr(nf, name), np.ufunc)
