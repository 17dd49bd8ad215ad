"""`triptych trace`: what every tagged line computed, column beside column."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from shared import backends, cases, catalogue
from shared.cli.console import Algo, Json, Terminal, console, place, print_json, say

BELOW = " " * 6  # before values that stand below their name


def trace(
    algo: Algo,
    columns: Annotated[
        str | None, typer.Option("--backends", help="numpy,torch for these two; all installed if left out")
    ] = None,
    case: Annotated[str | None, typer.Option(help="the label of a case; the first one if left out")] = None,
    impl: Annotated[Path | None, typer.Option(parser=place, help="a port, as one more column beside NumPy")] = None,
    backward: Annotated[
        bool, typer.Option("--backward", help="only the gradients, in the order of the way back")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(min=1, help="with --impl: seconds that the port may take, 60 if left out")
    ] = None,
    as_json: Json = False,
):
    """Show what every line with an equation's number computes, step by step, in each column on the same input.

    The first line that differs is named, and the exit status is 1 if there is one. The way back comes last: what
    NumPy's hand-written backward gives to `d_c`, beside the gradient that autograd and GradientTape give to `c`.

    Examples: triptych trace lstm · triptych trace lstm --backward · triptych trace adam --backends numpy,torch ·
    triptych trace lstm --impl my_lstm.py
    """
    path = catalogue.find(algo)
    names = list(dict.fromkeys(name for name in re.split(r"[ ,]+", columns or "") if name))
    if columns is not None and not names:
        raise ValueError(f"--backends is {columns!r}, expected some of {', '.join(backends.NAMES)}")
    names = names or (["numpy"] if impl else list(backends.installed()))
    for name in names:
        backends.get(name)
    chosen = cases.find_case(path, case)
    if impl:
        from shared.porting import runner

        if backward:
            raise ValueError("--backward goes without --impl: a port's gradients come last, where it has its own")
        report = runner.trace(path, impl, names, case, timeout or 60)
    else:
        from shared.comparing import question_six

        if timeout is not None:
            raise ValueError("--timeout goes with --impl, which names the file of a port")
        report = question_six.report(path, chosen, tuple(names), backward=backward)
    if as_json:
        print_json(report)
    else:
        show(report, console())
    if not report["ok"]:
        raise typer.Exit(1)


def show(report: dict, console: Terminal):
    """Prints a report of `comparing.walks`, as many values in each column as the width allows."""
    if "finding" in report:  # the port could not be traced at all
        return say(console, report["finding"])
    table = _Table(report, console.width)
    say(console, f"{report['path']}, case {report['case']!r}: what each tagged line computes")
    before, gradients, told = None, report.get("gradients", {}), set()
    if not table.narrow:
        console.print(table.line("", "", "", report["columns"], "apart", style="bold"))
    for row in report["rows"]:
        block = row["through"], row["function"], row["call"], row["step"], row["leaf"]
        if block != before:
            say(console, _heading(row), "cyan")
            before = block
        equation = gradients.get(row["name"]) if row["through"] else None
        if equation and equation not in told:  # several gradients may share one
            told.add(equation)
            say(console, f"     {equation}", "dim")
        first = report["first"] is not None and row is report["rows"][report["first"]]
        for line in table.row(row, first):
            console.print(line)
    used = {n for row in report["rows"] for n in row["equations"]}
    for number, text in report["equations"].items():
        if int(number) in used:
            say(console, f"({number})  {text}", "dim")
    for name, error in report["stopped"].items():
        say(console, f"{name} stopped: {error}", "red")
    for left in report.get("left", []):
        name = f"{left['name']} is" if left["name"] else "it is"
        text = f"line {left['line']}, {name} not compared: {left['reason']}: {left['text']}"
        say(console, text, "yellow")
    say(console, verdict(report))


def verdict(report: dict) -> str:
    """One line: the first row that differs, or how many agree how well."""
    rows = [row for row in report["rows"] if row["difference"] is not None]
    if report["first"] is None:
        worst = max((float(row["difference"]) for row in rows), default=0)
        alone = len(report["rows"]) - len(rows)
        more = f"; {alone} that only one column has" if alone else ""
        return f"{len(rows)} values agree, largest difference {worst:.0e} (allowed {report['tolerance']:.0e}){more}"
    row = report["rows"][report["first"]]
    shapes = {tuple(cell["shape"]) for cell in row["columns"].values()}
    what = f"shapes {' and '.join(map(str, shapes))}" if len(shapes) > 1 else _by_how_much(row, report["tolerance"])
    lines = ", ".join(f"{name} line {cell['line']}" for name, cell in row["columns"].items())
    return f"the first difference is in {row['place']}: {what} ({lines})"


def _by_how_much(row: dict, allowed: float) -> str:
    return f"relative difference {float(row['difference']):.1e}, allowed {allowed:.0e}"


def _heading(row: dict) -> str:
    return ", ".join(
        filter(
            None,
            [
                row["function"] + (" (gradients: NumPy by hand, the others by autodiff)" if row["through"] else ""),
                row["when"],
            ],
        )
    )


class _Table:
    """Column widths for one report: tag, name and shape as wide as needed, what is left is shared by the values.
    Where that is too little for a number, values stand below the name, those that look alike once."""

    def __init__(self, report: dict, width: int):
        rows = report["rows"]
        self.columns = report["columns"]
        self.tag = max([cell_len(self.numbers(row)) for row in rows] or [0])
        self.name = min(max([cell_len(row["name"]) for row in rows] or [0]), 16)
        self.shape = max([cell_len(self.dims(row)) for row in rows] or [0])
        self.last = 5
        left = width - self.tag - self.name - self.shape - self.last - 6
        self.each = left // len(self.columns) - 2
        self.narrow = self.each < 9
        if self.narrow:
            self.each = width - len(BELOW) - cell_len(" ".join(self.columns)) - 2

    def numbers(self, row: dict) -> str:
        return ("∂" if row["through"] else "") + " ".join(f"({n})" for n in row["equations"])

    def dims(self, row: dict) -> str:
        return "×".join(map(str, next(iter(row["columns"].values()))["shape"])) or "scalar"

    def row(self, row: dict, first: bool) -> Iterator[Text]:
        cells = [row["columns"].get(name) for name in self.columns]
        difference = "" if row["difference"] is None else _error(row["difference"])
        style = "bold red" if row["differs"] else ""
        texts = [self.values(cell) for cell in cells]
        fixed, mark = (self.numbers(row), row["name"], self.dims(row)), "◀" if first else ""
        if not self.narrow:
            yield self.line(*fixed, texts, difference, style, mark)
            return
        yield self.line(*fixed, [], difference, style, mark)
        alike: dict[str, list[str]] = {}
        for name, text in zip(self.columns, texts, strict=True):
            alike.setdefault(text, []).append(name)
        for text, names in alike.items():
            yield Text(f"{BELOW}{' '.join(names)}  {text}", style=style, no_wrap=True)

    def values(self, cell: dict | None) -> str:
        """As many numbers as there is room for, `…` where there are more."""
        if cell is None:
            return "–"
        size = 1
        for n in cell["shape"]:
            size *= n
        text = ""
        for i, value in enumerate(cell["values"]):
            more = f"{text} {_number(value)}".strip()
            ellipsis = " …" if i + 1 < size else ""
            if cell_len(more + ellipsis) > self.each:
                return f"{text} …" if text else more
            text = more
        return f"{text} …" if size > len(cell["values"]) else text or "(empty)"

    def line(self, tag, name, shape, cells, difference, style="", mark="") -> Text:
        fixed = zip((tag, name, shape), (self.tag, self.name, self.shape), strict=True)
        left = " ".join(set_cell_size(text, width) for text, width in fixed)
        middle = "  ".join(set_cell_size(cell, self.each) for cell in cells)
        return Text(f" {left}  {middle}  {difference:>{self.last}}{mark}".rstrip(), style=style, no_wrap=True)


def _number(value) -> str:
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    return f"{value: .4f}" if 1e-3 <= abs(value) < 1e3 else "0" if value == 0 else f"{value: .1e}"


def _error(value) -> str:
    return "0" if value == 0 else f"{float(value):.0e}"
