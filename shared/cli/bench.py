"""`triptych bench`: the table of ratios."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from shared import backends, catalogue
from shared.benchmarking import measure


def bench(
    algo: Annotated[str, typer.Argument(help="recurrent/lstm, or lstm alone; every algorithm if left out")] = "",
    backend: Annotated[str, typer.Option(help="numpy, torch or tf; every installed one if left out")] = "",
    memory: Annotated[
        bool, typer.Option("--memory", help="also measure the peak memory of one step (Linux)")
    ] = False,
    repeats: Annotated[int, typer.Option(min=3, help="rounds in which the two sides take turns")] = 50,
    quick: Annotated[bool, typer.Option("--quick", help="10 rounds")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list instead of the table")] = False,
):
    """Measure speed against the frameworks' own layers and optimizers: one thread, float32, ours / theirs.

    Examples: triptych bench lstm · triptych bench mlp --backend numpy --memory · triptych bench --quick --json
    """
    paths = [catalogue.find(algo)] if algo else catalogue.paths()
    names = [backend] if backend else list(backends.installed())
    results = []
    with Console(stderr=True).status("") as status:
        for path in paths:
            for name in names:
                status.update(f"measuring {path}, {name}")
                results += measure.run(path, name, 10 if quick else repeats, memory)
    if as_json:
        json.dump([_record(result) for result in results], sys.stdout, indent=1)
        print()
    else:
        Console().print(_table(results, memory))


def _record(result):
    return result._asdict() | {"ours": result.ours._asdict(), "theirs": result.theirs._asdict()}


def _table(results, memory):
    table = Table(title="ours / theirs: median over the rounds (quartiles); below 1, ours is faster")
    table.add_column("", no_wrap=True)
    for column in ("ours, ms", "theirs, ms", "ratio", *(["memory, MB"] if memory else [])):
        table.add_column(column, no_wrap=column == "ratio")
    for before, result in zip([None, *results], results, strict=False):
        ours, theirs, (low, high) = result.ours, result.theirs, result.quartiles
        if before is None or before.algorithm != result.algorithm:
            table.add_section()
            table.add_row(f"[bold]{result.algorithm}")
        colour = "green" if result.ratio <= 1 else "default"
        table.add_row(
            f"  {result.benchmark}",
            f"{ours.ms:.3g} {ours.how}",
            f"{theirs.ms:.3g} {theirs.how}",
            f"[{colour}]{result.ratio:.2f}[/] ({low:.2f}-{high:.2f})",
            *([f"{ours.mb:.1f} / {theirs.mb:.1f} = {result.memory_ratio:.2f}"] if memory else []),
        )
    return table
