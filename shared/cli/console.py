"""What all commands print with: one console, JSON, numbers in words."""

import json
from typing import Annotated

import typer
from rich.console import Console

Algo = Annotated[str, typer.Argument(help="A path such as recurrent/lstm; `lstm` alone is enough.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
WIDE = 130  # characters, where the output goes to a file or a pipe


def console(width: int = WIDE, **options) -> Console:
    """The terminal as wide as it is; a file or pipe gets whole tables."""
    found = Console(**options)
    return found if found.is_terminal else Console(width=width, **options)


def print_json(value):
    print(json.dumps(value, indent=2, ensure_ascii=False))


def metric(name: str, value: float) -> str:
    """`98.12 %` for an accuracy, four digits for anything else."""
    return f"{100 * value:.2f} %" if name == "accuracy" else f"{value:.4g}"
