"""Pictures of every operation, drawn from this library's own results: ``python -m npfuse gallery``."""

from npfuse.gallery.command import main

__all__ = ["main"]
