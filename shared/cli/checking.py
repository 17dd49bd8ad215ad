"""`triptych check` and `triptych mistakes`: the six questions, and the classic mistakes that they catch."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from shared import backends, catalogue
from shared.cli import port
from shared.cli.console import Algo, Json, algorithms, console, place, print_json, say
from shared.differences import short


def check(
    algo: Annotated[
        str | None,
        typer.Argument(help="A path such as recurrent/lstm; `lstm` is enough.", autocompletion=algorithms),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Check every algorithm.")] = False,
    backend: Annotated[list[str] | None, typer.Option(help="Only this backend; may be given more than once.")] = None,
    impl: Annotated[
        Path | None, typer.Option(parser=place, help="Check this port, a file in any array library, instead.")
    ] = None,
    values: Annotated[
        Path | None, typer.Option(parser=place, help="Check these numbers, a port's safetensors file, instead.")
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option(help="With --impl or --values: only this case; may be repeated.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="With --impl: float64, or float32 for a library that has no other.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=1, help="With --impl: seconds that one case may take, 60 if left out.")
    ] = None,
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
    if (algo is None) != every:
        raise ValueError("give one algorithm, or --all")
    if values:
        if every or backend or impl or dtype or timeout:
            raise ValueError("--values goes with one algorithm and --case, without other options")
        return port.check_values(catalogue.find(algo), values, case or [], as_json)
    if impl:
        if every or backend:
            raise ValueError("--impl goes with one algorithm, and without --backend")
        path = catalogue.find(algo)
        return port.check_port(path, impl, case or [], dtype or "float64", timeout or 60, as_json)
    for option, value in (("--case", case), ("--dtype", dtype), ("--timeout", timeout)):
        if value is not None and value != []:
            raise ValueError(f"{option} goes with --impl, which names the file of a port")
    _columns(catalogue.paths() if every else [catalogue.find(algo)], backend or backends.installed(), as_json)


def _columns(paths: list[str], names: Iterable[str], as_json: bool):
    """Checks the columns themselves. Exit status 1 if anything is wrong."""
    from shared.checking.report import report

    columns, reports = tuple(dict.fromkeys(names)), []
    for name in columns:
        backends.get(name)
    with console(stderr=True).status("") as status:
        for path in paths:
            status.update(f"checking {path}")
            reports.append(report(path, columns))
    if as_json:
        print_json(reports)
    else:
        show(reports)
    if not all(r["ok"] for r in reports):
        raise typer.Exit(1)


def show(reports: list[dict[str, Any]]):
    """The verdict first, with everything that is not as it must be; then the numbers."""
    out, wrong = console(), [r for r in reports if not r["ok"]]
    if len(reports) > 1:
        out.print(f"{len(reports) - len(wrong)} of {len(reports)} algorithms are right", highlight=False)
    for r in wrong if len(reports) > 1 else reports:
        verdict = "right" if r["ok"] else "NOT RIGHT"
        out.print(f"{r['path']} is {verdict}", style="bold green" if r["ok"] else "bold red", highlight=False)
        for problem in r["problems"]:
            say(out, f"  {problem}")
    out.print(_one(reports[0]) if len(reports) == 1 else _many(reports))
    for r in reports:
        for x in r["way_back"]["left"]:
            say(out, f"{r['path']}, line {x['line']} is not compared: {x['reason']}: {x['text']}")


def _one(r: dict[str, Any]) -> Table:
    """The six answers for one algorithm, a line each."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("worst relative errors")
    for heading in ("outputs", "gradients", "float32"):
        table.add_column(heading, no_wrap=True)
    for name, e in r["backends"].items():
        table.add_row(f"{name} against an oracle", *(short(e[key]) for key in ("outputs", "gradients", "float32")))
    for library, error in r["second_opinions"].items():
        table.add_row(f"the oracle against {library}", short(error))
    table.add_row("backends against each other", short(r["agreement"]))
    table.add_row("gradients by finite differences", "", short(r["finite_differences"]))
    table.add_row("gradients line by line", "", _by_line(r))
    for key, words in (("mutants", "mistakes caught"), ("nasty_cases", "nasty cases survived"),
                       ("bad_inputs", "bad inputs refused")):  # fmt: skip
        table.add_row(words, " of ".join(map(str, r[key].values())))
    return table


def _many(reports: list[dict[str, Any]]) -> Table:
    table = Table(title="worst relative errors; float64, outputs / gradients against an independent oracle")
    columns = list(reports[0]["backends"])
    last = "mistakes\ncaught", "nasty\ncases", "bad\ninput"
    for heading in ("algorithm", "all", *columns, "among\nbackends", "finite\ndiff.", "line by line", *last):
        table.add_column(heading, no_wrap=True)
    for r in reports:
        errors = (f"{short(e['outputs'])} / {short(e['gradients'])}" for e in r["backends"].values())
        counts = ("/".join(map(str, r[key].values())) for key in ("mutants", "nasty_cases", "bad_inputs"))
        verdict = "[green]right[/green]" if r["ok"] else "[red]NOT[/red]"
        differences = short(r["agreement"]), short(r["finite_differences"]), _by_line(r)
        table.add_row(r["path"], verdict, *errors, *differences, *counts)
    return table


def _by_line(r: dict[str, Any]) -> str:
    from shared.checking.measured import by_line

    return by_line(r["way_back"])


def mistakes(algo: Algo, as_json: Json = False):
    """Show the classic mistakes of an algorithm, planted one by one, and the numbers each produces; of one on the way
    back also the gradient equation that it breaks.

    Example: triptych mistakes lstm
    """
    from shared.checking.mistakes import all_findings

    path = catalogue.find(algo)
    findings = all_findings(path)
    if as_json:
        print_json([_finding(f) for f in findings])
    else:
        out = console()
        for i, (mutant, caught, how, broken) in enumerate(findings, 1):
            say(out, f"\n{i}. {mutant.why}", "bold")
            for word, style, text in (("right", "", mutant.old), ("wrong", "red", mutant.new)):
                for n, line in enumerate(text.splitlines()):
                    say(out, f"   {'' if n else word:5}  {line}", style)
            for gradient in broken.gradients if broken else []:
                say(out, f"   breaks {gradient.whole}", "dim")
            say(out, f"   {'caught' if caught else 'NOT CAUGHT'}: {how}", "green" if caught else "bold red")
        out.print(f"\n{sum(f.caught for f in findings)} of {len(findings)} mistakes in {path} are caught")
    if not all(f.caught for f in findings):
        raise typer.Exit(1)


def _finding(found) -> dict[str, Any]:
    breaks = [gradient.whole for gradient in found.broken.gradients] if found.broken else None
    return {**found.mutant.__dict__, "caught": found.caught, "how": found.how, "breaks": breaks}
