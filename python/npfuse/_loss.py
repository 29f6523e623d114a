"""What a loss is to Python: an object that is called for its value and knows its gradient."""

from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


class Loss:
    """A loss: call it for its value, or ask for ``value_and_grad`` (one pass over memory) or ``grad``.

    Each loss documents its own parameters: ``help(npfuse.huber_loss)``.
    """

    value_and_grad: Function
    grad: Function

    def __init__(self, name: str, doc: str, value: Function, value_and_grad: Function, grad: Function) -> None:
        """Name and document three compiled functions."""
        self.__module__ = "npfuse"
        self.__name__ = name
        self.__doc__ = doc
        self._value = value
        self.value_and_grad = value_and_grad
        self.grad = grad

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value: a float, or an array under ``reduction="none"``."""
        return self._value(*args, **kwargs)

    def __repr__(self) -> str:
        """Return the name under which the loss is found."""
        return f"npfuse.{self.__name__}"

    def __reduce__(self) -> str:
        """Pickle by name, as functions do."""
        return self.__name__
