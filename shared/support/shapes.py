"""Boundary checks: the jaxtyping annotations of a public function, enforced when it is called.

`@checked` reads the annotations once and then, before any work is done, makes sure that

- every array is of the column's own type, of the annotated kind (float, integer) and shape, where a
  dimension name means one size for the whole call (`"N D"`, `"D 4*H"`, `"*shape"`, `"..."`, `""`);
- all floating-point arrays of the call share one dtype;
- `NamedTuple`s are complete, and their fields pass the same checks; `... | None` may be left out, and for
  `A | B`, the option named like the value's type is checked;
- all trees annotated `TreeOf[...]` have one structure and, leaf by leaf, the same shapes;
- `Range` and `Below` hold for numbers, targets and labels, `OneOf` for words, `Chain` for layers that feed each
  other; `@checked(T=1)` is a smallest size.

What is no array, such as a learning rate or a stride, comes as Python's number where NumPy's was given: an np.float64
times an array of float32 would be float64.

Whatever fails is a `ValueError` that names the argument, what came and what was expected. Calls from one
function to another of the same file are not checked again, and nothing is checked inside a function that
`torch.compile` is tracing; values (labels in range) are checked wherever they exist, so not while
`tf.function` traces. Types, shapes and dtypes that have passed once are remembered: the next such call costs
microseconds.
"""

import functools
import inspect
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, get_args, get_type_hints

import numpy as np
from jaxtyping import AbstractArray

from shared.support.arguments import Call, field_hints
from shared.support.rules import Below, Chain, Count, Decay, Dtype, NonNegative, OneOf, Positive, Range, Rate, TreeOf

__all__ = [
    "Below", "Chain", "Count", "Decay", "Dtype", "NonNegative", "Positive", "Range", "Rate", "TreeOf", "checked",
]  # fmt: skip


def checked(fn: Callable | None = None, **smallest: int) -> Callable:
    """Checks the arguments of `fn` against its annotations; see the module docstring.

    `smallest` maps dimension names to the least size allowed: `@checked(T=1)` refuses empty sequences.
    """
    if fn is None:
        return functools.partial(checked, **smallest)
    parameters = inspect.signature(fn).parameters
    names = list(parameters)
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    torch = sys.modules.get("torch")
    passed: dict[tuple, tuple] = {}  # sizes and dtype of calls that were right in all but values, by their form

    @functools.cache
    def hints(of_values: bool) -> dict[str, Any]:
        """The annotations of the arguments; of those alone whose values are restricted, if of_values."""
        found = get_type_hints(fn, include_extras=True)
        return {name: found[name] for name in names if name in found and (not of_values or _restricts(found[name]))}

    @functools.cache
    def options() -> frozenset[str]:
        """The arguments that are no arrays and hold none."""
        return frozenset(name for name, hint in hints(of_values=False).items() if _is_option(hint))

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        if torch is not None and torch.compiler.is_compiling():
            return fn(*args, **kwargs)
        outer = getattr(_inside, "file", None)
        if outer in (fn.__module__, EVERYWHERE):
            return fn(*args, **kwargs)
        args = *(_plain(x) if n in options() else x for n, x in zip(names, args, strict=False)), *args[len(names) :]
        kwargs = {name: _plain(value) if name in options() else value for name, value in kwargs.items()}
        form = _form(args), _form(kwargs)
        known = passed.get(form)
        wanted = hints(of_values=known is not None)
        if wanted:
            call = Call(fn.__name__, smallest, *(known or ({}, None)))
            given = dict(zip(names, args, strict=False)) | kwargs
            visited = given if known else given | defaults | given  # defaults, which do not change, come last
            for name, value in visited.items():
                if name in wanted:
                    call.visit(name, value, wanted[name])
            call.finish()
            if len(passed) > MEMORY:
                passed.clear()
            passed[form] = call.sizes, call.dtype
        _inside.file = fn.__module__
        try:
            return fn(*args, **kwargs)
        finally:
            _inside.file = outer

    return wrapper


@contextmanager
def unchecked():
    """No checks within: finite differences step over the edge of what is allowed."""
    outer = getattr(_inside, "file", None)
    _inside.file = EVERYWHERE
    try:
        yield
    finally:
        _inside.file = outer


_inside = threading.local()
EVERYWHERE = "every file"
MEMORY = 1000  # forms that are remembered for each function


def _plain(value):
    """NumPy's numbers as Python's, which leave the dtype of an array alone."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return type(value)(map(_plain, value)) if type(value) in (tuple, list) else value


def _form(value):
    """Types, structure, shapes and dtypes; equal forms pass or fail the same checks, those of values aside."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return type(value), shape, value.dtype
    if isinstance(value, tuple | list):
        return type(value), *map(_form, value)
    if isinstance(value, dict):
        return type(value), *((key, _form(item)) for key, item in value.items())
    return type(value) if isinstance(value, int | float | str | None) else object()  # equal to nothing


@functools.cache
def _restricts(hint) -> bool:
    """Whether a rule for values stands somewhere in an annotation."""
    return isinstance(hint, Range | Below | OneOf) or any(map(_restricts, _parts(hint)))


@functools.cache
def _is_option(hint) -> bool:
    """Whether no array stands anywhere in an annotation."""
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return False
    return all(map(_is_option, _parts(hint)))


def _parts(hint) -> tuple:
    """What an annotation is made of."""
    if isinstance(hint, TreeOf):
        return (hint.leaf,)
    if isinstance(hint, type) and hasattr(hint, "_fields"):
        return tuple(field_hints(hint).values())
    return *get_args(hint), *getattr(hint, "__metadata__", ())
