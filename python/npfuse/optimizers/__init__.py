"""Optimizers: update a list of arrays in place from a list of gradients, with one native call a step."""

from npfuse.optimizers._adam import Adam
from npfuse.optimizers._base import Optimizer
from npfuse.optimizers._sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
