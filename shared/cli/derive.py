"""`triptych derive`: how the gradient equations of an algorithm come about."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from shared import catalogue
from shared.cli.console import algorithms, console, folded, show_paged
from shared.comparing import derivations

WIDEST = 100  # of prose, for the eye


def derive(
    algo: Annotated[
        str,
        typer.Argument(
            help="A path such as recurrent/lstm; `lstm` is enough; or `lemmas`.", autocompletion=algorithms
        ),
    ],
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Print everything at once.")] = False,
):
    """Read how the gradients of an algorithm are derived, step by step, from its equations.

    The equations at which it arrives are those of the specification and of the code. `lemmas` are the short facts
    that all derivations use (sigmoid, softmax, matmul, ...), with their proofs.

    Examples: triptych derive lstm · triptych derive lemmas
    """
    path = algo if algo == derivations.LEMMAS else catalogue.find(algo)
    page = Group(*_page(derivations.text(path)))
    show_paged(console(), page, no_pager)


def _page(markdown: str) -> list[RenderableType]:
    """Prose is laid out; formulas stand as they are written."""
    shown: list[RenderableType] = []
    for fenced, part in derivations.pieces(markdown):
        if fenced:
            shown.append(Padding(_Formulas(part), (1, 0, 1, 4)))
        else:
            shown.append(_Narrow(Markdown(part)))
    return shown


class _Formulas:
    """Lines as they are written; those that are too long for the terminal go on below."""

    def __init__(self, text: str):
        self.lines = [Text(line, style="cyan") for line in text.splitlines()]

    def __rich_console__(self, console, options):
        for line in self.lines:
            yield from folded(line, options.max_width)


class _Narrow:
    """Something printed no wider than a page of a book."""

    def __init__(self, inner: RenderableType):
        self.inner = inner

    def __rich_console__(self, console, options):
        yield from console.render(self.inner, options.update_width(min(options.max_width, WIDEST)))
