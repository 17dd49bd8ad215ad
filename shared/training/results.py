"""RESULTS.md: what training runs reached, a row for each recipe, budget, backend and seed.

A run that is recorded again replaces its row; rows of runs that are no longer on disk stay.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared import catalogue, files
from shared.training import records

BEGIN, END = "<!-- results: begin (written by `triptych results`) -->", "<!-- results: end -->"
HEADINGS = ("recipe", "budget", "backend", "seed", "steps", "time", "result on held-out data")
KEY = 4  # the first columns tell one run from another


def update(folder: Path) -> int:
    """Takes up every finished run under folder/train and returns how many; ValueError if RESULTS.md lacks a marker
    or a record is damaged."""
    found = {row[:KEY]: row for row in _rows(folder)}
    rows = {row[:KEY]: row for row in recorded()} | found
    order = {path: i for i, path in enumerate(catalogue.recipes())}
    lines = [_line(HEADINGS), _line(["---"] * len(HEADINGS))]
    lines += [_line(row) for row in sorted(rows.values(), key=lambda row: (order.get(row[0].strip("`"), 0), row))]
    files.put(_file(), BEGIN, END, "\n".join(lines))
    return len(found)


def recorded() -> list[tuple[str, ...]]:
    """The rows of RESULTS.md."""
    table = _file().read_text().partition(BEGIN)[2].partition(END)[0].strip().splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table]


def _file() -> Path:
    return catalogue.ROOT / "RESULTS.md"


def _rows(folder: Path) -> Iterator[tuple[str, ...]]:
    for path in catalogue.recipes():
        budgets = catalogue.companion("recipes", path).BUDGETS
        for run in records.runs(folder / "train", path):
            record = run.record
            if record["budget"] not in budgets:
                where = f"a run of {path} on {record['backend']} under '{folder / 'train'}'"
                raise ValueError(f"{where} has the budget {record['budget']!r}, expected one of {', '.join(budgets)}")
            if record["steps"] == budgets[record["budget"]].steps and record.get("dtype") == "float32":
                yield _row(record)


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    metrics = ", ".join(f"{name.replace('_', ' ')} {_number(name, x)}" for name, x in record["metrics"].items())
    steps, seed = f"{record['steps']:,}", str(record["seed"])
    return f"`{record['path']}`", record["budget"], record["backend"], seed, steps, _time(record["seconds"]), metrics


def _number(name: str, value: float) -> str:
    return f"{100 * value:.2f} %" if name == "accuracy" else f"{value:.4g}"


def _time(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _line(cells) -> str:
    return f"| {' | '.join(cells)} |"
