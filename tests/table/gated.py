"""One row per gated unit."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Gated:
    """A product activation(gate) * x with two gradients."""

    name: str
    activation: str
    forward_ulp: float = 2.5
    backward_ulp: float = 3


GATED = [
    Gated("sigmoid_glu", "sigmoid"),
    Gated("swiglu", "silu"),
    Gated("geglu", "gelu"),
    Gated("reglu", "relu"),
]
