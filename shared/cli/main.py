"""The command `triptych`. Every command exits with status 0 only when all is well."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shared import backends, catalogue
from shared.cli import bench, checking, compare, derive, native, port, trace, train
from shared.cli.console import Json, algorithms, console, hush, place, print_json

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")
ClickException = typer.BadParameter.__mro__[2]  # what click says of a wrong command line, wherever typer keeps click
WIDE_LIST = 110  # characters, from which on `list` shows columns, cases and benchmarks as well


@app.callback(invoke_without_command=True)
def triptych(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and where it is installed.")] = False,
):
    """Deep learning from scratch, three ways: NumPy with every gradient by hand, PyTorch and TensorFlow."""
    if version:
        print(f"triptych {version_of('triptych')} in {catalogue.ROOT}")
        raise typer.Exit
    if not context.invoked_subcommand:
        print(context.get_help())


@app.command("list")
def list_(as_json: Json = False):
    """List every algorithm, what it is and the recipes that train it.

    Example: triptych list
    """
    rows = []
    for path in catalogue.paths():
        has = {kind: (catalogue.ROOT / "shared" / kind / f"{path}.py").exists() for kind in ("cases", "benchmarks")}
        columns = [name for name in backends.NAMES if catalogue.source(name, path).exists()]
        title = catalogue.source("numpy", path).read_text().split("\n")[0].strip('"').rstrip(".")
        rows.append({"path": path, "title": title, "columns": columns, "recipes": catalogue.recipes_of(path), **has})
    if as_json:
        return print_json(rows)
    out = console()
    wide = out.width >= WIDE_LIST
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("algorithm", no_wrap=True)
    table.add_column("what it is", min_width=20)
    table.add_column("recipes", no_wrap=True)
    for heading in ("columns", "case", "benchmark") if wide else ():
        table.add_column(heading, no_wrap=True)
    for row in rows:
        recipes = "\n".join(path.split("/")[-1] for path in row["recipes"])
        more = [" ".join(row["columns"]), *("✓" if row[kind] else "" for kind in ("cases", "benchmarks"))]
        title = row["title"] if wide else row["title"].partition(":")[0]
        table.add_row(row["path"], title, recipes, *(more if wide else ()))
    out.print(table)
    out.print(f"installed backends: {', '.join(backends.installed())}", highlight=False)


@app.command()
def fixtures(
    algo: Annotated[str | None, typer.Argument(help="Only this algorithm.", autocompletion=algorithms)] = None,
):
    """Write the golden vectors in shared/fixtures anew, by asking the oracles (needs PyTorch)."""
    from shared.checking import fixtures

    catalogue.need_clone("fixtures")
    backends.get("torch")
    for path in [catalogue.find(algo)] if algo is not None else catalogue.paths():
        file = fixtures.write(path)
        print(f"{file.relative_to(catalogue.ROOT)}: {file.stat().st_size:,} bytes")


@app.command()
def measured():
    """Write MEASURED.md anew, the table of measured errors (runs every check)."""
    from shared.checking import measured
    from shared.checking.report import report

    catalogue.need_clone("measured")
    reports = [report(path) for path in catalogue.paths()]
    measured.write(reports)
    if not all(r["ok"] for r in reports):
        checking.show(reports)
        raise typer.Exit(1)


@app.command()
def results(
    folder: Annotated[Path, typer.Argument(parser=place, help="Folder with training runs below train/.")] = Path(
        "build"
    ),
):
    """Add the finished training runs to the table of RESULTS.md.

    Example: triptych results
    """
    from shared.training import results

    catalogue.need_clone("results")
    if not (folder / "train").is_dir():
        raise ValueError(f"'{folder}' has no folder train, expected one with runs of `triptych train`")
    print(f"RESULTS.md: {results.update(folder)} runs added, {len(results.recorded())} rows")


app.command()(checking.check)
app.command()(checking.mistakes)
app.command()(train.train)
app.command()(train.say)
app.command()(train.demo)
app.command()(train.race)
app.command()(bench.bench)
app.command()(trace.trace)
app.command()(derive.derive)
app.command()(port.port)
app.command()(port.golden)
app.command()(native.export)
app.command("import")(native.import_)
app.command()(compare.compare)
app.command()(compare.site)


def main():
    """Runs the command line: whatever is wrong is one clear line on stderr, and an exit status that is not 0."""
    try:
        status = app(standalone_mode=False)
        _flush()
    except ClickException as error:
        context = getattr(error, "ctx", None)
        more = f" (`{context.command_path} --help` shows how)" if context else ""
        status = _failed(error.format_message().rstrip(".") + more, 2)
    except (ValueError, OSError) as error:
        status = _failed(str(error), 1)
    except (KeyboardInterrupt, typer.Abort):
        status = _failed("interrupted", 130)
    sys.exit(status if isinstance(status, int) else 0)


def _failed(message: str, status: int) -> int:
    print("error:", " ".join(filter(None, map(str.strip, message.splitlines()))), file=sys.stderr)
    return status


def _flush():
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        hush()


if __name__ == "__main__":
    main()
