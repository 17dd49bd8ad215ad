"""The columns of one algorithm for a page: aligned by `comparing.sidebyside`, coloured by Pygments."""

import re
from typing import NamedTuple

from markupsafe import Markup
from pygments.lexers import PythonLexer
from pygments.token import Token, _TokenType

from shared import catalogue
from shared.comparing import sidebyside
from shared.comparing.sidebyside import Line

CLASSES = {  # few, so that pages stay small; what is not here has no colour of its own
    Token.Keyword: "k",
    Token.Operator.Word: "k",
    Token.Comment: "c",
    Token.Literal.String: "s",
    Token.Literal.Number: "n",
    Token.Name.Function: "f",
    Token.Name.Class: "f",
    Token.Name.Decorator: "d",
}


class Cell(NamedTuple):
    """One column's text in a row, line by line as HTML, each with its indentation; no lines if it has none."""

    column: str
    lines: list[tuple[int, Markup]]


class Row(NamedTuple):
    equations: tuple[int, ...]
    through: bool
    same: bool
    cells: list[Cell]


class Part(NamedTuple):
    """only: the one column that has it, or "". same: all columns have the same text."""

    name: str
    kind: str
    only: str
    same: bool
    rows: list[Row]

    @property
    def anchor(self) -> str:
        """The name, without what an address would have to spell in another way."""
        return re.sub(r"\W+", "-", self.name).strip("-")

    @property
    def backward(self) -> bool:
        return self.name.endswith("_backward")


def parts(path: str, columns: tuple[str, ...]) -> list[Part]:
    coloured = {column: highlight(catalogue.source(column, path).read_text()) for column in columns}
    found = []
    for part in sidebyside.parts(path, columns):
        only = part.columns[0] if len(part.columns) == 1 < len(columns) else ""
        rows = []
        for row in part.rows:
            cells = [Cell(c, _physical(row.cells[c], coloured[c]) if c in row.cells else []) for c in columns]
            rows.append(Row(row.equations, row.through, row.is_same(columns), cells))
        found.append(Part(part.name, part.kind, only, part.is_same(columns), rows))
    return found


def highlight(text: str) -> list[Markup]:
    """Python source as HTML, line by line."""
    lines = [Markup("")]
    for kind, value in PythonLexer(ensurenl=False, stripnl=False).get_tokens(text):
        name = _class(kind)
        for i, piece in enumerate(value.split("\n")):
            if i:
                lines.append(Markup(""))
            if piece:
                lines[-1] += Markup('<i class="{}">{}</i>').format(name, piece) if name and piece.strip() else piece
    return lines


def _class(kind: _TokenType) -> str:
    while kind is not Token:
        if kind in CLASSES:
            return CLASSES[kind]
        kind = kind.parent
    return ""


def _physical(line: Line, coloured: list[Markup]) -> list[tuple[int, Markup]]:
    texts = line.text.split("\n")
    return [
        (len(text) - len(text.lstrip()), coloured[line.first - 1 + i]) for i, text in enumerate(texts) if text.strip()
    ]
