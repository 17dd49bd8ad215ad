"""Why two arrays differ: causes that leave a pattern in the numbers.

`hint(got, wanted, ...)` knows a sign, a transposition, a constant factor and where it comes from (2, a number of
examples, n / (n - 1), a bias correction), blocks in another order, a shift by one, ε inside a root, a constant
offset. It is asked about the first value that differs; later ones carry traces of everything before.
"""

from typing import NamedTuple

import numpy as np


class Setting(NamedTuple):
    """Where a difference was met. sizes: of axes, and of everything that may be averaged over; numbers: keyword
    arguments of the call; t: the step, counted from 1; others: further values of the same line, as they should be;
    words: the names and the equation, which tell whether a variance is meant; arguments: of the call, by name."""

    sizes: frozenset[int] = frozenset()
    numbers: dict[str, float] = {}  # noqa: RUF012  read only
    t: int | None = None
    others: dict[str, np.ndarray] = {}  # noqa: RUF012
    words: str = ""
    arguments: dict[str, np.ndarray] = {}  # noqa: RUF012


NOWHERE = Setting()


def hint(got: np.ndarray, wanted: np.ndarray, setting: Setting = NOWHERE, tolerance: float = 1e-7) -> str | None:
    """One sentence on the likely cause, or None. got, wanted: arrays of any shapes."""
    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    same = lambda a, b: a.shape == b.shape and a.size > 0 and _close(a, b, tolerance)
    if np.isnan(got).any() and not np.isnan(wanted).any():
        return "NaN: a root or logarithm of a negative number, 0 / 0, or inf - inf, in this line or its operands"
    if got.shape != wanted.shape:
        return _reshaped(got, wanted, same)
    if got.size == 0 or not np.isfinite(got).all() or not np.any(wanted):
        return None
    if same(got, -wanted):
        return "the sign is the other one"
    if got.ndim >= 2 and same(got, np.swapaxes(wanted, -1, -2)):
        return "transposed"
    if got.size > 1 or setting.sizes:
        factor = _factor(got, wanted, tolerance)
        if factor is not None and abs(factor) > tolerance:
            known = _named_factor(factor, setting)
            if known or got.size > 1:
                return known or f"off by the constant factor {factor:.6g}"
    for name, other in setting.others.items():
        if same(got, np.asarray(other, float)):
            return f"this is what `{name}` should be: names or blocks in another order"
    for known in (_left_out, _epsilon):
        if why := known(got, wanted, setting, same):
            return why
    return _permuted(got, wanted, same) or _shifted(got, wanted, same)


def _close(a, b, tolerance) -> bool:
    return bool(np.max(np.abs(a - b)) <= tolerance * max(np.max(np.abs(a)), np.max(np.abs(b))))


def _reshaped(got, wanted, same) -> str | None:
    if same(got, wanted.T):
        return "transposed"
    if same(np.squeeze(got), np.squeeze(wanted)):
        return "the same numbers with an axis of size 1 too many or too few (keepdims)"
    if got.size == wanted.size and same(got.reshape(-1), wanted.reshape(-1)):
        return "the same numbers in another shape"
    for axis in range(wanted.ndim):
        for name, reduce in (("summed", np.sum), ("averaged", np.mean)):
            if same(got, reduce(wanted, axis=axis)):
                return f"{name} over axis {axis}"
    return None


def _factor(got, wanted, tolerance) -> float | None:
    """c if got = c wanted."""
    at = np.unravel_index(np.argmax(np.abs(wanted)), wanted.shape)
    factor = float(got[at] / wanted[at])
    return factor if _close(got, factor * wanted, tolerance) else None


def _named_factor(factor: float, setting: Setting) -> str | None:
    near = lambda value: value and abs(factor / value - 1) < 1e-6
    sides = lambda value: near(value) or near(1 / value if value else 0)
    for name, value in setting.numbers.items():
        if not 0 < value < 1:
            continue
        if setting.t:
            for power, root in ((1, ""), (0.5, "the root of ")):
                correction = (1 - value**setting.t) ** power
                if setting.t > 1 and sides(correction):
                    what = "missing" if near(correction) else "there twice, or should not be there"
                    return f"off by {root}1 - {name}^t with t = {setting.t}: the bias correction is {what}"
        if sides(1 - value):
            return f"off by the factor 1 - {name}: an average taken for a sum, or a bias correction at t = 1"
    variance = any(word in setting.words for word in ("var", "σ²", "std"))
    for n in sorted(setting.sizes - {0, 1}) if variance else ():
        biased = n / (n - 1)
        for value, power in ((biased, ""), (biased**0.5, " (its root)")):
            if near(value):
                return f"divided by n - 1 = {n - 1}, expected n = {n}: unbiased in place of biased variance{power}"
            if near(1 / value):
                return f"divided by n = {n}, expected n - 1 = {n - 1}: biased in place of unbiased variance{power}"
    for n in sorted(setting.sizes - {0, 1, 2}):
        if sides(n):
            more = "times" if near(n) else "divided by"
            return f"{more} {n}, the size of an axis: a sum for a mean or the other way round, or divided twice"
    if near(2):
        return "twice what it should be: a missing ½, or something counted twice"
    if near(0.5):
        return "half of what it should be: a ½ too many"
    if sides(np.log(2)):
        return "off by ln 2: logarithms to base 2 and e"
    return next((f"off by the factor {name}" for name, value in setting.numbers.items() if sides(value)), None)


def _permuted(got, wanted, same) -> str | None:
    """Blocks along an axis in another order; the fewest blocks that explain it."""
    for axis in range(got.ndim):
        size = got.shape[axis]
        for count in (k for k in range(2, min(size, 16) + 1) if size % k == 0):
            ours, theirs = np.split(got, count, axis), np.split(wanted, count, axis)
            order = [next((j for j, w in enumerate(theirs) if same(g, w)), None) for g in ours]
            if None not in order and sorted(order) == list(range(count)) and order != list(range(count)):
                what = f"blocks of {size // count}" if count < size else "elements"
                return f"{what} along axis {axis} are in another order: {order}"
    return None


def _shifted(got, wanted, same) -> str | None:
    for axis in range(got.ndim):
        if got.shape[axis] > 2:
            cut = lambda x, start, stop, axis=axis: np.take(x, range(start, x.shape[axis] + stop), axis)
            if same(cut(got, 1, 0), cut(wanted, 0, -1)) or same(cut(got, 0, -1), cut(wanted, 1, 0)):
                return f"shifted by one along axis {axis}: padding on the other side, or off by one"
    return None


def _left_out(got, wanted, setting, same) -> str | None:
    """An argument that is not added, or added once too often, whatever axes it is repeated along."""
    offset = got - wanted
    for name, argument in setting.arguments.items():
        try:
            whole = np.broadcast_to(np.asarray(argument, float), got.shape)
        except ValueError:
            continue
        if same(offset, -whole):
            return f"`{name}` is left out"
        if same(offset, whole):
            return f"`{name}` is added once too often"
    return None


def _epsilon(got, wanted, setting, same) -> str | None:
    for name, eps in setting.numbers.items():
        if "eps" in name:
            with np.errstate(all="ignore"):
                if same(got * got - eps, (wanted - eps) ** 2) or same((got - eps) ** 2, wanted * wanted - eps):
                    return f"{name} is on the other side of the root"
                var = 1 / (wanted * wanted) - eps
                if np.all(var >= 0) and same(got, 1 / (np.sqrt(var) + eps)):
                    return f"{name} is outside the root, expected inside"
    offset = got - wanted
    if got.size > 1 and same(offset, np.full_like(offset, offset.reshape(-1)[0])):
        return f"off by the constant {offset.reshape(-1)[0]:+.6g}"
    return None
