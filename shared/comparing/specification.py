"""A module docstring, taken apart: the specification of an algorithm. The only parser of it.

    title.

    Idea: two sentences.

        y = x W + b        (1)   remark

    Gradients:
        d_W = xᵀ d_y       through (1)

    Shapes: ...

Blocks are parted by empty lines. A block that begins with a capitalised word and a colon is a section; an indented
one holds equations, whose numbers stand two or more spaces to the right, before any remark; any other is prose. An
equation of the section Gradients ends in `through (1) (2)`; it may begin lines above.
"""

import ast
import re
from functools import cache
from typing import NamedTuple

from shared import catalogue

HEADING = re.compile(r"([A-Z][a-z]+):(?:\s+|$)")
NUMBER = re.compile(r"\((\d+)\)")
TAG = re.compile(r"\s{2,}((?:\(\d+\)\s?)+)(?=\s{2,}|\s*$)")  # apart: `in evaluation (5)` only speaks of one
THROUGH = re.compile(r"\s{2,}through ((?:\(\d+\)\s?)+)(?=\s{2,}|\s*$)")
LEFT = re.compile(r"(?:^|[,;]\s+)(d_[^\s,;=←]+(?:, d_[^\s,;=←]+)*)\s*(?:=|←)")
INDEX = re.compile(r"_(?:\{[^}]*\}|[tlnkijs])$")


class Equation(NamedTuple):
    """A line of the specification: its numbers may be none, where it only goes on or explains."""

    text: str
    numbers: tuple[int, ...]
    remark: str


class Gradient(NamedTuple):
    """An equation of the way back. names: what it defines, such as `d_W_h`; through: what it differentiates."""

    text: str
    names: tuple[str, ...]
    through: tuple[int, ...]
    remark: str

    @property
    def whole(self) -> str:
        return f"{self.text}   through {' '.join(f'({n})' for n in self.through)}"


class Specification(NamedTuple):
    """title, subtitle: the first line. intro: prose outside sections. sections: text by heading, those of Gradients
    aside."""

    title: str
    subtitle: str
    intro: list[str]
    equations: list[Equation]
    gradients: list[Gradient]
    sections: dict[str, str]

    @property
    def numbers(self) -> set[int]:
        return {n for equation in self.equations for n in equation.numbers}

    @property
    def texts(self) -> dict[int, str]:
        """Every numbered equation with its remark, in one line; lines that share a number are parted by `;`."""
        found: dict[int, str] = {}
        for equation in self.equations:
            text = f"{equation.text}   {equation.remark}" if equation.remark else equation.text
            for number in equation.numbers:
                found[number] = f"{found[number]}; {text.strip()}" if number in found else text.strip()
        return found


def docstring(path: str) -> str:
    """The docstring of the NumPy file, which is the same in every column."""
    return ast.get_docstring(ast.parse(catalogue.source("numpy", path).read_text())) or ""


@cache
def of(path: str) -> Specification:
    """The specification of an algorithm."""
    return read(docstring(path))


def read(text: str) -> Specification:
    blocks = [block for block in re.split(r"\n[ \t]*\n", text.strip("\n")) if block.strip()]
    first, _, more = blocks[0].partition("\n")
    title, _, subtitle = first.strip().rstrip(".").partition(": " if ": " in first else ", ")
    intro, equations, gradients, sections = [], [], [], {}
    for block in ([more] if more.strip() else []) + blocks[1:]:
        heading = HEADING.match(block)
        if heading and heading[1] == "Gradients":
            gradients += _gradients(block[heading.end() :])
        elif heading:
            sections[heading[1]] = block[heading.end() :].strip()
        elif block.startswith(" "):
            equations += [*([Equation("", (), "")] if equations else []), *_equations(block)]
        else:
            intro.append(" ".join(block.split()))
    return Specification(title, subtitle, intro, equations, gradients, sections)


def lines(section: str) -> list[str]:
    """The entries of a section that has one a line, such as Differs; a line indented further goes on."""
    found: list[str] = []
    for line in section.splitlines():
        if found and line.startswith(" " * 8):
            found[-1] += f" {line.strip()}"
        elif line.strip():
            found.append(line.strip())
    return found


def _equations(block: str) -> list[Equation]:
    rows = block.splitlines()
    margin = min(len(row) - len(row.lstrip()) for row in rows if row.strip())
    found = []
    for row in rows:
        tag = TAG.search(row)
        if tag:
            text, numbers, remark = row[margin : tag.start()], NUMBER.findall(tag[1]), row[tag.end() :]
            found.append(Equation(text.rstrip(), tuple(map(int, numbers)), remark.strip()))
        else:
            found.append(Equation(row[margin:].rstrip(), (), ""))
    return found


def _gradients(block: str) -> list[Gradient]:
    found, begun = [], ""
    for row in block.splitlines():
        tag = THROUGH.search(row)
        begun = f"{begun} {row[: tag.start()] if tag else row}".strip()
        if tag:
            text = re.sub(r"  +", "  ", begun)
            names = tuple(name for group in LEFT.findall(text) for name in group.split(", "))
            through = tuple(int(n) for n in NUMBER.findall(tag[1]))
            found.append(Gradient(text, names, through, row[tag.end() :].strip()))
            begun = ""
    return found


def spelled(name: str) -> tuple[str, ...]:
    """What the code may call a gradient of the specification: `d_z_t` and `d_z_{t-1}` are `d_z` there."""
    return (name, INDEX.sub("", name))
