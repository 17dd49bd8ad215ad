"""First-order mutants of a source file: one small edit each, made from the syntax tree.

An operator becomes another, a term or a factor is dropped, a number, an axis or a default changes, a comparison is
turned, a keyword is left out, a function becomes its sibling (sum and mean, max and min), a transposition, a `not` or
a minus is left out. Left alone are messages of errors, annotations, docstrings, `strict=` and `device=`.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.Mod: ("%", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
COMPARISONS = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">=")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<=")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
PAIRS = "sum mean, max min, amax amin, maximum minimum, argmax argmin, zeros ones, zeros_like ones_like, any all, " \
    "reduce_sum reduce_mean, reduce_max reduce_min, reduce_any reduce_all, floor ceil, exp expm1, log log1p, " \
    "sqrt square, sin cos, cumsum cumprod, union1d intersect1d"  # fmt: skip
SIBLINGS = {a: b for pair in PAIRS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}
LEFT_OUT = ("transpose", "swapaxes", "permute", "movedim", "flip", "reversed", "detach", "stop_gradient", "abs")
KEPT = {"strict", "device"}  # what is true anyway; what only another device than the CPU can show


class Edit(NamedTuple):
    """One mutant: the whole text, and the line with the edit, before and after. row: its number."""

    text: str
    row: int
    old: str
    new: str


def edits(text: str) -> list[Edit]:
    """Every mutant of a file that still is Python and differs from the file, in the order of the lines."""
    found, lines = {}, text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    raw = text.encode()
    source = _Source(raw, starts)
    for node in _nodes(ast.parse(text)):
        for first, last, new in _of(node, source):
            mutated = (raw[:first] + new.encode() + raw[last:]).decode()
            if mutated != text and _is_python(mutated):
                row = raw.count(b"\n", 0, first) + 1
                until = raw.count(b"\n", 0, last) + 1
                more = new.count("\n") - raw.count(b"\n", first, last)
                old_lines, new_lines = (
                    lines[row - 1 : until],
                    mutated.splitlines(keepends=True)[row - 1 : until + more],
                )
                found[mutated] = Edit(mutated, row, _one(old_lines), _one(new_lines))
    return sorted(found.values(), key=lambda edit: edit.row)


class _Source:
    def __init__(self, raw: bytes, starts: list[int]):
        self.raw, self.starts = raw, starts

    def span(self, node) -> tuple[int, int]:
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node) -> str:
        first, last = self.span(node)
        return self.raw[first:last].decode()

    def between(self, left, right, old: str, new: str) -> tuple[int, int, str]:
        """The text from one node to the next with an operator in it exchanged."""
        first, last = self.span(left)[1], self.span(right)[0]
        return first, last, self.raw[first:last].decode().replace(old, new, 1)


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """What is computed: functions with their decorators and defaults, and constants of the module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            inside = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Tuple):
            inside = [node.value]
        else:
            continue
        for part in inside:
            yield from _walk(part)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Raise | ast.JoinedStr) or is_docstring:
        return
    yield node
    if _is_from_the_end(node):  # one edit: axis 1 in place of -1 is often the same axis
        return
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not (isinstance(child, ast.keyword) and child.arg in KEPT):
                    yield from _walk(child)


def _of(node: ast.AST, source: _Source) -> Iterator[tuple[int, int, str]]:
    """The edits at one node: from this byte to that one the text becomes another."""
    whole = source.span(node) if hasattr(node, "lineno") else None
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield source.between(node.left, node.right, *OPERATORS[type(node.op)])
        if not isinstance(node.op, ast.Pow | ast.Mod | ast.FloorDiv):
            yield *whole, f"({source.text(node.left)})"
        if isinstance(node.op, ast.Add | ast.Mult | ast.BitAnd | ast.BitOr):
            yield *whole, f"({source.text(node.right)})"
    elif isinstance(node, ast.Compare):
        for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            old, others = COMPARISONS[type(op)]
            for new in others:
                yield source.between(left, right, old, new)
    elif isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield source.between(node.values[0], node.values[1], f" {old} ", f" {new} ")
    elif _is_from_the_end(node):
        yield *whole, str(1 - node.operand.value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield *whole, source.text(node.operand)
    elif isinstance(node, ast.Constant):
        yield from ((*whole, new) for new in _constants(node.value))
    elif isinstance(node, ast.AugAssign):
        old = {ast.Add: "+=", ast.Sub: "-=", ast.Mult: "*=", ast.Div: "/="}.get(type(node.op))
        if old:
            for new in ("=", {"+": "-=", "-": "+=", "*": "/=", "/": "*="}[old[0]]):
                yield source.between(node.target, node.value, old, new)
    elif isinstance(node, ast.If | ast.IfExp) and not isinstance(node.test, ast.Compare | ast.UnaryOp):
        yield *source.span(node.test), f"not ({source.text(node.test)})"
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield *whole, source.text(node.value)
    elif isinstance(node, ast.Call):
        yield from ((*whole, new) for new in _calls(node, source))


def _is_from_the_end(node: ast.AST) -> bool:
    """-1, -2, ...: of an axis or an index."""
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    return negative and isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int)


def _constants(value) -> list[str]:
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1)] + ([str(value - 1)] if value > 0 else [])
    if isinstance(value, float):
        return ["1.0"] if value == 0 else [repr(value * 2), repr(value * 0.9)]
    return []


def _calls(node: ast.Call, source: _Source) -> Iterator[str]:
    function, args = source.text(node.func), [source.text(x) for x in node.args]
    keywords = [source.text(x) for x in node.keywords]
    for i, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg not in KEPT:
            yield f"{function}({', '.join(args + keywords[:i] + keywords[i + 1 :])})"
    base, _, name = function.rpartition(".")
    if name in SIBLINGS:
        yield (
            f"{base}.{SIBLINGS[name]}({', '.join(args + keywords)})"
            if base
            else (f"{SIBLINGS[name]}({', '.join(args + keywords)})")
        )
    if name in LEFT_OUT:
        of_library = base.split(".")[0] in ("", "np", "torch", "tf")
        yield f"({args[0]})" if of_library and args else base
    if name == "where" and len(args) == 3:
        yield f"{function}({args[0]}, {args[2]}, {args[1]})"


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _one(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
