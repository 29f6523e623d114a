"""Write the typed face of the compiled module: python tools/write_stubs.py MODULE.so TARGET.pyi.

The build runs this after linking, so that a new operation is typed without anybody writing its signature.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np

HEADER = '''"""Written by tools/write_stubs.py when the module was built; do not edit."""

from typing import Any

import numpy as np
'''


def load(path):
    """Import the compiled module from its file."""
    spec = importlib.util.spec_from_file_location("npfuse._native", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stub(module):
    """Return the text of the stub."""
    lines = [HEADER, f"__all__ = {module.__all__!r}\n"]
    for name, value in sorted(vars(module).items()):
        if isinstance(value, np.ufunc):
            lines.append(f"{name}: np.ufunc")
        elif isinstance(value, (dict, list)) and not name.startswith("__"):
            lines.append(f"{name}: {type(value).__name__}{'[str, Any]' if isinstance(value, dict) else '[Any]'}")
        elif name == "__version__":
            lines.append(f"{name}: str")
        elif isinstance(value, type):
            lines.append(f"class {name}:\n    def __init__(self, *args: Any, **kwargs: Any) -> None: ...")
            lines.append("    def __getattr__(self, name: str) -> Any: ...")
        elif callable(value):
            lines.append(f"def {name}(*args: Any, **kwargs: Any) -> Any: ...")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(stub(load(sys.argv[1])))
