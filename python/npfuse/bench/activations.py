"""How each library computes an activation or its derivative, buffers reused where it allows."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse import reference
from npfuse.bench.contest import Contest
from npfuse.bench.peers import numba_ufunc

Array = NDArray[Any]
Call = Callable[[], object]

SCIPY = {"sigmoid": "expit", "log_sigmoid": "log_expit"}

NUMEXPR = {
    "relu": "where(x > 0, x, 0)",
    "leaky_relu": "where(x > 0, x, p0 * x)",
    "elu": "where(x > 0, x, p0 * expm1(x))",
    "celu": "where(x > 0, x, p0 * expm1(x / p0))",
    "sigmoid": "1 / (1 + exp(-x))",
    "sigmoid_backward": "dy / ((1 + exp(-x)) * (1 + exp(x)))",
    "log_sigmoid": "-log1p(exp(-x))",
    "tanh": "tanh(x)",
    "tanh_backward": "dy * (1 - tanh(x) ** 2)",
    "silu": "x / (1 + exp(-x))",
    "swish": "x / (1 + exp(-p0 * x))",
    "mish": "x * tanh(log1p(exp(x)))",
    "softplus": "log1p(exp(x * p0)) / p0",
    "softsign": "x / (1 + abs(x))",
    "hard_shrink": "where(abs(x) > p0, x, 0)",
    "tanh_shrink": "x - tanh(x)",
    "threshold": "where(x > p0, x, p1)",
}

# Of torch's spellings the one with the least overhead that writes into a given tensor.
TORCH: dict[str, Callable[..., object]] = {
    "relu": lambda torch, out, x: torch.clamp(x, 0, out=out),
    "relu6": lambda torch, out, x: torch._C._nn.hardtanh(x, 0, 6, out=out),
    "prelu": lambda torch, out, x, slope: torch._C._nn.leaky_relu(x, slope, out=out),
    "leaky_relu": lambda torch, out, x, slope: torch._C._nn.leaky_relu(x, slope, out=out),
    "elu": lambda torch, out, x, alpha: torch._C._nn.elu(x, alpha, out=out),
    "selu": lambda torch, out, x: torch._C._nn.elu(x, reference.SELU_ALPHA, reference.SELU_SCALE, out=out),
    "celu": lambda torch, out, x, alpha: torch._C._nn.elu(x, alpha, 1, 1 / alpha, out=out),
    "sigmoid": lambda torch, out, x: torch.sigmoid(x, out=out),
    "log_sigmoid": lambda torch, out, x: torch._C._nn.log_sigmoid(x, out=out),
    "tanh": lambda torch, out, x: torch.tanh(x, out=out),
    "silu": lambda torch, out, x: torch._C._nn.silu(x, out=out),
    "gelu": lambda torch, out, x: torch._C._nn.gelu(x, out=out),
    "gelu_tanh": lambda torch, out, x: torch._C._nn.gelu(x, approximate="tanh", out=out),
    "mish": lambda torch, out, x: torch._C._nn.mish(x, out=out),
    "softplus": lambda torch, out, x, beta: torch._C._nn.softplus(x, beta, out=out),
    "softsign": lambda torch, out, x: torch.nn.functional.softsign(x),
    "hard_sigmoid": lambda torch, out, x, alpha, beta: torch._C._nn.hardsigmoid(x, out=out),
    "hard_swish": lambda torch, out, x: torch._C._nn.hardswish(x, out=out),
    "hard_tanh": lambda torch, out, x, low, high: torch._C._nn.hardtanh(x, low, high, out=out),
    "hard_shrink": lambda torch, out, x, lambd: torch.ops.aten.hardshrink.out(x, lambd, out=out),
    "soft_shrink": lambda torch, out, x, lambd: torch._C._nn.softshrink(x, lambd, out=out),
    "tanh_shrink": lambda torch, out, x: torch.nn.functional.tanhshrink(x),
    "threshold": lambda torch, out, x, limit, value: torch.ops.aten.threshold.out(x, limit, value, out=out),
    "relu_backward": lambda torch, out, dy, x: torch.ops.aten.threshold_backward.grad_input(dy, x, 0, grad_input=out),
    "relu6_backward": lambda torch, out, dy, x: torch.ops.aten.hardtanh_backward.grad_input(
        dy, x, 0, 6, grad_input=out
    ),
    "leaky_relu_backward": lambda torch, out, dy, x, slope: torch.ops.aten.leaky_relu_backward.grad_input(
        dy, x, slope, False, grad_input=out
    ),
    "elu_backward": lambda torch, out, dy, x, alpha: torch.ops.aten.elu_backward.grad_input(
        dy, alpha, 1, 1, False, x, grad_input=out
    ),
    "selu_backward": lambda torch, out, dy, x: torch.ops.aten.elu_backward.grad_input(
        dy, reference.SELU_ALPHA, reference.SELU_SCALE, 1, False, x, grad_input=out
    ),
    "celu_backward": lambda torch, out, dy, x, alpha: torch.ops.aten.elu_backward.grad_input(
        dy, alpha, 1, 1 / alpha, False, x, grad_input=out
    ),
    "sigmoid_backward": lambda torch, out, dy, x: torch.ops.aten.sigmoid_backward.grad_input(
        dy, torch.sigmoid(x), grad_input=out
    ),
    "tanh_backward": lambda torch, out, dy, x: torch.ops.aten.tanh_backward.grad_input(
        dy, torch.tanh(x), grad_input=out
    ),
    "silu_backward": lambda torch, out, dy, x: torch.ops.aten.silu_backward.grad_input(dy, x, grad_input=out),
    "gelu_backward": lambda torch, out, dy, x: torch.ops.aten.gelu_backward.grad_input(dy, x, grad_input=out),
    "gelu_tanh_backward": lambda torch, out, dy, x: torch.ops.aten.gelu_backward.grad_input(
        dy, x, approximate="tanh", grad_input=out
    ),
    "mish_backward": lambda torch, out, dy, x: torch.ops.aten.mish_backward(dy, x),
    "softplus_backward": lambda torch, out, dy, x, beta: torch.ops.aten.softplus_backward.grad_input(
        dy, x, beta, 20, grad_input=out
    ),
    "hard_sigmoid_backward": lambda torch, out, dy, x, alpha, beta: torch.ops.aten.hardsigmoid_backward.grad_input(
        dy, x, grad_input=out
    ),
    "hard_swish_backward": lambda torch, out, dy, x: torch.ops.aten.hardswish_backward.out(dy, x, out=out),
    "hard_tanh_backward": lambda torch, out, dy, x, low, high: torch.ops.aten.hardtanh_backward.grad_input(
        dy, x, low, high, grad_input=out
    ),
    "hard_shrink_backward": lambda torch, out, dy, x, lambd: torch.ops.aten.hardshrink_backward.grad_input(
        dy, x, lambd, grad_input=out
    ),
    "soft_shrink_backward": lambda torch, out, dy, x, lambd: torch.ops.aten.softshrink_backward.grad_input(
        dy, x, lambd, grad_input=out
    ),
    "threshold_backward": lambda torch, out, dy, x, limit, value: torch.ops.aten.threshold_backward.grad_input(
        dy, x, limit, grad_input=out
    ),
}

JAX: dict[str, Callable[..., Any]] = {
    "relu": lambda nn, x: nn.relu(x),
    "relu6": lambda nn, x: nn.relu6(x),
    "prelu": lambda nn, x, slope: nn.leaky_relu(x, slope),
    "leaky_relu": lambda nn, x, slope: nn.leaky_relu(x, slope),
    "elu": lambda nn, x, alpha: nn.elu(x, alpha),
    "selu": lambda nn, x: nn.selu(x),
    "celu": lambda nn, x, alpha: nn.celu(x, alpha),
    "sigmoid": lambda nn, x: nn.sigmoid(x),
    "log_sigmoid": lambda nn, x: nn.log_sigmoid(x),
    "tanh": lambda nn, x: nn.tanh(x),
    "silu": lambda nn, x: nn.silu(x),
    "swish": lambda nn, x, beta: x * nn.sigmoid(beta * x),
    "quick_gelu": lambda nn, x: x * nn.sigmoid(1.702 * x),
    "gelu": lambda nn, x: nn.gelu(x, approximate=False),
    "gelu_tanh": lambda nn, x: nn.gelu(x, approximate=True),
    "mish": lambda nn, x: nn.mish(x),
    "softplus": lambda nn, x, beta: nn.softplus(beta * x) / beta,
    "softsign": lambda nn, x: nn.soft_sign(x),
    "hard_sigmoid": lambda nn, x, alpha, beta: nn.hard_sigmoid(x),
    "hard_swish": lambda nn, x: nn.hard_swish(x),
    "hard_tanh": lambda nn, x, low, high: nn.hard_tanh(x),
    "tanh_shrink": lambda nn, x: x - nn.tanh(x),
}


def scipy_call(name: str, operands: list[Array], parameters: list[float]) -> Call | None:
    """SciPy has real ufuncs, for a few."""
    if name not in SCIPY:
        return None
    function = getattr(importlib.import_module("scipy.special"), SCIPY[name])
    out = np.empty_like(operands[-1])
    return lambda: function(*operands, out=out)


def numexpr_call(name: str, operands: list[Array], parameters: list[float]) -> Call | None:
    """Evaluate an expression written for numexpr, its parameters as float32 lest everything become float64."""
    if name not in NUMEXPR:
        return None
    numexpr = importlib.import_module("numexpr")
    names = {"x": operands[-1], "dy": operands[0], **{f"p{i}": np.float32(p) for i, p in enumerate(parameters)}}
    out = np.empty_like(operands[-1])
    return lambda: numexpr.evaluate(NUMEXPR[name], names, out=out)


def numba_call(name: str, operands: list[Array], parameters: list[float]) -> Call | None:
    """Compile the reference formula, fast-math and all."""
    ufunc = numba_ufunc(name, len(operands) + len(parameters))
    arguments = [*operands, *(np.float32(parameter) for parameter in parameters)]
    out = np.empty_like(operands[-1])
    return lambda: ufunc(*arguments, out=out)


def torch_call(name: str, operands: list[Array], parameters: list[float]) -> Call | None:
    """Call torch's kernel on tensors that share our memory."""
    if name not in TORCH:
        return None
    torch = importlib.import_module("torch")
    function, tensors = TORCH[name], [torch.from_numpy(operand) for operand in operands]
    out = torch.empty_like(tensors[-1])
    return lambda: function(torch, out, *tensors, *parameters)


def jax_call(name: str, operands: list[Array], parameters: list[float]) -> Call | None:
    """Let XLA fuse and compile; the derivative is jax's own."""
    forward = JAX.get(name.removesuffix("_backward"))
    if forward is None:
        return None
    jax = importlib.import_module("jax")

    def function(x: Any) -> Any:
        return forward(jax.nn, x, *parameters)

    def gradient(dy: Any, x: Any) -> Any:
        return jax.vjp(function, x)[1](dy)[0]

    compiled = jax.jit(gradient if name.endswith("_backward") else function)
    arrays = [jax.device_put(operand) for operand in operands]
    return lambda: compiled(*arrays).block_until_ready()


PEER_CALLS = {
    "scipy": scipy_call,
    "numexpr": numexpr_call,
    "numba": numba_call,
    "torch": torch_call,
    "jax": jax_call,
}


def activation_contest(name: str, parameters: list[float], n: int, peers: list[str]) -> Contest:
    """Set up one activation, or its derivative, on n float32 numbers."""
    random = np.random.default_rng(0)
    count = 2 if name.endswith("_backward") else 1
    operands = [random.normal(scale=3, size=n).astype(np.float32) for _ in range(count)]
    out = np.empty(n, np.float32)
    ours, numpys = getattr(nf, name), getattr(reference, name)
    calls: dict[str, Call] = {"npfuse": lambda: ours(*operands, *parameters, out)}
    if "numpy" in peers:
        calls["numpy"] = lambda: numpys(*operands, *parameters)
    for peer, make_call in PEER_CALLS.items():
        call = make_call(name, operands, parameters) if peer in peers else None
        if call is not None:
            calls[peer] = call
    with np.errstate(all="ignore"):
        expected = numpys(*(operand.astype(np.float64) for operand in operands), *parameters)
    return Contest(calls, [expected], bytes_moved=4 * n * (count + 1))


def prelu_backward_contest(n: int, peers: list[str]) -> Contest:
    """Set up the one derivative that sums: both gradients of prelu with one slope for all."""
    random = np.random.default_rng(0)
    dy, x = (random.normal(scale=3, size=n).astype(np.float32) for _ in range(2))
    slope = np.array([0.25], np.float32)
    calls: dict[str, Call] = {"npfuse": lambda: nf.prelu_backward(dy, x, slope)}
    if "numpy" in peers:
        calls["numpy"] = lambda: reference.prelu_backward(dy, x, slope)
    if "torch" in peers:
        torch = importlib.import_module("torch")
        tensors = [torch.from_numpy(array) for array in (dy, x, slope)]

        def torchs() -> Any:
            dx, dslope = torch.ops.aten._prelu_kernel_backward(*tensors)
            return dx, dslope.sum()

        calls["torch"] = torchs
    expected = reference.prelu_backward(dy.astype(np.float64), x.astype(np.float64), slope.astype(np.float64))
    return Contest(calls, expected, bytes_moved=12 * n)
