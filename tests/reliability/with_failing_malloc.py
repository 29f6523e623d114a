"""Compile what lets allocations fail, and run `exhaust` with it: `python -m reliability.with_failing_malloc 6`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def compiled(folder: Path) -> Path:
    """Return the library, compiled into a folder."""
    library = folder / "failing_malloc.so"
    source = Path(__file__).with_name("failing_malloc.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"LD_PRELOAD": str(compiled(Path(folder)))}
        command = [sys.executable, "-m", "reliability.exhaust", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env=environment, stderr=subprocess.DEVNULL).returncode)
