"""One call's arguments, checked against their annotations; see `shapes`."""

import functools
import math
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import numpy as np
import optree
from jaxtyping import AbstractArray

from shared.support.rules import Below, Chain, OneOf, Range, TreeOf


class Call:
    """The sizes of dimensions and the dtype that one call has bound so far, and by which argument."""

    def __init__(self, function: str, smallest: dict[str, int], sizes: dict[str, tuple[Any, str]], dtype=None):
        self.function, self.smallest, self.sizes = function, smallest, dict(sizes)
        self.dtype: tuple[str, str] | None = dtype  # and the argument that has it
        self.model: tuple | None = None  # the first tree: name, structure, leaves
        self.later: list[Callable[[], None]] = []

    def fail(self, name: str, found: str, expected: str):
        raise ValueError(f"{self.function}: {name} {found}, expected {expected}")

    def visit(self, name: str, value, hint):
        if get_origin(hint) is Annotated:
            hint, *rules = get_args(hint)
            self.visit(name, value, hint)
            for rule in rules:  # once an array is known to be an array, and layers to be layers
                (self.chain if isinstance(rule, Chain) else self.rule)(name, value, rule)
            return
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
        """The option of a union that the value is checked against: the NamedTuple of its name, or the array."""
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
        for field, hint in field_hints(cls).items():
            self.visit(f"{name}.{field}", getattr(value, field), hint)

    def sequence(self, name: str, value, hint):
        may_be_empty = isinstance(hint, type) and issubclass(
            hint, AbstractArray
        )  # masks between layers, of one layer
        if not isinstance(value, tuple) or not (value or may_be_empty):
            self.fail(name, f"is {type(value).__name__} of length {_length(value)}", "a tuple of at least one")
        for i, item in enumerate(value):
            inner = Call(self.function, {}, {}, self.dtype)  # every element has dimensions of its own
            inner.visit(f"{name}[{i}]", item, hint)
            inner.finish()
            self.dtype = inner.dtype

    def array(self, name: str, value, hint):
        wanted = (hint.array_type, np.generic) if hint.array_type is np.ndarray else hint.array_type
        if not isinstance(value, wanted):
            library = hint.array_type.__module__.split(".")[0]
            advice = MADE_BY.get(library)
            expected = f"a {library}.{hint.array_type.__name__}" + (f", as {advice} makes it" if advice else "")
            self.fail(name, f"is a {type(value).__module__.split('.')[0]}.{type(value).__name__}", expected)
        if isinstance(value, np.ma.MaskedArray | np.matrix):  # other arithmetic, and np.asarray would lose the mask
            self.fail(name, f"is a numpy.{type(value).__name__}", "a plain numpy.ndarray")
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
            sizes = f"({', '.join(dim_str.split())})"
            self.fail(name, f"has shape {shape}", f"{sizes} with {dim} = {wanted}" if dim != str(wanted) else sizes)

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

    def chain(self, name: str, layers, rule: Chain):
        width = 0
        for i, layer in enumerate(layers):
            takes, gives = getattr(layer, rule.takes), getattr(layer, rule.gives or rule.takes)
            label, shape = f"{name}[{i}].{rule.takes}", tuple(takes.shape)
            if i == 0 and rule.first:
                self.dimension(label, shape, rule.first, shape[0])
            elif i > 0 and shape[0] != width:
                self.fail(label, f"has shape {shape}", f"{width} rows, as {name}[{i - 1}] gives {width} numbers")
            width = tuple(gives.shape)[rule.axis]
        if rule.last:
            self.dimension(f"{name}[{len(layers) - 1}]", tuple(gives.shape), rule.last, width)

    def dimension(self, name: str, shape: tuple, dim: str, size: int):
        """One dimension of one array: bound if it is a name, looked at in the end if it is an expression."""
        if dim.isidentifier():
            self.bind(name, shape, dim, dim, size)
        else:
            self.later.append(functools.partial(self.expression, name, shape, dim, dim, size))

    def rule(self, name: str, value, rule):
        if isinstance(rule, TreeOf):
            self.tree(name, value, rule.leaf)
        if isinstance(rule, Range):
            self.values(name, value, rule.holds, f"in {rule.interval}")
            self.later.append(lambda: self.underflow(name, value, rule))
        if isinstance(rule, OneOf) and not (isinstance(value, str) and value in rule.words):
            self.fail(name, f"is {value!r}", f"one of {', '.join(rule.words)}")
        if isinstance(rule, Below):  # once the size is known
            self.later.append(lambda: self.below(name, value, rule.dim))

    def underflow(self, name: str, value, rule: Range):
        """A number that must not be 0, such as ε, is 0 once it meets arrays of few digits."""
        if self.dtype and self.dtype[0] in ("float16", "float32") and isinstance(value, float) and value > 0:
            rounded = np.asarray(value).astype(self.dtype[0])
            if rounded == 0 and not rule.holds(rounded):
                self.fail(name, f"is {value}, which is 0 in {self.dtype[0]}", f"in {rule.interval}")

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


MADE_BY = {"numpy": "np.asarray", "torch": "torch.as_tensor", "tensorflow": "tf.convert_to_tensor"}


@functools.cache
def field_hints(cls) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _length(value) -> str:
    return str(len(value)) if hasattr(value, "__len__") else "?"


def _dtype_name(value) -> str:
    """`float32` for NumPy's, torch's and TensorFlow's spelling of it."""
    dtype = value.dtype
    return dtype.name if hasattr(dtype, "name") else str(dtype).removeprefix("torch.")
