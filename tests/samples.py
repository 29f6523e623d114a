"""Where operations are tried: points chosen by their bits, by their size, and by the trouble they make."""

import numpy as np

SEED = 20


def every_float32(step: int) -> np.ndarray:
    """Return the finite numbers among every step-th bit pattern, starting from a pattern that no power of 2 divides."""
    patterns = np.arange(SEED % step, 2**32, step, dtype=np.uint64).astype(np.uint32)
    numbers = patterns.view(np.float32)
    return numbers[np.isfinite(numbers)]


def every_half(dtype: np.dtype) -> np.ndarray:
    """Return all 65,536 numbers of a half type."""
    return np.arange(2**16, dtype=np.uint16).view(dtype)


def edges(dtype: type) -> np.ndarray:
    """Return both sides of the places where formulas change: zero, subnormals, overflow, powers of 2, integers."""
    limits = np.finfo(dtype)
    near = [limits.smallest_subnormal, limits.smallest_normal, limits.max, limits.eps, limits.eps / 2]
    powers = [2.0**k for k in range(-30, 8)]
    integers = [*range(1, 20), 88, 89, 103, 104, 708, 709, 745, 746]
    positive = np.array([*near, *powers, *integers], dtype)
    with np.errstate(over="ignore"):
        neighbours = np.concatenate(
            [np.nextafter(positive, dtype(0)), positive, np.nextafter(positive, dtype(limits.max))]
        )
    return np.unique(np.concatenate([-neighbours, [dtype(0)], neighbours]))


def points(dtype: type, count: int) -> np.ndarray:
    """Return finite numbers of three kinds in equal parts, and the edges: ordinary ones, large ones, any bits."""
    random = np.random.default_rng(SEED)
    ordinary = random.normal(scale=2, size=count // 3)
    large = random.uniform(-1, 1, size=count // 3) * (120 if dtype is np.float32 else 800)
    unsigned = np.uint32 if dtype is np.float32 else np.uint64
    bits = random.integers(0, np.iinfo(unsigned).max, size=count // 3, dtype=unsigned).view(dtype)
    return np.concatenate([edges(dtype), ordinary.astype(dtype), large.astype(dtype), bits[np.isfinite(bits)]])
