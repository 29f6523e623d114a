"""Fused activation, loss and optimizer-step kernels for NumPy.

Activations and their derivatives are NumPy ufuncs; losses return value and gradient in one pass; optimizers update a
list of arrays in place with one native call. Every result has the same bits for any number of threads, any alignment
and every instruction set with fused multiply-add.
"""

from typing import TYPE_CHECKING

from npfuse import _rows as _rows  # completes the functions along rows
from npfuse import schedules
from npfuse._bias import bias_act, bias_act_backward
from npfuse._glu import glu, glu_backward
from npfuse._maxout import maxout, maxout_backward
from npfuse._native import *  # noqa: F403  (every ufunc of the registry)
from npfuse._native import __all__ as _ufuncs
from npfuse._native import __version__
from npfuse._prelu import prelu_backward
from npfuse._runtime import get_num_threads, set_num_threads, show_config
from npfuse.data import minibatches
from npfuse.losses import *  # noqa: F403
from npfuse.losses import __all__ as _losses
from npfuse.optimizers import *  # noqa: F403
from npfuse.optimizers import __all__ as _optimizers

__all__ = [
    "__version__",
    "bias_act",
    "bias_act_backward",
    "get_num_threads",
    "glu",
    "glu_backward",
    "maxout",
    "maxout_backward",
    "prelu_backward",
    "minibatches",
    "schedules",
    "set_num_threads",
    "show_config",
    *_ufuncs,
    *_losses,
    *_optimizers,
]

if TYPE_CHECKING:
    from npfuse import cuda as cuda
else:

    def __getattr__(name: str) -> object:
        """Load `npfuse.cuda` when it is first asked for."""
        if name == "cuda":
            import importlib

            return importlib.import_module("npfuse.cuda")
        raise AttributeError(f"module 'npfuse' has no attribute {name!r}")
