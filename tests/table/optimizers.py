"""A few rows per optimizer, one for each choice of options that is worth trying."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import npfuse as nf
from npfuse import reference as formulas


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


def optimizer_rows(
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
    *optimizer_rows(
        nf.SGD,
        formulas.sgd,
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
    *optimizer_rows(
        nf.Adam,
        formulas.adam,
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
    *optimizer_rows(
        nf.AdamW,
        formulas.adamw,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01},
        implied={"decoupled_weight_decay": True},
        in_torch=[{}, {"weight_decay": 0.3, "amsgrad": True, "lr": 0.1}],
        elsewhere=[{"weight_decay": 0.004, "eps": 1e-7, "eps_placement": "hat"}],
    ),
    *optimizer_rows(
        nf.Adagrad,
        formulas.adagrad,
        {"lr": 1e-2, "lr_decay": 0.0, "eps": 1e-10, "weight_decay": 0.0},
        in_torch=[
            {},
            {"lr_decay": 0.1, "weight_decay": 0.01},
            {"initial_accumulator_value": 0.1, "eps": 1e-3, "maximize": True},
        ],
        elsewhere=[{"initial_accumulator_value": 0.1, "eps": 1e-3, "eps_placement": "inside"}],
    ),
    *optimizer_rows(
        nf.Adadelta,
        formulas.adadelta,
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
        in_torch=[{}, {"weight_decay": 0.01}, {"lr": 0.001, "rho": 0.95, "eps": 1e-7, "maximize": True}],
        elsewhere=[],
    ),
    *optimizer_rows(
        nf.RMSprop,
        formulas.rmsprop,
        {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0},
        in_torch=[
            {},
            {"weight_decay": 0.01, "maximize": True},
            {"centered": True},
            {"momentum": 0.9},
            {"momentum": 0.9, "centered": True, "weight_decay": 0.01, "alpha": 0.9},
        ],
        elsewhere=[
            {"alpha": 0.9, "eps": 1e-3, "eps_placement": "inside"},
            {"alpha": 0.9, "eps": 1e-3, "eps_placement": "inside", "centered": True},
            {"alpha": 0.9, "eps": 1e-7, "eps_placement": "inside", "momentum": 0.9, "velocity": True},
        ],
    ),
    *optimizer_rows(
        nf.Adamax,
        formulas.adamax,
        {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
        in_torch=[{}, {"weight_decay": 0.01}, {"betas": (0.5, 0.7), "eps": 1e-3, "maximize": True}],
        elsewhere=[{"eps": 1e-3, "eps_placement": "outside"}],
    ),
    *optimizer_rows(
        nf.NAdam,
        formulas.nadam,
        {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "momentum_decay": 4e-3, "weight_decay": 0.0},
        in_torch=[
            {},
            {"weight_decay": 0.01},
            {"weight_decay": 0.01, "decoupled_weight_decay": True},
            {"momentum_decay": 1.0, "betas": (0.5, 0.7), "eps": 1e-3, "maximize": True},
        ],
        elsewhere=[],
    ),
    *optimizer_rows(
        nf.RAdam,
        formulas.radam,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
        in_torch=[
            {},
            {"weight_decay": 0.01},
            {"weight_decay": 0.01, "decoupled_weight_decay": True},
            {"betas": (0.5, 0.7), "eps": 1e-3, "maximize": True},
        ],
        elsewhere=[],
    ),
    *optimizer_rows(
        nf.Yogi,
        formulas.yogi,
        {"lr": 1e-2, "betas": (0.9, 0.999), "eps": 1e-3, "weight_decay": 0.0},
        in_torch=[],
        elsewhere=[{}, {"weight_decay": 0.01}, {"betas": (0.5, 0.7), "maximize": True, "initial_accumulator": 0.1}],
    ),
    *optimizer_rows(
        nf.AdaBelief,
        formulas.adabelief,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-16, "weight_decay": 0.0},
        in_torch=[],
        elsewhere=[{}, {"weight_decay": 0.01, "decoupled_weight_decay": True}, {"weight_decay": 0.01, "eps": 1e-8}],
    ),
    *optimizer_rows(
        nf.Lion,
        formulas.lion,
        {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0},
        implied={"decoupled_weight_decay": True},
        in_torch=[],
        elsewhere=[{}, {"weight_decay": 0.01, "lr": 1e-3}, {"weight_decay": 0.01, "decoupled_weight_decay": False}],
    ),
]
