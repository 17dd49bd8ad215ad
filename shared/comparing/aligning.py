"""The traces of several columns, side by side: one row for each value, in the order of execution.

Two values belong together if they have one name under one equation and are the same time that it is computed there,
in the same call from outside. What is left over is paired in its order where number and shapes fit: NumPy appends to
`zs` what the other columns call `z`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from shared.comparing.tracing import Event
from shared.differences import FLOAT32, NONE, Difference, Mismatch, difference


class Cell(NamedTuple):
    """One value in one column, and the line that computed it."""

    array: np.ndarray
    line: int


class Row(NamedTuple):
    """One value in every column that has it.

    call: which call from outside, 1, 2, ... (None if there is only one); step: which time within that call (None if
    it happens once); leaf: the leaf of `params` in place of a step, where the loop goes over leaves.
    """

    equations: tuple[int, ...]
    through: bool
    function: str
    name: str
    call: int | None
    step: int | None
    leaf: str
    cells: dict[str, Cell]

    @property
    def place(self) -> str:
        """`equation (2) (3), `f`, step 3` in words."""
        numbers = " ".join(f"({n})" for n in self.equations)
        return ", ".join([f"{'through' if self.through else 'equation'} {numbers}", f"`{self.name}`", *self.when])

    @property
    def when(self) -> list[str]:
        if self.leaf:
            return [*([f"step {self.call}"] if self.call else []), f"leaf {self.leaf}"]
        if self.call and self.step:
            return [f"call {self.call}", f"step {self.step}"]
        return [f"step {self.call or self.step}"] if self.call or self.step else []


class _Entry(NamedTuple):
    event: Event
    name: str
    array: np.ndarray
    key: tuple  # (direction, outer function, group of equations, name, call, step)


def align(traces: dict[str, list[Event]]) -> list[Row]:
    """The rows of all columns, in the order in which the first column computed them."""
    traces = dict(traces)
    first = next(iter(traces))
    for column in list(traces)[1:]:
        traces[column] = _renamed(traces[column], traces[first])
    groups = _groups(traces)
    entries = {column: list(_entries(events, groups)) for column, events in traces.items()}
    return _rows(_merged(entries))


def worst(row: Row) -> Difference:
    """The largest difference between two columns of a row; infinite, with index (), if shapes or kinds differ.

    The same numbers in another shape are no difference: one column has images where another has rows.
    """
    found = NONE
    for one, other in combinations((cell.array for cell in row.cells.values()), 2):
        try:
            if one.shape != other.shape and one.size == other.size:
                flat = difference({row.name: other.reshape(-1)}, {row.name: one.reshape(-1)})
                if flat.error <= FLOAT32:
                    found = max(found, flat)
                    continue
            found = max(found, difference({row.name: other}, {row.name: one}))
        except Mismatch:
            return Difference(np.inf, row.name, (), np.nan, np.nan)
    return found


def first_difference(rows: list[Row], tolerance: float) -> tuple[Row, Difference] | None:
    """The first row in the order of execution that differs by more than the tolerance."""
    return next(((row, found) for row in rows if not (found := worst(row)).error <= tolerance), None)


def _entries(events: list[Event], groups: dict) -> Iterator[_Entry]:
    times: Counter[tuple] = Counter()
    for event in events:
        for name, array in event.values.items():
            group = groups[event.through, name, event.equations]
            place = event.through, event.outer, group, name, event.call
            times[place] += 1
            yield _Entry(event, name, array, (*place, times[place]))


def _groups(traces: dict[str, list[Event]]) -> dict:
    """Equations that one name stands under: `# (2) (3)` on one line here, `# (2)` and `# (3)` on two lines there."""
    sets = defaultdict(set)
    for events in traces.values():
        for event in events:
            for name in event.values:
                sets[event.through, name].add(event.equations)
    found = {}
    for (through, name), tags in sets.items():
        for tag in tags:
            group = set(tag)
            for _ in tags:  # until nothing is added any more
                for other in tags:
                    group |= set(other) if group & set(other) else set()
            found[through, name, tag] = tuple(sorted(group))
    return found


def _renamed(events: list[Event], model: list[Event]) -> list[Event]:
    """The events under the names of the model's, where a name of ours is not there but another one fits."""
    ours, theirs = _profiles(events), _profiles(model)
    free = {key: shapes for key, shapes in theirs.items() if not _namesake(key, ours)}
    new = {}
    for key, shapes in ours.items():
        through, outer, name, equations = key
        if _namesake(key, theirs):
            continue
        for other, wanted in free.items():
            if other[:2] == (through, outer) and set(other[3]) & set(equations) and wanted == shapes:
                new[through, name, equations] = other[2]
                del free[other]
                break
    rename = lambda e: {new.get((e.through, name, e.equations), name): x for name, x in e.values.items()}
    return [event._replace(values=rename(event)) for event in events]


def _namesake(key: tuple, among: dict) -> bool:
    """Whether the name stands there under one of the same equations."""
    return any((other[0], other[2]) == (key[0], key[2]) and set(other[3]) & set(key[3]) for other in among)


def _profiles(events: list[Event]) -> dict[tuple, list]:
    """(call, shape) of every time that a name is computed, by (direction, outer function, name, equations)."""
    found = defaultdict(list)
    for event in events:
        for name, array in event.values.items():
            found[event.through, event.outer, name, event.equations].append((event.call, array.shape))
    return found


def _merged(entries: dict[str, list[_Entry]]) -> list[dict[str, _Entry]]:
    """One dictionary per row: the first column's order, with what only others have where they have it."""
    columns = list(entries)
    merged = [{columns[0]: entry} for entry in entries[columns[0]]]
    for column in columns[1:]:
        where = {next(iter(row.values())).key: row for row in merged}
        counts = {c: Counter(e.key[:-1] for e in entries[c]) for c in (columns[0], column)}
        at = 0
        for entry in entries[column]:
            row = where.get(entry.key)
            if row is None:
                merged.insert(at, {column: entry})
                at += 1
                continue
            at = next(i for i, other in enumerate(merged) if other is row) + 1
            other = next(iter(row.values()))
            alike = counts[columns[0]][entry.key[:-1]] == counts[column][entry.key[:-1]]
            if alike or other.array.shape == entry.array.shape:  # else one name for two things
                row[column] = entry
    return merged


def _rows(merged: list[dict[str, _Entry]]) -> list[Row]:
    calls, steps, shapes = defaultdict(set), defaultdict(set), defaultdict(dict)
    for row in merged:
        through, outer, group, name, call, step = key = next(iter(row.values())).key
        calls[through, outer].add(call)
        steps[key[:4]].add(step)
        shapes[key[:5]].setdefault(step, next(iter(row.values())).array.shape)
    rows = []
    for row in merged:
        event, name, _, key = next(iter(row.values()))
        call, step = key[4:]
        over_leaves = len(event.leaves) > 1 and list(shapes[key[:5]].values()) == [s for _, s in event.leaves]
        leaf = event.leaves[step - 1][0] if over_leaves else ""
        cells = {column: Cell(entry.array, entry.event.line) for column, entry in row.items()}
        when = call if len(calls[key[:2]]) > 1 else None, step if len(steps[key[:4]]) > 1 and not leaf else None
        rows.append(Row(event.equations, event.through, event.function, name, *when, leaf, cells))
    return rows


def record(row: Row, tolerance: float, some: int = 6) -> dict[str, Any]:
    """A row as JSON has it: `some` values per column, shapes, line numbers, the difference between columns."""
    found = worst(row)
    return {
        "equations": list(row.equations),
        "through": row.through,
        "function": row.function,
        "name": row.name,
        "call": row.call,
        "step": row.step,
        "leaf": row.leaf,
        "place": row.place,
        "when": ", ".join(row.when),
        "columns": {
            column: {
                "line": cell.line,
                "shape": list(cell.array.shape),
                "dtype": str(cell.array.dtype),
                "values": [number(x) for x in cell.array.reshape(-1)[:some]],
            }
            for column, cell in row.cells.items()
        },
        "difference": number(found.error) if len(row.cells) > 1 else None,
        "differs": not found.error <= tolerance,
    }


def number(x):
    """A number; NaN and infinities, which JSON does not have, as text."""
    x = x.item() if hasattr(x, "item") else x
    return x if isinstance(x, int) or (isinstance(x, float) and np.isfinite(x)) else str(x)
