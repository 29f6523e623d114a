"""`typing.Unpack`, which Python 3.10 lacks, such that annotations can be evaluated there as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Unpack as Unpack
else:
    try:
        from typing import Unpack
    except ImportError:

        class Unpack:
            """``Unpack[Options]`` is `Options` itself, which says the same to a reader."""

            def __class_getitem__(cls, item: Any) -> Any:
                """Return the item."""
                return item


__all__ = ["Unpack"]
