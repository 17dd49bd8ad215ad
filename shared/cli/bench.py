"""`triptych bench`: the table of ratios."""

from typing import Annotated

import typer
from rich.table import Table

from shared import backends, catalogue
from shared.benchmarking import measure
from shared.cli.console import Json, algorithms, console, print_json


def bench(
    algo: Annotated[
        str | None,
        typer.Argument(help="recurrent/lstm, or lstm alone; every algorithm if left out", autocompletion=algorithms),
    ] = None,
    backend: Annotated[str | None, typer.Option(help="numpy, torch or tf; every installed one if left out")] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="also measure the peak memory of one step (Linux)")
    ] = False,
    repeats: Annotated[
        int | None, typer.Option(min=3, help="rounds in which the two sides take turns, 50 if left out")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="10 rounds")] = False,
    growth: Annotated[
        bool,
        typer.Option("--growth", help="instead: the time for sequences of 32 to 512 steps, and to compile"),
    ] = False,
    as_json: Json = False,
):
    """Measure speed against the frameworks' own layers and optimizers: one thread, float32, ours / theirs.

    Examples: triptych bench lstm · triptych bench mlp --backend numpy --memory · triptych bench --quick --json
    · triptych bench gru --growth
    """
    for option, given in (("--memory", memory), ("--repeats", repeats is not None), ("--quick", quick)):
        if growth and given:
            raise ValueError(f"--growth goes without {option}")
    if quick and repeats is not None:
        raise ValueError("give --quick, which is 10 rounds, or --repeats")
    paths = None if algo is None else [catalogue.find(algo)]
    names = list(backends.installed()) if backend is None else [backend]
    for name in names:
        backends.get(name)
    if growth:
        return _growth(paths, names, as_json)
    results = []
    with console(stderr=True).status("") as status:
        for path in paths or catalogue.paths():
            for name in names:
                status.update(f"measuring {path}, {name}")
                results += measure.run(path, name, 10 if quick else repeats or 50, memory)
    if as_json:
        print_json([_record(result) for result in results])
    else:
        console().print(_table(results, memory))


def _growth(paths: list[str] | None, names: list[str], as_json: bool):
    from shared.benchmarking import growth

    known = [path for path in catalogue.paths() if growth.can_grow(path)]
    paths = paths or known
    if not set(paths) <= set(known):
        raise ValueError(f"{paths[0]} has no sequences, expected one of {', '.join(known)}")
    table = Table(title="one step, forward and backward; the time of the compiler once")
    for heading in ("algorithm", "backend", "T", "ms", "µs for each time step"):
        table.add_column(heading, no_wrap=True, justify="left" if heading in ("algorithm", "backend") else "right")
    found = []
    with console(stderr=True).status("") as status:
        for path, name in ((path, name) for path in paths for name in names):
            status.update(f"measuring {path}, {name}")
            found += growth.rows(path, name)
    for row in found:
        if "ms" in row:
            cells = f"{row['ms']:.1f}", f"{1000 * row['ms'] / row['T']:.0f}"
        else:
            cells = f"{row['mode']}: {row['s']:.1f} s", ""
        table.add_row(row["algorithm"], row["backend"], str(row["T"]), *cells)
    if as_json:
        print_json(found)
    else:
        console().print(table)


def _record(result):
    return result._asdict() | {"ours": result.ours._asdict(), "theirs": result.theirs._asdict()}


def _table(results, memory):
    table = Table(title="ours / theirs: median over the rounds (quartiles); below 1, ours is faster")
    table.add_column("", no_wrap=True)
    for column in ("ours, ms", "theirs, ms", "ratio", *(["memory, MB"] if memory else [])):
        table.add_column(column, no_wrap=column == "ratio", min_width=12)
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
