"""Which gradient equation a mistake in a `_backward` breaks: by the line that it changes, its tag and its names."""

import ast
from typing import NamedTuple

from shared import catalogue
from shared.cases import Mutant
from shared.comparing import backward_lines, specification
from shared.comparing.specification import Gradient


class Broken(NamedTuple):
    """function: the `_backward` that the mistake is in; gradients: the equations that the changed line stands for."""

    function: str
    gradients: list[Gradient]


def by(path: str, mutant: Mutant) -> Broken | None:
    """What a mutant breaks on the way back; None if it is on the way there."""
    text = catalogue.source("numpy", path).read_text()
    at = text.index(mutant.old) + _first_difference(mutant.old, mutant.new)
    row, column = text.count("\n", 0, at) + 1, len(text[text.rfind("\n", 0, at) + 1 : at].encode())
    for line in backward_lines.of(path):
        if line.first <= row <= line.first + line.text.count("\n"):
            names = _meant(text, row, column) & line.names or line.names
            hits = backward_lines.equations(path, set(names), set(line.through))
            return Broken(line.function, hits or _nearest(path, set(line.through)))
    for function in _backwards(text):
        if function.lineno <= row <= function.end_lineno:
            return Broken(function.name, [])
    return None


def _nearest(path: str, through: set[int]) -> list[Gradient]:
    """The equations that have the most of these numbers."""
    shared = {g: len(through & set(g.through)) for g in specification.of(path).gradients}
    most = max(shared.values(), default=0)
    return [g for g, n in shared.items() if n == most > 0]


def _first_difference(old: str, new: str) -> int:
    pairs = zip(old, new, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)) - 1)


def _backwards(text: str) -> list[ast.FunctionDef]:
    return [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef) and n.name.endswith("_backward")]


def _meant(text: str, row: int, column: int) -> set[str]:
    """The one gradient of several in a line that the text at a place computes: `d_f` in `d_i, d_f = ..., ...`."""
    around = lambda n: (n.lineno, n.col_offset) <= (row, column) < (n.end_lineno, n.end_col_offset)
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg and around(node.value):
            found = {f"d_{node.arg}"}
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and around(node.value):
            names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else []
            pairs = zip(names, node.value.elts, strict=False)
            found |= {ast.unparse(name).partition("[")[0] for name, value in pairs if around(value)}
    return found
