"""Where a port's automatic differentiation goes wrong, though its values are right: a detached value, a rounding, a
kink.

After every tagged line, zeros are added to the values that it binds. The gradient with respect to these zeros is the
gradient of the value, whatever the library: the same is done to a column, and the first value on the way back whose
gradient differs shows which line's derivative is wrong. The code is changed in memory only.
"""

import ast
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from shared import backends
from shared.cases import Case, tolerance
from shared.comparing import reading, tracing, walks
from shared.comparing.walks import Implementation
from shared.differences import Difference, Mismatch, difference

TAP = "__tap__"


class Tapped(NamedTuple):
    """One value that a tagged line binds. time: the number of this evaluation of this name under these equations."""

    equations: tuple[int, ...]
    name: str
    time: int
    line: int
    gradient: np.ndarray


class Wrong(NamedTuple):
    """The first value on the way back whose gradient differs, and the line of the port that uses it."""

    tapped: Tapped
    times: int
    found: Difference
    user: int | None

    def __str__(self):
        numbers = " ".join(f"({n})" for n in self.tapped.equations)
        time = f", evaluation {self.tapped.time} of {self.times}" if self.times > 1 else ""
        at = f"{list(self.found.index)}" if self.found.index else ""
        where = f"line {self.user}" if self.user else "a line after it"
        return (
            f"the values are right, but the gradient of `{self.tapped.name}`, equation {numbers}{time}, {at}, is "
            f"{self.found.got:.6g}, expected {self.found.wanted:.6g}: the derivative of {where}, where it is used, "
            "is wrong (detached, rounded, or at a kink)"
        )


def first_wrong(path: str, port: Implementation, case: Case) -> Wrong | None:
    """None if every value that has a name in both has the same gradient, or if there is nothing to compare with."""
    columns = [name for name in backends.installed() if name != "numpy"]
    if not columns or port.library.vjp is None or callable(case.function):
        return None
    try:
        wanted = _gradients(walks.column(columns[0], path), case)
        got = _gradients(port, case)
    except Exception:  # code that cannot be changed in this way: the finding stays without a line
        return None
    by_place = {(x.equations, x.name, x.time): x for x in got}
    times = Counter((x.equations, x.name) for x in wanted)
    ours = Counter((x.equations, x.name) for x in got)
    for right in reversed(wanted):
        have = by_place.get((right.equations, right.name, right.time))
        if have is None or times[right.equations, right.name] != ours[right.equations, right.name]:
            continue
        try:
            found = difference({right.name: have.gradient}, {right.name: right.gradient})
        except Mismatch:
            continue
        if not found.error <= 10 * tolerance(case):
            user = _user(Path(port.source.file).read_text(encoding="utf-8"), have)
            return Wrong(have, times[right.equations, right.name], found, user)
    return None


def _gradients(implementation: Implementation, case: Case) -> list[Tapped]:
    """Every tapped value, in the order of execution."""
    library = implementation.library
    module, seen = _tapped(implementation), []
    function = getattr(module, case.function)
    args = walks.arguments(implementation, case.args)

    def record(line, equations, name, x):
        seen.append((equations, name, line, np.zeros(x.shape, case.dtype)))
        return x

    with library.eager():
        setattr(module, TAP, _each(record))
        function(*args, **case.static)

        def perturbed(zeros):
            left = iter(zeros)
            setattr(module, TAP, _each(lambda line, equations, name, x: x + next(left)))
            return function(*args, **case.static)

        zeros = [library.array(zero) for *_, zero in seen]
        along = lambda outputs: walks.along(implementation, outputs, case.dtype)
        _, (grads,) = library.vjp(perturbed, (zeros,), {}, along)
    times: Counter = Counter()
    found = []
    for (equations, name, line, _), gradient in zip(seen, grads, strict=True):
        times[equations, name] += 1
        array = library.numpy(gradient.detach() if hasattr(gradient, "detach") else gradient)
        found.append(Tapped(equations, name, times[equations, name], line, np.asarray(array)))
    return found


def _each(tap: Callable) -> Callable:
    """`tap` on an array, or on every array of a returned tuple, by its field's name."""

    def apply(line, equations, name, x):
        if isinstance(x, tuple):
            names = getattr(x, "_fields", [f"{name}[{i}]" for i in range(len(x))])
            items = [apply(line, equations, n, item) for n, item in zip(names, x, strict=True)]
            return type(x)(*items) if hasattr(x, "_fields") else tuple(items)
        return tap(line, equations, name, x) if backends.is_float(x) and hasattr(x, "shape") else x

    return apply


def _tapped(implementation: Implementation) -> ModuleType:
    """The implementation's module once more, with a tap after every tagged line."""
    file = implementation.source.file
    text = Path(file).read_text(encoding="utf-8")
    tree = ast.fix_missing_locations(_Taps(reading.tags(text)).visit(ast.parse(text)))
    module = ModuleType(implementation.module.__name__)
    module.__dict__.update(vars(implementation.module))  # its own types stay the types of the arguments
    types = {name: x for name, x in vars(implementation.module).items() if isinstance(x, type)}
    exec(compile(tree, file, "exec"), module.__dict__)
    module.__dict__.update(types)
    return module


def _tags_of(tags: dict, node: ast.stmt) -> tuple[int, ...]:
    """The equations that a statement computes."""
    rows = range(node.lineno, node.end_lineno + 1)
    return tuple(sorted({n for row in rows if row in tags and not tags[row][0] for n in tags[row][1]}))


class _Taps(ast.NodeTransformer):
    def __init__(self, tags):
        self.tags = tags

    def tagged(self, node) -> tuple[int, ...]:
        return _tags_of(self.tags, node)

    def visit_Assign(self, node: ast.Assign):
        return self.followed(node, node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign):
        return self.followed(node, [node.target])

    def visit_AugAssign(self, node: ast.AugAssign):
        return self.followed(node, [node.target])

    def visit_Return(self, node: ast.Return):
        equations = self.tagged(node)
        if equations and node.value is not None:
            place = [ast.Constant(node.lineno), ast.Constant(equations), ast.Constant(tracing.RETURNED), node.value]
            node.value = ast.Call(ast.Name(TAP, ast.Load()), place, [])
        return node

    def followed(self, node, targets):
        equations = self.tagged(node)
        names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        plain = all(isinstance(t, ast.Name | ast.Tuple | ast.List) for t in targets)
        if not equations or not plain:
            return node
        tap = "{name} = {TAP}({line}, {equations}, {name!r}, {name})"
        lines = [tap.format(name=n, TAP=TAP, line=node.lineno, equations=equations) for n in names]
        return [node, *(statement for line in lines for statement in ast.parse(line).body)]


def _user(text: str, tapped: Tapped) -> int | None:
    """The next line of the same function that reads the name; else, the first tagged line of any that does."""
    tree, tags = ast.parse(text), reading.tags(text)
    statements = [(node, function) for node, function in reading.simple_statements(tree, "")]
    home = next((function for node, function in statements if node.lineno == tapped.line), "")
    after = [node for node, function in statements if function == home and node.lineno > tapped.line]
    elsewhere = [node for node, function in statements if function != home and _tags_of(tags, node)]
    hands_on = lambda node: isinstance(node, ast.Return) and not _tags_of(tags, node)
    users = [node for node in after if _reads(node, tapped.name) and not hands_on(node)]
    users += [node for node in elsewhere if _reads(node, tapped.name)]
    return users[0].lineno if users else None


def _reads(node: ast.AST, name: str) -> bool:
    """Whether a statement reads a variable or a field of that name."""
    names = (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return name in {*names, *(n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute))}
