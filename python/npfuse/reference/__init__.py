"""Every operation in NumPy, as the literature writes it: to read, to compare with, to train with.

Activations and gated units with their derivatives (`activations`), operations along an axis (`rows`), losses with their
gradients (`losses`) and the steps of optimizers (`optimizers`), under the names of the library. Each function is a few
lines, with its formula and its source; in float64 results are accurate enough to test kernels against. Nothing here
needs compiled code, and nothing allocates less or runs faster than NumPy does.
"""

from npfuse.reference.activations import *  # noqa: F403
from npfuse.reference.losses import *  # noqa: F403
from npfuse.reference.optimizers import *  # noqa: F403
from npfuse.reference.rows import *  # noqa: F403

__all__ = [
    name
    for name, function in list(globals().items())
    if callable(function) and getattr(function, "__module__", "").startswith("npfuse.reference.")
]
