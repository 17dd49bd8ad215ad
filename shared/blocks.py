"""Elementwise NumPy formulas in cache-sized blocks.

`p - lr * m / (np.sqrt(v) + eps)` over millions of elements sends every intermediate result through main memory.
In blocks the intermediates stay in the cache: the same formula, the same bits, up to several times faster. The
formula itself stays as it is on paper: with `out=` on every operation it would be a quarter faster, and lose its
reader.
"""

from collections.abc import Callable

import numpy as np

BLOCK = 32_768  # elements: a dozen float32 arrays of this size fit in a core's caches


def blockwise(formula: Callable[..., tuple[np.ndarray, ...]]) -> Callable[..., tuple[np.ndarray, ...]]:
    """`formula` maps equally shaped arrays elementwise to a tuple of arrays; so does the result, block by block."""

    def apply(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        shape, size = arrays[0].shape, arrays[0].size
        if size <= BLOCK:
            return tuple(np.asarray(new) for new in formula(*arrays))
        flat = [array.reshape(-1) for array in arrays]
        first = formula(*(array[:BLOCK] for array in flat))
        results = [np.empty(size, new.dtype) for new in first]
        for result, new in zip(results, first, strict=True):
            result[:BLOCK] = new
        for start in range(BLOCK, size, BLOCK):
            part = slice(start, start + BLOCK)
            for result, new in zip(results, formula(*(array[part] for array in flat)), strict=True):
                result[part] = new
        return tuple(result.reshape(shape) for result in results)

    return apply
