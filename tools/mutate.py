"""Break the library in one place at a time, and count how often the tests notice.

Every mutation is made in a copy of the sources, which is built and installed into the environment that runs this
program: `nox -s mutate` makes one for it. A mutation is killed if a test fails, the interpreter crashes or the tests
take far too long. Only the tests of what is mutated run, and they end with the first failure.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import os
import random
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "mutate"
COPY, BUILD = WORK / "source", WORK / "build"
SETTINGS = [f"build-dir={BUILD}", "cmake.define.NPFUSE_ISAS=native", "cmake.define.NPFUSE_CUDA=OFF"]
NEEDED = 0.95
TIME_LIMIT = 900

LAYERS = {
    "formulas": ["csrc/formulas/**/*.h"],
    "loops": ["csrc/loops/*.h"],
    "bind": ["csrc/bind/*.cpp", "csrc/bind/*.h"],
    "python": ["python/npfuse/*.py", "python/npfuse/optimizers/*.py"],
}
"""Where mutations are made: as many in each layer."""

TEXT_ONLY = ["*docstring*", "*/module.cpp", "*/export.cpp", "*/__main__.py", "*/_progress.py"]
"""Docstrings and the module's frame, which other tools check."""

RELEVANT = [
    ("*/formulas/activations/gated.h", "gated"),
    ("*/formulas/activations/*", "accuracy.py::test_reference_agrees_where_it_is_right special_values accuracy"),
    ("*/formulas/losses/*", "losses"),
    ("*/formulas/math/*", "accuracy.py::test_reference_agrees_where_it_is_right rows losses math accuracy"),
    ("*/formulas/rows/*", "rows losses"),
    ("*/formulas/*", "optimizers mixed_precision gradient_norm"),
    ("*/loops/*row*", "losses rows"),
    ("*/loops/*column*", "losses rows bias_act"),
    ("*/loops/*loss*", "losses"),
    ("*/loops/bias.h", "bias_act"),
    ("*/loops/maxout.h", "maxout"),
    ("*/loops/norm.h", "gradient_norm"),
    ("*/loops/update.h", "optimizers mixed_precision row_updates"),
    ("*/loops/*", "arrays reproducibility half_types warnings bounds overlap losses"),
    ("*/bind/*loss*", "losses overlap"),
    ("*/bind/arrays.*", "losses overlap"),
    ("*/bind/u[fp]*", "arrays dtypes protocols rows bias_act prelu maxout bounds optimizers optimizer_state"),
    ("*/bind/*", "optimizers optimizer_state row_updates gradient_norm dtypes protocols runtime"),
    ("*/schedules.py", "schedules optimizer_state"),
    ("*/data.py", "minibatches"),
    ("*/_arrays.py", "gated maxout prelu bias_act"),
    ("*/_bias.py", "bias_act"),
    ("*/_glu.py", "gated"),
    ("*/_maxout.py", "maxout"),
    ("*/_prelu.py", "prelu"),
    ("*/_runtime.py", "runtime"),
    ("*/_norm.py", "gradient_norm"),
    ("*/_rows.py", "rows_as_arguments rows"),
    ("*/optimizers/*", "optimizers signatures optimizer_state row_updates mixed_precision schedules"),
    ("*", "protocols dtypes types losses rows arrays overlap docs"),
]
"""Which tests run, the quickest first: files, or tests of them."""

EQUIVALENT = {
    (
        "python/npfuse/_maxout.py",
        "dtype = np.result_type(_native.relu(gradient[..., :0])) -> "
        "dtype = np.result_type(_native.relu(gradient[..., :(0 + 1)]))",
    ): "the dtype of a result does not depend on how many numbers there are",
    (
        "python/npfuse/optimizers/_settings.py",
        "return kept[1] if kept is not None and kept[0] is self._version else None -> "
        "return kept[1] if kept is not None and kept[(0 + 1)] is self._version else None",
    ): "what is not kept is computed again",
    (
        "python/npfuse/_prelu.py",
        'dx, sums = _native.parameter_backward_ufuncs["prelu"][1](gradient.reshape(-1), inputs.reshape(-1), single) -> '
        'dx, sums = _native.parameter_backward_ufuncs["prelu"][1](gradient.reshape(-1), inputs.reshape(-(1 + 1)), single)',
    ): "NumPy takes any negative length for the one to be found",
    (
        "python/npfuse/optimizers/_adagrad.py",
        'return (lr, lr_decay, eps, 0.0) if eps_placement == "outside" else (lr, lr_decay, 0.0, eps) -> '
        'return (lr, lr_decay, eps, (0.0 + 1)) if eps_placement == "outside" else (lr, lr_decay, 0.0, eps)',
    ): "the kernel for an eps outside of the root reads no other",
    (
        "csrc/bind/ufuncs.cpp",
        "for (int j = 0; j < operands; ++j) -> for (int j = 0; j <= operands; ++j)",
    ): "the entry is written again by the next loop, and the last one is not used",
    (
        "csrc/bind/row_losses.cpp",
        "const ReleasedGil released(PyArray_SIZE(pred) > worth_releasing_gil); -> "
        "const ReleasedGil released(PyArray_SIZE(pred) >= worth_releasing_gil);",
    ): "other threads may run in a call of one number fewer",
    (
        "csrc/bind/parametric.cpp",
        "if (value != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value; -> "
        "if (value != nullptr && !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;",
    ): "a lookup finds something or raises AttributeError",
}
"""Mutations that change no result, by path and change, each with the reason."""

SWAPS = {
    " + ": " - ",
    " - ": " + ",
    " * ": " / ",
    " / ": " * ",
    " < ": " <= ",
    " <= ": " < ",
    " > ": " >= ",
    " >= ": " > ",
    " == ": " != ",
    " != ": " == ",
    " && ": " || ",
    " || ": " && ",
    " and ": " or ",
    " or ": " and ",
    "min(": "max(",
    "max(": "min(",
    "minimum(": "maximum(",
    "maximum(": "minimum(",
    "clamp_max(": "clamp_min(",
    "clamp_min(": "clamp_max(",
}
SWAP = re.compile("|".join(rf"(?<!\w){re.escape(old)}" if old[0] != " " else re.escape(old) for old in SWAPS))
NUMBER = re.compile(r"(?<![\w.])(?:0x[\da-f]*\.?[\da-f]*p[-+]?\d+|\d+(?:\.\d*)?(?:e[-+]?\d+)?)f?(?![\w.])")
CHECK = re.compile(
    r"(?<=\n)(?P<indent>[ ]+)(?:if \([^\n{;]*\) )?(?:throw (?!py::error_already_set)|(?:check|reject|require|refuse)\w*\()[^;{}]*;"
)
CPP_TEXT = re.compile(
    r'//[^\n]*|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ ]*#[^\n]*|static_assert\([^;]*;', re.M
)


@dataclass(frozen=True)
class Mutation:
    path: str
    begin: int
    end: int
    replacement: str
    change: str

    def __str__(self) -> str:
        return f"{self.path}: {self.change}"

    @property
    def key(self) -> tuple[str, str]:
        return self.path, self.change.split(": ", 1)[1]


def blank(text: str, spans: list[tuple[int, int]]) -> str:
    """Overwrite parts of a text, so that positions stay."""
    for begin, end in spans:
        text = text[:begin] + re.sub(r"[^\n]", "\0", text[begin:end]) + text[end:]
    return text


def python_spans(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return where a Python source has strings and comments, and where it has checks."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    strings, checks = [], []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            strings.append(span(node))
        elif isinstance(node, ast.Raise) or (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and re.match(r"_?(check|reject|require|refuse)", ast.unparse(node.value.func).split(".")[-1])
        ):
            checks.append(span(node))
    comments = [match.span() for match in re.finditer(r"#[^\n]*", blank(text, strings))]
    return strings + comments, checks


def mutations_of(root: Path, path: str) -> Iterator[Mutation]:
    text = (root / path).read_text()
    assert text.isascii() or not path.endswith(".py"), f"{path}: positions in bytes and characters must agree"
    if path.endswith(".py"):
        texts, checks = python_spans(text)
        nothing = "pass"
    else:
        texts = [match.span() for match in CPP_TEXT.finditer(text)]
        checks = [(match.end("indent"), match.end()) for match in CHECK.finditer(blank(text, texts))]
        nothing = ";"
    code = blank(text, texts)

    def mutation(begin: int, end: int, replacement: str) -> Mutation:
        number = text.count("\n", 0, begin) + 1
        first, last = text.rfind("\n", 0, begin) + 1, text.find("\n", end)
        before = " ".join(text[first:last].split())
        after = " ".join((text[first:begin] + replacement + text[end:last]).split())
        return Mutation(path, begin, end, replacement, f"{number}: {before} -> {after}")

    def line_of(position: int) -> str:
        return code[code.rfind("\n", 0, position) + 1 : code.find("\n", position)]

    for begin, end in checks:
        yield mutation(begin, end, nothing)
    for match in SWAP.finditer(code):
        if match[0] == " + " and "\0" in line_of(match.start()):  # joins texts
            continue
        yield mutation(*match.span(), SWAPS[match[0]])
    for match in NUMBER.finditer(code):
        if re.search(r"import|^\s*(using|namespace)", line_of(match.start())):
            continue
        addend = re.fullmatch(r"\d+|0\.0*f?", match[0])
        yield mutation(*match.span(), f"({match[0]} + 1)" if addend else f"({match[0]} * 1.25)")


def candidates(root: Path, layer: str) -> list[Mutation]:
    found = (path for pattern in LAYERS[layer] for path in root.glob(pattern))
    paths = sorted(path.relative_to(root).as_posix() for path in found)
    paths = [path for path in paths if not any(fnmatch.fnmatch(path, pattern) for pattern in TEXT_ONLY)]
    return [mutation for path in paths for mutation in mutations_of(root, path)]


class Laboratory:
    """A copy of the sources, built and installed, in which one mutation at a time is made and undone."""

    def __init__(self, launcher: list[str]) -> None:
        self.launcher = launcher

    def run(self, *command: str, limit: float | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # nothing that outlives a mutation
        return subprocess.run(
            [*self.launcher, *command], cwd=COPY, env=environment, capture_output=True, text=True, timeout=limit
        )

    def prepare(self) -> None:
        listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
        names = listed.split("\n")[:-1]
        for stale in {path for path in COPY.rglob("*") if path.is_file()} - {COPY / name for name in names}:
            stale.unlink()
        for name in names:
            source, target = ROOT / name, COPY / name
            if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
        settings = [word for setting in SETTINGS for word in ("-C", setting)]
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", *settings]
        installed = self.run(*pip, "-e", ".")
        if installed.returncode:
            raise SystemExit(installed.stdout + installed.stderr)
        where = self.run(sys.executable, "-c", "import npfuse._native as n; print(n.__file__)").stdout.strip()
        self.site = str(Path(where).parent.parent)
        if failure := self.first_failure(sorted({test for _, tests in RELEVANT for test in tests.split()})):
            raise SystemExit(f"without a mutation, too, {failure} fails")

    def built(self) -> bool:
        build = self.run("cmake", "--build", str(BUILD), limit=TIME_LIMIT)
        return not build.returncode and not self.run("cmake", "--install", str(BUILD), "--prefix", self.site).returncode

    def first_failure(self, tests: list[str]) -> str | None:
        """Run tests until one fails, and say which; None if all pass."""
        names = ["tests/test_" + (name if "::" in name else f"{name}.py") for name in tests]
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *names]
        try:
            run = self.run(*command, limit=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            return "no end"
        if not run.returncode:
            return None
        failures = re.findall(r"^(?:FAILED|ERROR) (?:tests/)?(\S+)", run.stdout, flags=re.M)
        return failures[0] if failures else f"pytest ended with status {run.returncode}"

    def killed_by(self, mutation: Mutation) -> str | None:
        """Return what notices a mutation: the compiler, a test, or None."""
        target = COPY / mutation.path
        text = target.read_text()
        target.write_text(text[: mutation.begin] + mutation.replacement + text[mutation.end :])
        try:
            if mutation.path.startswith("csrc") and not self.built():
                return "the compiler"
            relevant = next(tests for pattern, tests in RELEVANT if fnmatch.fnmatch(mutation.path, pattern))
            return self.first_failure(relevant.split())
        finally:
            target.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=25, help="mutations in each layer (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which are drawn (default: %(default)s)")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--only", metavar="TEXT", help="those whose path and change contain this")
    parser.add_argument("--list", action="store_true", help="print what would be done")
    parser.add_argument("--launcher", default="", help="what each build and test runs through, such as 'nice'")
    options = parser.parse_args()

    laboratory = Laboratory(shlex.split(options.launcher))
    if not options.list:
        laboratory.prepare()
    survivors, killed = [], 0
    for layer in options.layers:
        drawn = candidates(ROOT if options.list else COPY, layer)
        random.Random(options.seed).shuffle(drawn)
        drawn = [mutation for mutation in drawn if options.only is None or options.only in str(mutation)]
        tried = 0
        for mutation in drawn:
            if tried == options.count:
                break
            if mutation.key in EQUIVALENT:
                continue
            if options.list:
                print(mutation)
                tried += 1
                continue
            begin = time.monotonic()
            reason = laboratory.killed_by(mutation)
            if reason == "the compiler":
                continue
            tried += 1
            killed += reason is not None
            if reason is None:
                survivors.append(mutation)
            print(f"{time.monotonic() - begin:5.0f} s  {reason or 'SURVIVES'}  <-  {mutation}", flush=True)
    if options.list:
        return 0
    total = killed + len(survivors)
    print(f"\n{killed} of {total} mutations killed; at least {NEEDED:.0%} are needed. Survivors:")
    print(*(survivors or ["none"]), sep="\n")
    return int(killed < NEEDED * total)


if __name__ == "__main__":
    sys.exit(main())
