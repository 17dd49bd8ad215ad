"""One case, walked through in one implementation: what every tagged line computed, forward and, where the backward is
written by hand, back."""

import inspect
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import optree

from shared import backends, catalogue
from shared.cases import Case, cotangents, tolerance
from shared.comparing import aligning, specification, tracing


class Implementation(NamedTuple):
    """A module with its source and its array library: a column, a port, a planted mistake."""

    module: ModuleType
    source: tracing.Source
    library: backends.Backend


def column(backend: str, path: str) -> Implementation:
    source = tracing.read(str(catalogue.source(backend, path)))
    return Implementation(backends.module(backend, path), source, backends.get(backend))


def arguments(implementation: Implementation, tree) -> Any:
    """A tree of NumPy arrays in the implementation's arrays and NamedTuples (the NumPy column's if it has none)."""
    if isinstance(tree, backends.Seed):
        return np.random.default_rng(tree.seed)
    if hasattr(tree, "_fields"):
        ours = getattr(implementation.module, type(tree).__name__, None)
        fields = [arguments(implementation, field) for field in tree]
        column = implementation.module.__name__.partition("_impl.")
        other = backends.sibling(type(tree), column[0]) if column[1] else type(tree)
        return (ours if getattr(ours, "_fields", None) == tree._fields else other)(*fields)
    if isinstance(tree, tuple | list):
        return type(tree)(arguments(implementation, item) for item in tree)
    if isinstance(tree, dict):
        return {key: arguments(implementation, value) for key, value in tree.items()}
    return implementation.library.array(tree) if hasattr(tree, "shape") else tree


def along(implementation: Implementation, outputs, dtype: str):
    """The cotangents of the outputs, in the implementation's arrays: the same numbers for every implementation."""
    as_numpy = optree.tree_map(implementation.library.numpy, outputs)
    return optree.tree_map(lambda x: implementation.library.array(np.asarray(x, dtype)), cotangents(as_numpy))


def backward_of(implementation: Implementation, case: Case):
    """The implementation's own hand-written backward of a case's function, or None."""
    return None if callable(case.function) else getattr(implementation.module, f"{case.function}_backward", None)


def forward(implementation: Implementation, case: Case, args):
    """(outputs, a function from cotangents to gradients): the latter None without a backward of its own."""
    if callable(case.function):
        return case.function(implementation.module, *args, **case.static), None
    fn, back = getattr(implementation.module, case.function), backward_of(implementation, case)
    if back is None or not case.grad:
        return fn(*args, **case.static), None
    if next(iter(inspect.signature(back).parameters)) in backends.ELEMENTWISE:
        y = fn(*args, **case.static)
        return y, lambda dy: (back(dy, *args, y, **case.static),)
    outputs, cache = fn(*args, **case.static)
    return outputs, lambda d_outputs: tuple(back(cache, d_outputs))


def walk(implementation: Implementation, case: Case) -> tracing.Observed:
    """Every tagged line on the way, first the computing ones, then those of the hand-written backward, if any."""
    source, library = implementation.source, implementation.library
    args = arguments(implementation, case.args)
    with library.eager():
        there = tracing.observe(source, lambda: forward(implementation, case, args), library.numpy)
        events = [event for event in there.events if not event.through]
        if there.error or not there.result[1]:
            return there._replace(events=events)
        outputs, differentiate = there.result
        try:
            d_outputs = along(implementation, outputs, case.dtype)
        except TypeError as error:  # outputs that are no arrays
            return there._replace(events=events, error=error)
        back = tracing.observe(source, lambda: differentiate(d_outputs), library.numpy)
    return back._replace(events=events + [event for event in back.events if event.through])


def allowed(case: Case) -> float:
    """How far two values of one line may be apart: both may err, and small ones may come from large ones."""
    return 10 * tolerance(case)


def report(path: str, case: Case, implementations: dict[str, Implementation]) -> dict[str, Any]:
    """The walks of several implementations side by side, as JSON has it. "first": the first row that differs."""
    walks = {name: walk(implementation, case) for name, implementation in implementations.items()}
    rows = aligning.align({name: walked.events for name, walked in walks.items()})
    records = [aligning.record(row, allowed(case)) for row in rows]
    stopped = {name: f"{type(w.error).__name__}: {w.error}" for name, w in walks.items() if w.error}
    first = next((i for i, row in enumerate(records) if row["differs"]), None)
    return {
        "path": path,
        "case": case.label,
        "columns": list(implementations),
        "tolerance": allowed(case),
        "equations": equations(path),
        "rows": records,
        "first": first,
        "stopped": stopped,
        "ok": first is None and not stopped,
    }


def equations(path: str) -> dict[str, str]:
    """The specification's line for every number, without the number: `{"4": "c_t = f ⊙ c_{t-1} + i ⊙ g"}`."""
    return {str(number): text for number, text in specification.of(path).texts.items()}
