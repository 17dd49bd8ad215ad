"""`triptych port`, which writes the file of a port, and `triptych check ... --impl`, which checks it."""

from keyword import iskeyword
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shared import cases, catalogue
from shared.cli.console import Algo, algorithms, console, place, print_json, say
from shared.differences import short


def port(
    algo: Algo,
    to: Annotated[str, typer.Option(help="the array library: jax, mlx, cupy, tinygrad, numpy, or any other name")],
    out: Annotated[
        Path | None, typer.Option(parser=place, help="the file to write; <algorithm>_<library>.py if left out")
    ] = None,
):
    """Write the file to fill in for a port to another array library: specification, signatures, equations.

    An existing file is never written over.

    Examples: triptych port lstm --to jax · triptych port adam --to mlx --out my_adam.py
    """
    from shared.porting import scaffold

    path = catalogue.find(algo)
    if not all(part.isidentifier() and not iskeyword(part) for part in to.split(".")):
        raise ValueError(f"--to is {to!r}, expected the name of a Python library, such as jax")
    file = out or Path(f"{path.split('/')[-1]}_{to.replace('.', '_')}.py")
    text = scaffold.write(path, to)
    try:
        with file.open("x", encoding="utf-8") as new:  # x: a file that is there stays as it is
            new.write(text)
    except FileExistsError:
        raise ValueError(f"'{file}' is there already and stays as it is; --out names another file") from None
    except OSError as error:
        raise ValueError(f"'{file}' cannot be written: {error.strerror}") from None
    print(f"{file}: {text.count('raise NotImplementedError(')} functions to write")
    print(f"then: triptych check {path} --impl {file}")


def golden(
    algo: Annotated[
        str | None, typer.Argument(help="A path such as recurrent/lstm; all if left out.", autocompletion=algorithms)
    ] = None,
    out: Annotated[Path, typer.Option(parser=place, help="the folder to write to")] = Path("golden"),
):
    """Write golden vectors to take away: what an algorithm answers, as safetensors and as JSON, with a manifest.

    A port in any language reads them, computes, and writes its numbers under the same names; `triptych check ALGO
    --values FILE` then names the first equation that is wrong. shared/fixtures/README.md describes the format.

    Examples: triptych golden lstm · triptych golden --out build/golden
    """
    from shared.porting import vectors

    for path in [catalogue.find(algo)] if algo is not None else catalogue.paths():
        for file in vectors.write(path, out)[:-1]:
            print(f"{file}: {file.stat().st_size:,} bytes")


def check_values(path: str, file: Path, labels: list[str], as_json: bool):
    """What `triptych check PATH --values FILE` does. Exit status 1 if a number is wrong."""
    from shared.porting import values

    report = values.check(path, file, labels)
    if as_json:
        print_json(report)
    else:
        show(report, file.name)
    if not report["ok"]:
        raise typer.Exit(1)


def check_port(path: str, file: Path, labels: list[str], dtype: str, timeout: float, as_json: bool):
    """What `triptych check PATH --impl FILE` does. Exit status 1 if anything is wrong with the port."""
    from shared.porting import runner

    if dtype not in ("float64", "float32"):
        raise ValueError(f"--dtype is {dtype!r}, expected float64 or float32")
    for label in labels:
        cases.find_case(path, label)
    with console(stderr=True).status(f"checking {file}"):
        report = runner.check(path, file, labels, dtype, timeout)
    if as_json:
        print_json(report)
    else:
        show(report, Path(file).name)
    if not report["ok"]:
        raise typer.Exit(1)


def show(report: dict, name: str):
    """Prints what was right, then the finding or that there is none."""
    out = console()
    if report["cases"]:
        table = Table(title=f"{name}, {report['library']}: relative errors")
        table.add_column("case", overflow="fold")
        for heading in ("outputs", "gradients"):
            table.add_column(heading, justify="right", no_wrap=True)
        for case in report["cases"]:
            table.add_row(case["case"], short(case["outputs"]), short(case["gradients"]))
        out.print(table)
    if report["ok"]:
        told = f"{len(report['cases'])} cases (gradients: {report['gradients']})"
        say(out, f"{name}: {report['path']} is right in {told}")
    else:
        say(out, f"{name}: {report['finding']['line'].removeprefix(f'{name}: ')}")
