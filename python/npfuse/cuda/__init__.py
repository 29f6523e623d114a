"""npfuse on NVIDIA GPUs: the same names for arrays that speak ``__cuda_array_interface__`` or DLPack."""

from typing import Any

from npfuse.cuda._array import Array, asarray
from npfuse.cuda._bias import bias_act, bias_act_backward
from npfuse.cuda._device import is_available
from npfuse.cuda._elementwise import functions as _elementwise_functions
from npfuse.cuda._glu import glu, glu_backward
from npfuse.cuda._losses import losses as _losses
from npfuse.cuda._maxout import maxout, maxout_backward
from npfuse.cuda._norm import clip_by_global_norm, global_norm
from npfuse.cuda._optimizers import classes as _optimizers
from npfuse.cuda._prelu import prelu_backward
from npfuse.cuda._rows import functions as _row_functions
from npfuse.cuda._steps import functions as _step_functions

_operations = {**_elementwise_functions(), **_row_functions(), **_losses(), **_optimizers(), **_step_functions()}

__all__ = [
    "Array",
    "asarray",
    "bias_act",
    "bias_act_backward",
    "clip_by_global_norm",
    "global_norm",
    "glu",
    "glu_backward",
    "is_available",
    "maxout",
    "maxout_backward",
    "prelu_backward",
    *_operations,
]

globals().update(_operations)


def __getattr__(name: str) -> Any:
    """Say what is not there; to type checkers, that there is more than they see."""
    raise AttributeError(f"npfuse.cuda has no {name!r}")
