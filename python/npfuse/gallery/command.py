"""The gallery's command line: draw the pictures that are asked for, and the page that shows them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from npfuse._progress import progress

NEEDS = 'the gallery draws with matplotlib, which is not installed: pip install "npfuse[demo]"'


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what cannot be done is said before anything is drawn."""
    parser = argparse.ArgumentParser(
        prog="python -m npfuse gallery",
        description="Draw every activation and loss with its derivative, the errors of their results, and races of all "
        "optimizers, all computed by npfuse itself. DIR/index.html shows all pictures.",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the directory that gets the pictures")
    parser.add_argument("--only", metavar="WORD", nargs="+", help="pictures whose name contains one of these")
    parser.add_argument("--dpi", metavar="N", type=int, default=100, help="pixels per inch (default: 100)")
    options = parser.parse_args(argv)
    if not 10 <= options.dpi <= 600:
        parser.error(f"argument --dpi: must be from 10 to 600, got {options.dpi}")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --out: {options.out} is no directory that can be written to: {error.strerror}")
    return options


def main(argv: Sequence[str]) -> int:
    """Draw the gallery."""
    options = parse(argv)
    try:
        import matplotlib
    except ImportError:
        raise SystemExit(NEEDS) from None
    from npfuse.gallery import collection, index, style

    start = perf_counter()
    chosen = collection.choose(options.only)
    with matplotlib.rc_context(style.RULES):
        for picture in progress(chosen, "gallery", "picture"):
            path = options.out / picture.name
            path.parent.mkdir(exist_ok=True)
            picture.draw().savefig(path, dpi=options.dpi)
    page = index.write(options.out)
    print(f"{len(chosen)} pictures in {perf_counter() - start:.0f} s: {page}")
    return 0
