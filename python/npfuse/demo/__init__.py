"""A network learns to read handwritten digits: ``python -m npfuse demo``."""

from npfuse.demo.command import main

__all__ = ["main"]
