"""One row per operation, in the file of its family: what it computes, how closely, on what. Every test reads it here.

Rows know mathematics only; the arrays, dtypes and calls are the tests' business.
"""

from table.activations import ACTIVATIONS, Activation
from table.gated import GATED, Gated
from table.kernels import DEFAULT_KERNELS, KERNELS, Kernel, as_float32
from table.losses import LOSSES, Loss
from table.optimizers import OPTIMIZERS, OptimizerRow
from table.rows import ROWS, RowOperation

__all__ = [
    "ACTIVATIONS",
    "DEFAULT_KERNELS",
    "GATED",
    "KERNELS",
    "LOSSES",
    "OPTIMIZERS",
    "ROWS",
    "Activation",
    "Gated",
    "Kernel",
    "Loss",
    "OptimizerRow",
    "RowOperation",
    "as_float32",
]
