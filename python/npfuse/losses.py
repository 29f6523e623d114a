"""Every loss of the compiled registry, as an object under its name."""

from npfuse import _native
from npfuse._loss import Loss

__all__: list[str] = []

for _entry in _native._losses:
    _loss = Loss(*_entry)
    globals()[_loss.__name__] = _loss
    __all__ += [_loss.__name__]
