"""How each library computes a loss, the mean over all elements or rows, together with its gradient."""

import importlib
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse import reference
from npfuse.bench.contest import Contest
from npfuse.reference import losses

Array = NDArray[Any]
Call = Callable[[], Any]

ROW_LOSSES = ("softmax_cross_entropy", "nll_loss")

PREDICTIONS: dict[str, Callable[[Array], Array]] = {
    "binary_cross_entropy": reference.sigmoid,
    "kl_div": lambda noise: np.log(reference.sigmoid(noise)),
    "nll_loss": reference.log_softmax,
}
"""What becomes of normal numbers where a loss wants another kind of them."""

TARGETS: dict[str, Callable[[Array], Array]] = {
    **dict.fromkeys(("hinge_loss", "squared_hinge_loss", "logistic_loss"), np.sign),
    **dict.fromkeys(
        ("binary_cross_entropy", "sigmoid_cross_entropy", "sigmoid_focal_loss", "kl_div"), reference.sigmoid
    ),
    "poisson_nll_loss": lambda noise: np.floor(np.exp(noise)),
}

OPERANDS: dict[str, dict[str, Callable[[Array], Array]]] = {"gaussian_nll_loss": {"var": np.exp}}

TORCH: dict[str, Callable[..., Any]] = {
    "l1_loss": lambda torch, *tensors: torch.nn.functional.l1_loss(*tensors),
    "mse_loss": lambda torch, *tensors: torch.nn.functional.mse_loss(*tensors),
    "huber_loss": lambda torch, *tensors: torch.nn.functional.huber_loss(*tensors),
    "smooth_l1_loss": lambda torch, *tensors: torch.nn.functional.smooth_l1_loss(*tensors),
    "hinge_loss": lambda torch, pred, target: torch.clamp_min(1 - pred * target, 0).mean(),
    "squared_hinge_loss": lambda torch, pred, target: torch.clamp_min(1 - pred * target, 0).square().mean(),
    "logistic_loss": lambda torch, *tensors: torch.nn.functional.soft_margin_loss(*tensors),
    "binary_cross_entropy": lambda torch, *tensors: torch.nn.functional.binary_cross_entropy(*tensors),
    "sigmoid_cross_entropy": lambda torch, *tensors: torch.nn.functional.binary_cross_entropy_with_logits(*tensors),
    "poisson_nll_loss": lambda torch, *tensors: torch.nn.functional.poisson_nll_loss(*tensors),
    "gaussian_nll_loss": lambda torch, *tensors: torch.nn.functional.gaussian_nll_loss(*tensors),
    "kl_div": lambda torch, *tensors: torch.nn.functional.kl_div(*tensors, reduction="sum") / tensors[0].numel(),
    "softmax_cross_entropy": lambda torch, *tensors: torch.nn.functional.cross_entropy(*tensors),
    "nll_loss": lambda torch, *tensors: torch.nn.functional.nll_loss(*tensors),
}

TORCH_KERNELS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "mse_loss": ("mse_loss", (1,)),
    "huber_loss": ("huber_loss", (1, 1.0)),
    "smooth_l1_loss": ("smooth_l1_loss", (1, 1.0)),
    "logistic_loss": ("soft_margin_loss", (1,)),
}
"""Names and further arguments, of which the first means the mean, of what writes its gradient into a given tensor."""


def numpy_call(name: str, pred: Array, target: Array, named: dict[str, Array]) -> Call:
    """Take the mean, and divide the gradient in place."""
    loss = getattr(reference, name)

    def call() -> tuple[Any, Array]:
        values, slopes, divisor = loss.terms(pred, target, **named)
        slopes /= divisor
        return values.sum() / divisor, slopes

    return call


def torch_calls(name: str, tensors: list[Any]) -> dict[str, Call]:
    """Run forward and backward through autograd; and the kernels alone, which reuse the gradient's memory."""
    torch = importlib.import_module("torch")
    leaf, *others = tensors
    leaf.requires_grad_()

    def autograd() -> tuple[Any, Any]:
        leaf.grad = None
        value = TORCH[name](torch, leaf, *others)
        value.backward()
        return value.detach(), leaf.grad

    if name not in TORCH_KERNELS:
        return {"torch": autograd}
    kernel, arguments = TORCH_KERNELS[name]
    forward = getattr(torch.ops.aten, kernel)
    backward = getattr(torch.ops.aten, f"{kernel}_backward")
    pred, one = leaf.detach(), torch.ones((), dtype=leaf.dtype, device=leaf.device)
    out = torch.empty_like(pred)

    def kernels() -> tuple[Any, Any]:
        return forward(pred, *others, *arguments), backward(one, pred, *others, *arguments, grad_input=out)

    return {"torch": autograd, "torch kernels": kernels}


def jax_values(name: str) -> Callable[..., Any]:
    """Return the reference values, written in jax's numbers and with jax's own stable functions."""
    jax = importlib.import_module("jax")
    if name in ROW_LOSSES:
        scores = jax.nn.log_softmax if name == "softmax_cross_entropy" else lambda log_probabilities: log_probabilities
        return lambda pred, labels: -jax.numpy.take_along_axis(scores(pred), labels[:, None], axis=1)
    if name == "log_cosh_loss":  # in one piece: XLA would compute both sides of a `where`
        return lambda pred, target: jax.nn.softplus(-2 * (pred - target)) + (pred - target) - math.log(2)
    formulas: dict[str, Any] = {"np": jax.numpy, "sigmoid": jax.nn.sigmoid}

    def in_jax(formula: Any) -> types.FunctionType:
        return types.FunctionType(formula.__code__, formulas, formula.__name__, formula.__defaults__)

    for word, function in vars(losses).items():
        if isinstance(function, losses.Loss):
            formulas[word] = losses.Loss(in_jax(function.formula))
        elif isinstance(function, types.FunctionType):
            formulas.setdefault(word, in_jax(function))
    return lambda *operands: formulas[name].formula(*operands)[0]


def jax_call(name: str, operands: list[Array]) -> Call:
    """Let XLA fuse value and gradient, which is jax's own."""
    jax = importlib.import_module("jax")
    values = jax_values(name)
    compiled = jax.jit(jax.value_and_grad(lambda *operands: jax.numpy.mean(values(*operands))))
    arrays = jax.device_put(operands)
    return lambda: jax.block_until_ready(compiled(*arrays))


def loss_operands(name: str, shape: tuple[int, ...]) -> tuple[list[Array], dict[str, Array]]:
    """Return prediction and target, float32 or labels, and what else the loss takes by name."""
    random = np.random.default_rng(0)

    def draw(kind: Callable[[Array], Array] | None, scale: float = 1) -> Array:
        noise = random.normal(scale=scale, size=shape).astype(np.float32)
        return kind(noise) if kind else noise

    pred = draw(PREDICTIONS.get(name))
    target = random.integers(shape[-1], size=shape[:-1]) if name in ROW_LOSSES else draw(TARGETS.get(name))
    return [pred, target], {word: draw(kind) for word, kind in OPERANDS.get(name, {}).items()}


def loss_contest(name: str, shape: tuple[int, ...], peers: list[str]) -> Contest:
    """Set up one loss on float32 predictions, those of a row loss with a label for each row."""
    (pred, target), named = loss_operands(name, shape)
    operands = [pred, target, *named.values()]
    loss, grad = getattr(nf, name), np.empty_like(pred)
    calls: dict[str, Call] = {"npfuse": lambda: loss.value_and_grad(pred, target, **named, out=grad)}
    if "numpy" in peers:
        calls["numpy"] = numpy_call(name, pred, target, named)
    if "torch" in peers and name in TORCH:
        torch = importlib.import_module("torch")
        calls.update(torch_calls(name, [torch.from_numpy(operand) for operand in operands]))
    if "jax" in peers:
        calls["jax"] = jax_call(name, operands)
    exact = [operand.astype(np.float64) if operand.dtype.kind == "f" else operand for operand in operands]
    expected = numpy_call(name, exact[0], exact[1], dict(zip(named, exact[2:], strict=True)))()
    return Contest(calls, expected, sum(operand.nbytes for operand in operands) + grad.nbytes)
