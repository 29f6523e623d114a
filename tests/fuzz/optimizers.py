"""Optimizers, step functions, norms, schedules and minibatches."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

import npfuse as nf
from fuzz.bounds import Expected, rounding, unit
from fuzz.cases import Arguments, Case, Operation, native
from fuzz.choices import Choices
from fuzz.memory import Memory, length, shape
from fuzz.values import FLOATS, computing, reals
from npfuse.reference import take_step
from table import OPTIMIZERS, OptimizerRow

TAME = ["ordinary", "whole"]
ROWS_STEPPED = {"SGD", "Adagrad", "Adam", "AdamW"}


def everything(optimizer):
    """Return all that a step may change."""
    return [*optimizer.params, *(array for state in optimizer.state for array in state.values())]


def train(optimizer, params, grads, options, how, save):
    """Take a step for each list of gradients; before the last, write the state down and go on from there."""
    made = optimizer(params, **options)
    for gradients in grads[:-1]:
        made.step(gradients, **how)
    if save == "state_dict":
        state, made = made.state_dict(), optimizer(params, **options)
        made.load_state_dict(state)
    elif save == "pickle":  # with the parameters, which are copies from here on
        made = pickle.loads(pickle.dumps(made))
    made.step(grads[-1], **how)
    return everything(made)


def train_rows(optimizer, params, rows, grads, options):
    """Take steps on rows of the first parameter."""
    made = optimizer(params, **options)
    for some_rows, gradients in zip(rows, grads, strict=True):
        made.step_rows(0, some_rows, gradients)
    return everything(made)


def draw_training(row: OptimizerRow, choices: Choices) -> Case:
    memory = Memory()
    dtypes = [choices.among(FLOATS) for _ in range(choices.among([1, 1, 2, 3, 0]))]
    sizes = [(length(choices),) if choices.rarely(12) else shape(choices) for _ in dtypes]
    params = [
        memory.place(reals(choices, size, dtype, TAME), choices) for size, dtype in zip(sizes, dtypes, strict=True)
    ]
    grads = []
    for _ in range(choices.among([1, 2, 3])):
        dtypes = [choices.among([native(param.dtype), *FLOATS]) for param in params]
        values = [reals(choices, size, dtype, TAME) for size, dtype in zip(sizes, dtypes, strict=True)]
        grads.append([memory.place(value, choices, shared=True) for value in values])
    options = dict(row.options)
    if choices.rarely(4):
        options["master_weights"] = True
    elif choices.rarely(5) and np.dtype(np.float16) not in [native(param.dtype) for param in params]:
        options |= {"stochastic_rounding": True, "seed": choices.below(2**16)}
    how: Arguments = {}
    if choices.rarely(4):
        how["scale"] = choices.among([2.0, 1024.0, 0.1])
    if choices.rarely(4):
        how["clip_norm"] = choices.among([1.0, 1e-3, 1e6])
    arguments: Arguments = {
        "optimizer": row.cls,
        "params": params,
        "grads": grads,
        "options": options,
        "how": how,
        "save": choices.among(["nothing", "nothing", "state_dict", "pickle"]),
    }
    roles = {"params": "parameters", "grads": "gradients", "options": "settings"}
    return Case(row.cls.__name__, train, memory, arguments, partial(training_truth, row), ("params",), 6, roles)


def training_truth(row: OptimizerRow, results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    """Take the steps once more, each compared with the reference's from where the library itself was before it."""
    options, how, optimizer = arguments["options"], arguments["how"], row.cls
    if options.get("stochastic_rounding"):
        return
    params = [reals_like(p) for p in arguments["params"]]
    made = optimizer(params, **options)
    for number, gradients in enumerate(arguments["grads"], 1):
        before = [p.astype(np.longdouble) for p in params]
        states = [{name: a.astype(np.longdouble) for name, a in state.items()} for state in made.state]
        made.step(gradients, **how)
        factor = 1 / how.get("scale", 1.0)
        if "clip_norm" in how:
            norm = factor * np.sqrt(sum(np.sum(g.astype(np.longdouble) ** 2) for g in gradients))
            factor = factor * (min(1.0, how["clip_norm"] / norm) if norm else 1.0)
        for param, old, state, new, gradient in zip(params, before, states, made.state, gradients, strict=True):
            old, wide = state.pop("master", old), computing(param.dtype)
            gradient = gradient.astype(wide).astype(np.longdouble)  # all is computed in one type
            was = {name: np.abs(value) for name, value in state.items()}
            exact = take_step(row.reference, old, gradient * np.longdouble(factor), state, number, row.settings)
            growth = cancellation(row, old, gradient * factor, was, state)
            yield step_expected(new.get("master", param), exact, old, wide, growth)
            for name, value in state.items():
                allowed = growth * rounding(value, wide, 8) + state_error(wide, was[name], old, gradient * factor)
                yield Expected(new[name], value, allowed)


def reals_like(param: np.ndarray) -> np.ndarray:
    """Return other numbers, of the same dtype and shape."""
    return np.random.default_rng(param.size).normal(size=param.shape).astype(param.dtype)


def cancellation(row: OptimizerRow, param: Any, gradient: Any, was: dict[str, Any], state: dict[str, Any]) -> Any:
    """Return by what the sums of gradient, coupled weight decay and momentum multiply the rounding errors of terms."""
    settings = row.settings
    decay = 0.0 if settings.get("decoupled_weight_decay") else settings.get("weight_decay", 0.0) * param
    signed = -gradient if settings.get("maximize") else gradient
    with np.errstate(all="ignore"):
        growth = np.fmax(1, (np.abs(signed) + np.abs(decay)) / np.abs(signed + decay))
        for mean in {"momentum_buffer", "exp_avg"} & state.keys():
            growth = growth * np.fmax(1, (2 * was[mean] + np.abs(state[mean])) / np.abs(state[mean]))
        if row.cls is nf.AdaBelief:  # the square of a difference
            spread = np.abs(signed + decay - state["exp_avg"])
            growth = growth * np.fmax(1, (np.abs(signed) + np.abs(decay) + np.abs(state["exp_avg"])) / spread)
    return growth


def step_expected(result: np.ndarray, exact: Any, old: Any, wide: np.dtype, growth: Any) -> Expected:
    update = np.abs(exact - old)
    with np.errstate(all="ignore"):
        allowed = rounding(exact, result.dtype, 1.5) + growth * 8 * unit(update, wide) + float(np.finfo(wide).tiny)
    return Expected(result, exact, allowed)


def state_error(wide: np.dtype, was: Any, param: Any, gradient: Any) -> Any:
    """Return what a state may be off by where it is a difference of what it was, the gradient and weight decay.

    Subnormal numbers become 0.
    """
    eps, tiny = float(np.finfo(wide).eps), float(np.finfo(wide).tiny)
    size = np.abs(param) + np.abs(gradient)
    return eps * (was + size + size**2) + tiny


def draw_row_training(row: OptimizerRow, choices: Choices) -> Case:
    memory, dtype = Memory(), choices.among(FLOATS)
    size = (1 + choices.below(30), *shape(choices)[:2])
    table = memory.place(reals(choices, size, dtype, TAME), choices)
    rows, grads = [], []
    for _ in range(choices.among([1, 2])):
        count = choices.among([1, 0, 5, 40])
        rows.append(memory.place(choices.numbers().integers(0, size[0], count).astype(choices.among("lihBQ")), choices))
        grad_dtype = choices.among(FLOATS)
        grads.append(memory.place(reals(choices, (count, *size[1:]), grad_dtype, TAME), choices, shared=True))
    arguments: Arguments = {
        "optimizer": row.cls, "params": [table], "rows": rows, "grads": grads, "options": dict(row.options),
    }  # fmt: skip
    check = partial(row_training_truth, row)
    name = f"{row.cls.__name__}.step_rows"
    return Case(name, train_rows, memory, arguments, check, ("params",), 5, {"rows": "rows", "grads": "gradients"})


def row_training_truth(row: OptimizerRow, results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    """The rows step as if they were a parameter of their own; the others stay."""
    (table,) = arguments["params"]
    table = reals_like(table)
    start, made = table.copy(), row.cls([table], **row.options)
    rows, gradients = arguments["rows"][0], arguments["grads"][0]
    made.step_rows(0, rows, gradients)
    unique = np.unique(rows.astype(np.int64))
    alone = start[unique]
    sums = [gradients[rows == r].astype(np.float64).cumsum(axis=0)[-1] for r in unique]  # one after the other
    sums = np.reshape(sums, alone.shape).astype(computing(table.dtype))
    row.cls([alone], **row.options).step([sums])
    expected = start.copy()
    expected[unique] = alone
    yield Expected(table, expected.astype(np.longdouble), 0.0)


def step_function_of(row: OptimizerRow) -> Any:
    return getattr(nf, ("adam" if row.cls is nf.AdamW else row.cls.__name__.lower()) + "_step")


def step_once(step_function, param, grad, states, number, settings):
    """Take a step with the function, and return what it may have changed."""
    step_function(param, grad, *states, step=number, **settings)
    return [param, *(state for state in states if isinstance(state, np.ndarray))]


def draw_step(row: OptimizerRow, choices: Choices) -> Case:
    memory, dtype, function = Memory(), choices.among(FLOATS), step_function_of(row)
    size, wide = shape(choices), computing(dtype)
    known = inspect.signature(function).parameters
    names = [name for name, parameter in known.items() if parameter.kind == parameter.POSITIONAL_OR_KEYWORD][2:]
    kept = row.cls([np.zeros(1, dtype)], **row.options).state[0]
    states: list[Any] = []
    for name in names:
        if name in kept:
            # A running square is at least the square of the running mean.
            values = np.abs(reals(choices, size, wide, TAME)) + (400 if name == "square_avg" else 0)
            states.append(memory.place(values.astype(wide), choices))
        elif name == "mu_product":
            states.append(1.0)
        else:
            states.append(None)
    while states and states[-1] is None:
        states.pop()
    common = {"weight_decay", "decoupled_weight_decay", "maximize"}
    settings = {name: value for name, value in row.settings.items() if name in common or name in known}
    arguments: Arguments = {
        "step_function": function,
        "param": memory.place(reals(choices, size, dtype, TAME), choices),
        "grad": memory.place(reals(choices, size, choices.among([dtype, *FLOATS]), TAME), choices, shared=True),
        "states": states,
        "number": 1 if "mu_product" in names else choices.among([1, 2, 7, 100_000]),
        "settings": settings,
    }
    roles = {"grad": "gradient", "number": "step", "settings": "settings", "param": "param"}
    check = partial(step_truth, row, [name for name in names if name in kept])
    return Case(function.__name__, step_once, memory, arguments, check, ("param", "states"), 6, roles)


def step_truth(
    row: OptimizerRow, names: list[str], results: list[np.ndarray], arguments: Arguments
) -> Iterable[Expected]:
    """By the time this is asked the arguments have changed, so take another step from where they are now."""
    param, grad = arguments["param"], arguments["grad"]
    wide = computing(param.dtype)
    old, gradient = param.astype(np.longdouble), grad.astype(wide).astype(np.longdouble)
    arrays = [state for state in arguments["states"] if isinstance(state, np.ndarray)]
    state = {name: array.astype(np.longdouble) for name, array in zip(names, arrays, strict=True)}
    was = {name: np.abs(value) for name, value in state.items()}
    step_once(**arguments)
    exact = take_step(row.reference, old, gradient, state, arguments["number"], row.settings)
    growth = cancellation(row, old, gradient, was, state)
    yield step_expected(param, exact, old, wide, growth)
    for name, array in zip(names, arrays, strict=True):
        allowed = growth * rounding(state[name], wide, 8) + state_error(wide, was[name], old, gradient)
        yield Expected(array, state[name], allowed)


def clip(arrays, max_norm):
    """Return the norm and what became of the arrays."""
    return [nf.clip_by_global_norm(arrays, max_norm), *arrays]


def draw_norm(clipped: bool, choices: Choices) -> Case:
    memory = Memory()
    dtypes = [choices.among(FLOATS) for _ in range(choices.among([1, 2, 3, 0]))]
    kinds = [*TAME, "bits"] if not clipped else TAME
    arrays = [memory.place(reals(choices, shape(choices), d, kinds), choices, shared=not clipped) for d in dtypes]
    arguments: Arguments = {"arrays": arrays}
    roles = {"arrays": "arrays", "max_norm": "max_norm"}
    if clipped:
        arguments["max_norm"] = choices.among([1.0, 1e-3, 0.05, 1e6])
        return Case("clip_by_global_norm", clip, memory, arguments, clip_truth, ("arrays",), 2, roles)
    return Case("global_norm", nf.global_norm, memory, arguments, norm_truth, roles=roles)


def norm_of(arrays: list[np.ndarray]) -> Any:
    return np.sqrt(sum((np.sum(array.astype(np.longdouble) ** 2) for array in arrays), np.longdouble(0)))


def norm_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    exact = norm_of(arguments["arrays"])
    if np.isfinite(exact):
        yield Expected(results[0], exact, 1e-14 * exact)


def clip_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    """The arrays have the norm asked for, but for the rounding of each of their numbers."""
    norm = norm_of(results[1:])
    error = sum(np.sum((unit(array.astype(np.float64), array.dtype) / 2) ** 2) for array in results[1:]) ** 0.5
    bound = min(arguments["max_norm"], float(results[0]))
    yield Expected(norm.astype(np.float64), bound, 1e-6 * bound + error)


def draw_schedule(name: str, choices: Choices) -> Case:
    lr, steps = choices.among([0.1, 0.0, 1e-3, 3.0]), choices.among([2, 3, 10, 1000, 1])
    part = choices.among([0.3, 0.1, 1e-3, 0.5, 0.999])
    number = choices.among([0, 1, 2, 9, 10, 11, 1000, 10**9])
    settings = {
        "constant": {"lr": lr},
        "step": {"lr": lr, "every": steps, "factor": part},
        "exponential": {"lr": lr, "factor": part},
        "cosine": {"lr": lr, "steps": steps, "final": choices.among([0.0, 0.01])},
        "warm_up": {"lr": lr, "steps": steps, "start": choices.among([0.0, 0.05])},
        "one_cycle": {"lr": lr, "steps": max(2, steps), "rise": part},
    }[name]
    arguments = {"name": name, "number": number, "settings": settings}
    return Case(f"schedules.{name}", rate, Memory(), arguments, schedule_truth, (), 3, {"settings": "rate"})


def rate(name, number, settings):
    """Return the learning rate after so many steps."""
    return getattr(nf.schedules, name)(**settings)(number)


def schedule_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    """A learning rate lies between 0 and the largest that was asked for."""
    settings = arguments["settings"]
    largest = max(settings["lr"], settings.get("start", 0), settings.get("final", 0))
    yield Expected(results[0], largest / 2, largest / 2 * (1 + 1e-12))


def portions(arrays, settings):
    """Return all minibatches."""
    return [list(batch) for batch in nf.minibatches(arrays, **settings)]


def draw_minibatches(choices: Choices) -> Case:
    memory, rows = Memory(), choices.below(40)
    arrays = [memory.place(reals(choices, (rows, *shape(choices)[:2]), choices.among(FLOATS)), choices, shared=True)]
    arrays.append(memory.place(np.arange(rows), choices))
    settings = {
        "batch_size": choices.among([1, 2, 7, 100, None]),
        "rng": choices.below(9),
        "shuffle": bool(choices.below(2)),
        "drop_last": bool(choices.below(2)),
    }
    return Case(
        "minibatches",
        portions,
        memory,
        {"arrays": arrays, "settings": settings},
        batch_truth,
        (),
        2,
        {"settings": "batches"},
    )


def batch_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    inputs, labels = arguments["arrays"]
    size, rows = arguments["settings"]["batch_size"] or len(labels), len(labels)
    taken = np.concatenate([np.zeros(0, int), *results[1::2]]).astype(float)
    whole = rows - rows % size if arguments["settings"]["drop_last"] and size and rows else rows
    yield Expected(np.float64(len(np.unique(taken))), np.float64(whole), 0.0)
    for part, numbers in zip(results[::2], results[1::2], strict=True):
        yield Expected(part, inputs[numbers].astype(np.float64), 0.0)


SCHEDULES = nf.schedules.__all__

OPERATIONS = [
    *(Operation(str(row.cls.__name__), partial(draw_training, row)) for row in OPTIMIZERS),
    *(
        Operation(f"{row.cls.__name__}.step_rows", partial(draw_row_training, row))
        for row in OPTIMIZERS
        if row.cls.__name__ in ROWS_STEPPED
    ),
    *(Operation(step_function_of(row).__name__, partial(draw_step, row)) for row in OPTIMIZERS),
    Operation("global_norm", partial(draw_norm, False)),
    Operation("clip_by_global_norm", partial(draw_norm, True)),
    *(Operation(f"schedules.{name}", partial(draw_schedule, name)) for name in SCHEDULES),
    Operation("minibatches", draw_minibatches),
]
