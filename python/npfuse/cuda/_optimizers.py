"""The optimizers for parameters on a GPU: those of `npfuse`, with their arrays kept elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npfuse import _native, optimizers
from npfuse.cuda import _storage
from npfuse.cuda._array import Array, asarray
from npfuse.cuda._updater import Updater
from npfuse.cuda._work import Work


class OnDevice(optimizers.Optimizer):
    """What an optimizer does otherwise when its arrays are on a GPU."""

    def _new_updater(self) -> Updater:
        return Updater(self._kernel, self._seed)

    def _dtype_name(self, param: Any) -> str:
        with Work("params", param, None) as work:
            return work.take_any("params", param).storage

    def _new_state(self, param: Any) -> dict[str, Any]:
        with Work("params", param, None) as work:
            operand = work.take("params", param)
            dtype = np.float64 if operand.storage == "float64" else np.float32
            initial = self._initial_state()

            def on_device(numbers: NDArray[Any]) -> Array:
                return asarray(numbers, device=work.device, stream=work.stream)

            state = {
                name: on_device(np.full(operand.shape, initial.get(name, 0.0), dtype))
                for name in _native.optimizers[self._kernel]["states"]
            }
            if _storage.itemsize(operand.storage) == 2 and self._master_weights:
                state["master"] = on_device(work.numbers(operand).astype(np.float32))
        return state

    def _saved(self, value: Any) -> NDArray[Any]:
        return value.get() if isinstance(value, Array) else np.array(value)

    def _restore(self, array: Any, saved: NDArray[Any]) -> None:
        array.set(saved)

    def step(
        self, grads: Any, *, scale: float | None = None, clip_norm: float | None = None, stream: Any = None
    ) -> bool:
        """Update every parameter in place; `npfuse.Optimizer.step` says how.

        Parameters
        ----------
        grads : list of array
            A gradient for each parameter, of its shape and of any floating-point dtype, on its GPU.
        scale, clip_norm : float, optional
            As on the CPU. With either, the step waits for the gradients.
        stream : optional
            A CUDA stream of any library or its address; the current one of the first gradient's library if left out.

        Returns
        -------
        bool
            False where `scale` or `clip_norm` is given and a gradient is not finite: nothing has changed then.
        """
        self._updater.stream = stream
        return super().step(grads, scale=scale, clip_norm=clip_norm)

    def step_rows(self, index: int, rows: Any, grads: Any, *, scale: float | None = None, stream: Any = None) -> bool:
        """Update only some rows of one parameter; `npfuse.Optimizer.step_rows` says how.

        Parameters
        ----------
        index : int
            Which of `params`.
        rows : ndarray of int, shape (k,)
            The rows that `grads` are for: a NumPy array, since they are put in order on the CPU.
        grads : array, shape (k, ...)
            A gradient for each row named, on the parameter's GPU.
        scale : float, optional
            What the loss was multiplied by: the gradients are divided by it.
        stream : optional
            As for `step`.

        Returns
        -------
        bool
            False where `scale` is given and a gradient is not finite: nothing has changed then.
        """
        self._updater.stream = stream
        return super().step_rows(index, rows, grads, scale=scale)


def classes() -> dict[str, type]:
    """Return every optimizer by its name."""
    result: dict[str, type] = {}
    for name in optimizers.__all__:
        on_cpu = getattr(optimizers, name)
        if isinstance(on_cpu, type) and on_cpu is not optimizers.Optimizer:
            doc = f"`npfuse.{name}` for parameters on a GPU, contiguous ones: the same arguments, the same bits."
            result[name] = type(name, (OnDevice, on_cpu), {"__doc__": doc, "__module__": "npfuse.cuda"})
    return result
