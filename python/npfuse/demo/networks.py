"""One multilayer perceptron, twice: on this library's kernels, and as plain NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from time import perf_counter
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from npfuse import reference
from npfuse.demo.choices import ReferenceOptimizer, reference_activation
from npfuse.demo.places import ON_CPU, Place
from npfuse.optimizers import Optimizer

Array = NDArray[Any]


def initial_weights(sizes: Iterable[int], seed: int) -> list[tuple[Array, Array]]:
    """Return a weight matrix and a bias for each layer, scaled after He et al. (2015)."""
    rng = np.random.default_rng(seed)
    return [
        (
            (rng.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)).astype(np.float32),
            np.zeros(outputs, np.float32),
        )
        for inputs, outputs in pairwise(sizes)
    ]


class FusedNetwork:
    """The perceptron on this library's kernels."""

    def __init__(
        self,
        layers: list[tuple[Array, Array]],
        activation: str,
        loss: str,
        optimizer: Callable[[list[Any]], Optimizer],
        place: Place = ON_CPU,
    ) -> None:
        self.place = place
        self.layers = [(place.put(weight.copy()), place.put(bias.copy())) for weight, bias in layers]
        self.activation = activation
        self.loss = getattr(place.kernels, loss)
        self.optimizer = optimizer([array for layer in self.layers for array in layer])
        self.matmul_seconds = 0.0

    def _matmul(self, a: Any, b: Any) -> Any:
        start = perf_counter()
        product = a @ b
        self.matmul_seconds += perf_counter() - start
        return product

    def _forward(self, x: Any) -> tuple[Any, list[Any], list[Any]]:
        """Return the outputs, the input of every layer and the sums before every activation."""
        inputs, sums = [x], []
        for weight, bias in self.layers[:-1]:
            sums.append(self._matmul(inputs[-1], weight))
            inputs.append(self.place.kernels.bias_act(sums[-1], bias, self.activation))
        weight, bias = self.layers[-1]
        outputs = self._matmul(inputs[-1], weight)
        outputs += bias
        return outputs, inputs, sums

    def predict(self, x: Array) -> Array:
        """Return the most likely class of each row."""
        return self.place.get(self._forward(self.place.put(x))[0].argmax(axis=1))

    def train(self, x: Array, target: Array) -> SupportsFloat:
        """Take one step on a batch and return its loss, which a GPU may still be computing."""
        outputs, inputs, sums = self._forward(self.place.put(x))
        value, gradient = self.loss.value_and_grad(outputs, self.place.put(target), out=outputs)
        gradients = [self._matmul(inputs[-1].T, gradient), gradient.sum(axis=0)]
        for layer in range(len(self.layers) - 2, -1, -1):
            gradient = self._matmul(gradient, self.layers[layer + 1][0].T)
            gradient, bias_gradient = self.place.kernels.bias_act_backward(
                gradient, sums[layer], self.layers[layer][1], self.activation, out=gradient
            )
            gradients[:0] = [self._matmul(inputs[layer].T, gradient), bias_gradient]
        self.optimizer.step(gradients)
        loss: SupportsFloat = value
        return loss


class ReferenceNetwork:
    """The same perceptron in plain NumPy."""

    def __init__(
        self, layers: list[tuple[Array, Array]], activation: str, loss: str, optimizer: str, options: dict[str, Any]
    ) -> None:
        self.layers = [(weight.copy(), bias.copy()) for weight, bias in layers]
        self.function, self.derivative = reference_activation(activation)
        self.loss = getattr(reference, loss)
        parameters = [array for layer in self.layers for array in layer]
        self.optimizer = ReferenceOptimizer(optimizer, parameters, options)

    def _forward(self, x: Array) -> tuple[Array, list[Array], list[Array]]:
        inputs, sums = [x], []
        for weight, bias in self.layers[:-1]:
            sums.append(inputs[-1] @ weight + bias)
            inputs.append(self.function(sums[-1]))
        weight, bias = self.layers[-1]
        return inputs[-1] @ weight + bias, inputs, sums

    def predict(self, x: Array) -> Array:
        """Return the most likely class of each row."""
        classes: Array = self._forward(x)[0].argmax(axis=1)
        return classes

    def train(self, x: Array, target: Array) -> float:
        """Take one step on a batch and return its loss."""
        outputs, inputs, sums = self._forward(x)
        value, gradient = self.loss.value_and_grad(outputs, target)
        gradients = [inputs[-1].T @ gradient, gradient.sum(axis=0)]
        for layer in range(len(self.layers) - 2, -1, -1):
            gradient = self.derivative(gradient @ self.layers[layer + 1][0].T, sums[layer])
            gradients[:0] = [inputs[layer].T @ gradient, gradient.sum(axis=0)]
        self.optimizer.step(gradients)
        return float(value)
