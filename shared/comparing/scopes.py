"""The values of one run, sorted by the call that they belong to: of `_cell`, called for every step, the first, the
second, ... A helper without a backward of its own belongs to the call that it serves.

    hand = by_hand(numpy, case, known)               gradients as the NumPy column's `_backward` functions bind them
    auto = by_autodiff("torch", path, case, known)   gradients of what the forward functions of a column bind
    hand.wanted["_cell", 3]["d_c"], auto["_cell", 3].tagged["c"]
"""

import functools
import inspect
import sys
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import optree

from shared import backends
from shared.cases import Case
from shared.comparing import reading, tracing, walks
from shared.comparing.tracing import RETURNED, Event, Frame, Observed

Key = tuple[str, int]  # a function of the way there, and which of its calls


class Value(NamedTuple):
    """A name's value at one time. lines: where it came about; order: when; through: by its tags, in `_backward`;
    sums: whether it is the value before and something added."""

    name: str
    array: np.ndarray
    lines: tuple[int, ...]
    order: int
    through: tuple[int, ...]
    function: str
    sums: bool = False


class Hand(NamedTuple):
    """The NumPy column's way back. wanted: gradients by call, then by the name in the code, one value for each time.

    ran: the tagged lines that did. unpaired: `_backward` functions whose call on the way there cannot be told.
    error: what stopped the run.
    """

    wanted: dict[Key, dict[str, list[Value]]]
    ran: set[int]
    unpaired: set[str]
    error: BaseException | None


class Auto(NamedTuple):
    """One call in a column that is differentiated automatically: by name, the gradient of each value of that name."""

    arguments: dict[str, list[Value]]
    tagged: dict[str, list[Value]]
    untagged: dict[str, list[Value]]


def twins(module, columns: list[str], path: str) -> dict[str, tuple[str, ...]]:
    """The functions of the NumPy file that have a backward there and stand in the other columns too, with the names
    of their arguments."""
    others = [vars(backends.module(column, path)) for column in columns]
    own = {n: inspect.unwrap(f) for n, f in vars(module).items() if inspect.isfunction(f)}
    own = {n: f for n, f in own.items() if f.__module__ == module.__name__}
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return {
        name: tuple(p.name for p in inspect.signature(f).parameters.values() if p.kind == positional)
        for name, f in own.items()
        if f"{name}_backward" in own and all(name in other for other in others)
    }


def by_hand(numpy: walks.Implementation, case: Case, known: dict[str, tuple[str, ...]]) -> Hand:
    """Runs the NumPy column there and back. numpy.source has been read with every=True."""
    args = walks.arguments(numpy, case.args)
    there = tracing.observe(numpy.source, lambda: walks.forward(numpy, case, args), np.asarray)
    if there.error:
        return Hand({}, set(), set(), there.error)
    outputs, differentiate = there.result
    d_outputs = walks.along(numpy, outputs, case.dtype)
    back = tracing.observe(numpy.source, lambda: differentiate(d_outputs), np.asarray)
    keys, unpaired = _pairs(there, back, known)
    wanted: dict[Key, dict[str, list[Value]]] = defaultdict(lambda: defaultdict(list))
    for order, event in enumerate(back.events):
        key = next((keys[i] for i in _upwards(back.frames, event.frame) if i in keys), None)
        if key is not None:
            arguments = known[key[0]] if event.frame in keys else ()
            for name, array in event.values.items():
                named = _named(name, event, back.frames[event.frame].returned, arguments)
                _noted(wanted[key][named], event, named, array, order)
    for names in wanted.values():
        for name in list(names):
            names[name] = [value for value in names[name] if value.through]
            if not names[name]:
                del names[name]
    ran = {event.line for event in back.events if event.through}
    return Hand(dict(wanted), ran, unpaired, back.error)


def _noted(values: list[Value], event: Event, name: str, array: np.ndarray, order: int):
    """One more value of a name, or another of the last one, where it is changed and not bound anew."""
    lines, through = (event.line,) if event.through else (), event.equations if event.through else ()
    if values and reading.whole(name.partition(".")[0]) in event.adds:
        before = values.pop()
        lines = tuple(dict.fromkeys((*before.lines, *lines)))
        through = tuple(sorted({*before.through, *through}))
    values.append(Value(name, array, lines, order, through, event.function, name.partition(".")[0] in event.sums))


def _named(name: str, event: Event, returned: list, arguments: tuple[str, ...]) -> str:
    """A returned value under the name of the argument whose gradient it is, or under a name of its own."""
    if not name.startswith(RETURNED):
        return name
    values = returned[0] if returned and isinstance(returned[0], tuple) else (None,)
    index, _, rest = name.removeprefix(f"{RETURNED}[").partition("]") if len(name) > len(RETURNED) else ("0", "", "")
    if arguments and (len(values) == len(arguments) or name == RETURNED):
        return f"return d_{arguments[int(index)]}{rest}"
    return f"return d_{rest.rpartition('.')[2]}" if rest.startswith(".") and arguments else name


def _pairs(there: Observed, back: Observed, known: dict) -> tuple[dict[int, Key], set[str]]:
    """The call that each `_backward` frame differentiates: the one that returned its cache (elementwise: its y)."""
    numbers, calls = Counter(), defaultdict(list)
    for frame in there.frames:
        if frame.function in known:
            numbers[frame.function] += 1
            calls[frame.function].append((frame, numbers[frame.function]))
    backs = defaultdict(list)
    for i, frame in enumerate(back.frames):
        if frame.function.removesuffix("_backward") in known and frame.function.endswith("_backward"):
            backs[frame.function.removesuffix("_backward")].append(i)
    found, unpaired = {}, set()
    for function, indices in backs.items():
        made = {id(_kept(frame)): number for frame, number in calls[function]}
        for k, i in enumerate(indices):
            given = back.frames[i].given
            number = next((made[id(x)] for x in given.values() if id(x) in made), None)
            if number is None and len(indices) == len(calls[function]):
                number = len(indices) - k
            if number is None:
                unpaired.add(f"{function}_backward")
            else:
                found[i] = function, number
    return found, unpaired


def _kept(frame: Frame) -> Any:
    """What a call leaves for its backward: the cache beside the outputs, or y itself."""
    returned = frame.returned[0] if frame.returned else None
    return returned[1] if isinstance(returned, tuple) and len(returned) == 2 else returned


def _upwards(frames: list[Frame], at: int | None):
    while at is not None:
        yield at
        at = frames[at].outer


def by_autodiff(backend: str, path: str, case: Case, known: dict[str, tuple[str, ...]]) -> dict[Key, Auto]:
    """The gradients of all that the functions of a column bind, by its framework's own differentiation.

    Each call of a function that has a backward in NumPy gets its arguments as tensors of their own, and so does its
    caller the outputs: their gradients are what a `_backward` returns, and what it is given.
    """
    column = walks.column(backend, path)
    source = reading.read(column.source.file, every=True)
    adapter, args = backends.get(backend), walks.arguments(column, case.args)

    def run(apart, watch):
        with _apart(backend, apart):
            call = lambda: getattr(column.module, case.function)(*args, **case.static)
            observed = tracing.observe(source, call, adapter.numpy, keep=watch)
        if observed.error:
            raise observed.error
        return observed.result, observed

    _, seen, grads = adapter.gradients_inside(run, lambda outputs: walks.along(column, outputs, case.dtype))
    grads = [adapter.numpy(g.detach() if hasattr(g, "detach") else g) for g in grads]
    return _sorted(seen, known, grads)


def _sorted(seen: Observed, known: dict, grads: list[np.ndarray]) -> dict[Key, Auto]:
    found, keys, numbers, noted = {}, {}, Counter(), set()
    for i, frame in enumerate(seen.frames):
        if frame.function in known:
            numbers[frame.function] += 1
            keys[i] = frame.function, numbers[frame.function]
            arguments = {name: [Value(name, grads[at], (), 0, (), "")] for name, at in frame.arguments.items()}
            found[keys[i]] = Auto(arguments, defaultdict(list), defaultdict(list))
    for order, event in enumerate(seen.events):
        key = next((keys[i] for i in _upwards(seen.frames, event.frame) if i in keys), None)
        if key is not None:
            into = found[key].tagged if event.equations else found[key].untagged
            for name, at in event.values.items():
                if (key, name, at) not in noted:  # `c` once more, in `return State(h, c)`
                    noted.add((key, name, at))
                    into[name].append(Value(name, grads[at], (event.line,), order, event.equations, event.function))
    return found


@contextmanager
def _apart(backend: str, apart):
    """Every function of a column that has a backward in NumPy, with arguments and outputs that are tensors of their
    own in each call, whoever calls it."""
    own = lambda tree: optree.tree_map(lambda x: apart(x) if backends.is_float(x) else x, tree)
    loaded = [vars(module) for name, module in sys.modules.items() if name.startswith(f"{backend}_impl.")]
    before = [(names, name, f) for names in loaded for name, f in list(names.items()) if _is_differentiated(f)]

    def separated(function):
        @functools.wraps(function)
        def call(*args, **static):
            return own(function(*own(args), **static))

        return call

    try:
        for names, name, function in before:
            names[name] = separated(function)
        yield
    finally:
        for names, name, function in before:
            names[name] = function


def _is_differentiated(function) -> bool:
    """Whether NumPy's file of the same path has a backward for it."""
    column, _, path = getattr(function, "__module__", "").partition("_impl.")
    if not (inspect.isfunction(function) and path and column in backends.NAMES):
        return False
    return f"{function.__name__}_backward" in vars(backends.module("numpy", path.replace(".", "/")))
