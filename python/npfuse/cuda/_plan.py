"""How an optimizer's arrays are dealt out to launches: one for each group of settings and computing type."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npfuse.cuda import _storage
from npfuse.cuda._tables import dealt_out


class Launch(NamedTuple):
    """Which tiles are updated together, and how."""

    settings: int
    in_double: bool
    tiles: tuple[int, int]


class Plan:
    """Records in the order in which they are launched, and the tiles of all."""

    def __init__(self, records: NDArray[Any], settings_of: Sequence[int], tile: int) -> None:
        in_double = records["parameter_storage"] == _storage.NUMBERS["float64"]
        kinds = np.array(settings_of) * 2 + in_double
        self.order = np.argsort(kinds, kind="stable")
        self.records = records[self.order]
        first, self.record_of_tile = dealt_out(self.records["size"], tile)
        self.records["first_tile"] = first[:-1]
        kinds, starts = np.unique(kinds[self.order], return_index=True)
        bounds = first[[*starts, len(records)]].tolist()
        self.launches = [
            Launch(kind // 2, bool(kind % 2), tiles)
            for kind, tiles in zip(kinds.tolist(), itertools.pairwise(bounds), strict=True)
        ]

    def with_gradients(self, addresses: NDArray[np.uint64], storages: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the records with where the gradients are this time; they are in the order of the parameters."""
        records = self.records.copy()
        records["gradient"] = addresses[self.order]
        records["gradient_storage"] = storages[self.order]
        records["aligned"] &= records["gradient"] % 16 == 0
        return records
