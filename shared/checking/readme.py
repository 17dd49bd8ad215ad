"""The measured table in README.md, between its two markers."""

from typing import Any

from shared import catalogue, files

BEGIN, END = "<!-- measured: begin (written by `make readme`) -->", "<!-- measured: end -->"


def table(reports: list[dict[str, Any]]) -> str:
    """Markdown: an algorithm per row, the worst relative errors and what the checks caught."""
    lines = [
        "| algorithm | NumPy | PyTorch | TensorFlow | among backends | finite differences | mutants caught |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in reports:
        errors = (f"{_number(e['outputs'])} / {_number(e['gradients'])}" for e in r["backends"].values())
        cells = [f"`{r['path']}`", *errors, _number(r["agreement"]), _number(r["finite_differences"])]
        lines.append(f"| {' | '.join(cells)} | {r['mutants']['caught']} of {r['mutants']['planted']} |")
    return "\n".join(lines)


def write(reports: list[dict[str, Any]]):
    """Writes the table into README.md, atomically; ValueError if the file lacks a marker."""
    files.put(catalogue.ROOT / "README.md", BEGIN, END, table(reports))


def _number(error: float | None) -> str:
    return "–" if error is None else "0" if error == 0 else f"{error:.0e}"
