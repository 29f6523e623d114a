"""Write the typed face of what the compiled module brings: python tools/write_stubs.py MODULE.so FOLDER.

The build runs this after linking, so that a new operation is typed without anybody writing its signature: _native.pyi
has the module itself, losses.pyi the loss objects that npfuse/losses.py makes of it.
"""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np

HEADER = '''"""Written by tools/write_stubs.py when the module was built; do not edit."""

'''

NATIVE = """from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

class _Parametric:
    ufunc: np.ufunc
    def __getattr__(self, name: str) -> Any: ...
"""

PARAMETRIC = """class {kind}(_Parametric):
    def __call__(
        self,
        {operands},
        /,
        {parameters},
        out: NDArray[Any] | tuple[NDArray[Any] | None, ...] | None = None,
        *,
        where: ArrayLike = True,
        dtype: DTypeLike | None = None,
        **ufunc: Any,
    ) -> Any: ...

{name}: {kind}
"""

LOSSES = """from typing import Any, Literal, overload

from numpy.typing import ArrayLike, NDArray

from npfuse._loss import Loss as Loss
"""

LOSS = """class {kind}(Loss):
    @overload
    def __call__({given}, reduction: Literal["mean", "sum"] = "mean"{options}) -> float: ...
    @overload
    def __call__({given}, reduction: Literal["none"]{options}) -> NDArray[Any]: ...
    @overload
    def value_and_grad(
        {given}, reduction: Literal["mean", "sum"] = "mean"{options}, {out}
    ) -> tuple[float, NDArray[Any]]: ...
    @overload
    def value_and_grad(
        {given}, reduction: Literal["none"]{options}, {out}
    ) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def grad({given}, reduction: Literal["mean", "sum", "none"] = "mean"{options}, {out}) -> NDArray[Any]: ...

{name}: {kind}
"""


def load(path):
    """Import the compiled module from its file."""
    spec = importlib.util.spec_from_file_location("npfuse._native", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def class_name(name):
    """Return a name for the type of one object."""
    return "_" + name.title().replace("_", "")


def parametric(name, value, parameters):
    """Return the type of a ufunc whose last inputs are parameters."""
    operands = ["dy", "x"][len(parameters) - value.ufunc.nin :]
    return PARAMETRIC.format(
        name=name,
        kind=class_name(name),
        operands=", ".join(f"{operand}: ArrayLike" for operand in operands),
        parameters=", ".join(
            f"{parameter}: ArrayLike" + ("" if value.required else f" = {default}")
            for parameter, default in parameters.items()
        ),
    )


def native_stub(module):
    """Return the text of the module's stub."""
    lines = [HEADER + NATIVE, f"__all__ = {module.__all__!r}\n"]
    for name, value in sorted(vars(module).items()):
        if isinstance(value, np.ufunc) or type(value).__name__ == "RowFunction":  # called as the ufunc is
            lines.append(f"{name}: np.ufunc")
        elif hasattr(value, "ufunc"):
            lines.append(parametric(name, value, module.activation_parameters[name.removesuffix("_backward")]))
        elif isinstance(value, (dict, list)) and not name.startswith("__"):
            lines.append(f"{name}: {type(value).__name__}{'[str, Any]' if isinstance(value, dict) else '[Any]'}")
        elif name == "__version__":
            lines.append(f"{name}: str")
        elif isinstance(value, type):
            lines.append(f"class {name}:\n    def __init__(self, *args: Any, **kwargs: Any) -> None: ...")
            lines.append("    def __getattr__(self, name: str) -> Any: ...")
            if "__call__" in vars(value):
                lines.append("    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...")
        elif callable(value):
            lines.append(f"def {name}(*args: Any, **kwargs: Any) -> Any: ...")
    return "\n".join(lines) + "\n"


def documented_parameters(doc):
    """Return the parameters that a docstring lists: of each its type in words and its default, if it has one."""
    (section,) = re.findall(r"^Parameters\n-+\n(.*?)\n\n", doc, flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^(\w+) : (.+?)(?:, default (.+)|, (optional))?$", section, flags=re.MULTILINE)
    return {name: (words, default or ("None" if optional else None)) for name, words, default, optional in lines}


def annotation(words, default):
    """Return the annotation of a parameter, with its default."""
    kind = words.split()[0] if words.split()[0] in ("float", "int", "bool") else "ArrayLike"
    return f"{kind}{' | None' if default == 'None' else ''} = {default}"


def loss_stub(name, doc):
    """Return the type of a loss and its name."""
    parameters = documented_parameters(doc)
    pred, target, *options = [word for word in parameters if word not in ("out", "reduction")]
    return LOSS.format(
        name=name,
        kind=class_name(name),
        given=f"self, {pred}: ArrayLike, {target}: ArrayLike, *",
        options="".join(f", {option}: {annotation(*parameters[option])}" for option in options),
        out="out: NDArray[Any] | None = None",
    )


def losses_stub(module):
    """Return the text of the losses' stub."""
    names = [name for name, *_ in module._losses]
    classes = [loss_stub(name, doc) for name, doc, *_ in module._losses]
    return "\n".join([HEADER + LOSSES, f"__all__ = {names!r}\n", *classes])


if __name__ == "__main__":
    module, folder = load(sys.argv[1]), Path(sys.argv[2])
    (folder / "_native.pyi").write_text(native_stub(module))
    (folder / "losses.pyi").write_text(losses_stub(module))
