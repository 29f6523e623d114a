"""``python -m npfuse``: info, demo, bench, gallery."""

from __future__ import annotations

import sys

from npfuse._runtime import show_config

USAGE = """usage: python -m npfuse COMMAND [OPTIONS]

  info     what runs the kernels: version, instruction set, threads, NumPy, bfloat16, CUDA
  demo     a network learns to read handwritten digits, beside the same network in NumPy
  bench    every operation against NumPy and whichever peers are installed
  gallery  pictures of every activation and loss, of their accuracy, and of races of all optimizers

COMMAND --help lists its options.
"""


def main(argv: list[str]) -> int:
    """Run one command."""
    command, options = (argv[0], argv[1:]) if argv else ("--help", [])
    if command == "info" and not options:
        show_config()
        return 0
    if command == "demo":
        from npfuse import demo

        return demo.main(options)
    if command == "bench":
        from npfuse import bench

        return bench.main(options)
    if command == "gallery":
        from npfuse import gallery

        return gallery.main(options)
    asked = command in ("-h", "--help")
    print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
