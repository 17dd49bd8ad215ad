"""MEASURED.md: what the checks found, an algorithm a row, and the lines of the way back that are not compared."""

from pathlib import Path
from typing import Any

from shared import catalogue, files

HEAD = """# Measured

Worst relative error, max|a - b| / max|b| over a whole array, in float64. NumPy, PyTorch, TensorFlow: outputs /
gradients against an independent oracle. Among backends: the largest difference between two of them. Differences:
NumPy's hand-written gradients against central differences. Line by line: the gradient that each line of NumPy's
`_backward` gives to `d_x`, against what autograd and GradientTape give to the intermediate `x`, and how many lines of
all are compared. `triptych check --all` prints it, `make measured` writes it here.

Tolerances come from one table (`shared/differences.py`): 1e-12 for a layer, 1e-10 for recurrences and optimizer runs,
1e-5 in float32, 1e-6 against central differences; line by line 1e-10.
"""
NOT_COMPARED = """
## Lines of the way back that are not compared

A line is compared where it binds a gradient `d_x` whose `x` has a line in all three columns. These are not, and why.
The gradients that they end in are compared.
"""


def table(reports: list[dict[str, Any]]) -> str:
    """Markdown: an algorithm per row, the worst relative errors and what the checks caught."""
    lines = [
        "| algorithm | NumPy | PyTorch | TensorFlow | among backends | differences | line by line | mutants caught |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in reports:
        errors = (f"{number(e['outputs'])} / {number(e['gradients'])}" for e in r["backends"].values())
        caught = f"{r['mutants']['caught']} of {r['mutants']['planted']}"
        cells = [f"`{r['path']}`", *errors, number(r["agreement"]), number(r["finite_differences"])]
        lines.append(f"| {' | '.join([*cells, by_line(r['way_back']), caught])} |")
    return "\n".join(lines)


def left(reports: list[dict[str, Any]]) -> str:
    """Markdown: every line that is not compared, with its reason."""
    rows = [f"| `{r['path']}` | `{x['text'].replace('|', chr(92) + '|')}` | {x['reason']} |"
            for r in reports for x in r["way_back"]["left"]]  # fmt: skip
    return "\n".join(["| algorithm | line | why |", "|---|---|---|", *dict.fromkeys(rows)]) if rows else "None.\n"


def write(reports: list[dict[str, Any]]) -> Path:
    """Writes MEASURED.md, atomically."""
    text = "\n".join([HEAD, table(reports), NOT_COMPARED, left(reports), ""])
    return files.write(catalogue.ROOT / "MEASURED.md", text.encode())


def number(error: float | None) -> str:
    return "–" if error is None else "0" if error == 0 else f"{error:.0e}"


def by_line(way_back: dict[str, Any]) -> str:
    """`2e-15, 9 of 10`: the worst difference, lines compared, of how many."""
    lines = way_back["lines"], way_back["lines"] + len({x["line"] for x in way_back["left"]})
    return f"{number(way_back['worst'])}, {lines[0]} of {lines[1]}" if lines[1] else "–"
