"""Boundary checks: the jaxtyping annotations of a public function, enforced when it is called.

`@checked` reads the annotations once and then, before any work is done, makes sure that

- every array is of the column's own type, of the annotated kind (float, integer) and shape, where a
  dimension name means one size for the whole call (`"N D"`, `"D 4*H"`, `"*shape"`, `"..."`, `""`);
- all floating-point arrays of the call share one dtype;
- `NamedTuple`s are complete, and their fields pass the same checks; `... | None` may be left out, and of
  `A | B` that is meant whose name the value's type has;
- all trees annotated `TreeOf[...]` have one structure and, leaf by leaf, the same shapes;
- `Range` and `Below` hold for numbers, targets and labels; `@checked(T=1)` is a smallest size.

Whatever fails is a `ValueError` that names the argument, what came and what was expected. Calls from one
function to another of the same file are not checked again, and nothing is checked inside a function that
`torch.compile` is tracing; values (labels in range) are checked wherever they exist, so not while
`tf.function` traces. Types, shapes and dtypes that have passed once are remembered: the next such call costs
microseconds.
"""

import functools
import inspect
import math
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
import optree
from jaxtyping import AbstractArray


class Range(NamedTuple):
    """An interval in mathematical notation, `(0, inf)` or `[0, 1)`, for a number or for every element."""

    interval: str

    def holds(self, values: np.ndarray) -> np.ndarray:
        low, high = _ends(self.interval)
        above = values >= low if self.interval[0] == "[" else values > low
        return above & (values <= high if self.interval[-1] == "]" else values < high)


class Below(NamedTuple):
    """Integers from 0 to the size of the named dimension, exclusive."""

    dim: str


@dataclass(frozen=True)
class TreeOf:
    """`TreeOf[Float[Array, "..."]]`: any tree of such arrays. jaxtyping's own PyTree exists only beside JAX."""

    leaf: Any

    def __class_getitem__(cls, leaf):
        return Annotated[Any, cls(leaf)]


Positive = Annotated[float, Range("(0, inf)")]
NonNegative = Annotated[float, Range("[0, inf)")]
Rate = Annotated[float, Range("[0, 1]")]
Decay = Annotated[float, Range("[0, 1)")]


def checked(fn: Callable | None = None, **smallest: int) -> Callable:
    """Checks the arguments of `fn` against its annotations; see the module docstring.

    `smallest` maps dimension names to the least size allowed: `@checked(T=1)` refuses empty sequences.
    """
    if fn is None:
        return functools.partial(checked, **smallest)
    names = list(inspect.signature(fn).parameters)
    torch = sys.modules.get("torch")
    passed: dict[tuple, dict] = {}  # the sizes of calls that were right in all but values, by their form

    @functools.cache
    def hints(of_values: bool) -> dict[str, Any]:
        """The annotations of the arguments; of those alone whose values are restricted, if of_values."""
        found = get_type_hints(fn, include_extras=True)
        return {name: found[name] for name in names if name in found and (not of_values or _restricts(found[name]))}

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        if torch is not None and torch.compiler.is_compiling():
            return fn(*args, **kwargs)
        outer = getattr(_inside, "file", None)
        if outer == fn.__module__:
            return fn(*args, **kwargs)
        form = _form(args), _form(kwargs)
        known = passed.get(form)
        wanted = hints(of_values=known is not None)
        if wanted:
            call = _Call(fn.__name__, smallest, known or {})
            for name, value in (*zip(names, args, strict=False), *kwargs.items()):
                if name in wanted:
                    call.visit(name, value, wanted[name])
            call.finish()
            if len(passed) > MEMORY:
                passed.clear()
            passed[form] = call.sizes
        _inside.file = fn.__module__
        try:
            return fn(*args, **kwargs)
        finally:
            _inside.file = outer

    return wrapper


_inside = threading.local()
MEMORY = 1000  # forms that are remembered for each function


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


class _Call:
    """What one call has shown so far: the sizes of dimensions and the dtype, and which argument said so."""

    def __init__(self, function: str, smallest: dict[str, int], sizes: dict[str, tuple[Any, str]]):
        self.function, self.smallest, self.sizes = function, smallest, dict(sizes)
        self.dtype: tuple[str, str] | None = None
        self.model: tuple | None = None  # the first tree: name, structure, leaves
        self.later: list[Callable[[], None]] = []

    def fail(self, name: str, found: str, expected: str):
        raise ValueError(f"{self.function}: {name} {found}, expected {expected}")

    def visit(self, name: str, value, hint):
        if get_origin(hint) is Annotated:
            hint, *rules = get_args(hint)
            for rule in rules:
                self.rule(name, value, rule)
        if isinstance(hint, UnionType):  # `Bool[Array, "T N"] | None`
            if value is None:
                return
            hint = self.option(name, value, [option for option in get_args(hint) if option is not NoneType])
        if isinstance(hint, type) and issubclass(hint, AbstractArray):
            self.array(name, value, hint)
        elif hasattr(hint, "_fields"):
            self.named_tuple(name, value, hint)
        elif get_origin(hint) is tuple and get_args(hint)[1:] == (...,):
            self.sequence(name, value, get_args(hint)[0])

    def option(self, name: str, value, options: list):
        """That of several annotations which the value is meant for: the NamedTuple of its name, or an array's."""
        named = lambda o: hasattr(o, "_fields")
        if not all(named(o) or (isinstance(o, type) and issubclass(o, AbstractArray)) for o in options):
            return options[0]  # numbers, strings and tuples of them, `int | tuple[int, int]`, are not looked at
        fits = [o for o in options if (o.__name__ == type(value).__name__ if named(o) else hasattr(value, "shape"))]
        if len(options) > 1 and not fits:
            expected = " or ".join(o.__name__ if named(o) else "an array" for o in options)
            self.fail(name, f"is a {type(value).__name__}", expected)
        return fits[0] if fits else options[0]

    def named_tuple(self, name: str, value, cls):
        if getattr(value, "_fields", None) != cls._fields:
            self.fail(name, f"is a {type(value).__name__}", f"{cls.__name__}({', '.join(cls._fields)})")
        for field, hint in _field_hints(cls).items():
            self.visit(f"{name}.{field}", getattr(value, field), hint)

    def sequence(self, name: str, value, hint):
        if not isinstance(value, tuple) or not value:
            self.fail(name, f"is {type(value).__name__} of length {_length(value)}", "a tuple of at least one")
        for i, item in enumerate(value):
            inner = _Call(self.function, {}, {})  # every element has dimensions of its own
            inner.dtype = self.dtype
            inner.visit(f"{name}[{i}]", item, hint)
            inner.finish()
            self.dtype = inner.dtype

    def array(self, name: str, value, hint):
        wanted = f"{hint.array_type.__module__.split('.')[0]}.{hint.array_type.__name__}"
        if not isinstance(value, hint.array_type) and not (
            hint.array_type is np.ndarray and isinstance(value, np.generic)
        ):
            found = type(value)
            self.fail(name, f"is a {found.__module__.split('.')[0]}.{found.__name__}", f"a {wanted}")
        dtype = _dtype_name(value)
        if dtype not in hint.dtypes:
            self.fail(name, f"has dtype {dtype}", f"{hint.__name__.split('[')[0].lower()} values")
        if "float" in dtype:
            if self.dtype is None:
                self.dtype = (dtype, name)
            elif self.dtype[0] != dtype:
                self.fail(name, f"has dtype {dtype}", f"{self.dtype[0]}, as {self.dtype[1]} has")
        self.shape(name, tuple(value.shape), hint.dim_str)

    def shape(self, name: str, shape: tuple, dim_str: str):
        """Binds the dimension names of one array and leaves expressions such as `4*H` for the end."""
        dims = dim_str.split()
        variadic = [i for i, dim in enumerate(dims) if dim.startswith("*") or dim == "..."]
        fits = len(shape) >= len(dims) - 1 if variadic else len(shape) == len(dims)
        if not fits:
            self.fail(name, f"has shape {shape}", f"({', '.join(dims)})")
        if variadic:
            at = variadic[0]
            after = len(shape) - (len(dims) - at - 1)
            if dims[at] != "...":
                self.bind(name, shape, dim_str, dims[at][1:], shape[at:after])
            dims, sizes = dims[:at] + dims[at + 1 :], shape[:at] + shape[after:]
        else:
            sizes = shape
        for dim, size in zip(dims, sizes, strict=True):
            if size is None or dim == "_":  # not known while a graph is traced, or anything goes
                continue
            if dim.isidentifier():
                self.bind(name, shape, dim_str, dim, size)
            else:
                self.later.append(functools.partial(self.expression, name, shape, dim_str, dim, size))

    def bind(self, name: str, shape: tuple, dim_str: str, dim: str, size):
        known, source = self.sizes.setdefault(dim, (size, name))
        if known != size:
            expected = f"({', '.join(dim_str.split())}) with {dim} = {known}, as in {source}"
            self.fail(name, f"has shape {shape}", expected)
        least = self.smallest.get(dim, 0)
        count = math.prod(size) if isinstance(size, tuple) and None not in size else size
        if isinstance(count, int) and count < least:
            self.fail(name, f"has shape {shape}", f"({', '.join(dim_str.split())}) with {dim} at least {least}")

    def expression(self, name: str, shape: tuple, dim_str: str, dim: str, size: int):
        known = {key: value for key, (value, _) in self.sizes.items()}
        wanted = eval(dim, {"__builtins__": {}}, known)
        if wanted != size:
            self.fail(name, f"has shape {shape}", f"({', '.join(dim_str.split())}) with {dim} = {wanted}")

    def tree(self, name: str, value, leaf_hint):
        paths, leaves, spec = optree.tree_flatten_with_path(value)
        names = [name + "".join(f"[{key!r}]" if isinstance(key, int) else f".{key}" for key in p) for p in paths]
        for leaf_name, leaf in zip(names, leaves, strict=True):
            self.visit(leaf_name, leaf, leaf_hint)
        self.model = self.model or (name, spec, leaves)
        first, known, models = self.model
        if spec != known:
            self.fail(name, f"is the tree {spec}", f"{known}, as {first} is")
        for leaf_name, leaf, other in zip(names, leaves, models, strict=True):
            if tuple(leaf.shape) != tuple(other.shape):
                self.fail(leaf_name, f"has shape {tuple(leaf.shape)}", f"{tuple(other.shape)}, as in {first}")

    def rule(self, name: str, value, rule):
        if isinstance(rule, TreeOf):
            self.tree(name, value, rule.leaf)
        if isinstance(rule, Range):
            self.values(name, value, rule.holds, f"in {rule.interval}")
        if isinstance(rule, Below):  # once the size is known
            self.later.append(lambda: self.below(name, value, rule.dim))

    def below(self, name: str, value, dim: str):
        size, source = self.sizes.get(dim, (None, ""))
        if size is not None:
            wanted = f"0 <= value < {size} ({dim} in {source})"
            self.values(name, value, lambda values: (values >= 0) & (values < size), wanted)

    def values(self, name: str, value, holds: Callable, wanted: str):
        try:
            values = np.asarray(value.detach() if hasattr(value, "detach") else value)
        except (NotImplementedError, TypeError, RuntimeError):  # symbolic, transformed, or on another device
            return
        if values.dtype.kind not in "fiu":
            self.fail(name, f"is {value!r}", f"a number {wanted}")
        right = holds(values)
        if not right.all():
            wrong = np.argwhere(~right)
            index = tuple(int(i) for i in wrong[0])
            self.fail(name, f"holds {values[index]} at {list(index)}" if index else f"is {value}", wanted)

    def finish(self):
        for check in self.later:
            check()


@functools.cache
def _ends(interval: str) -> tuple[float, float]:
    low, high = interval[1:-1].split(",")
    return float(low), float(high)


@functools.cache
def _restricts(hint) -> bool:
    """Whether a Range or a Below stands somewhere in an annotation."""
    if isinstance(hint, Range | Below):
        return True
    inner = _field_hints(hint).values() if hasattr(hint, "_fields") else get_args(hint)
    if isinstance(hint, TreeOf):
        inner = (hint.leaf,)
    return any(_restricts(part) for part in (*inner, *getattr(hint, "__metadata__", ())))


@functools.cache
def _field_hints(cls) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _length(value) -> str:
    return str(len(value)) if hasattr(value, "__len__") else "?"


def _dtype_name(value) -> str:
    """`float32` for NumPy's, torch's and TensorFlow's spelling of it."""
    dtype = value.dtype
    return dtype.name if hasattr(dtype, "name") else str(dtype).removeprefix("torch.")
