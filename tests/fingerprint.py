"""Print a hash of every operation's results, bit for bit; run in processes of other instruction sets and threads.

python tests/fingerprint.py [threads]
"""

import hashlib
import json
import sys

import ml_dtypes
import numpy as np

import npfuse as nf
from samples import SEED, edges, every_half
from table import KERNELS, Kernel

LENGTH = 300_000


def inputs() -> list[np.ndarray]:
    """Return every half, and float32 and float64 by their bits: infinities, NaN and subnormals among them."""
    random = np.random.default_rng(SEED)
    float32 = random.integers(0, 2**32, size=LENGTH, dtype=np.uint32).view(np.float32)
    float64 = random.integers(0, 2**63, size=LENGTH // 2, dtype=np.uint64).view(np.float64)
    ordinary = random.normal(scale=4, size=LENGTH)
    return [
        every_half(np.dtype(np.float16)),
        every_half(np.dtype(ml_dtypes.bfloat16)),
        np.concatenate([edges(np.float32), float32, ordinary.astype(np.float32)]),
        np.concatenate([edges(np.float64), float64, -float64, ordinary]),
    ]


def fingerprint(kernel: Kernel, arrays: list[np.ndarray]) -> str:
    """Hash the results on all arrays."""
    digest = hashlib.sha256()
    for x in arrays:
        digest.update(kernel(x).tobytes())
    return digest.hexdigest()


def fingerprints() -> dict[str, str]:
    """Return a hash for each kernel of the table."""
    arrays = inputs()
    return {kernel.label: fingerprint(kernel, arrays) for kernel in KERNELS}


if __name__ == "__main__":
    nf.set_num_threads(int(sys.argv[1]))
    print(json.dumps(fingerprints()))
