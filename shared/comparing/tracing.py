"""What every tagged line of a file computes, observed from outside while the file runs.

The comments say which equation a line computes (`# (3)`) or differentiates (`# through (3)`); the syntax tree says
which names it binds; `sys.settrace` says when it has run. The file itself knows nothing of it:

    observed = observe(source, lambda: lstm(params, xs, state), np.asarray)
    for event in observed.events:
        print(event.equations, event.values.keys())

Seen are assigned names (tuples, subscripts and augmented assignments too), what a tagged `return` gives back (by
its fields, if it is a NamedTuple), what a tagged `append` adds, what a tagged call writes to `out=`; in functions,
private helpers and closures alike.
"""

import functools
import inspect
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import optree

from shared import backends
from shared.comparing.reading import Source, Statement, read  # noqa: F401  `tracing.read` is what others call it
from shared.support import blocks

GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_COROUTINE
RETURNED = "returned"


class Event(NamedTuple):
    """One tagged statement has run.

    outer, call: the function that was called from outside the file, and the number of that call (1, 2, ...).
    leaves:      names and shapes of that function's `params`, to tell a loop over leaves from a loop over time.
    values:      arrays by name, in the order in which the statement binds them.
    frame, adds, sums: the run of a function that it belongs to (its place in `frames`); see `Statement`.
    """

    equations: tuple[int, ...]
    through: bool
    function: str
    line: int
    outer: str
    call: int
    leaves: tuple[tuple[str, tuple[int, ...]], ...]
    values: dict[str, Any]
    frame: int = 0
    adds: frozenset[str] = frozenset()
    sums: frozenset[str] = frozenset()


class Frame(NamedTuple):
    """One run of a function of the file. outer: the frame that it was called from, or None; given: its arguments as
    they are, arguments: the arrays in them by name, where arrays are kept; returned: [what it gave back]."""

    function: str
    outer: int | None
    given: dict[str, Any]
    arguments: dict[str, Any]
    returned: list


class Observed(NamedTuple):
    """result: what the call returned; events: what was seen until then; error: what stopped it, or None."""

    result: Any
    events: list[Event]
    error: BaseException | None
    frames: list[Frame] = []  # noqa: RUF012


def observe(
    source: Source, run: Callable[[], Any], to_numpy: Callable[[Any], np.ndarray], *, keep: Callable | None = None
) -> Observed:
    """Calls `run` and notes what the statements of `source` compute. Nothing that it raises passes.

    to_numpy: one of the file's arrays as a NumPy array. Values that it cannot convert are left out.
    keep:     takes every floating-point array as it is, and gives what is noted in place of a copy in NumPy, if
              anything.
    """
    watch = _Watch(source, to_numpy, keep)
    before, block = sys.gettrace(), blocks.BLOCK
    blocks.BLOCK = sys.maxsize  # a leaf is one array, not many blocks
    sys.settrace(watch)
    try:
        result, error = run(), None
    except (Exception, SystemExit) as stopped:
        result, error = None, stopped
    finally:
        sys.settrace(before)
        blocks.BLOCK = block
    return Observed(result, watch.events, error, watch.frames)


class _Watch:
    """The trace function; one closure per running function of the file holds the statement that it is in."""

    def __init__(self, source: Source, to_numpy: Callable, keep: Callable | None):
        self.source, self.to_numpy, self.keep = source, to_numpy, keep
        self.events: list[Event] = []
        self.frames: list[Frame] = []
        self.calls: Counter[str] = Counter()
        self.stack: list[int] = []
        self.outer, self.leaves = "", ()

    def __call__(self, frame, event, arg):
        code = frame.f_code
        if code.co_filename != self.source.file or code.co_name.startswith("<") or code.co_flags & GENERATOR:
            return None
        if not self.stack:
            self.outer = code.co_name
            self.calls[code.co_name] += 1
            self.leaves = _leaves(frame.f_locals.get("params"))
        given = dict(frame.f_locals)
        arrays = {k: v for name, x in given.items() for k, v in self.arrays(name, x).items()} if self.keep else {}
        outer = self.stack[-1] if self.stack else None
        self.stack.append(len(self.frames))
        self.frames.append(Frame(code.co_name, outer, given, arrays, []))
        return functools.partial(self.inside, [None])

    def inside(self, pending: list, frame, event, arg):
        now: Statement | None = pending[0]
        if event == "line":
            if now and not now.returns and frame.f_lineno not in now.lines:
                self.note(now, frame, None)
                now = None
            pending[0] = now or self.source.statements.get(frame.f_lineno)
        elif event == "exception" and not issubclass(arg[0], StopIteration):
            pending[0] = None
        elif event == "return":
            if now:
                self.note(now, frame, arg)
            self.frames[self.stack.pop()].returned.append(arg)
        return functools.partial(self.inside, pending)

    def note(self, statement: Statement, frame, returned):
        values: dict[str, np.ndarray] = {}
        if statement.returns:
            function = frame.f_code.co_name
            if function in self.source.caching and isinstance(returned, tuple) and len(returned) == 2:
                returned = returned[0]
            fields = getattr(returned, "_fields", None)
            named = dict(zip(fields, returned, strict=True)) if fields else {RETURNED: returned}
            for name, value in named.items():
                values |= self.arrays(name, value)
        for name, code in statement.names.items():
            try:
                value = eval(code, frame.f_globals, frame.f_locals)
            except Exception:  # a name that this run has not bound
                continue
            values |= self.arrays(name, value)
        if values:
            place = statement.function, statement.lines[0], self.outer, self.calls[self.outer], self.leaves
            at = self.stack[-1], statement.adds, statement.sums
            self.events.append(Event(statement.equations, statement.through, *place, values, *at))

    def arrays(self, name: str, value) -> dict[str, np.ndarray]:
        """A copy of every array or number in the tree, by the expression that reaches it."""
        found = {}
        for accessor, leaf in zip(*optree.tree_flatten_with_accessor(value)[:2], strict=True):
            if self.keep:
                kept = self.keep(leaf) if backends.is_float(leaf) else None
                found |= {} if kept is None else {accessor.codify(name): kept}
                continue
            try:
                array = np.array(self.to_numpy(leaf) if hasattr(leaf, "shape") else leaf)
            except Exception:  # no number, or one that is not known yet, as inside a compiled function
                continue
            if array.dtype.kind in "fiubc":
                found[accessor.codify(name)] = array
        return found


def _leaves(params) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """`W` for params.W and params["W"], `[0].W` for params[0].W; and the shapes."""
    accessors, leaves, _ = optree.tree_flatten_with_accessor(params)
    names = (re.sub(r"^\['(\w+)'\]", r"\1", a.codify("")).lstrip(".") for a in accessors)
    return tuple((name, tuple(getattr(x, "shape", ()))) for name, x in zip(names, leaves, strict=True))
