"""The same numbers as torch, scikit-learn and SciPy, to the rounding of float64: values, gradients and every option.

torch derives the gradients by itself. Where it has no function of its own, its words spell the formula.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import npfuse as nf
from table import GATED, LOSSES, OPTIMIZERS, Kernel

torch = pytest.importorskip("torch", reason="there is no torch to compare with")
scipy_special = pytest.importorskip("scipy.special", reason="there is no SciPy to compare with")
metrics = pytest.importorskip("sklearn.metrics", reason="there is no scikit-learn to compare with")

functional = torch.nn.functional
pytestmark = pytest.mark.peers

RANDOM = np.random.default_rng(12)
START = RANDOM.bit_generator.state
REDUCTIONS = ["none", "sum", "mean"]
STEPS = 100


@pytest.fixture(autouse=True)
def _same_numbers_in_float64() -> Iterator[None]:
    """Each test draws its own numbers; some optimizers of torch keep one in its default type."""
    RANDOM.bit_generator.state = START
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def tensor(array: object, **options: bool) -> Any:
    return torch.tensor(np.asarray(array), **options)


def assert_close(ours: object, theirs: Any, epsilons: float = 32) -> None:
    """Compare beside the largest number: where terms cancel, their rounding is left."""
    theirs = theirs.detach().numpy() if torch.is_tensor(theirs) else np.asarray(theirs)
    assert np.shape(ours) == theirs.shape
    tolerance = epsilons * np.finfo(np.float64).eps
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * min(1, np.abs(theirs).max(initial=0)))


# ---------------------------------------------------------------------------------------------------- Activations

IN_TORCH: dict[str, Callable[..., Any]] = {
    "sigmoid": torch.sigmoid,
    "log_sigmoid": functional.logsigmoid,
    "tanh": torch.tanh,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu": functional.leaky_relu,
    "prelu": lambda x, slope: functional.prelu(x, tensor([slope])),
    "threshold": functional.threshold,
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": functional.celu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": functional.silu,
    "swish": lambda x, beta: x * torch.sigmoid(beta * x),
    "mish": functional.mish,
    "softplus": lambda x, beta: functional.softplus(x, beta, threshold=1e3),
    "softsign": functional.softsign,
    "hard_sigmoid": lambda x, alpha, beta: torch.clamp(alpha * x + beta, 0, 1),
    "hard_swish": functional.hardswish,
    "hard_tanh": functional.hardtanh,
    "hard_shrink": functional.hardshrink,
    "soft_shrink": functional.softshrink,
    "tanh_shrink": functional.tanhshrink,
}

GATES = {
    "sigmoid_glu": torch.sigmoid,
    "swiglu": functional.silu,
    "geglu": functional.gelu,
    "reglu": functional.relu,
}

ALONG_AXIS = {
    "softmax": functional.softmax,
    "log_softmax": functional.log_softmax,
    "logsumexp": torch.logsumexp,
}


def derived(value: Any, dy: object, *inputs: Any) -> list[np.ndarray]:
    return [gradient.numpy() for gradient in torch.autograd.grad(value, inputs, tensor(dy))]


def test_activations_and_their_derivatives(any_forward: Kernel) -> None:
    kernel = any_forward
    x, dy = RANDOM.normal(scale=3, size=2000), RANDOM.normal(size=2000)
    theirs = tensor(x, requires_grad=True)
    value = IN_TORCH[kernel.name](theirs, *kernel.parameters)
    assert_close(kernel.function(x, *kernel.parameters), value)
    gradient = getattr(nf, f"{kernel.name}_backward")(dy, x, *kernel.parameters)
    assert_close(gradient[0] if isinstance(gradient, tuple) else gradient, derived(value, dy, theirs)[0])


def test_hard_sigmoid_has_the_defaults_of_torch() -> None:
    x = RANDOM.normal(scale=3, size=100)
    assert_close(nf.hard_sigmoid(x), functional.hardsigmoid(tensor(x)))


def test_slopes_of_channels() -> None:
    x, dy, slope = RANDOM.normal(size=(7, 5, 3)), RANDOM.normal(size=(7, 5, 3)), RANDOM.normal(size=5)
    inputs = [tensor(array, requires_grad=True) for array in (x, slope)]
    value = functional.prelu(*inputs)
    assert_close(nf.prelu(x, slope[:, None]), value)
    dx, dslope = nf.prelu_backward(dy, x, slope[:, None])
    for ours, theirs in zip((dx, dslope[:, 0]), derived(value, dy, *inputs), strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("name", [row.name for row in GATED])
def test_gated_activations(name: str) -> None:
    gate, x, dy = RANDOM.normal(scale=2, size=(3, 1000))
    inputs = [tensor(array, requires_grad=True) for array in (gate, x)]
    value = GATES[name](inputs[0]) * inputs[1]
    assert_close(getattr(nf, name)(gate, x), value)
    for ours, theirs in zip(getattr(nf, f"{name}_backward")(dy, gate, x), derived(value, dy, *inputs), strict=True):
        assert_close(ours, theirs)


def test_glu() -> None:
    x, dy = RANDOM.normal(size=(8, 6)), RANDOM.normal(size=(4, 6))
    theirs = tensor(x, requires_grad=True)
    value = functional.glu(theirs, dim=0)
    assert_close(nf.glu(x, axis=0), value)
    assert_close(nf.glu_backward(dy, x, axis=0), derived(value, dy, theirs)[0])


@pytest.mark.parametrize("name", ALONG_AXIS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_rows(name: str, axis: int) -> None:
    x = RANDOM.normal(scale=4, size=(20, 30, 40))
    theirs = tensor(x, requires_grad=True)
    value = ALONG_AXIS[name](theirs, dim=axis)
    ours = getattr(nf, name)(x, axis=axis)
    assert_close(ours, value)
    assert_close(ours, getattr(scipy_special, name)(x, axis=axis))
    dy = RANDOM.normal(size=value.shape)
    given, axes = (x, {"axes": [(), axis, axis]}) if name == "logsumexp" else (ours, {"axis": axis})
    assert_close(getattr(nf, f"{name}_backward")(dy, given, **axes), derived(value, dy, theirs)[0], epsilons=128)


def test_bias_and_activation() -> None:
    x, bias, dy = RANDOM.normal(size=(50, 9)), RANDOM.normal(size=9), RANDOM.normal(size=(50, 9))
    inputs = [tensor(array, requires_grad=True) for array in (x, bias)]
    value = functional.gelu(inputs[0] + inputs[1])
    assert_close(nf.bias_act(x, bias, "gelu"), value)
    for ours, theirs in zip(nf.bias_act_backward(dy, x, bias, "gelu"), derived(value, dy, *inputs), strict=True):
        assert_close(ours, theirs)


def test_maxout() -> None:
    x, dy = RANDOM.normal(size=(40, 12)), RANDOM.normal(size=(40, 4))
    theirs = tensor(x, requires_grad=True)
    value = theirs.reshape(40, 4, 3).amax(-1)
    ours, index = nf.maxout(x, 3, return_index=True)
    assert_close(ours, value)
    assert_close(nf.maxout_backward(dy, index, 3), derived(value, dy, theirs)[0])


# --------------------------------------------------------------------------------------------------------- Losses


@dataclass(frozen=True)
class Peer:
    """What torch computes for a loss, given predictions, targets, a reduction and the loss's options."""

    name: str
    function: Callable[..., Any]
    draw: Callable[[int], tuple[np.ndarray, ...]]
    options: tuple[dict[str, Any], ...] = field(default=({},))


def reduced(values: Any, reduction: str) -> Any:
    return {"none": values, "sum": values.sum(), "mean": values.mean()}[reduction]


def spelled(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Make a loss of a formula for which torch has no function."""

    def loss(*operands: Any, reduction: str, **options: Any) -> Any:
        return reduced(formula(*operands, **options), reduction)

    return loss


def differences(n: int) -> tuple[np.ndarray, ...]:
    return RANDOM.normal(scale=2, size=n), RANDOM.normal(scale=2, size=n)


def margins(n: int) -> tuple[np.ndarray, ...]:
    return RANDOM.normal(scale=2, size=n), RANDOM.choice([-1.0, 1.0], size=n)


def logits(n: int) -> tuple[np.ndarray, ...]:
    return RANDOM.normal(scale=3, size=n), RANDOM.random(n)


def probabilities(n: int) -> tuple[np.ndarray, ...]:
    return RANDOM.uniform(0.01, 0.99, n), RANDOM.random(n)


def counts(n: int) -> tuple[np.ndarray, ...]:
    return RANDOM.uniform(0.1, 3, n), RANDOM.poisson(2, n).astype(float)


def distributions(n: int) -> tuple[np.ndarray, ...]:
    return np.log(RANDOM.uniform(0.01, 1, n)), RANDOM.uniform(0.01, 1, n)


def smoothed_logits(x: Any, t: Any, label_smoothing: float = 0.0, **options: Any) -> Any:
    return functional.binary_cross_entropy_with_logits(x, t * (1 - label_smoothing) + label_smoothing / 2, **options)


def focal(x: Any, t: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    entropy = functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    missing = t * torch.sigmoid(-x) + (1 - t) * torch.sigmoid(x)
    return (alpha * t + (1 - alpha) * (1 - t) if alpha >= 0 else 1) * missing**gamma * entropy


PEERS = [
    Peer("l1_loss", functional.l1_loss, differences),
    Peer("mse_loss", functional.mse_loss, differences),
    Peer("huber_loss", functional.huber_loss, differences, ({}, {"delta": 0.3}, {"delta": 4.0})),
    Peer("smooth_l1_loss", functional.smooth_l1_loss, differences, ({}, {"beta": 0.3}, {"beta": 4.0})),
    Peer(
        "pseudo_huber_loss",
        spelled(lambda p, t, delta=1.0: delta**2 * (torch.sqrt(1 + ((p - t) / delta) ** 2) - 1)),
        differences,
        ({}, {"delta": 0.5}),
    ),
    Peer("log_cosh_loss", spelled(lambda p, t: torch.log(torch.cosh(p - t))), differences),
    Peer(
        "quantile_loss",
        spelled(lambda p, t, q=0.5: torch.maximum(q * (t - p), (1 - q) * (p - t))),
        differences,
        ({}, {"q": 0.9}, {"q": 0.1}),
    ),
    Peer(
        "hinge_loss",
        lambda p, t, **more: functional.margin_ranking_loss(p, torch.zeros_like(p), t, margin=1, **more),
        margins,
    ),
    Peer("squared_hinge_loss", spelled(lambda p, t: functional.relu(1 - p * t) ** 2), margins),
    Peer("logistic_loss", functional.soft_margin_loss, margins),
    Peer("binary_cross_entropy", functional.binary_cross_entropy, probabilities),
    Peer(
        "sigmoid_cross_entropy",
        smoothed_logits,
        logits,
        ({}, {"pos_weight": 3.0}, {"label_smoothing": 0.1}, {"pos_weight": 0.5, "label_smoothing": 0.2}),
    ),
    Peer("sigmoid_focal_loss", spelled(focal), logits, ({}, {"alpha": -1.0, "gamma": 3.0}, {"alpha": 0.5})),
    Peer(
        "poisson_nll_loss",
        functional.poisson_nll_loss,
        counts,
        ({}, {"log_input": False}, {"log_input": False, "eps": 0.1}),
    ),
    Peer("gaussian_nll_loss", functional.gaussian_nll_loss, differences, ({"var": 0.7}, {"var": 0.1, "eps": 0.5})),
    Peer("kl_div", functional.kl_div, distributions, ({}, {"log_target": True})),
]

each_peer = pytest.mark.parametrize(
    ("peer", "options"),
    [(peer, options) for peer in PEERS for options in peer.options],
    ids=lambda value: value.name if isinstance(value, Peer) else "-".join(map("{0[0]}={0[1]}".format, value.items())),
)


def as_tensors(options: dict[str, Any], n: int) -> dict[str, Any]:
    """Return the options as torch wants them: `var` and `pos_weight` are arrays."""
    return {
        name: torch.full((n,), value, dtype=torch.float64) if name in {"var", "pos_weight"} else value
        for name, value in options.items()
    }


def test_every_loss_has_a_peer() -> None:
    assert {peer.name for peer in PEERS} == {row.name for row in LOSSES}


@each_peer
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_losses_and_their_gradients(peer: Peer, options: dict[str, Any]) -> None:
    pred, target = peer.draw(1000)
    dy = RANDOM.normal(size=1000)
    for reduction in REDUCTIONS:
        theirs = tensor(pred, requires_grad=True)
        value = peer.function(theirs, tensor(target), reduction=reduction, **as_tensors(options, pred.size))
        ours = getattr(nf, peer.name).value_and_grad(pred, target, reduction=reduction, **options)
        assert_close(ours[0], value, epsilons=64)
        assert_close(ours[1], derived(value, np.ones(value.shape), theirs)[0], epsilons=64)
        if reduction == "none":  # a weight is what torch's values are multiplied by
            weighted = getattr(nf, peer.name)(pred, target, weight=dy, reduction="none", **options)
            assert_close(weighted, value.detach() * tensor(dy), epsilons=64)


def class_options(kind: str, reduction: str) -> list[dict[str, Any]]:
    """Return the options that both have: a weighted mean over probabilities is one of the rows in torch alone."""
    weighted = [{"weight": True}, {"weight": True, "label_smoothing": 0.2}]
    return [{}, {"label_smoothing": 0.1}, *([] if (kind, reduction) == ("probabilities", "mean") else weighted)]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
def test_softmax_cross_entropy(kind: str, reduction: str) -> None:
    scores = RANDOM.normal(scale=3, size=(60, 9, 4))
    labels = RANDOM.integers(9, size=(60, 4))
    labels[::7] = -100
    target = labels if kind == "labels" else np.moveaxis(RANDOM.dirichlet(np.ones(9), (60, 4)), -1, 1)
    for options in class_options(kind, reduction):
        if "weight" in options:
            options["weight"] = RANDOM.random(9)
        theirs = tensor(scores, requires_grad=True)
        given = {name: tensor(value) if name == "weight" else value for name, value in options.items()}
        value = functional.cross_entropy(theirs, tensor(target), reduction=reduction, **given)
        ours = nf.softmax_cross_entropy.value_and_grad(scores, target, axis=1, reduction=reduction, **options)
        assert_close(ours[0], value, epsilons=64)
        assert_close(ours[1], derived(value, np.ones(value.shape), theirs)[0], epsilons=128)


@pytest.mark.parametrize("options", [{}, {"weight": True}, {"ignore_index": 3}], ids=lambda options: str([*options]))
def test_nll_loss(options: dict[str, Any]) -> None:
    log_probs = np.log(RANDOM.dirichlet(np.ones(9), 60))
    labels = RANDOM.integers(9, size=60)
    if "weight" in options:
        options = {"weight": RANDOM.random(9)}
    given = {name: tensor(value) if name == "weight" else value for name, value in options.items()}
    for reduction in REDUCTIONS:
        theirs = tensor(log_probs, requires_grad=True)
        value = functional.nll_loss(theirs, tensor(labels), reduction=reduction, **given)
        ours = nf.nll_loss.value_and_grad(log_probs, labels, reduction=reduction, **options)
        assert_close(ours[0], value)
        assert_close(ours[1], derived(value, np.ones(value.shape), theirs)[0])


def test_what_scipy_has() -> None:
    pred, target = differences(1000)
    for delta in (0.3, 1.0, 5.0):
        values = nf.huber_loss(pred, target, delta=delta, reduction="none")
        assert_close(values, scipy_special.huber(delta, pred - target))
        values = nf.pseudo_huber_loss(pred, target, delta=delta, reduction="none")
        assert_close(values, scipy_special.pseudo_huber(delta, pred - target), epsilons=64)
    log_pred, target = distributions(1000)
    values = nf.kl_div(log_pred, target, reduction="none")
    assert_close(values, scipy_special.rel_entr(target, np.exp(log_pred)), epsilons=64)
    x = RANDOM.normal(scale=3, size=1000)
    for ours, theirs in ((nf.sigmoid, scipy_special.expit), (nf.log_sigmoid, scipy_special.log_expit)):
        assert_close(ours(x), theirs(x))


def test_what_scikit_learn_has() -> None:
    pred, target = differences(1000)
    assert_close(nf.l1_loss(pred, target), metrics.mean_absolute_error(target, pred))
    assert_close(nf.mse_loss(pred, target), metrics.mean_squared_error(target, pred))
    for q in (0.1, 0.5, 0.9):
        assert_close(nf.quantile_loss(pred, target, q=q), metrics.mean_pinball_loss(target, pred, alpha=q))
    pred, target = margins(1000)
    assert_close(nf.hinge_loss(pred, target), metrics.hinge_loss(target, pred))
    probability = RANDOM.dirichlet(np.ones(9), 60)
    labels = np.arange(60) % 9
    assert_close(nf.nll_loss(np.log(probability), labels), metrics.log_loss(labels, probability))


# ----------------------------------------------------------------------------------------------------- Optimizers


@pytest.mark.parametrize("row", [row for row in OPTIMIZERS if row.torch], ids=str)
def test_optimizers(row: Any) -> None:
    shapes = [(300,), (7, 11)]
    ours = [RANDOM.normal(size=shape) for shape in shapes]
    theirs = [tensor(array.copy(), requires_grad=True) for array in ours]
    optimizer = row.cls(ours, **row.options)
    other = getattr(torch.optim, row.torch)(theirs, **row.options)
    for _ in range(STEPS):
        gradients = [RANDOM.normal(size=shape) for shape in shapes]
        optimizer.step(gradients)
        for param, gradient in zip(theirs, gradients, strict=True):
            param.grad = tensor(gradient)
        other.step()
    for mine, param in zip(ours, theirs, strict=True):
        assert_close(mine, param, epsilons=2**14)


def test_every_optimizer_of_torch_is_compared() -> None:
    assert {row.torch for row in OPTIMIZERS if row.torch} == {
        row.cls.__name__ for row in OPTIMIZERS if hasattr(torch.optim, row.cls.__name__)
    }


def test_norm_of_all_gradients() -> None:
    gradients = [RANDOM.normal(size=shape) for shape in [(300,), (7, 11), ()]]
    theirs = torch.nn.utils.get_total_norm([tensor(gradient) for gradient in gradients])
    assert_close(nf.global_norm(gradients), theirs)


SCHEDULES = [
    (nf.schedules.step(0.5, every=7, factor=0.3), "StepLR", {"step_size": 7, "gamma": 0.3}),
    (nf.schedules.exponential(0.5, 0.9), "ExponentialLR", {"gamma": 0.9}),
    (nf.schedules.cosine(0.5, 40, final=0.1), "CosineAnnealingLR", {"T_max": 40, "eta_min": 0.1}),
    (nf.schedules.one_cycle(0.5, 40), "OneCycleLR", {"max_lr": 0.5, "total_steps": 40}),
    (
        nf.schedules.one_cycle(0.5, 40, 0.6, 5.0, 7.0),
        "OneCycleLR",
        {"max_lr": 0.5, "total_steps": 40, "pct_start": 0.6, "div_factor": 5.0, "final_div_factor": 7.0},
    ),
]


@pytest.mark.parametrize(("schedule", "name", "arguments"), SCHEDULES, ids=[name for _, name, _ in SCHEDULES])
def test_schedules(schedule: Callable[[int], float], name: str, arguments: dict[str, Any]) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    theirs = getattr(torch.optim.lr_scheduler, name)(optimizer, **arguments)
    for taken in range(40):
        assert schedule(taken) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-10)
        optimizer.step()
        if taken < 39:
            theirs.step()
