"""Elementwise formulas over trees of arrays; in NumPy, in cache-sized blocks.

`p - lr * m / (np.sqrt(v) + eps)` over millions of elements sends every intermediate result through main memory.
In blocks the intermediates stay in the cache: the same formula, the same bits, up to several times faster. The
formula itself stays as it is on paper: with `out=` on every operation it would be a quarter faster, and lose its
reader.
"""

from collections.abc import Callable

import numpy as np
import optree

BLOCK = 32_768  # elements: a dozen float32 arrays of this size fit in a core's caches


def map_leaves(formula: Callable, *trees):
    """`formula` applied to the corresponding leaves of trees of one structure.

    `params, m, v = map_leaves(update, params, grads, m, v)`: where the formula returns several arrays, there are as
    many trees; where it returns one, there is one. All arrays of a call have one shape.

    In PyTorch, a leaf of the first tree that requires gradients, beside others that don't, is a parameter: the result
    requires them in its turn, and has no graph that would grow from step to step.
    """
    leaves, structure = optree.tree_flatten(trees[0])
    others = (optree.tree_leaves(tree) for tree in trees[1:])
    results = [_apply(formula, arrays) for arrays in zip(leaves, *others, strict=True)]
    if results and not isinstance(results[0], tuple):
        return structure.unflatten(results)
    return tuple(structure.unflatten(new) for new in zip(*results, strict=True))


def _step(formula: Callable, first, *others):
    wants = lambda x: getattr(x, "requires_grad", False)
    if not wants(first) or any(map(wants, others)):  # gradients with a graph: it is wanted
        return formula(first, *others)
    new = formula(first.detach(), *others)
    (new[0] if isinstance(new, tuple) else new).requires_grad_()
    return new


def _apply(formula: Callable, arrays: tuple):
    if not isinstance(arrays[0], np.ndarray | np.generic):  # the other frameworks have compilers for this
        return _step(formula, *arrays)
    one = lambda new: not isinstance(new, tuple)
    shape, size = arrays[0].shape, arrays[0].size
    if size <= BLOCK:
        new = formula(*arrays)
        return np.asarray(new) if one(new) else tuple(map(np.asarray, new))
    flat = [array.reshape(-1) for array in arrays]
    results = None
    for start in range(0, size, BLOCK):
        part = slice(start, start + BLOCK)
        new = formula(*(array[part] for array in flat))
        news = (new,) if one(new) else new
        results = results or tuple(np.empty(size, x.dtype) for x in news)
        for result, x in zip(results, news, strict=True):
            result[part] = x
    results = tuple(result.reshape(shape) for result in results)
    return results[0] if one(new) else results
