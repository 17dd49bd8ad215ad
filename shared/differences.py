"""Comparing trees of arrays: one tolerance table, and messages that name the leaf and the element.

The error of a leaf is max|got - wanted| / max|wanted|, or max|got| where everything wanted is zero. Equal
infinities and equal NaNs have no difference; a NaN or infinity on one side only has an infinite one.
"""

from typing import NamedTuple

import numpy as np
import optree

LAYER = 1e-12  # one layer or loss, float64
RUN = 1e-10  # a recurrence or many steps of an optimizer, float64
FLOAT32 = 1e-5
FINITE = 1e-6  # against central differences


class Difference(NamedTuple):
    """The worst element of the worst leaf."""

    error: float
    leaf: str
    index: tuple[int, ...]
    got: float
    wanted: float

    def __str__(self):
        at = f"{self.leaf}{list(self.index) if self.index else ''}"
        return f"{at}: got {self.got:.17g}, wanted {self.wanted:.17g} (relative error {self.error:.1e})"


def short(error: float | None) -> str:
    """`4e-16`, `0`, or `–` where nothing was compared."""
    return "–" if error is None else "0" if error == 0 else f"{error:.0e}"


NONE = Difference(0.0, "", (), 0.0, 0.0)


class Mismatch(AssertionError):
    """Two trees that cannot be compared number by number: other leaves, shapes or dtypes."""


def flatten(tree, name: str) -> dict[str, np.ndarray]:
    """`{"outputs[0].h": array, ...}`: the leaves of a tree by the Python expression that reaches them."""
    accessors, leaves, _ = optree.tree_flatten_with_accessor(tree)
    return {a.codify(name): np.asarray(leaf) for a, leaf in zip(accessors, leaves, strict=True)}


def difference(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray], dtype: str | None = None) -> Difference:
    """The worst difference between two flattened trees. Mismatch if names, shapes or dtypes differ.

    dtype: what every floating-point leaf of `got` must have; None skips that test.
    """
    missing, extra = sorted(wanted.keys() - got.keys()), sorted(got.keys() - wanted.keys())
    if missing or extra:
        raise Mismatch(f"leaves differ: missing {missing}, not wanted {extra}")
    worst = NONE
    for leaf, want in wanted.items():
        have = got[leaf]
        if have.shape != want.shape:
            raise Mismatch(f"{leaf} has shape {have.shape}, wanted {want.shape}")
        if dtype and have.dtype.kind == "f" and have.dtype != dtype:
            raise Mismatch(f"{leaf} has dtype {have.dtype}, wanted {dtype}")
        if (have.dtype.kind == "f") != (want.dtype.kind == "f"):
            raise Mismatch(f"{leaf} has dtype {have.dtype}, wanted {want.dtype}")
        if want.size:
            worst = max(worst, _leaf(leaf, have.astype(np.float64), want.astype(np.float64)))
    return worst


def _leaf(leaf: str, got: np.ndarray, want: np.ndarray) -> Difference:
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(got - want)
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        gap = np.where(same, 0.0, np.where(np.isfinite(gap), gap, np.inf))
    scale = np.max(np.abs(want), initial=0.0, where=np.isfinite(want)) or 1.0
    at = np.unravel_index(np.argmax(gap), gap.shape)
    return Difference(float(gap[at] / scale), leaf, tuple(map(int, at)), float(got[at]), float(want[at]))
