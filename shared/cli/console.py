"""What all commands print with: one console, tables that fit it, JSON, numbers in words."""

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from shared import catalogue
from shared.training import metrics

WIDE = 130  # characters, where the output goes to a file or a pipe


def place(text: str | Path) -> Path:
    """A path on the command line, or an option's default; an empty one would be the current folder."""
    if not str(text).strip():
        raise typer.BadParameter("the path is empty")
    return Path(text)


def algorithms(incomplete: str) -> list[str]:
    """What the shell offers for an algorithm: whole paths, or names alone."""
    paths = catalogue.paths()
    words = [*paths, *(path.split("/")[-1] for path in paths)]
    return [word for word in words if word.startswith(incomplete)]


Algo = Annotated[
    str, typer.Argument(help="A path such as recurrent/lstm; `lstm` alone is enough.", autocompletion=algorithms)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]


class Terminal(Console):
    """Prints a table that is too wide row by row; a reader that has gone away, as after `| head`, is no error."""

    def print(self, *objects, **options):
        super().print(*(_fitted(x, self) if isinstance(x, Table) else x for x in objects), **options)

    def on_broken_pipe(self):
        hush()

    @property
    def folds(self) -> bool:
        """Whether long lines are folded: not in a file or a pipe, where a line is looked for whole."""
        return self.is_terminal or "COLUMNS" in os.environ


def console(width: int = WIDE, **options) -> Terminal:
    """The terminal, or what COLUMNS says, as wide as it is; any other file or pipe gets whole tables."""
    found = Terminal(**options)
    return found if found.folds else Terminal(width=width, **options)


def _fitted(table: Table, console: Console) -> RenderableType:
    """The table, or its rows one below the other with a heading before every value."""
    for column in table.columns:
        if column.no_wrap:  # else a column shrinks to its longest word, and cuts the rest
            column.min_width = max(Measurement.get(console, console.options, x).maximum for x in _texts(column))
    if Measurement.get(console, console.options.update(width=10_000), table).minimum <= console.width:
        return table
    headings = [str(column.header).replace("\n", " ") for column in table.columns]
    longest = min(max(map(len, headings)), console.width // 2)
    shown: list[RenderableType] = [Text.from_markup(str(table.title), style="italic")] if table.title else []
    for first, *others in zip(*(column.cells for column in table.columns), strict=True):
        shown.append(first)
        values = Table.grid(padding=(0, 2, 0, 0))
        values.add_column(width=longest + 2, overflow="fold")
        values.add_column(overflow="fold")
        for heading, value in zip(headings[1:], others, strict=True):
            if value:
                values.add_row(f"  {heading}", value)
        shown.append(values)
    return Group(*shown)


def _texts(column: Column) -> Iterator[Text]:
    for x in (column.header, *column.cells):
        yield Text.from_markup(str(x))


def folded(line: Text, width: int) -> Iterator[Text]:
    """A line that is too long goes on below, indented by four more than it began."""
    indent = len(line.plain) - len(line.plain.lstrip()) + 4
    while line.cell_len > width:
        head, line = line.divide([_cut(line.plain, indent, width)])
        yield head
        line = Text(" " * indent).append_text(line[len(line.plain) - len(line.plain.lstrip()) :])
    yield line


def _cut(text: str, start: int, width: int) -> int:
    """Where a line is broken: before its comment, after a comma in its second half, at any space, anywhere."""
    comment, comma = text.find("  #", start), text.rfind(", ", width // 2, width) + 1
    if 0 < comment <= width:
        return comment
    return comma or max(text.rfind(" ", start, width + 1), 0) or width


def say(console: Terminal, text: str, style: str = ""):
    """Prints lines as they are, no markup in them; in a terminal too long ones are folded between words."""
    for line in text.split("\n"):
        parts = [line]
        if console.folds and len(line) > console.width:
            indent = " " * (len(line) - len(line.lstrip()) + 4)
            held = re.sub(r"\[[\d, ]+\]", lambda index: index[0].replace(" ", "\xa0"), line)  # one word
            parts = textwrap.wrap(held, console.width, subsequent_indent=indent, break_on_hyphens=False)
        for part in parts:
            console.print(Text(part.replace("\xa0", " "), style=style), soft_wrap=True)


def show_paged(console: Terminal, page: RenderableType, no_pager: bool):
    """In a terminal through a pager, with colours, unless it fits the screen."""
    if console.is_terminal and not no_pager:
        os.environ["LESS"] = f"{os.environ.get('LESS', '')} -RFX"  # colours; no paging of what fits the screen
        with console.pager(styles=True):
            console.print(page)
    else:
        console.print(page)


def print_json(value):
    try:
        print(json.dumps(value, indent=2, ensure_ascii=False), flush=True)
    except BrokenPipeError:
        hush()


def hush():
    """Nobody reads stdout any more: what is still printed goes nowhere, and the command's status stays its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def metric(name: str, value: float) -> str:
    """`98.12 %`, or `-98.21 nats per digit (what it is; higher is better)`."""
    return metrics.in_words(name, value)
