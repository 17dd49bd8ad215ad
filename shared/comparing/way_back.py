"""Question six: the gradient that NumPy's `_backward` gives to `d_x`, line by line, beside the gradient that autograd
and GradientTape give to the value that the forward functions of their columns call `x`.

A `_backward` is compared with the call that left it its cache; in it, names pair: `d_x` with `x`, `d_params.W` with
`params.W`, `d_W` with the argument that has a field `W`. What is computed several times in one call is met in
reverse order on the way back. What cannot be paired is left out and says why.
"""

import re
from typing import NamedTuple

import numpy as np

from shared import backends
from shared.cases import Case
from shared.comparing import aligning, reading, walks
from shared.comparing.scopes import Auto, Hand, Key, Value, by_autodiff, by_hand, twins
from shared.differences import Mismatch, difference

BOUND = 1e-10  # relative, per leaf
LOOSE = "a factor or a partial sum: no `d_` name is bound to it"
NOTHING = 1e-12  # of the largest gradient of the same call: what is smaller has cancelled to rounding errors


Pairing = list[tuple[int, Value]]  # for every value of `d_x` a value of `x`, with its number


class Compared(NamedTuple):
    """A value of the way back in every column. row: as in a trace; error: NumPy against the worst other column."""

    row: aligning.Row
    error: float
    lines: tuple[int, ...]
    order: int


class Left(NamedTuple):
    """Lines of a `_backward` that were not compared, and why."""

    line: int
    function: str
    name: str
    reason: str


class WayBack(NamedTuple):
    """rows: in the order of the way back. lines: those compared in every column. ran: the tagged lines that ran."""

    rows: list[Compared]
    left: list[Left]
    lines: set[int]
    ran: set[int]
    error: str

    @property
    def worst(self) -> Compared | None:
        return max(self.rows, key=lambda row: row.error, default=None)


def numpy_column(path: str) -> walks.Implementation:
    """The NumPy column with every statement, not only the tagged ones."""
    column = walks.column("numpy", path)
    return column._replace(source=reading.read(column.source.file, every=True))


def compare(
    path: str, case: Case, columns: tuple[str, ...] | None = None, numpy: walks.Implementation | None = None
) -> WayBack:
    """One case's way back in the NumPy column, or in `numpy`, against that of the other columns (default: all)."""
    names = [name for name in columns or backends.installed() if name != "numpy"]
    with np.errstate(all="ignore"):
        numpy = numpy or numpy_column(path)
        known = twins(numpy.module, names, path)
        hand = by_hand(numpy, case, known)
    autos = {name: by_autodiff(name, path, case, known) for name in names}
    rows, left, loose = [], [], []
    calls = {key[0] for key in hand.wanted if key[1] > 1}
    for key, gradients in hand.wanted.items():
        peak = max((_size(v.array) for vs in gradients.values() for v in vs), default=0.0)
        for name, values in _series(gradients).items():
            if not name.removeprefix("return ").startswith("d_"):
                loose += values
                continue
            values, found = _read(name, values, {column: auto.get(key) for column, auto in autos.items()})
            reasons = {column: x for column, x in found.items() if isinstance(x, str)}
            left += [Left(line, v.function, name, _in_words(reasons)) for v in values for line in v.lines if reasons]
            partners = {column: x for column, x in found.items() if not isinstance(x, str)}
            rows += _rows(key, values, partners, peak, key[0] in calls)
    known = {_numbers(row.row.cells["numpy"].array) for row in rows}
    lost = [v for v in loose if np.any(v.array) and _numbers(v.array) not in known]
    left += [Left(line, v.function, v.name.partition("[")[0], LOOSE) for v in lost for line in v.lines]
    passed = {line for v in loose for line in v.lines} - {line for v in lost for line in v.lines}
    left += [Left(0, function, "", "its call on the way there cannot be told") for function in hand.unpaired]
    return _result(rows, left, hand, passed)


def _result(rows: list[Compared], left: list[Left], hand: Hand, passed: set[int]) -> WayBack:
    """passed: lines with the numbers of a gradient that is compared elsewhere, where it is computed or bound."""
    unnamed = {line for row in rows for line in row.lines} | {x.line for x in left} | passed
    left = [*left, *(Left(line, "", "", "it runs outside every `_backward` that has a forward function")
                     for line in sorted(hand.ran - unnamed))]  # fmt: skip
    lost = {x.line for x in left if x.name.removeprefix("return ").startswith("d_")}
    lines = ({line for row in rows for line in row.lines} | passed) - lost
    left = [x for x in dict.fromkeys(left) if x.line not in lines]
    error = f"{type(hand.error).__name__}: {hand.error}" if hand.error else ""
    return WayBack(sorted(rows, key=lambda row: row.order), left, lines, hand.ran, error)


def _series(gradients: dict[str, list[Value]]) -> dict[str, list[Value]]:
    """By names without indices: the elements of a list are one series, in the order in which they come about."""
    found: dict[str, list[Value]] = {}
    for name, values in gradients.items():
        found.setdefault(_plain(name), []).extend(values)
    return {name: sorted(values, key=lambda v: v.order) for name, values in found.items()}


def _rows(key: Key, values: list[Value], partners: dict, peak: float, several: bool) -> list[Compared]:
    rows = []
    for i, value in enumerate(values):
        cells, name, step = {"numpy": aligning.Cell(value.array, value.lines[-1])}, value.name, len(values) - i
        for column, series in partners.items():
            number, other = series[i]
            cells[column] = aligning.Cell(other.array, other.lines[-1] if other.lines else 0)
            step = number
            if value.name.startswith("return ") or "[" in name:
                name = f"d_{other.name}"
        if len(cells) > 1:
            error = max(gap(value.array, cell.array, peak) for column, cell in cells.items() if column != "numpy")
            when = key[1] if several else None, step if len(values) > 1 and "[" not in name else None
            row = aligning.Row(value.through, True, value.function, name, *when, "", cells)
            rows.append(Compared(row, error, value.lines, value.order))
    return rows


def gap(hand: np.ndarray, auto: np.ndarray, peak: float = 0.0) -> float:
    """Relative difference, infinite for other shapes; what is nothing beside `peak` in both is compared with it."""
    if hand.shape != auto.shape and hand.size == auto.size:
        hand, auto = hand.reshape(-1), auto.reshape(-1)
    try:
        found = difference({"": hand}, {"": auto}).error
    except Mismatch:
        return float("inf")
    if 0 < max(_size(hand), _size(auto)) <= NOTHING * peak:
        return float(np.max(np.abs(hand - auto)) / peak)
    return found


def _numbers(array: np.ndarray) -> tuple:
    return array.shape, array.tobytes()


def _size(array: np.ndarray) -> float:
    return float(np.max(np.abs(array), initial=0.0, where=np.isfinite(array)))


def _read(name: str, values: list[Value], autos: dict[str, Auto | None]):
    """The values of a name and their partners by column. `d_x = d_x + ...` is the next step's, or, where that does
    not fit, the same value going on as with `+=`."""
    found = {column: _partners(name, values, auto) for column, auto in autos.items()}
    if any(v.sums for v in values[1:]) and not all(_fits(values, x) for x in found.values()):
        merged: list[Value] = []
        for v in values:
            before = merged.pop() if v.sums and merged else v
            lines, through = dict.fromkeys((*before.lines, *v.lines)), {*before.through, *v.through}
            merged.append(v._replace(lines=tuple(lines), through=tuple(sorted(through))))
        others = {column: _partners(name, merged, auto) for column, auto in autos.items()}
        if not any(isinstance(x, str) for x in others.values()):
            return merged, others
    return values, found


def _fits(values: list[Value], partners: str | Pairing) -> bool:
    return not isinstance(partners, str) and _agreeing(values, partners) == len(values)


def _agreeing(values: list[Value], partners: Pairing) -> int:
    return sum(gap(v.array, x.array) <= BOUND for v, (_, x) in zip(values, partners, strict=True))


def _partners(name: str, values: list[Value], auto: Auto | None) -> str | Pairing:
    """What each value of `d_x` is the gradient of, or why that cannot be told."""
    if auto is None:
        return "this function is not called so often"
    returned, name = name.startswith("return "), name.removeprefix("return ")
    x = name.removeprefix("d_")
    series = list(_candidates(x, auto, returned))
    if not series:
        return f"no value is called {x}"
    fitting = [pairing for one in series for pairing in _pairings(values, one)]
    if not fitting:
        return f"{x} is computed {len(values)} times here, {' or '.join({str(len(s)) for s in series})} times there"
    return max(fitting, key=lambda pairing: _agreeing(values, pairing))  # of equals the first


def _candidates(x: str, auto: Auto, returned: bool):
    """Series of values that may be meant by x: of that name, or a field of that name."""
    places = [auto.arguments] if returned else [auto.tagged, auto.arguments, auto.untagged]
    for same in (lambda name: _plain(name) == x, lambda name: _plain(name).endswith(f".{x}")):
        found = []
        for place in places:
            names = [name for name in place if same(name)]
            for plain in sorted({_plain(name) for name in names}, key=lambda n: n.count(".")):  # the shallowest first
                values = [v for name in names if _plain(name) == plain for v in place[name]]
                found.append(sorted(values, key=lambda v: v.order))
        yield from found
        if len(found) > 1:  # the state that is given and those that come after it
            yield sorted((v for one in found for v in one), key=lambda v: v.order)
        if found:
            return


def _pairings(values: list[Value], found: list[Value]):
    """The ways to lay the values of `d_x` beside those of `x`, the usual one first."""
    n, numbered = len(values), list(enumerate(found, 1))
    for first in range(len(found) - n + 1):  # fewer, where the first or the last have no gradient of their own
        yield numbered[first : first + n][::-1]
    if 1 < n == len(found):
        yield numbered
    if n == 1 < len(found) and {(len(found), *v.array.shape) for v in found} == {values[0].array.shape}:
        yield [(1, found[0]._replace(array=np.stack([v.array for v in found])))]
    if len(found) == 1 < n and found[0].array.shape[:1] == (n,):
        yield [(t + 1, found[0]._replace(array=found[0].array[t])) for t in reversed(range(n))]


def _plain(name: str) -> str:
    return re.sub(r"\[-?\d+\]", "[]", name)


def _in_words(reasons: dict[str, str]) -> str:
    return "; ".join(f"{', '.join(c for c in reasons if reasons[c] == why)}: {why}" for why in set(reasons.values()))
