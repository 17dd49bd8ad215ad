"""What has been recorded on disk: benchmarks (bench*.json) and training runs (train/ and demo/)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared import backends, catalogue
from shared.training import checkpoints
from shared.training.plan import CHECKPOINT, RESULT

CURVE = "loss.png"  # drawn anew on the page
WRONG_BENCH, WRONG_RUN = "is not what `triptych bench --json` prints", "is not the record of a training run"
NUMBER = (int, float)
RECORD = {
    **dict.fromkeys(("path", "backend", "budget"), str),
    **{"seed": int, "steps": int, "seconds": NUMBER, "first_loss": NUMBER, "last_loss": NUMBER, "metrics": dict},
}
BENCHMARK = {
    **dict.fromkeys(("algorithm", "benchmark", "backend"), str),
    "ratio": NUMBER,
    "quartiles": list,
    "ours": dict,
    "theirs": dict,
}
SIDE = {"how": str, "ms": NUMBER}


class Run(NamedTuple):
    """A training run: its record, the loss of every step (empty if the checkpoint is gone), its pictures."""

    record: dict[str, Any]
    loss: np.ndarray
    pictures: list[Path]


class Series(NamedTuple):
    """Runs of one budget, seed and number of steps, one per backend."""

    title: str
    runs: list[Run]


def benchmarks(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Results of `triptych bench --json` by algorithm; of two for the same, the newer file's."""
    found: dict[tuple, dict[str, Any]] = {}
    for file in sorted(folder.glob("bench*.json"), key=lambda file: file.stat().st_mtime):
        results = _json(file, WRONG_BENCH)
        for result in results if isinstance(results, list) else [results]:
            if not (_has(result, BENCHMARK) and all(_has(part, kinds) for part, kinds in _parts(result))):
                raise ValueError(f"'{file}' {WRONG_BENCH}")
            found[result["algorithm"], result["benchmark"], result["backend"]] = result
    by_path: dict[str, list[dict[str, Any]]] = {}
    for (path, *_), result in found.items():
        by_path.setdefault(path, []).append(result)
    return by_path


def _parts(result: dict[str, Any]) -> Iterator[tuple[dict, dict]]:
    yield result["ours"], SIDE
    yield result["theirs"], SIDE
    yield dict(enumerate(result["quartiles"])), dict.fromkeys((0, 1), NUMBER)


def _json(file: Path, wrong: str) -> Any:
    try:
        if not file.is_file():  # of a pipe we would wait for ever
            raise ValueError("no file")
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"'{file}' {wrong}: {checkpoints.clipped(error)}") from None


def _has(record, kinds: dict[str, type | tuple]) -> bool:
    """Whether a record has these fields, of these types, and every number is finite."""
    return isinstance(record, dict) and all(
        type(record.get(name)) in (kind if isinstance(kind, tuple) else (kind,))
        and (kind != NUMBER or np.isfinite(record[name]))
        for name, kind in kinds.items()
    )


def series(folder: Path, path: str) -> list[Series]:
    """The training runs of one algorithm, on each of its tasks; of two alike, the one in train/."""
    found: dict[tuple, dict[str, Run]] = {}
    for recipe in catalogue.recipes_of(path):
        for run in (*runs(folder / "demo", recipe), *runs(folder / "train", recipe)):
            key = tuple(str(run.record.get(name)) for name in ("budget", "steps", "seed", "dtype", "data"))
            found.setdefault((recipe, *key), {})[run.record["backend"]] = run
    return [
        Series(_title(path, *key), [alike[b] for b in backends.NAMES if b in alike])
        for key, alike in sorted(found.items())
    ]


def _title(path: str, recipe: str, budget: str, steps: str, seed: str, *_: str) -> str:
    task = recipe.removeprefix(path).strip("_")
    return f"{f'{task}, ' if task else ''}{budget} budget, {int(steps):,} steps, seed {seed}"


def runs(folder: Path, recipe: str) -> Iterator[Run]:
    """The finished runs of one recipe; ValueError if a record is damaged."""
    budgets = catalogue.companion("recipes", recipe).BUDGETS
    for file in sorted((folder / recipe).glob(f"*/{RESULT}")):
        record = _json(file, WRONG_RUN)
        if not (_has(record, RECORD) and _has(record["metrics"], dict.fromkeys(record["metrics"], NUMBER))):
            raise ValueError(f"'{file}' {WRONG_RUN}")
        if record["path"] != recipe or record["budget"] not in budgets or record["backend"] not in backends.NAMES:
            known = f"{recipe}, one of {', '.join(budgets)} and one of {', '.join(backends.NAMES)}"
            run = ", ".join(checkpoints.clipped(record[name]) for name in ("path", "budget", "backend"))
            raise ValueError(f"'{file}' is the record of a run of {run}, expected {known}")
        pictures = sorted(p for p in file.parent.iterdir() if p.suffix in (".png", ".gif") and p.name != CURVE)
        yield Run(record, _loss(file.parent / CHECKPOINT), pictures)


def _loss(file: Path) -> np.ndarray:
    try:
        return checkpoints.read(file).history["loss"]
    except (ValueError, KeyError):
        return np.empty(0)
