"""The command `triptych`. Every command exits with status 0 only when all is well."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from shared import backends, catalogue
from shared.cli import bench, compare, derive, native, port, trace, train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Deep learning from scratch, three ways: NumPy with every gradient by hand, PyTorch and TensorFlow.",
)
Algo = Annotated[str, typer.Argument(help="A path such as recurrent/lstm; `lstm` alone is enough.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_(as_json: Json = False):
    """List every algorithm and what there is for it.

    Example: triptych list
    """
    rows = []
    for path in catalogue.paths():
        kinds = ("cases", "recipes", "benchmarks")
        has = {kind: (catalogue.ROOT / "shared" / kind / f"{path}.py").exists() for kind in kinds}
        columns = [name for name in backends.NAMES if catalogue.source(name, path).exists()]
        title = catalogue.source("numpy", path).read_text().split("\n")[0].strip('"').rstrip(".")
        rows.append({"path": path, "title": title, "columns": columns, **has})
    if as_json:
        return _print_json(rows)
    table = Table("algorithm", "what it is", "columns", "case", "recipe", "benchmark")
    for row in rows:
        ticks = ["✓" if row[kind] else "" for kind in kinds]
        table.add_row(row["path"], row["title"], " ".join(row["columns"]), *ticks)
    _console().print(table)
    _console().print(f"installed backends: {', '.join(backends.installed())}")


@app.command()
def check(
    algo: Annotated[str | None, typer.Argument(help="A path such as recurrent/lstm; `lstm` is enough.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Check every algorithm.")] = False,
    backend: Annotated[list[str] | None, typer.Option(help="Only this backend; may be given more than once.")] = None,
    impl: Annotated[Path | None, typer.Option(help="Check this port, a file in any array library, instead.")] = None,
    values: Annotated[
        Path | None, typer.Option(help="Check these numbers, a port's safetensors file, instead.")
    ] = None,
    case: Annotated[list[str] | None, typer.Option(help="With --impl or --values: only this case.")] = None,
    dtype: Annotated[str, typer.Option(help="With --impl: float32 for a library without float64.")] = "float64",
    timeout: Annotated[float, typer.Option(min=1, help="With --impl: seconds that one case may take.")] = 60,
    as_json: Json = False,
):
    """Answer the six questions for an algorithm, with the worst errors found.

    Relative errors against the oracle in float64 (outputs, gradients) and float32, the largest difference between
    two backends, hand-written gradients against finite differences and, line by line, against the gradients that
    autograd and GradientTape give to intermediates; mutants caught, nasty cases, bad inputs.

    With --impl, a port is compared with the NumPy column, in a process of its own: outputs, shapes, dtype, gradients
    (its own _backward functions, or the autodiff of JAX, MLX, PyTorch or TensorFlow). The first equation that is
    wrong is named. `triptych port` writes the file to begin with. With --values, the numbers of a port in any
    language are compared with the golden vectors: outputs, gradients, and values on the way as far as it gives them.

    Examples: triptych check lstm · triptych check --all --json · triptych check lstm --impl my_lstm.py --case lstm
    """
    from shared.checking.report import report

    if (algo is None) != every:
        raise ValueError("give one algorithm, or --all")
    if values:
        if every or backend or impl:
            raise ValueError("--values goes with one algorithm, and without --impl and --backend")
        return port.check_values(catalogue.find(algo), values, case or [], as_json)
    if impl:
        if every or backend:
            raise ValueError("--impl goes with one algorithm, and without --backend")
        return port.check_port(catalogue.find(algo), impl, case or [], dtype, timeout, as_json)
    paths = catalogue.paths() if every else [catalogue.find(algo)]
    columns = tuple(backend or backends.installed())
    for name in columns:
        backends.get(name)
    reports = []
    with _console(stderr=True).status("") as status:
        for path in paths:
            status.update(f"checking {path}")
            reports.append(report(path, columns))
    if as_json:
        _print_json(reports)
    else:
        _print_reports(reports)
    if not all(r["ok"] for r in reports):
        raise typer.Exit(1)


@app.command()
def mistakes(algo: Algo, as_json: Json = False):
    """Show the classic mistakes of an algorithm, planted one by one, and the numbers each produces; of one on the way
    back also the gradient equation that it breaks.

    Example: triptych mistakes lstm
    """
    from shared.checking.mistakes import all_findings

    path = catalogue.find(algo)
    findings = all_findings(path)
    if as_json:
        _print_json(
            [
                {
                    **f.mutant.__dict__,
                    "caught": f.caught,
                    "how": f.how,
                    "breaks": [g.whole for g in f.broken.gradients] if f.broken else None,
                }
                for f in findings
            ]
        )
    else:
        console = _console()
        for i, (mutant, caught, how, broken) in enumerate(findings, 1):
            console.print(f"\n[bold]{i}. {mutant.why}[/bold]", highlight=False)
            for sign, colour, text in (("-", "red", mutant.old), ("+", "green", mutant.new)):
                for line in text.splitlines():
                    console.print(f"   {sign} {line}", style=colour, markup=False, highlight=False)
            for gradient in broken.gradients if broken else []:
                console.print(
                    f"   breaks {gradient.whole}", style="dim", markup=False, highlight=False, soft_wrap=True
                )
            verdict = "[green]caught[/green]" if caught else "[red]NOT CAUGHT[/red]"
            console.print(f"   {verdict}: ", end="")
            console.print(how, markup=False, highlight=False)
        console.print(f"\n{sum(f.caught for f in findings)} of {len(findings)} mistakes in {path} are caught")
    if not all(f.caught for f in findings):
        raise typer.Exit(1)


@app.command()
def fixtures(algo: Annotated[str | None, typer.Argument(help="Only this algorithm.")] = None):
    """Write the golden vectors in shared/fixtures anew, by asking the oracles (needs PyTorch)."""
    from shared.checking import fixtures

    backends.get("torch")
    for path in [catalogue.find(algo)] if algo else catalogue.paths():
        file = fixtures.write(path)
        print(f"{file.relative_to(catalogue.ROOT)}: {file.stat().st_size:,} bytes")


@app.command()
def measured():
    """Write MEASURED.md anew, the table of measured errors (runs every check)."""
    from shared.checking import measured
    from shared.checking.report import report

    reports = [report(path) for path in catalogue.paths()]
    measured.write(reports)
    if not all(r["ok"] for r in reports):
        _print_reports(reports)
        raise typer.Exit(1)


@app.command()
def results(
    folder: Annotated[Path, typer.Argument(help="Folder with training runs below train/.")] = Path("build"),
):
    """Add the finished training runs to the table of RESULTS.md.

    Example: triptych results
    """
    from shared.training import results

    print(f"RESULTS.md: {results.update(folder)} runs added, {len(results.recorded())} rows")


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


def _print_reports(reports: list[dict[str, Any]]):
    from shared.checking.measured import by_line
    from shared.checking.measured import number as _error

    columns = list(reports[0]["backends"])
    table = Table(title="worst relative errors; float64, outputs / gradients against an independent oracle")
    for heading in (
        "algorithm",
        *columns,
        "among\nbackends",
        "finite\ndiff.",
        "line by line",
        "mutants",
        "nasty",
        "bad\ninput",
        "all",
    ):
        table.add_column(heading, no_wrap=True)
    for r in reports:
        errors = (f"{_error(e['outputs'])} / {_error(e['gradients'])}" for e in r["backends"].values())
        counts = ("/".join(map(str, r[key].values())) for key in ("mutants", "nasty_cases", "bad_inputs"))
        verdict = "[green]ok[/green]" if r["ok"] else "[red]BAD[/red]"
        differences = _error(r["agreement"]), _error(r["finite_differences"]), by_line(r["way_back"])
        table.add_row(r["path"], *errors, *differences, *counts, verdict)
    _console().print(table)
    for r in reports:
        for x in r["way_back"]["left"]:
            print(f"{r['path']}, line {x['line']} is not compared: {x['reason']}: {x['text']}")
        for problem in r["problems"]:
            print(f"{r['path']}: {problem}")


def _console(**options) -> Console:
    """The terminal as wide as it is; a file or pipe gets whole tables."""
    console = Console(**options)
    return console if console.is_terminal else Console(width=150, **options)


def _print_json(value):
    print(json.dumps(value, indent=2, ensure_ascii=False))


def main():
    """Runs the command line: a ValueError or OSError is one clear line on stderr and exit status 1."""
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
