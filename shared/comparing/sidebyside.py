"""The files of one algorithm side by side: part by part (imports, classes, functions, by name) and, inside a part,
line by line, with lines of the same equation in one row.

    for part in parts("recurrent/lstm", ("numpy", "torch")):
        for row in part.rows:
            print(part.name, row.equations, row.cells)

Only the text of the files is read: no framework is needed.
"""

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from shared import backends, catalogue
from shared.comparing.reading import NUMBER, TAG

IMPORTS = "imports"
TAGGED = 10.0  # two lines of one equation are worth more than any likeness of others
ALIKE = 0.4  # likeness of two lines from which on they stand side by side
FRAMEWORK = re.compile(r"\b(np|numpy|torch|tf|tensorflow)(?=\b|_impl)")  # no difference between columns


class Line(NamedTuple):
    """A logical line, which may go over several lines of the file; comments of its own above it belong to it.

    first: the number of its first line. equations, through: its tag, `# (2) (3)` or `# through (4)`.
    """

    first: int
    text: str
    equations: tuple[int, ...]
    through: bool


class Row(NamedTuple):
    """Lines that do the same in their columns; a column may have none."""

    cells: dict[str, Line]

    @property
    def equations(self) -> tuple[int, ...]:
        return tuple(sorted({n for line in self.cells.values() for n in line.equations}))

    @property
    def through(self) -> bool:
        return any(line.through for line in self.cells.values())

    def is_same(self, columns: tuple[str, ...]) -> bool:
        """Whether every one of these columns has the same text here."""
        return self.cells.keys() >= set(columns) and len({self.cells[column].text for column in columns}) == 1


class Part(NamedTuple):
    """An import block, a constant, a class or a function of the file. kind: "code", "class" or "function"."""

    name: str
    kind: str
    rows: list[Row]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have this part at all."""
        return tuple(dict.fromkeys(column for row in self.rows for column in row.cells))

    def is_same(self, columns: tuple[str, ...]) -> bool:
        return all(row.is_same(columns) for row in self.rows)


def parts(path: str, columns: tuple[str, ...] = backends.NAMES) -> list[Part]:
    """The aligned files of these columns, without the docstring."""
    read = {column: _parts(catalogue.source(column, path).read_text()) for column in columns}
    kinds = {key: kind for found in read.values() for key, (kind, _) in found.items()}
    return [
        Part(name, kinds[name], _rows({c: found[name][1] for c, found in read.items() if name in found}))
        for name in _merged([list(found) for found in read.values()])
    ]


def specification(path: str) -> str:
    """The docstring, which is the same in every column."""
    return ast.get_docstring(ast.parse(catalogue.source("numpy", path).read_text())) or ""


def existing(path: str) -> tuple[str, ...]:
    """The columns that have a file for this algorithm."""
    return tuple(column for column in backends.NAMES if catalogue.source(column, path).exists())


def record(part: Part) -> dict:
    """A part as JSON has it."""
    return {
        "name": part.name,
        "kind": part.kind,
        "rows": [
            {
                "equations": list(row.equations),
                "through": row.through,
                "columns": {column: {"line": line.first, "text": line.text} for column, line in row.cells.items()},
            }
            for row in part.rows
        ],
    }


def _parts(text: str) -> dict[str, tuple[str, list[Line]]]:
    """(kind, lines) of every top-level statement by name, in their order; imports are one."""
    lines, found = list(_lines(text)), {}
    body = ast.parse(text).body
    if ast.get_docstring(ast.parse(text)) is not None:
        body = body[1:]
    for node in body:
        name, kind = _name(node)
        inside = [line for line in lines if _first(node) <= _last(line) and line.first <= node.end_lineno]
        found.setdefault(name, (kind, []))[1].extend(line for line in inside if line not in found[name][1])
    return found


def _name(node: ast.stmt) -> tuple[str, str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return IMPORTS, "code"
    if isinstance(node, ast.FunctionDef):
        return node.name, "function"
    if isinstance(node, ast.ClassDef):
        return node.name, "class"
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", node)
    return ast.unparse(target).splitlines()[0], "code"


def _first(node: ast.stmt) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def _last(line: Line) -> int:
    return line.first + line.text.count("\n")


def _lines(text: str) -> Iterator[Line]:
    source, start, equations, through = text.splitlines(), None, (), False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NL and start is None:
            continue
        if token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            continue
        if start is None:
            start = token.start[0]
        if token.type == tokenize.COMMENT and (tag := TAG.match(token.string)):
            equations += tuple(int(n) for n in NUMBER.findall(token.string))
            through = through or bool(tag[1])
        if token.type == tokenize.NEWLINE:
            yield Line(start, "\n".join(source[start - 1 : token.end[0]]), equations, through)
            start, equations, through = None, (), False


def _merged(orders: list[list[str]]) -> list[str]:
    """All names, each after the one that it follows in the first list that has it."""
    merged = orders[0][:]
    for order in orders[1:]:
        for before, name in zip([None, *order], order, strict=False):
            if name not in merged:
                merged.insert(merged.index(before) + 1 if before else 0, name)
    return merged


def _rows(columns: dict[str, list[Line]]) -> list[Row]:
    """Column after column is laid beside those before it."""
    rows: list[Row] = []
    for column, lines in columns.items():
        rows = [
            Row({**(row.cells if row else {}), **({column: line} if line else {})})
            for row, line in _aligned(rows, lines)
        ]
    return rows


def _aligned(rows: list[Row], lines: list[Line]) -> list[tuple[Row | None, Line | None]]:
    """The pairing in which both keep their order and likeness adds up to the most (Needleman & Wunsch)."""
    best = [[0.0] * (len(lines) + 1) for _ in range(len(rows) + 1)]
    scores = [[_likeness(row, line) for line in lines] for row in rows]
    for i in reversed(range(len(rows))):
        for j in reversed(range(len(lines))):
            best[i][j] = max(scores[i][j] + best[i + 1][j + 1], best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(rows) and j < len(lines):
        if scores[i][j] > 0 and best[i][j] == scores[i][j] + best[i + 1][j + 1]:
            pairs.append((rows[i], lines[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((rows[i], None))
            i += 1
        else:
            pairs.append((None, lines[j]))
            j += 1
    return pairs + [(row, None) for row in rows[i:]] + [(None, line) for line in lines[j:]]


def _likeness(row: Row, line: Line) -> float:
    """0 for lines that must not stand side by side: of different equations, or with nothing in common."""
    tagged = bool(row.equations or line.equations)
    if tagged and not (row.through == line.through and set(row.equations) & set(line.equations)):
        return 0.0
    ours = FRAMEWORK.sub("_", line.text.strip())
    alike = max(_ratio(FRAMEWORK.sub("_", other.text.strip()), ours) for other in row.cells.values())
    return TAGGED + alike if tagged else alike


@functools.lru_cache(100_000)
def _ratio(one: str, other: str) -> float:
    """How alike two texts are, from 0 to 1; 0 below ALIKE, which the bounds show fast."""
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= ALIKE else 0.0
