"""The derivations, `shared/derivations/<path>.md`: how the gradient equations of an algorithm come about."""

import re
from pathlib import Path

from shared import catalogue
from shared.comparing import backward_lines

FOLDER = catalogue.ROOT / "shared" / "derivations"
LEMMAS = "lemmas"
FENCED = re.compile(r"^```.*?\n(.*?)^```[ \t]*$", re.M | re.S)


def file(path: str) -> Path:
    return FOLDER / (f"{path}.md" if path != LEMMAS else "LEMMAS.md")


def text(path: str) -> str:
    """The Markdown of an algorithm's derivation, or of `lemmas`. ValueError if there is none, and why."""
    if file(path).exists():
        return file(path).read_text()
    if path != LEMMAS and not backward_lines.of(path):
        raise ValueError(f"{path} has no derivation: nothing in it is differentiated by hand")
    raise ValueError(f"{path} has no derivation yet: it belongs in {file(path).relative_to(catalogue.ROOT)}")


def pieces(markdown: str) -> list[tuple[bool, str]]:
    """(whether it is a fenced block, its text) in turn, so that formulas can be shown as they stand."""
    found, at = [], 0
    for block in FENCED.finditer(markdown):
        found += [(False, markdown[at : block.start()]), (True, block[1].rstrip("\n"))]
        at = block.end()
    return [(fenced, part) for fenced, part in [*found, (False, markdown[at:])] if part.strip()]
