"""A program as a type checker sees it: `mypy --strict` finds nothing, and each error that is expected where it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import npfuse as nf

x = np.zeros((4, 3), np.float32)
labels = np.zeros(4, np.int64)

y: NDArray[np.float32] = nf.sigmoid(x, out=x)
y = nf.swish(x, 1.5, where=x > 0)
y = nf.elu_backward(x, x, alpha=0.5)
y = nf.softmax(x, axis=0)
assert_type(nf.bias_act(x, x[0], "leaky_relu", negative_slope=0.1), NDArray[Any])
assert_type(nf.glu_backward(x, x), NDArray[Any])

assert_type(nf.mse_loss(x, 0), float)
assert_type(nf.mse_loss(x, 0, reduction="none"), NDArray[Any])
assert_type(nf.huber_loss.value_and_grad(x, x, delta=0.5, out=x), tuple[float, NDArray[Any]])
assert_type(nf.softmax_cross_entropy.grad(x, labels, axis=0, ignore_index=-1), NDArray[Any])
loss: nf.losses.Loss = nf.l1_loss

assert_type(nf.Adam([x], lr=nf.schedules.constant(1e-3), weight_decay=0.1).step([x], clip_norm=1.0), bool)
assert_type(nf.global_norm([x]), float)

nf.huber_loss(x, x, dleta=0.5)  # type: ignore[call-overload]
nf.kl_div(x, x, log_target="yes")  # type: ignore[call-overload]
nf.swish()  # type: ignore[call-arg]
nf.Adam([x], beta=0.9)  # type: ignore[call-arg]
nf.no_such_loss  # type: ignore[attr-defined]  # noqa: B018
