"""The table that drives the tests: a row per operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import npfuse as nf
import reference_optimizers as reference


@dataclass(frozen=True)
class OptimizerRow:
    """An optimizer with one choice of options."""

    cls: type[nf.Optimizer]
    reference: Callable[..., Any]
    defaults: Mapping[str, Any]  # what the class must default to
    options: Mapping[str, Any] = field(default_factory=dict)
    torch: str | None = None  # the name of torch's class, where torch has this optimizer with these options
    implied: Mapping[str, Any] = field(default_factory=dict)  # what the class means without being told

    @property
    def settings(self) -> dict[str, Any]:
        return {**self.defaults, **self.implied, **self.options}

    def __str__(self) -> str:
        return "-".join([self.cls.__name__, *(f"{name}={value}" for name, value in self.options.items())])


def rows(
    cls: type[nf.Optimizer],
    reference: Callable[..., Any],
    defaults: Mapping[str, Any],
    in_torch: list[Mapping[str, Any]],
    elsewhere: list[Mapping[str, Any]],
    implied: Mapping[str, Any] | None = None,
) -> list[OptimizerRow]:
    torch = cls.__name__
    return [OptimizerRow(cls, reference, defaults, options, torch, implied or {}) for options in in_torch] + [
        OptimizerRow(cls, reference, defaults, options, None, implied or {}) for options in elsewhere
    ]


OPTIMIZERS = [
    *rows(
        nf.SGD,
        reference.sgd,
        {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
        in_torch=[
            {},
            {"lr": 0.1, "maximize": True},
            {"lr": 0.1, "weight_decay": 0.01},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "maximize": True},
        ],
        elsewhere=[
            {"lr": 0.1, "momentum": 0.9, "velocity": True},
            {"lr": 0.1, "momentum": 0.9, "velocity": True, "nesterov": True},
        ],
    ),
    *rows(
        nf.Adam,
        reference.adam,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False},
        in_torch=[
            {},
            {"maximize": True, "lr": 0.1},
            {"weight_decay": 0.01},
            {"weight_decay": 0.01, "decoupled_weight_decay": True},
            {"amsgrad": True},
            {"amsgrad": True, "weight_decay": 0.01, "maximize": True, "betas": (0.5, 0.7), "eps": 1e-3},
        ],
        elsewhere=[
            {"eps_placement": "hat", "eps": 1e-3},
            {"eps_placement": "inside", "eps": 1e-3},
        ],
    ),
]
