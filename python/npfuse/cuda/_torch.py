"""PyTorch's tensors, asked directly: to say the same as DLPack takes PyTorch several times as long."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any


def is_plain(array: Any) -> bool:
    """Return whether something is a tensor whose numbers are in a GPU's memory as they are; all else is for DLPack."""
    torch = sys.modules.get("torch")
    return (
        torch is not None
        and type(array) is torch.Tensor
        and number_of_gpu(array) >= 0
        and not array.requires_grad
        and array.layout is torch.strided
        and not array.is_conj()
        and not array.is_neg()
    )


def number_of_gpu(tensor: Any) -> int:
    """Return on which GPU a tensor is; -1 where it is on none."""
    return int(tensor.get_device()) if tensor.is_cuda else -1


@lru_cache
def storage_of(dtype: Any) -> str:
    """Return the storage of a dtype, which PyTorch calls as NumPy does."""
    return str(dtype).removeprefix("torch.")


def strides_in_bytes(tensor: Any) -> tuple[int, ...] | None:
    """Return a tensor's strides; None where they are those of C order."""
    if tensor.is_contiguous():
        return None
    item = tensor.element_size()
    return tuple(item * stride for stride in tensor.stride())
