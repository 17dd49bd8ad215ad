"""What the text of a file says of its statements: which equations they compute (`# (3)`) or go through on the way
back (`# through (3)`), and which expressions hold their results once they have run."""

import ast
import io
import re
import tokenize
from typing import Any, NamedTuple

from shared import backends

TAG = re.compile(r"#\s*(through\s+)?\(\d+\)")
NUMBER = re.compile(r"\((\d+)\)")
SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr)
CACHE = re.compile(r"(^|_)caches?(_|$)|^_$")  # what NumPy keeps for the way back is no result of an equation


class Statement(NamedTuple):
    """One statement. names: the expressions, by their own text, that hold its results once it has run.

    equations: none, if it is not tagged. adds: the names that it does not bind but change (`x += 1`, `x[i] = 1`);
    sums: those that it adds to and binds anew (`x = x + 1`).
    """

    equations: tuple[int, ...]
    through: bool
    function: str
    lines: range
    names: dict[str, Any]
    returns: bool
    adds: frozenset[str]
    sums: frozenset[str]


class Source(NamedTuple):
    """A file as the tracer reads it. caching: the functions that return (outputs, cache), as their backward shows."""

    file: str
    statements: dict[int, Statement]  # by every line that they stand on
    caching: frozenset[str]


def read(file: str, text: str | None = None, *, every: bool = False) -> Source:
    """The tagged statements of a file (or of `text`, for code that was compiled under the file's name).

    every: the others as well, the heads of `for` loops too, and of an array that is written by element the whole.
    """
    if text is None:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
    tree = ast.parse(text)
    tagged = tags(text)
    statements: dict[int, Statement] = {}
    for node, function in (*simple_statements(tree, ""), *(_heads(tree, "") if every else ())):
        lines = range(node.lineno, (node.iter if isinstance(node, ast.For) else node).end_lineno + 1)
        found = [tagged[line] for line in lines if line in tagged]
        if found or (every and function):
            numbers = tuple(sorted({n for _, equations in found for n in equations}))
            kept = [name for name in results(node) if not CACHE.search(name)]
            changed = frozenset(map(whole, kept if _changes(node) else [x for x in kept if whole(x) != x]))
            names = {name: compile(name, "<traced>", "eval") for name in (map(whole, kept) if every else kept)}
            through = any(through for through, _ in found)
            returns = isinstance(node, ast.Return) and bool(found)
            statement = Statement(numbers, through, function, lines, names, returns, changed, _sums(node))
            statements |= dict.fromkeys(lines, statement)
    return Source(str(file), statements, _caching(tree))


def whole(name: str) -> str:
    """`d_zs` for `d_zs[t]`; what was appended stays one element."""
    return name if name.endswith("[-1]") else name.partition("[")[0]


def _changes(node: ast.stmt) -> bool:
    """Whether a statement changes a value rather than binding a new one; writing an element aside."""
    call = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return isinstance(node, ast.AugAssign) or (call is not None and getattr(call, "attr", "") != "append")


def _sums(node: ast.stmt) -> frozenset[str]:
    """`x` of `x = x + y + z`."""
    value, added = getattr(node, "value", None), []
    while isinstance(node, ast.Assign) and isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        added.append(value.right)
        value = value.left
    added.append(value)
    names = {n.id for n in added if isinstance(n, ast.Name)} if len(added) > 1 else set()
    return frozenset(t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name) and t.id in names)


def tags(text: str) -> dict[int, tuple[bool, list[int]]]:
    """(through, numbers) by line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = ((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)
    found = ((line, comment, TAG.match(comment)) for line, comment in comments)
    return {line: (bool(m[1]), [int(n) for n in NUMBER.findall(comment)]) for line, comment, m in found if m}


def simple_statements(node: ast.AST, function: str):
    """(statement, name of the function around it) of everything that has no statements inside."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, SIMPLE):
            yield child, function
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from simple_statements(child, getattr(child, "name", None) or function)


def _heads(node: ast.AST, function: str):
    """(loop, name of the function around it) of every `for`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.For):
            yield child, function
        inside = child.name if isinstance(child, ast.FunctionDef) else function
        yield from _heads(child, inside)


def results(node: ast.stmt) -> list[str]:
    """The expressions that hold what a statement has computed."""
    if isinstance(node, ast.Assign):
        return [name for target in node.targets for name in _names(target)]
    if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.For):
        return _names(node.target)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function, out = node.value.func, [k.value for k in node.value.keywords if k.arg == "out"]
        if out:
            return _names(out[0])
        if isinstance(function, ast.Attribute):
            if function.attr == "append":
                return [f"{ast.unparse(function.value)}[-1]"]
            if function.attr == "at" and node.value.args:  # np.add.at(total, index, part)
                return _names(node.value.args[0])
            return _names(function.value)  # x.add_(y): a method that changes its object
    return []


def _names(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Tuple | ast.List):
        return [name for element in target.elts for name in _names(element)]
    if isinstance(target, ast.Starred):
        return _names(target.value)
    return [ast.unparse(target)]


def is_elementwise(backward: ast.FunctionDef) -> bool:
    """y = f(x), d_x = f_backward(d_y, x, y): every other backward takes a cache."""
    return backward.args.args[0].arg in backends.ELEMENTWISE


def _caching(tree: ast.Module) -> frozenset[str]:
    """Functions with a hand-written backward that returns a cache for it: all but elementwise ones."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    backward = {name: functions.get(f"{name}_backward") for name in functions}
    return frozenset(name for name, back in backward.items() if back and not is_elementwise(back))
