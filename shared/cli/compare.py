"""`triptych compare` and `triptych site`: an algorithm's columns side by side, in the terminal and as web pages."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from shared import backends, catalogue
from shared.cli.console import Json, algorithms, console, folded, place, print_json, show_paged
from shared.comparing import sidebyside
from shared.comparing.reading import TAG
from shared.comparing.sidebyside import Line, Part, Row

SIDE_BY_SIDE = 48  # characters that a column needs, or the columns are laid over each other
PIPE = 200  # width where there is no terminal
COLOURS = ("green", "yellow", "magenta", "cyan", "blue", "red")  # of equations, in turn


def compare(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ALGO", help="A path such as recurrent/lstm; `lstm` alone is enough.", autocompletion=algorithms
        ),
    ],
    columns: Annotated[
        str | None, typer.Option("--backends", help="numpy torch for these two; all if left out")
    ] = None,
    code_only: Annotated[bool, typer.Option("--code-only", help="Leave the specification out.")] = False,
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Print everything at once.")] = False,
    as_json: Json = False,
):
    """Read an algorithm in three columns, function by function, with lines of the same equation in one row.

    In a narrow terminal, common lines are printed once and differing lines are stacked.

    Examples: triptych compare lstm · triptych compare adam --backends numpy torch · triptych compare gru --code-only
    """
    path, names = _asked(words, columns)
    parts = sidebyside.parts(path, names)
    if as_json:
        record = {"path": path, "columns": names, "specification": sidebyside.specification(path)}
        record["parts"] = [sidebyside.record(part) for part in parts]
        print_json(record)
        return
    out = console(PIPE)
    show_paged(out, Group(*_page(path, names, parts, code_only, out.width)), no_pager)


def site(
    algos: Annotated[
        list[str] | None, typer.Argument(metavar="[ALGO]...", help="Only these.", autocompletion=algorithms)
    ] = None,
    out: Annotated[Path, typer.Option(parser=place, help="Folder for the pages.")] = Path("build/site"),
    recorded: Annotated[
        Path | None,
        typer.Option(
            parser=place,
            help="Folder with runs, train/ and demo/, and benchmarks, bench*.json; build/ if left out.",
        ),
    ] = None,
):
    """Write a web site that needs no network: an index, and a page per algorithm, opened straight from disk.

    Every page has the specification, the columns side by side, the values that each line computes, the classic
    mistakes, how other libraries differ, what was checked, and speed and training curves where they were recorded:

        triptych bench --json > build/bench.json
        triptych train lstm --backend torch

    The status is 1 if a check fails; the page says which.

    Examples: triptych site · triptych site lstm adam --out build/two
    """
    try:
        from shared.site import builder
    except ModuleNotFoundError as error:
        how = "in a clone of the repository: pip install '.[site]'"
        raise ValueError(f"the site needs {error.name}, which is not installed; {how}") from None
    if recorded and not recorded.is_dir():
        raise ValueError(f"--recorded is '{recorded}', expected a folder")

    chosen = {catalogue.find(algo) for algo in algos or ()}
    paths = [path for path in catalogue.paths() if path in chosen or not chosen]
    with console(stderr=True).status("") as status:
        pages = builder.build(out, paths, recorded or Path("build"), lambda path: status.update(f"measuring {path}"))
    failed = [page for page in pages if page.problems]
    for page in failed:
        for problem in page.problems:
            print(f"{page.path}: {problem}")
    print(f"{len(pages)} algorithms: {out / 'index.html'}")
    if failed:
        raise typer.Exit(1)


def _asked(words: list[str], columns: str | None) -> tuple[str, tuple[str, ...]]:
    """The path, and the columns in their order: `lstm --backends numpy torch` gives `torch` as one more word."""
    if columns is not None and not columns.replace(",", " ").split():
        raise ValueError(f"--backends is {columns!r}, expected some of {', '.join(backends.NAMES)}")
    named = [*(columns or "").replace(",", " ").split(), *(word for word in words if word in backends.NAMES)]
    algos = [word for word in words if word not in backends.NAMES]
    for name in named:
        if name not in backends.NAMES:
            raise ValueError(f"backend {name!r} is unknown, expected one of {', '.join(backends.NAMES)}")
    if len(algos) != 1:
        raise ValueError(f"compare takes one algorithm, got {' '.join(algos) or 'none'}")
    path = catalogue.find(algos[0])
    existing = sidebyside.existing(path)
    return path, tuple(name for name in existing if not named or name in named)


def _page(path, names, parts: list[Part], code_only: bool, width: int) -> Iterator[RenderableType]:
    if not code_only:
        yield Text(sidebyside.specification(path))
        yield Text()
    wide = (width - 2 * (len(names) - 1)) // len(names)
    beside = wide >= SIDE_BY_SIDE
    if beside:
        files = [catalogue.source(name, path).relative_to(catalogue.ROOT).as_posix() for name in names]
        yield _beside([Text(file, style="bold") for file in files], names, wide)
    for part in parts:
        yield Text()
        alone = f", {part.columns[0]} only" if len(part.columns) == 1 < len(names) else ""
        yield Rule(Text(part.name + alone, style="bold cyan"), align="left", style="bright_black")
        coloured = _coloured(part)
        if alone or part.is_same(names):
            lines = (row.cells[part.columns[0]] for row in part.rows)
            yield Group(*(text for line in lines for text in _all_folded(coloured[line], width)))
        elif beside:
            for row in part.rows:
                cells = [Group(*_all_folded(coloured[row.cells[n]], wide)) if n in row.cells else "" for n in names]
                yield _beside(cells, names, wide)
        else:
            yield Group(*_stacked(part, names, coloured, width))


def _beside(cells: list, names: tuple[str, ...], width: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in names:
        table.add_column(width=width)
    table.add_row(*cells)
    return table


def _stacked(part: Part, names: tuple[str, ...], coloured: dict[Line, list[Text]], width: int) -> Iterator[Text]:
    """What is the same everywhere once; what differs by column, with its name in the margin."""
    labels = [" ".join(who) for n in (1, len(names) - 1) for who in combinations(names, n)]
    margin = max(map(len, labels)) + 1
    before = ""
    for row in part.rows:
        for who, line in _groups(row, names):
            label = "" if len(who) == len(names) else " ".join(who)
            for i, text in enumerate(_all_folded(coloured[line], width - margin)):
                shown = label if i == 0 and label != before else ""
                yield Text.assemble((shown.ljust(margin), "bright_black"), text)
            before = label


def _groups(row: Row, names: tuple[str, ...]) -> list[tuple[list[str], Line]]:
    """The different texts of a row, each with the columns that have it."""
    found: dict[str, tuple[list[str], Line]] = {}
    for name in names:
        if name in row.cells:
            found.setdefault(row.cells[name].text, ([], row.cells[name]))[0].append(name)
    return list(found.values())


def _coloured(part: Part) -> dict[Line, list[Text]]:
    """Every line of a part in colours, as its physical lines; the tag of an equation in a colour of its own."""
    highlight = Syntax("", "python", theme="ansi_dark", background_color="default").highlight
    found = {}
    for line in (line for row in part.rows for line in row.cells.values()):
        text = highlight(line.text)
        for tag in TAG.finditer(line.text):
            colour = COLOURS[line.equations[0] % len(COLOURS)]
            text.stylize(f"bold {colour}", tag.start(), len(line.text))
        text.rstrip()
        found[line] = list(text.split("\n"))
    return found


def _all_folded(lines: list[Text], width: int) -> Iterator[Text]:
    for line in lines:
        yield from folded(line, width)
