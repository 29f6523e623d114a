"""Fused activation, loss and optimizer-step kernels for NumPy."""

from npfuse._native import *  # noqa: F403
from npfuse._native import __version__ as __version__
from npfuse.losses import *  # noqa: F403
