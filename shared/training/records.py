"""What has been recorded on disk: benchmarks (bench*.json) and training runs (train/ and demo/)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared import backends, catalogue
from shared.training import checkpoints
from shared.training.plan import CHECKPOINT, RESULT

# What a file must hold, and of which type: float is any number.
SIDE = {"how": str, "ms": float}
MEASURED = {"algorithm": str, "benchmark": str, "backend": str, "ours": dict, "theirs": dict, "ratio": float,
            "quartiles": list}  # fmt: skip
RECORD = {"path": str, "backend": str, "budget": str, "steps": int, "seed": int, "seconds": float,
          "metrics": dict}  # fmt: skip
CURVE = "loss.png"  # drawn anew on the page


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
        try:
            results = _parsed(file, list)
            for result in results:
                _require(result, MEASURED)
                for side in ("ours", "theirs"):
                    _require(result[side], SIDE)
                if len(result["quartiles"]) != 2 or not all(map(_is_number, result["quartiles"])):
                    raise ValueError(f"quartiles is {result['quartiles']!r}, expected two numbers")
        except ValueError as error:
            raise ValueError(f"'{file}' is not what `triptych bench --json` prints: {error}") from error
        found |= {(r["algorithm"], r["benchmark"], r["backend"]): r for r in results}
    by_path: dict[str, list[dict[str, Any]]] = {}
    for (path, *_), result in found.items():
        by_path.setdefault(path, []).append(result)
    return by_path


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
    for file in sorted((folder / recipe).glob(f"*/{RESULT}")):
        try:
            record = _parsed(file, dict)
            _require(record, RECORD)
            _require(record["metrics"], dict.fromkeys(record["metrics"], float))
            if record["backend"] not in backends.NAMES:
                raise ValueError(f"backend is {record['backend']!r}, expected one of {', '.join(backends.NAMES)}")
        except ValueError as error:
            raise ValueError(f"'{file}' is not the record of a training run: {error}") from error
        pictures = sorted(p for p in file.parent.iterdir() if p.suffix in (".png", ".gif") and p.name != CURVE)
        yield Run(record, _loss(file.parent / CHECKPOINT), pictures)


def _parsed(file: Path, kind: type):
    found = json.loads(file.read_text())
    if not isinstance(found, kind):
        raise ValueError(f"it holds {type(found).__name__}, expected {kind.__name__}")
    return found


def _require(found, fields: dict[str, type]):
    """ValueError unless it is a dict with these fields of these types."""
    if not isinstance(found, dict):
        raise ValueError(f"it holds {type(found).__name__}, expected dict")
    for name, kind in fields.items():
        value = found.get(name)
        if not (_is_number(value) if kind is float else isinstance(value, kind) and value is not True):
            raise ValueError(f"{name} is {value!r}, expected {'a number' if kind is float else kind.__name__}")


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _loss(file: Path) -> np.ndarray:
    try:
        return checkpoints.read(file).history["loss"]
    except (ValueError, KeyError):
        return np.empty(0)
