"""Optimizers: update a list of arrays in place from a list of gradients, with one native call a step."""

from npfuse.optimizers._adabelief import AdaBelief, adabelief_step
from npfuse.optimizers._adadelta import Adadelta, adadelta_step
from npfuse.optimizers._adagrad import Adagrad, adagrad_step
from npfuse.optimizers._adam import Adam, AdamW, adam_step
from npfuse.optimizers._adamax import Adamax, adamax_step
from npfuse.optimizers._base import Optimizer
from npfuse.optimizers._lion import Lion, lion_step
from npfuse.optimizers._nadam import NAdam, nadam_step
from npfuse.optimizers._norm import clip_by_global_norm, global_norm
from npfuse.optimizers._radam import RAdam, radam_step
from npfuse.optimizers._rmsprop import RMSprop, rmsprop_step
from npfuse.optimizers._sgd import SGD, sgd_step
from npfuse.optimizers._yogi import Yogi, yogi_step

__all__ = [
    "SGD",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Yogi",
    "adabelief_step",
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adamax_step",
    "clip_by_global_norm",
    "global_norm",
    "lion_step",
    "nadam_step",
    "radam_step",
    "rmsprop_step",
    "sgd_step",
    "yogi_step",
]
