"""The statements of a NumPy file's `_backward` functions, read from its text: which do arithmetic, which equations
they go through, and which gradients they define."""

import ast
from functools import cache
from typing import NamedTuple

from shared import catalogue
from shared.comparing import reading, specification
from shared.comparing.specification import Gradient

OPERATORS = ast.Add | ast.Sub | ast.Mult | ast.Div | ast.MatMult | ast.Pow
FUNCTIONS = {
    "abs", "add", "at", "cos", "cosh", "cumsum", "divide", "dot", "einsum", "exp", "expm1", "log", "log1p",
    "matmul", "max", "maximum", "mean", "min", "minimum", "multiply", "negative", "outer", "power", "prod",
    "reciprocal", "sign", "sin", "sinh", "sqrt", "square", "std", "subtract", "sum", "tan", "tanh", "tensordot",
    "var", "vdot", "where",
}  # fmt: skip
SIZES = {"range", "len", "reshape", "zeros", "empty", "ones", "full", "broadcast_to", "arange"}


class Line(NamedTuple):
    """One statement of a `_backward` function.

    computes: whether it does arithmetic on arrays; through: the equations of its tag; names: the gradients it
    defines, `d_W_h` for `d_W_h = ...` and for the field of `d_params = LSTMParams(W_h=...)`.
    """

    function: str
    first: int
    text: str
    computes: bool
    through: tuple[int, ...]
    names: frozenset[str]


@cache
def of(path: str) -> list[Line]:
    """Every simple statement of the file's functions whose names end in `_backward`."""
    text = catalogue.source("numpy", path).read_text()
    return read(text)


def equations(path: str, names: set[str], through: set[int]) -> list[Gradient]:
    """The gradient equations of the specification that define one of these names through one of these numbers."""
    code = {name for line in of(path) for name in line.names}
    spelled = lambda n: (n,) if n in code else specification.spelled(n)  # `d_a_n` is no `d_a` where there is a d_a_n
    told = [g for g in specification.of(path).gradients if set(g.through) & through]
    return [g for g in told if any(names & set(spelled(name)) for name in g.names)]


def read(text: str) -> list[Line]:
    tags, found = reading.tags(text), []
    tree = ast.parse(text)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.endswith("_backward")]
    inner = {id(n) for f in functions for n in ast.walk(f) if n is not f}
    forward = {f"{n.name}_backward": n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    for function in (f for f in functions if id(f) not in inner):
        for node, _ in reading.simple_statements(function, function.name):
            rows = range(node.lineno, node.end_lineno + 1)
            through = {n for row in rows if row in tags and tags[row][0] for n in tags[row][1]}
            names = _defines(node) | _returns(node, forward.get(function.name))
            source = ast.get_source_segment(text, node)
            found.append(Line(function.name, node.lineno, source, _computes(node), tuple(sorted(through)), names))
    return found


def _computes(node: ast.AST) -> bool:
    """Arithmetic outside indices and sizes, or the call of another backward."""
    if isinstance(node, ast.Subscript):
        return _computes(node.value)
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, OPERATORS):
        sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
        if not any(isinstance(side, ast.Tuple | ast.List | ast.JoinedStr) for side in sides):
            return True
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in FUNCTIONS or name.endswith("_backward"):
            return True
        if name in SIZES:
            return isinstance(node.func, ast.Attribute) and _computes(node.func.value)
    return any(_computes(child) for child in ast.iter_child_nodes(node))


def _defines(node: ast.stmt) -> frozenset[str]:
    names = set()
    for result in reading.results(node):
        base = result.split("[")[0]
        names.add(f"d_{base.split('.')[-1]}" if "." in base else base)
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        names |= {f"d_{keyword.arg}" for keyword in call.keywords if keyword.arg}
    return frozenset(name for name in names if name.startswith("d_"))


def _returns(node: ast.stmt, forward: ast.FunctionDef | None) -> frozenset[str]:
    """`f_backward` returns one gradient for each argument of `f`, in their order."""
    if not isinstance(node, ast.Return) or forward is None:
        return frozenset()
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    arguments = [a.arg for a in (*forward.args.posonlyargs, *forward.args.args)]
    return frozenset(f"d_{name}" for name in arguments) if len(values) == len(arguments) else frozenset()
